// What a peer that keeps to QUIC and TLS but not to our protocol can do: each case is one connection, and ends as docs/protocol.md says.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ascii, concat } from '../../src/core/bytes.ts'
import { CLOSE, STATUS, STREAM } from '../../src/core/messages/codes.ts'
import { encodeControl } from '../../src/core/messages/control.ts'
import { encodeMessageHeader, encodeRequestHeader } from '../../src/core/messages/requests.ts'
import type { Limits } from '../../src/node/options.ts'
import { HELLO, RawPeer } from './raw-peer.ts'
import { type Host, World } from './transport-world.ts'

const request = (protocol: string): Uint8Array => encodeRequestHeader({ protocol, target: null, count: null })

const meet = async (limits: Partial<Limits> = {}): Promise<{ world: World; host: Host; peer: RawPeer }> => {
  const world = await World.make()
  const host = await world.host({ limits })
  host.transport.handle('/test/echo/1', ({ payload }) => ({ status: STATUS.ok, payload }))
  return { world, host, peer: await RawPeer.connect(world, host) }
}

const end = async ({ world, peer }: { world: World; peer: RawPeer }): Promise<void> => {
  await peer.close()
  await world.close()
}

const closeCode = (peer: RawPeer): number | null => (peer.closed?.kind === 'application' ? peer.closed.code : null)

test('what breaks the protocol of control closes with BAD_MESSAGE', async () => {
  const ack = { kind: 'hello-ack' } as const
  const cases: ((peer: RawPeer) => void)[] = [
    (peer) => void peer.control(ack),
    (peer) => void peer.control({ kind: 'ping', token: 1 }),
    (peer) => void peer.control(HELLO, HELLO),
    (peer) => void peer.control(HELLO, ack, ack),
    (peer) => peer.link.finish(peer.control(HELLO)),
    (peer) => peer.link.reset(peer.control(HELLO), STREAM.cancelled),
    (peer) => void peer.say(Uint8Array.of(5, 1, 2, 3, 4, 5), { bidirectional: false, open: true }),
    (peer) => void peer.say(new Uint8Array(20).fill(0xff), { bidirectional: false, open: true }),
  ]
  for (const [i, doIt] of cases.entries()) {
    const met = await meet()
    doIt(met.peer)
    await met.world.clock.advance(100)
    assert.equal(closeCode(met.peer), CLOSE.badMessage, `case ${i}`)
    assert.equal(met.host.transport.counters().badMessages, 1)
    assert.deepEqual(met.host.transport.peers(), [])
    await end(met)
  }
})

test('another protocol version is told so', async () => {
  const met = await meet()
  met.peer.control({ kind: 'hello', hello: { ...HELLO.hello, version: 9 } })
  await met.world.clock.advance(100)
  assert.equal(closeCode(met.peer), CLOSE.versionUnsupported)
  await end(met)
})

test('streams that come before HELLO stay unread and are served after it', async () => {
  const met = await meet()
  const control = met.peer.control()
  const stream = met.peer.say(concat(request('/test/echo/1'), ascii('early')))
  await met.world.clock.advance(200)
  assert.equal(met.peer.answer(stream), null)
  assert.equal(met.host.transport.counters().requestsServed, 0)
  met.peer.link.write(control, concat(encodeControl(HELLO), encodeControl({ kind: 'hello-ack' })))
  await met.world.clock.advance(100)
  assert.equal(met.peer.answer(stream)?.status, STATUS.ok)
  await end(met)
})

test('a malformed or missing header closes with BAD_MESSAGE', async () => {
  for (const bytes of [new Uint8Array(0), Uint8Array.of(3, 0xff, 0xff, 0xff), request('/x').subarray(0, 3)]) {
    const met = await meet()
    await met.peer.greet()
    met.peer.say(bytes)
    await met.world.clock.advance(100)
    assert.equal(closeCode(met.peer), CLOSE.badMessage)
    await end(met)
  }
})

test('a PING is answered, and an unknown stream of messages is stopped', async () => {
  const met = await meet()
  const control = await met.peer.greet()
  met.peer.link.write(control, encodeControl({ kind: 'ping', token: 3 }))
  const message = met.peer.say(encodeMessageHeader({ protocol: '/none' }), { bidirectional: false, open: true })
  await met.world.clock.advance(100)
  const stopped = met.peer.heard.find((output) => output.kind === 'stream-stopped' && output.stream === message)
  assert.deepEqual(stopped, { kind: 'stream-stopped', stream: message, code: STREAM.unsupported })
  assert.equal(met.peer.closed, null)
  await end(met)
})

test('more than a message may have is refused as too large', async () => {
  const met = await meet({ messageBytesMax: 10_000 })
  await met.peer.greet()
  const stream = met.peer.say(concat(request('/test/echo/1'), new Uint8Array(20_000)))
  await met.world.clock.advance(200)
  assert.equal(met.peer.answer(stream)?.status, STATUS.badRequest)
  await end(met)
})

test('beyond what one peer may make us keep it is told to come back later', async () => {
  const met = await meet({ inboundBytesPerPeerMax: 50_000 })
  await met.peer.greet()
  const held = met.peer.say(concat(request('/test/echo/1'), new Uint8Array(40_000)), { open: true })
  await met.world.clock.advance(200)
  const refused = met.peer.say(concat(request('/test/echo/1'), new Uint8Array(20_000)))
  await met.world.clock.advance(200)
  const answer = met.peer.answer(refused)
  assert.equal(answer?.status, STATUS.busy)
  assert.ok((answer?.retryAfterMs ?? 0) > 0)
  met.peer.link.finish(held)
  await met.world.clock.advance(200)
  assert.equal(met.peer.answer(held)?.status, STATUS.ok)
  const later = met.peer.say(concat(request('/test/echo/1'), new Uint8Array(20_000)))
  await met.world.clock.advance(200)
  assert.equal(met.peer.answer(later)?.status, STATUS.ok, 'what was charged is given back')
  await end(met)
})

test('a stream that brings nothing for 30 s is reset, and what it kept is given back', async () => {
  const met = await meet({ inboundBytesPerPeerMax: 50_000, idleAfterMs: 300_000 })
  await met.peer.greet()
  met.peer.link.keepAlive(5000)
  const stalled = met.peer.say(concat(request('/test/echo/1'), new Uint8Array(40_000)), { open: true })
  await met.world.clock.advance(29_000)
  assert.equal(
    met.peer.heard.some((output) => output.kind === 'stream-reset'),
    false,
  )
  await met.world.clock.advance(2000)
  assert.deepEqual(
    met.peer.heard.filter((output) => output.kind === 'stream-reset'),
    [{ kind: 'stream-reset', stream: stalled, code: STREAM.deadline }],
  )
  const later = met.peer.say(concat(request('/test/echo/1'), new Uint8Array(40_000)))
  await met.world.clock.advance(200)
  assert.equal(met.peer.answer(later)?.status, STATUS.ok)
  await end(met)
})

test('a handler that takes too long is answered busy and told to stop', async () => {
  const met = await meet({ handlerTimeoutMs: 1000 })
  let aborted = false
  met.host.transport.handle('/test/never/1', ({ signal }) => {
    signal.addEventListener('abort', () => (aborted = true))
    return new Promise(() => {})
  })
  await met.peer.greet()
  const stream = met.peer.say(request('/test/never/1'))
  await met.world.clock.advance(1200)
  assert.equal(met.peer.answer(stream)?.status, STATUS.busy)
  assert.equal(aborted, true)
  await end(met)
})

test('a slow handler holds up neither the HELLO nor the request of another peer', async () => {
  const met = await meet()
  met.host.transport.handle('/test/never/1', () => new Promise(() => {}))
  await met.peer.greet()
  for (let i = 0; i < 50; i++) met.peer.say(request('/test/never/1'))
  await met.world.clock.advance(100)
  const before = met.world.clock.now()
  const other = await met.world.host()
  await met.world.run(other.transport.connectPeer(met.host.address))
  await met.world.run(other.transport.request(met.host.identity.peerId, '/test/echo/1', ascii('x')))
  assert.ok(met.world.clock.now() - before < 100)
  await end(met)
})

test('a peer whose bulk is not read is still heard on its control stream', async () => {
  const met = await meet({ inboundBytesPerPeerMax: 30_000_000 })
  met.host.transport.handle('/test/sink/1', () => ({ status: STATUS.ok }))
  const control = met.peer.control()
  for (let i = 0; i < 20; i++) met.peer.say(concat(request('/test/sink/1'), new Uint8Array(300_000)))
  await met.world.clock.advance(1000)
  met.peer.link.prioritise(control)
  met.peer.link.write(control, concat(encodeControl(HELLO), encodeControl({ kind: 'hello-ack' })))
  await met.world.clock.advance(100)
  assert.equal(met.host.transport.peers().length, 1)
  await end(met)
})

test('after GOAWAY of the peer no new stream goes onto its connection', async () => {
  const met = await meet()
  const control = await met.peer.greet()
  met.peer.link.write(control, encodeControl({ kind: 'goaway', reason: CLOSE.idle, retryAfterMs: null }))
  await met.world.clock.advance(50)
  const [info] = met.host.transport.peers()
  assert.equal(met.host.transport.isConnectionActive(info!.connection), false)
  await assert.rejects(met.host.transport.request(info!.peerId, '/x', ascii('x')), /no connection/)
  await met.world.clock.advance(2000)
  assert.deepEqual(met.host.transport.peers(), [])
  await end(met)
})
