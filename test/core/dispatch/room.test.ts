// Room is shared so that whoever keeps much of it for long cannot keep others out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Address, addressOf } from '../../../src/core/address.ts'
import { Room, Stay, type Tenant } from '../../../src/core/dispatch/room.ts'
import { Usage } from '../../../src/core/dispatch/usage.ts'
import type { PeerId } from '../../../src/core/ids.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { peer } from './peers.ts'

const LIMITS = { bytesPerPeerMax: 1000, bytesPerShardMax: 4000, bytesMax: 8000, bytesPerStayMax: 1000 }
/** A host may hold what a peer may for five seconds. */
const BYTE_SECONDS = 5000

const newRoom = (isLoopbackTrusted = true): Room =>
  new Room(LIMITS, new Usage({ byteSeconds: BYTE_SECONDS, isLoopbackTrusted }, new SeededRandom(1)))

/** Whatever fits into this room is slow at this age. */
const SLOW_AFTER_MS = 10_000

/** Somebody at a host of a network, both below 250. */
class Guest implements Tenant {
  readonly peerId: PeerId
  readonly #remote: Address
  readonly stay = new Stay(this)
  readonly #room: Room
  readonly #givenUp: (guest: Guest) => void
  mayGiveUp = true
  hasLeft = false
  asked = 0
  now = 0

  constructor(room: Room, n: number, ip: string, givenUp: (guest: Guest) => void = () => {}) {
    this.#room = room
    this.peerId = peer(n)
    this.#remote = addressOf(ip, 9000) ?? assert.fail(ip)
    this.#givenUp = givenUp
  }

  get remote(): Address {
    this.asked++
    return this.#remote
  }

  take(bytes: number, now: number): boolean {
    this.now = now
    return this.#room.take(this.stay, bytes, now)
  }

  leave(now: number): void {
    this.hasLeft = true
    this.#room.leave(this.stay, now)
  }

  giveUp(): void {
    assert.ok(this.mayGiveUp, 'what may not be given up is not')
    assert.ok(!this.hasLeft, 'nobody is given up twice')
    this.#givenUp(this)
    this.leave(this.now)
  }
}

test('whoever holds the room for long gives way to another, until a quarter is free', () => {
  const room = newRoom()
  const gone: number[] = []
  const guests = Array.from({ length: 7 }, (_, n) => new Guest(room, n, `10.${n}.0.1`, () => void gone.push(n)))
  for (const guest of guests) assert.ok(guest.take(1000, 0))
  const other = new Guest(room, 100, '11.0.0.1')
  assert.equal(other.take(900, 4000), false)
  assert.equal(other.take(900, 5200), true)
  assert.equal(gone.length, 2)
  assert.equal(room.bytes, 5900)
})

test('who has overdrawn gets nothing of the last quarter, unless what it holds has ended', () => {
  const room = newRoom()
  const guests = Array.from({ length: 5 }, (_, n) => new Guest(room, n, `10.0.${n}.1`))
  for (const guest of guests) assert.ok(guest.take(1000, 0))
  for (const guest of guests) guest.leave(10_000)
  for (const guest of guests) assert.ok(guest.take(1000, 10_000))
  const again = new Guest(room, 9, '10.0.0.1')
  assert.equal(again.take(1000, 10_000), true, 'there is plenty')
  assert.equal(new Guest(room, 8, '10.0.1.1').take(100, 10_000), false)
  const ended = new Guest(room, 8, '10.0.1.1')
  ended.mayGiveUp = false
  assert.equal(ended.take(100, 10_000), true)
  assert.equal(new Guest(room, 8, '10.0.1.1').take(100, 200_000), false, 'it still holds a thousand')
  for (const guest of guests) guest.leave(200_000)
})

test('whatever a host held, and for however long, is forgiven 80 s after it let go of it, and not long before', () => {
  for (const heldMs of [20_000, 3_600_000]) {
    for (const ip of ['10.0.0.2', '10.0.0.1']) {
      const room = newRoom()
      const holders = Array.from({ length: 6 }, (_, n) => new Guest(room, n, '10.0.0.1'))
      for (const holder of holders) assert.ok(holder.take(1000, 0))
      for (const holder of holders) holder.leave(heldMs)
      for (let n = 0; n < 6; n++) {
        const ended = new Guest(room, 20 + n, `10.2.${n}.1`)
        ended.mayGiveUp = false
        assert.ok(ended.take(1000, heldMs))
      }
      const again = new Guest(room, 8, ip)
      assert.equal(again.take(100, heldMs + 70_000), false)
      assert.equal(again.take(100, heldMs + 80_100), true)
    }
  }
})

test('hosts are told apart by their addresses, and on this machine by who they are, unless that is as outside', () => {
  for (const isLoopbackTrusted of [true, false]) {
    for (const ip of ['10.0.0.1', '127.0.0.1']) {
      const room = newRoom(isLoopbackTrusted)
      for (let n = 0; n < 6; n++) assert.ok(new Guest(room, n, ip).take(1000, 0))
      const isOne = ip === '10.0.0.1' || !isLoopbackTrusted
      assert.equal(new Guest(room, 7, ip).take(1000, 4000), !isOne)
    }
  }
})

test('what is finished is not given up, and its time is not its host’s', () => {
  const room = newRoom()
  const guests = Array.from({ length: 7 }, (_, n) => new Guest(room, n, `10.0.${n}.1`, () => assert.fail('given up')))
  for (const guest of guests) {
    assert.ok(guest.take(1000, 0))
    room.finish(guest.stay, 0)
  }
  assert.equal(new Guest(room, 100, '10.1.0.1').take(500, 100_000), true)
  assert.equal(new Guest(room, 101, '10.2.0.1').take(500, 100_000), false)
  for (const guest of guests) guest.leave(100_000)
  for (const guest of guests) {
    assert.ok(new Guest(room, 30, guest.remote.ip).take(100, 100_000))
  }
  assert.equal(room.bytes, 1200)
})

test('whatever comes and goes, nobody holds more than he may, and only who has overdrawn or is slow is given up', () => {
  const step = fc.record({
    host: fc.nat(11),
    bytes: fc.integer({ min: 1, max: 1000 }),
    does: fc.constantFrom('comes', 'comes', 'comes', 'more', 'more', 'ends', 'finishes', 'leaves'),
    afterMs: fc.oneof(fc.nat(50), fc.nat(3000)),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
      const room = newRoom()
      const guests: Guest[] = []
      /** Byte-seconds that each host and network had at most; of what is forgiven none is taken off. */
      const used = new Map<string, number>()
      let now = 0
      const networkOf = (guest: Guest): string => guest.remote.ip.split('.').slice(0, 3).join('.')
      const advance = (ms: number): void => {
        for (const guest of guests) {
          if (guest.hasLeft) continue
          for (const place of [guest.remote.ip, networkOf(guest)])
            used.set(place, (used.get(place) ?? 0) + (guest.stay.bytes * ms) / 1000)
        }
        now += ms
      }
      const check = (guest: Guest): void => {
        const own = used.get(guest.remote.ip) ?? 0
        const wide = used.get(networkOf(guest)) ?? 0
        assert.ok(
          own >= BYTE_SECONDS - 2 || wide >= 10 * BYTE_SECONDS - 2 || now - guest.stay.since >= SLOW_AFTER_MS,
          `${own} byte-seconds of a host are no reason`,
        )
      }
      for (const { host, bytes, does, afterMs } of steps) {
        advance(afterMs)
        for (const guest of guests) guest.now = now
        const staying = guests.filter((guest) => !guest.hasLeft)
        const one = staying[(host * 31) % Math.max(1, staying.length)]
        if (does === 'comes') {
          const guest = new Guest(room, host, `10.0.${host % 4}.${host}`, check)
          guest.hasLeft = !guest.take(bytes, now)
          guests.push(guest)
        } else if (one !== undefined) {
          if (does === 'more') one.take(bytes, now)
          if (does === 'ends') one.mayGiveUp = false
          if (does === 'finishes') room.finish(one.stay, now)
          if (does === 'leaves') one.leave(now)
        }
        const held = guests.filter((guest) => !guest.hasLeft)
        const sum = (which: (guest: Guest) => boolean): number =>
          held.filter(which).reduce((total, { stay }) => total + stay.bytes, 0)
        assert.equal(
          room.bytes,
          sum(() => true),
        )
        assert.ok(room.bytes <= LIMITS.bytesMax)
        for (const { peerId } of held) assert.ok(sum((other) => other.peerId === peerId) <= LIMITS.bytesPerPeerMax)
      }
    }),
  )
})

test('whatever is held of it for long, a host that holds nothing gets a quarter of the room', () => {
  const holder = fc.record({ host: fc.nat(200), bytes: fc.integer({ min: 100, max: 1000 }) })
  fc.assert(
    fc.property(fc.array(holder, { minLength: 1, maxLength: 200 }), (holders) => {
      const room = newRoom()
      for (const { host, bytes } of holders) new Guest(room, host, `10.0.${host}.1`).take(bytes, 0)
      // The least that is held is overdrawn after fifty seconds, and is forgiven less than it uses.
      const fresh = [0, 1].map((n) => new Guest(room, 250 + n, '10.1.0.1'))
      for (const guest of fresh) {
        for (let bytes = 0; bytes < 1000; bytes += 50) assert.ok(guest.take(50, 200_000), `after ${bytes} bytes`)
      }
    }),
  )
})

test('who asks for more is not given up for itself, though it was overdrawn when that was last reckoned', () => {
  const room = newRoom()
  const own = new Guest(room, 0, '10.0.0.1', () => assert.fail('given up for itself'))
  assert.ok(own.take(600, 0))
  for (let n = 1; n < 6; n++) assert.ok(new Guest(room, n, `10.${n}.0.1`).take(1000, 8331))
  assert.ok(
    new Guest(room, 6, '10.6.0.1').take(1000, 8332),
    'now it is reckoned, and has used a fifth of a byte too much',
  )
  assert.ok(new Guest(room, 7, '10.7.0.1').take(700, 8332))
  assert.equal(own.take(400, 8340), false, 'that was forgiven, but there is no room')
  assert.equal(own.stay.bytes, 600)
})

test('where a shard is nearly full of what has ended and all the rest is overdrawn, that gives way, and not for one who finds no room in the shard', () => {
  for (const bytes of [100, 1000]) {
    const room = newRoom()
    const ended = [0, 16, 32, 3].map((n) => new Guest(room, n, `10.${n}.0.1`))
    const overdrawn = [1, 17, 33, 2].map((n) => new Guest(room, n, `11.${n}.0.1`))
    for (const guest of ended) guest.mayGiveUp = false
    for (const guest of [...overdrawn, ...ended]) assert.ok(guest.take(1000, 0))
    assert.equal(room.bytes, LIMITS.bytesMax)
    assert.equal(new Guest(room, 48, '12.0.0.1').take(bytes, 6000), bytes === 100)
    assert.equal(overdrawn.filter(({ hasLeft }) => hasLeft).length, bytes === 100 ? 3 : 0)
  }
})

/** Counts how often it is asked about somebody. */
class AskedUsage extends Usage {
  asked = 0

  override overdrawn(...about: Parameters<Usage['overdrawn']>): boolean {
    this.asked++
    return super.overdrawn(...about)
  }
}

test('what it takes to reckon everybody’s use does not grow with those who hold room, nor with what one host holds', () => {
  const limits = { bytesPerPeerMax: 1e9, bytesPerShardMax: 40_000, bytesMax: 40_000, bytesPerStayMax: 1e9 }
  const usage = new AskedUsage({ byteSeconds: 1e9, isLoopbackTrusted: true }, new SeededRandom(1))
  for (const hosts of [1, 30_000]) {
    const room = new Room(limits, usage)
    const ip = (n: number): string => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`
    for (let n = 0; n < 30_000; n++) assert.ok(new Guest(room, 0, ip(n % hosts)).take(1, 0))
    const other = new Guest(room, 0, '11.0.0.1')
    for (let ms = 1; ms <= 1000; ms++) {
      usage.asked = 0
      other.take(1, ms)
      assert.ok(usage.asked <= (ms === 1 ? 257 : 65), `${usage.asked} steps in one turn`)
    }
  }
})

test('however many hosts hold for ever what they are forgiven, one of a fresh region finds its part, in its shard too', () => {
  const crowd = fc.record({
    regions: fc.integer({ min: 1, max: 12 }),
    networks: fc.integer({ min: 1, max: 4 }),
    hosts: fc.integer({ min: 1, max: 8 }),
    isOneShard: fc.boolean(),
    step: fc.integer({ min: 1, max: 50 }),
  })
  fc.assert(
    fc.property(crowd, ({ regions, networks, hosts, isOneShard, step }) => {
      const room = newRoom()
      const whole = isOneShard ? LIMITS.bytesPerShardMax : LIMITS.bytesMax
      let peers = 0
      const next = (): number => (isOneShard ? 16 * (peers++ % 15) : peers++ % 250)
      const all: Guest[] = []
      for (let at = 0; at < regions * networks * hosts; at++) {
        const [region, network, host] = [
          at % regions,
          Math.floor(at / regions) % networks,
          Math.floor(at / regions / networks),
        ]
        all.push(new Guest(room, next(), `10.${region}.${network}.${host}`, () => assert.fail('nobody used too much')))
      }
      for (let grows = true; grows;) {
        grows = false
        for (const guest of all) if (guest.take(step, 0)) grows = true
      }
      const parts = 1 + regions + (regions * networks) / 4 + (regions * networks * hosts) / 16
      const due = Math.floor(Math.min(whole / parts / 2, whole / 8)) - 2 * step
      const fresh = new Guest(room, isOneShard ? 240 : 251, '11.0.0.1')
      let had = 0
      while (had < Math.min(due, LIMITS.bytesPerPeerMax) && fresh.take(1, 1)) had++
      assert.ok(had >= Math.min(due, LIMITS.bytesPerPeerMax), `${had} of ${due}`)
    }),
  )
})

test('who has a turn is given up for nobody, though its host has overdrawn, until it stalls', () => {
  const room = newRoom()
  for (let n = 0; n < 6; n++) {
    const ended = new Guest(room, n, `10.${n}.0.1`)
    ended.mayGiveUp = false
    assert.ok(ended.take(1000, 0))
    room.finish(ended.stay, 0)
  }
  const inTurn = new Guest(room, 20, '11.0.0.1')
  assert.ok(inTurn.take(800, 0))
  assert.ok(inTurn.take(100, 8000), 'its host has overdrawn, and it has a turn')
  assert.equal(new Guest(room, 21, '12.0.0.1').take(700, 8100), false)
  const other = new Guest(room, 22, '12.1.0.1')
  assert.equal(other.take(300, 8200), true, 'there is a part')
  other.leave(8300)
  assert.ok(inTurn.take(100, 12_000))
  assert.equal(new Guest(room, 23, '12.2.0.1').take(700, 12_900), false)
  assert.equal(inTurn.hasLeft, false)
  inTurn.now = 19_000
  assert.equal(new Guest(room, 24, '12.3.0.1').take(700, 19_000), true, 'it has lost its turn')
  assert.ok(inTurn.hasLeft)
})

test('however many come in slowly and begin again when they are refused, one of a fresh region finds its part beside the turns', () => {
  const crowd = fc.record({ regions: fc.integer({ min: 8, max: 60 }), step: fc.integer({ min: 1, max: 20 }) })
  fc.assert(
    fc.property(crowd, fc.integer({ min: 50, max: 600 }), ({ regions, step }, steps) => {
      const room = newRoom()
      const begin = (n: number): Guest => new Guest(room, n, `10.${n}.0.1`)
      const all = Array.from({ length: regions }, (_, n) => begin(n))
      for (let now = 0; now < steps * 100; now += 100) {
        for (const [n, guest] of all.entries()) {
          for (const each of all) each.now = now
          if (guest.hasLeft) all[n] = begin(n)
          else if (guest.stay.bytes + step > 1000 || !guest.take(step, now)) guest.leave(now)
        }
      }
      const parts = 1 + regions * (1 + 1 / 4 + 1 / 16)
      const due = Math.floor(LIMITS.bytesMax / 2 / parts / 2) - 2 * step
      const fresh = new Guest(room, 251, '11.0.0.1')
      for (const each of all) each.now = steps * 100
      let had = 0
      while (had < due && fresh.take(1, steps * 100)) had++
      assert.ok(had >= due, `${had} of ${due}`)
    }),
    { numRuns: 60 },
  )
})

test('who has a turn and comes fast enough keeps it, also while nothing more can be reserved for it', () => {
  const limits = { bytesPerPeerMax: 4e6, bytesPerShardMax: 16e6, bytesMax: 16e6, bytesPerStayMax: 4e6 }
  const room = new Room(limits, new Usage({ byteSeconds: 1e6, isLoopbackTrusted: true }, new SeededRandom(1)))
  const inTurn = new Guest(room, 40, '12.0.0.1')
  assert.ok(inTurn.take(1.04e6, 0))
  const crowd = Array.from({ length: 8 }, (_, n) => new Guest(room, 20 + n, `11.${n}.0.1`))
  for (const guest of crowd) assert.ok(guest.take(100, 0))
  const ended = [4e6, 4e6, 4e6, 1.95e6].map((bytes, n) => {
    const guest = new Guest(room, n, `10.${n}.0.1`)
    guest.mayGiveUp = false
    assert.ok(guest.take(bytes, 0))
    room.finish(guest.stay, 0)
    return guest
  })
  assert.ok(inTurn.take(10_000, 0), 'it is more than its part')
  for (const guest of [...ended.slice(3), ...crowd]) guest.leave(0)
  // From half past ten seconds on nothing more is reserved for it: it grows within its part.
  for (let now = 200; now <= 17_000; now += 200) assert.ok(inTurn.take(10_000, now), `at ${now} ${inTurn.stay.bytes}`)
  assert.equal(new Guest(room, 41, '13.0.0.1').take(1.15e6, 17_000), false)
  assert.equal(inTurn.hasLeft, false)
})

test('hosts that hold what they are forgiven and send no more give way to the largest message, in their shard too', () => {
  const limits = { bytesPerPeerMax: 1e6, bytesPerShardMax: 4e6, bytesMax: 8e6, bytesPerStayMax: 1e6 }
  for (const isOneShard of [false, true]) {
    for (const bytesPerSecond of [100_000, 10_000_000]) {
      const room = new Room(limits, new Usage({ byteSeconds: 5e6, isLoopbackTrusted: true }, new SeededRandom(1)))
      const slow = new Guest(room, 224, '12.0.0.1')
      assert.ok(slow.take(100_000, 0))
      const holders = Array.from({ length: 160 }, (_, n) => {
        return new Guest(room, isOneShard ? 16 * (n % 14) : n, `10.${n % 13}.${n}.1`)
      })
      for (const holder of holders) for (let bytes = 0; bytes < 60_000; bytes += 5000) holder.take(5000, 0)
      assert.ok(room.bytes > (isOneShard ? 3.6e6 : 7.5e6))
      assert.equal(slow.take(400_000, 60_000), false)
      assert.ok(
        holders.every(({ hasLeft }) => !hasLeft),
        'nobody gives way to one as slow',
      )
      const large = new Guest(room, 240, '11.0.0.1')
      for (let now = 60_000; large.stay.bytes < 1e6; now += 5_000_000 / bytesPerSecond) {
        for (const each of [...holders, slow]) each.now = now
        assert.ok(large.take(5000, now), `refused after ${large.stay.bytes} bytes`)
      }
    }
  }
})

test('of those who may go, few go at once beyond what one who asks needs, and the others when more is asked for', () => {
  const room = newRoom()
  let gone = 0
  const holders = Array.from(
    { length: 1900 },
    (_, n) => new Guest(room, n % 250, `10.${n % 25}.0.1`, () => void gone++),
  )
  for (const holder of holders) assert.ok(holder.take(4, 0))
  const ask = (n: number, bytes: number): number => {
    const before = gone
    for (const each of holders) each.now = 11_000
    assert.ok(new Guest(room, 250 + n, `11.${n}.0.1`).take(bytes, 11_000))
    return gone - before
  }
  assert.equal(ask(0, 900), 125, 'of the 400 bytes that were left 500 were missing')
  assert.equal(ask(1, 60), 64)
  assert.equal(ask(2, 300), 64)
})
