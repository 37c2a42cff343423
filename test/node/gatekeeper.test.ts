// What the gate is told of a datagram that waited for its turn: it counts as delay, but never as so much that nobody may begin.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../src/core/counters.ts'
import { NO_CROWD } from '../../src/node/acceptance.ts'
import { Gatekeeper } from '../../src/node/gatekeeper.ts'
import { LIMITS } from '../../src/node/options.ts'
import { CORE_QUIC } from '../../src/node/quic.ts'
import { Schedule } from '../../src/node/schedule.ts'
import { World } from './transport-world.ts'

const NOTHING: Uint8Array = new Uint8Array(0)

/** A keeper of a gate, and a first flight of an address as it judges it. */
const meet = async () => {
  const world = await World.make()
  const ports = world.ports(world.nextIp())
  const keeper = new Gatekeeper({
    ports,
    limits: LIMITS,
    gate: {},
    schedule: new Schedule(ports.clock, ports.timers),
    counters: new Counters(),
    quic: CORE_QUIC,
    resetSecret: new Uint8Array(32),
  })
  await world.clock.advance(10_000)
  let flights = 0
  const judged = (ip: string, { waitedMs = 0, token = NOTHING }) => {
    const ids = { destinationId: new Uint8Array(8).fill(++flights), sourceId: new Uint8Array(8), token }
    const header = { form: 'long', type: 'initial', version: 1, ...ids, start: 0, payload: 40, end: 1200 } as const
    const from = { family: 4, ip, port: 4000 } as const
    const stray = { bytes: new Uint8Array(1200), from, header, since: world.clock.now() - waitedMs }
    return { header, from, verdict: keeper.judge(stray, { closing: false, connections: 0, shares: NO_CROWD.shares }) }
  }
  return { keeper, judged }
}

test('what a first flight waited counts as delay: a stranger answers a Retry for it, and whoever is known begins however long it was', async () => {
  const { judged } = await meet()
  assert.deepEqual(
    [0, 50, 51, 5000].map((waitedMs) => judged('192.0.2.1', { waitedMs }).verdict.kind),
    ['slot', 'slot', 'retry', 'retry'],
  )
  assert.deepEqual(
    [0, 5000].map((waitedMs) => judged('127.0.0.1', { waitedMs }).verdict.kind),
    ['slot', 'slot'],
  )
})

test('a token of an earlier visit is used up by the handshake that begins with it, and by nothing before that', async () => {
  const { keeper, judged } = await meet()
  const ip = '192.0.2.1'
  const token = keeper.tokenFor({ family: 4, ip, port: 4000 }) ?? assert.fail('whoever is from outside gets one')
  const standing = (): string | null => {
    const { verdict } = judged(ip, { token })
    return verdict.kind === 'slot' ? verdict.standing : null
  }
  assert.deepEqual([standing(), standing()], ['new-token', 'new-token'])
  const { verdict, header, from } = judged(ip, { token })
  assert.ok(verdict.kind === 'slot')
  keeper.admit(verdict, header, from)
  assert.equal(standing(), 'stranger')
})
