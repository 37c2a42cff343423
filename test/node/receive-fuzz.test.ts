// Whatever comes to an endpoint, in any order and from anywhere, nothing is thrown, every datagram is counted, and nothing is left
// behind: hostile peers with genuine packets, spoilt and replayed datagrams, workers that are slow, wall time that jumps.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Address } from '../../src/core/address.ts'
import { verdictsOf } from '../../src/core/counters.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { Identity } from '../../src/io/ports.ts'
import type { TransportOptions } from '../../src/node/transport-parts.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { bendingCrypto, openLine, spoilt } from './hostile-peer.ts'
import { type Host, World } from './transport-world.ts'

/** Each some 2,000 datagrams; some hundreds were run when this was written. */
const RUNS = 4

/** Datagrams kept to be sent again. */
const KEPT_MAX = 400

const identities: Identity[] = await Promise.all(Array.from({ length: 12 }, () => generateIdentity()))

/** What one of many kinds of server is made with. */
const anyOptions = (random: SeededRandom): Partial<TransportOptions> => {
  const roomy = random.below(2) === 0
  return {
    limits: roomy ? {} : { halfOpenInMax: 4 + random.below(6), connectionsMax: 4 + random.below(6), closedLinksMax: 2 },
    gate: {
      ...(random.below(2) === 0 ? { strangerSignaturesPerSecond: 0.001 } : {}),
      ...(random.below(4) === 0 ? {} : { connectionsNetworkShare: 1 }),
      ...(random.below(3) === 0 ? { loopback: 'as-outside', lateMs: 10_000, tooLateMs: 50_000 } : {}),
      ...(random.below(4) === 0 ? { silentAfterMs: 1 } : {}),
    },
  }
}

const round = async (seed: number): Promise<void> => {
  const random = new SeededRandom(seed)
  const world = await World.make({ jitterMs: random.below(8), loss: random.below(3) / 20, duplication: 0.05 }, seed)
  const wall = world.clock.wall.bind(world.clock)
  let jump = 0
  world.clock.wall = () => wall() + jump
  const ip = world.nextIp()
  const line = openLine(world.network.host({ ip4: ip }))
  const ports = { ...world.ports(ip), udp: line.udp }
  const server = await world.host({
    ...anyOptions(random),
    ports,
    listen: [{ family: 4, ip, port: 9000 }],
    identity: identities[0]!,
  })
  const kept: { bytes: Uint8Array; from: Address }[] = []
  world.network.tap = (bytes, from, to) => {
    if (to.ip !== ip) return 'pass'
    if (kept.length < KEPT_MAX) kept.push({ bytes: bytes.slice(), from })
    else kept[random.below(KEPT_MAX)] = { bytes: bytes.slice(), from }
    return 'pass'
  }
  const peers: Host[] = []
  for (let n = 1; n < 10; n++) {
    const at = `${20 + random.below(4)}.1.${random.below(2)}.${n}`
    const often = n < 4 ? 0 : [0.003, 0.02, 0.1, 0.5][random.below(4)]!
    let bends = 0
    const from = random.below(6)
    const crypto = bendingCrypto(world.ports(at).crypto, random, () => (bends++ < from ? 0 : often))
    const ports = { ...world.ports(at), crypto }
    peers.push(await world.host({ ports, identity: identities[n]!, listen: [{ family: 4, ip: at, port: 9000 }] }))
  }
  const outcomes: Promise<unknown>[] = []
  for (let step = 0; step < 60; step++) {
    const peer = peers[random.below(peers.length)]!
    if (random.below(2) === 0) outcomes.push(peer.transport.connectPeer(server.address).catch(() => {}))
    if (random.below(8) === 0) outcomes.push(server.transport.connectPeer(peer.address).catch(() => {}))
    if (random.below(5) === 0) peer.transport.disconnectPeer(server.identity.peerId)
    if (random.below(10) === 0)
      outcomes.push(peer.transport.request(server.identity.peerId, '/t/1', new Uint8Array(3000)).catch(() => {}))
    if (random.below(12) === 0) jump += [-20_000, 5, -5, 90_000_000, -90_000_000][random.below(5)]!
    if (random.below(10) === 0)
      world.workers.delayMs = () => (random.below(5) === 0 ? 700 : random.below(5) === 0 ? 12_000 : 1)
    for (let n = random.below(20); n > 0 && kept.length > 0; n--) {
      const { bytes, from } = kept[random.below(kept.length)]!
      const elsewhere = random.below(4) === 0 ? { ...from, port: random.below(65_536) } : from
      line.arrive(spoilt(random, bytes), elsewhere)
    }
    await world.clock.advance(random.below(4) === 0 ? random.below(3000) : random.below(120))
    server.transport.checkInvariants()
    for (const { transport } of peers) transport.checkInvariants()
  }
  world.workers.delayMs = () => 1
  const counters = server.transport.counters()
  assert.equal(verdictsOf(counters), counters.judged)
  assert.equal(counters.reconcilerDifferences, 0)
  await world.clock.advance(100_000)
  assert.deepEqual(server.transport.gauges().halfOpenIn, 0)
  assert.deepEqual(server.transport.gauges().halfOpenOut, 0)
  const { accepted, registered, reading, handshakesBegun, handshakesFailed } = server.transport.counters()
  for (const way of ['inbound', 'outbound'] as const) {
    assert.deepEqual([registered[way], reading[way]], [accepted[way], accepted[way]], way)
    const failed = Object.values(handshakesFailed[way]).reduce((sum, n) => sum + n, 0)
    assert.equal(handshakesBegun[way], accepted[way] + failed, `each handshake ${way} finished or failed`)
  }
  await Promise.all(outcomes)
  await world.close()
}

test('whatever arrives, nothing is thrown, everything is counted, and nothing is left behind', async () => {
  await fc.assert(fc.asyncProperty(fc.nat(), round), { numRuns: RUNS, endOnFailure: true })
})
