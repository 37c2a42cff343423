// What handshakes that come to nothing can do to connections that are established, when all connections are taken.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Shares } from '../../../src/core/gate/shares.ts'
import { type ConnectionHandle, connectionHandle } from '../../../src/core/ids.ts'
import { Gatehouse, RETRY, initial } from './gatehouse.ts'
import { at, source } from './sources.ts'

/** The nth host of a region, of which there are thousands. */
const placeOf = (region: number, host = 1): string => `${20 + (region >> 8)}.${region & 255}.0.${host}`

const CONNECTIONS_MAX = 2000
const RESERVE = 500
const DEADLINE_MS = 10_000

/** A house that is full of established connections, two in each of many regions, which come back when they are evicted. */
class FullHouse {
  readonly house = new Gatehouse(
    { connectionsNetworkShare: 1, dialReserve: RESERVE },
    { connectionsMax: CONNECTIONS_MAX, handshakeTimeoutMs: DEADLINE_MS },
  )
  readonly shares = new Shares({ connectionsMax: CONNECTIONS_MAX, perHostMax: CONNECTIONS_MAX, networkShare: 1 })
  readonly #homes = new Map<ConnectionHandle, string>()
  #handles = 1_000_000
  evicted = 0

  constructor() {
    this.house.situation.shares = this.shares
    for (let n = 0; n < CONNECTIONS_MAX - RESERVE; n++) this.#settle(placeOf(n >> 1))
  }

  get established(): number {
    return this.#homes.size
  }

  /** A validated newcomer; whether it got a slot. */
  comes(ip: string): boolean {
    const { house } = this
    house.situation.connections = this.established + house.holders.size
    const verdict = house.judge(initial(ip, RETRY))
    if (verdict.kind !== 'slot') return false
    if (verdict.evicted !== null) {
      const home = this.#homes.get(verdict.evicted) ?? assert.fail('an established connection goes')
      this.#homes.delete(verdict.evicted)
      this.shares.remove(verdict.evicted)
      this.evicted++
      // It dials again at once, and is established at once.
      if (this.comes(home)) this.finishes(home)
    }
    return true
  }

  /** The last newcomer finishes its handshake. */
  finishes(ip: string): void {
    this.house.free(this.house.last)
    this.#settle(ip)
  }

  /** Handshakes past their deadline end. */
  expire(): void {
    const { house } = this
    for (const handle of house.holders.keys()) if (house.gate.halfOpen.deadline(handle) <= house.now) house.free(handle)
  }

  #settle(ip: string): void {
    const handle = connectionHandle(++this.#handles)
    this.#homes.set(handle, ip)
    this.shares.add(handle, at(ip))
  }
}

test('silent handshakes from a thousand regions evict no more connections than they begin within two seconds, and then none', () => {
  const crowd = new FullHouse()
  const everyMs = 20
  let afterTwo = 0
  for (let n = 0; n * everyMs < 60_000; n++) {
    crowd.house.now = n * everyMs
    crowd.expire()
    crowd.comes(placeOf(2000 + (n % 1000)))
    if (crowd.house.now === 2500) afterTwo = crowd.evicted
  }
  assert.ok(afterTwo > 0, 'at first there is nobody silent to go instead')
  assert.equal(crowd.evicted, afterTwo)
  assert.ok(crowd.established >= CONNECTIONS_MAX - RESERVE - 2500 / everyMs, `${crowd.established} are left`)
  crowd.shares.checkInvariants()
  crowd.house.gate.checkInvariants()
})

test('one network that holds half-open connections evicts nobody of a prefix that holds as many', () => {
  const crowd = new FullHouse()
  for (let n = 0; n < 100; n++) crowd.comes(placeOf(3000, n + 1))
  assert.equal(crowd.evicted, 1, `${crowd.evicted} of regions that hold two each`)
})

test('a handshake that is heard of is not silent, and who is silent goes in the order of hearing', () => {
  const { house } = new FullHouse()
  const { halfOpen } = house.gate
  const handles = [1, 2, 3].map((n) => {
    house.now = n
    const handle = connectionHandle(n)
    halfOpen.take(handle, 'ordinary', source(placeOf(n)), n)
    return handle
  })
  halfOpen.heard(handles[0]!, 1000)
  assert.equal(halfOpen.longestSilent(2001), null)
  assert.equal(halfOpen.longestSilent(2002), handles[1])
  halfOpen.release(handles[1]!)
  assert.equal(halfOpen.longestSilent(2003), handles[2])
  halfOpen.release(handles[2]!)
  assert.equal(halfOpen.longestSilent(2999), null)
  assert.equal(halfOpen.longestSilent(3000), handles[0])
})
