import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { formatAddress } from '../../src/core/address.ts'
import { SallyportError } from '../../src/core/errors.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { Endpoint } from '../../src/node/endpoint.ts'
import { LIMITS } from '../../src/node/options.ts'
import { mutePeer } from '../support/mute-peer.ts'
import { type Host, World } from './transport-world.ts'

const NOWHERE = '/ip4/198.51.100.1/udp/9/quic-v1'

/** The error a promise ends with. */
const errorOf = async (world: World, promise: Promise<unknown>): Promise<SallyportError> => {
  const error = await world.run(
    promise.then(
      () => null,
      (thrown: unknown) => thrown,
    ),
  )
  assert.ok(error instanceof SallyportError, String(error))
  return error
}

const rejects = async (world: World, promise: Promise<unknown>, code: string): Promise<SallyportError> => {
  const error = await errorOf(world, promise)
  assert.equal(error.code, code, error.message)
  return error
}

/** A short time to answer, so that a test does not take ten thousand milliseconds of the fake clock for each dial. */
const HASTY = { limits: { handshakeTimeoutMs: 500 } }

test('option dialPauseMs: an address that failed is not dialled again at once; the error says when, and then it is', async () => {
  const world = await World.make()
  const { transport } = await world.host(HASTY)
  await rejects(world, transport.connectPeer(NOWHERE), 'DIAL_TIMEOUT')
  const failed = world.clock.now()
  await world.clock.advance(400)
  const { sent } = world.network.counts
  const error = await rejects(world, transport.connectPeer(NOWHERE), 'DIAL_TOO_SOON')
  assert.equal(error.retryAfterMs, 600)
  assert.match(error.message, /600 ms/)
  assert.equal(world.clock.now(), failed + 400)
  assert.equal(world.network.counts.sent, sent)
  assert.equal(transport.counters().dialsTooSoon, 1)
  await world.clock.advance(600)
  await rejects(world, transport.connectPeer(NOWHERE), 'DIAL_TIMEOUT')
  assert.equal((await rejects(world, transport.connectPeer(NOWHERE), 'DIAL_TOO_SOON')).retryAfterMs, 2000)
  await world.close()
})

test('option dialPauseMsMax: the pause grows no longer than that', async () => {
  const world = await World.make()
  const { transport } = await world.host({ limits: { ...HASTY.limits, dialPauseMs: 200, dialPauseMsMax: 500 } })
  const pauses: (number | null)[] = []
  for (let n = 0; n < 4; n++) {
    await rejects(world, transport.connectPeer(NOWHERE), 'DIAL_TIMEOUT')
    const { retryAfterMs } = await rejects(world, transport.connectPeer(NOWHERE), 'DIAL_TOO_SOON')
    pauses.push(retryAfterMs)
    await world.clock.advance(retryAfterMs ?? 0)
  }
  assert.deepEqual(pauses, [200, 400, 500, 500])
  await world.close()
})

test('a caller that insists is heeded, and what it learns is remembered anew', async () => {
  const world = await World.make()
  const { transport } = await world.host(HASTY)
  for (let n = 0; n < 3; n++) await rejects(world, transport.connectPeer(NOWHERE, { insist: true }), 'DIAL_TIMEOUT')
  assert.equal((await rejects(world, transport.connectPeer(NOWHERE), 'DIAL_TOO_SOON')).retryAfterMs, 1000)
  await world.close()
})

test('a peer that comes to us from an address that failed may be dialled there at once', async () => {
  const world = await World.make()
  const [a, b] = [await world.host(HASTY), await world.host()]
  world.network.tap = () => 'drop'
  await rejects(world, a.transport.connectPeer(b.address), 'DIAL_TIMEOUT')
  world.network.tap = () => 'pass'
  await rejects(world, a.transport.connectPeer(b.address), 'DIAL_TOO_SOON')
  await world.run(b.transport.connectPeer(a.address))
  await world.clock.advance(50)
  a.transport.disconnectPeer(b.identity.peerId)
  await world.clock.advance(50)
  await world.run(a.transport.connectPeer(b.address))
  await world.close()
})

test('a wrong expectation does not keep the right one waiting', async () => {
  const world = await World.make()
  const [a, b, c] = [await world.host(), await world.host(), await world.host()]
  const wrong = formatAddress(b.transport.locals[0]!, c.identity.peerId)
  await rejects(world, a.transport.connectPeer(wrong), 'IDENTITY_MISMATCH')
  await rejects(world, a.transport.connectPeer(wrong), 'DIAL_TOO_SOON')
  assert.equal((await world.run(a.transport.connectPeer(b.address))).peerId, b.identity.peerId)
  await world.close()
})

test('a dial its caller gave up, and one to oneself, say nothing about the address', async () => {
  const world = await World.make()
  const { transport, address } = await world.host(HASTY)
  for (let n = 0; n < 3; n++) {
    await rejects(world, transport.connectPeer(NOWHERE, { timeoutMs: 50 }), 'DIAL_TIMEOUT')
    const controller = new AbortController()
    const dial = transport.connectPeer(NOWHERE, { signal: controller.signal })
    controller.abort()
    await rejects(world, dial, 'CANCELLED')
    await rejects(world, transport.connectPeer(address.replace(/\/p2p.*/, '')), 'DIAL_SELF')
  }
  await world.close()
})

test('a peer that finishes the handshake and says nothing has failed when the time of the dial is over', async () => {
  const world = await World.make({ latencyMs: 4000 })
  const [a, b] = [await world.host(), await world.host()]
  await rejects(world, a.transport.connectPeer(b.address), 'DIAL_TIMEOUT')
  assert.equal(a.transport.counters().accepted.outbound, 1)
  await rejects(world, a.transport.connectPeer(b.address), 'DIAL_TOO_SOON')
  await world.close()
})

test('option unansweredDialsMax: so many dials a minute go unanswered at one host, whatever port or peer, insisted on or not', async () => {
  const world = await World.make()
  const limits = { ...HASTY.limits, unansweredDialsMax: 20, dialTimeoutMs: 300 }
  const [a, b] = [await world.host({ limits }), await world.host()]
  const dial = (port: number): Promise<SallyportError> => {
    const text = `/ip4/198.51.100.1/udp/${port}/quic-v1${port % 2 === 0 ? `/p2p/${b.identity.peerId}` : ''}`
    return errorOf(world, a.transport.connectPeer(text, { insist: port % 3 === 0 }))
  }
  const errors = await Promise.all(Array.from({ length: 50 }, (_, n) => dial(n + 1)))
  const codes = errors.map(({ code }) => code)
  assert.deepEqual(
    codes,
    codes.map((_, n) => (n < 20 ? 'DIAL_TIMEOUT' : 'DIAL_TOO_SOON')),
  )
  assert.equal(a.transport.counters().handshakesBegun.outbound, 20)
  const wait = errors.at(-1)?.retryAfterMs ?? 0
  await world.run(a.transport.connectPeer(b.address))
  await world.clock.advance(wait - 1 - world.clock.now())
  assert.equal((await dial(60)).code, 'DIAL_TOO_SOON')
  await world.clock.advance(1)
  assert.equal((await dial(61)).code, 'DIAL_TIMEOUT')
  await world.close()
})

test('docs/limits.md says of every limit of dialling what its default is', () => {
  const page = readFileSync(new URL('../../docs/limits.md', import.meta.url), 'utf8')
  const names = Object.keys(LIMITS).filter((name) => /dial/i.test(name) && !name.startsWith('keepAlive'))
  assert.equal(names.length, 4)
  for (const name of names as (keyof typeof LIMITS)[]) {
    const row = `| \`${name}\` | ${LIMITS[name].toLocaleString('en-US')} | `
    assert.ok(page.includes(row), row)
  }
})

test('dials that are answered are not limited, however many there are', async () => {
  const world = await World.make()
  const [a, b] = [await world.host({ limits: { unansweredDialsMax: 2 } }), await world.host()]
  for (let n = 0; n < 10; n++) {
    const { peerId } = await world.run(a.transport.connectPeer(b.address))
    a.transport.disconnectPeer(peerId)
    await world.clock.advance(20)
  }
  assert.equal(a.transport.counters().identified.outbound, 10)
  await world.close()
})

/** Addresses of one host: where it is, and where nobody is. */
const twoWays = (host: Host): [string, string] => [host.address, `${NOWHERE}/p2p/${host.identity.peerId}`]

test('dials to one peer at several addresses end with the one connection that is identified first', async () => {
  const world = await World.make()
  const [a, b] = [await world.host(), await world.host()]
  const [alive, dead] = twoWays(b)
  const both = await world.run(Promise.all([dead, alive, dead, alive].map((text) => a.transport.connectPeer(text))))
  assert.equal(new Set(both.map(({ connection }) => connection)).size, 1)
  await world.clock.advance(20)
  const { halfOpenIn, halfOpenOut, connections } = a.transport.gauges()
  assert.deepEqual([halfOpenIn, halfOpenOut, connections], [0, 0, 1])
  assert.equal(a.transport.counters().handshakesFailed.outbound.superseded, 1)
  await rejects(world, a.transport.connectPeer(NOWHERE, { timeoutMs: 30 }), 'DIAL_TIMEOUT')
  await world.close()
})

test('dials to one address with and without a PeerId end with one connection', async () => {
  const world = await World.make()
  const [a, b] = [await world.host(), await world.host()]
  const texts = [b.address, formatAddress(b.transport.locals[0]!)]
  const both = await world.run(Promise.all(texts.map((text) => a.transport.connectPeer(text))))
  assert.equal(both[0]?.connection, both[1]?.connection)
  await world.clock.advance(2000)
  assert.equal(a.transport.gauges().connections, 1)
  await world.close()
})

test('an expected peer that comes by itself ends the dial to it, and its address is answered', async () => {
  const world = await World.make()
  const [a, b] = [await world.host({ limits: { unansweredDialsMax: 1 } }), await world.host()]
  const [, dead] = twoWays(b)
  const dial = a.transport.connectPeer(dead)
  await world.run(b.transport.connectPeer(a.address))
  const { connection } = await world.run(dial)
  assert.equal(a.transport.peer(b.identity.peerId)?.connection, connection)
  await rejects(world, a.transport.connectPeer(NOWHERE, { timeoutMs: 30 }), 'DIAL_TIMEOUT')
  await world.close()
})

test('a wait ends at once when its connection is being closed or never came to be, and when the node closes', async () => {
  const world = await World.make()
  const [a, b] = [await world.host(HASTY), await world.host()]
  const { connection } = await world.run(a.transport.connectPeer(b.address))
  a.transport.disconnectPeer(b.identity.peerId)
  const began = world.clock.now()
  await rejects(world, a.transport.waitForPeerIdentity(connection), 'CONNECTION_LOST')
  assert.equal(world.clock.now(), began)
  await world.clock.advance(50)

  const dial = a.transport.connectPeer(NOWHERE)
  const wait = a.transport.waitForPeerIdentity((connection + 1) as typeof connection, { timeoutMs: 5000 })
  dial.catch(() => {})
  const waited = world.clock.now()
  await rejects(world, wait, 'CONNECTION_LOST')
  assert.equal(world.clock.now() - waited, 500)

  b.transport.handle('/test/never/1', () => new Promise(() => {}))
  await world.run(a.transport.connectPeer(b.address))
  a.transport.request(b.identity.peerId, '/test/never/1', new Uint8Array(1)).catch(() => {})
  await world.clock.advance(50)
  const forNobody = a.transport.waitForPeerIdentity('0'.repeat(64) as typeof b.identity.peerId)
  const closing = world.clock.now()
  const closed = a.transport.close()
  await rejects(world, forNobody, 'CLOSED')
  assert.equal(world.clock.now(), closing)
  await world.run(closed)
  await world.close()
})

test('a wait for a peer ends at once when the last connection on which it might have said who it is ends, and not before', async () => {
  const world = await World.make()
  const host = await world.host()
  const identity = await generateIdentity()
  const mutes: Endpoint[] = []
  for (let n = 0; n < 2; n++) {
    const ip = world.nextIp()
    const local = { family: 4, ip, port: 9000 } as const
    mutes.push(await mutePeer(world.ports(ip), { local, remote: host.transport.locals[0]!, identity }))
    await world.clock.advance(100)
  }
  assert.equal(host.transport.counters().registered.inbound, 2)
  let over: string | null = null
  const wait = host.transport.waitForPeerIdentity(identity.peerId, { timeoutMs: 60_000 })
  const ended = wait.catch((error: unknown) => (over = SallyportError.from(error).code))
  await world.run(mutes[0]!.close({ code: 0, reason: '' }, 10))
  await world.clock.advance(50)
  assert.equal(over, null)
  await world.run(mutes[1]!.close({ code: 0, reason: '' }, 10))
  await world.clock.advance(50)
  assert.equal(over, 'CONNECTION_LOST')
  await ended
  await world.close()
})

test('a dial for which this node itself has no room fails as one that may not begin, and says nothing about the peer', async () => {
  const world = await World.make()
  const { transport } = await world.host({ limits: { ...HASTY.limits, halfOpenOutMax: 1 } })
  const b = await world.host()
  const first = transport.connectPeer(NOWHERE)
  const error = await rejects(world, transport.connectPeer(b.address), 'DIAL_TOO_SOON')
  assert.equal(error.retryAfterMs, null)
  await rejects(world, first, 'DIAL_TIMEOUT')
  await world.run(transport.connectPeer(b.address))
  await world.close()
})
