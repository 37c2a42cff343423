// What a peer, or a handler of ours that hangs, can make a node keep: it is bounded, and what is beyond it is told to come back later.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ascii, concat } from '../../src/core/bytes.ts'
import type { StreamId } from '../../src/core/ids.ts'
import { CLOSE, STATUS } from '../../src/core/messages/codes.ts'
import { encodeControl } from '../../src/core/messages/control.ts'
import { encodeRequestHeader, encodeResponseHeader } from '../../src/core/messages/requests.ts'
import type { Limits } from '../../src/node/options.ts'
import { RawPeer } from './raw-peer.ts'
import { type Host, World } from './transport-world.ts'

const request = (protocol: string): Uint8Array => encodeRequestHeader({ protocol, target: null, count: null })

const KIB = 1024
const NOTHING = new Uint8Array(0)

const meet = async (limits: Partial<Limits> = {}): Promise<{ world: World; host: Host; peer: RawPeer }> => {
  const world = await World.make()
  const host = await world.host({ limits })
  host.transport.handle('/test/echo/1', ({ payload }) => ({ status: STATUS.ok, payload }))
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  return { world, host, peer }
}

const end = async ({ world, peer }: { world: World; peer: RawPeer }): Promise<void> => {
  await peer.close()
  await world.close()
}

const statuses = (peer: RawPeer, streams: readonly StreamId[]): (number | undefined)[] =>
  streams.map((stream) => peer.answer(stream)?.status)

test('what a handler still has in hand stays charged to its peer, though nobody waits for the answer any more', async () => {
  const met = await meet({ inboundBytesPerPeerMax: 100 * KIB, handlerTimeoutMs: 1000 })
  const release: (() => void)[] = []
  met.host.transport.handle('/test/hold/1', async ({ payload }) => {
    await new Promise<void>((resolve) => release.push(resolve))
    assert.equal(payload.length, 60 * KIB)
  })
  const held = met.peer.say(concat(request('/test/hold/1'), new Uint8Array(60 * KIB)))
  await met.world.clock.advance(1500)
  assert.equal(met.peer.answer(held)?.status, STATUS.busy)
  const more = met.peer.say(concat(request('/test/hold/1'), new Uint8Array(60 * KIB)))
  await met.world.clock.advance(200)
  assert.equal(met.peer.answer(more)?.status, STATUS.busy)
  assert.equal(release.length, 1, 'a second one would be beyond what the peer may make us keep')
  release[0]?.()
  await met.world.clock.advance(10)
  const later = met.peer.say(concat(request('/test/echo/1'), new Uint8Array(60 * KIB)))
  await met.world.clock.advance(200)
  assert.equal(met.peer.answer(later)?.status, STATUS.ok)
  await end(met)
})

test('a peer that reads none of its answers makes us keep a bounded number of their bytes', async () => {
  const met = await meet({ answerBytesPerPeerMax: 3000 * KIB })
  met.host.transport.handle('/test/large/1', () => ({ status: STATUS.ok, payload: new Uint8Array(1000 * KIB) }))
  const streams = Array.from({ length: 10 }, () => met.peer.say(request('/test/large/1')))
  await met.world.clock.advance(500)
  const busy = statuses(met.peer, streams).filter((status) => status === STATUS.busy).length
  assert.equal(busy, 7)
  assert.equal(met.host.transport.counters().requestsBusy, 7)
  // Reading gives the room back.
  for (let i = 0; i < 60; i++) {
    statuses(met.peer, streams)
    await met.world.clock.advance(50)
  }
  const again = met.peer.say(request('/test/large/1'))
  await met.world.clock.advance(200)
  assert.equal(met.peer.answer(again)?.status, STATUS.ok)
  await end(met)
})

test('handlers of one protocol that hang leave places for those of another', async () => {
  const met = await meet({ tasksMax: 8, handlersPerProtocolMax: 6, handlerTimeoutMs: 500 })
  met.host.transport.handle('/test/never/1', () => new Promise(() => {}))
  for (let i = 0; i < 12; i++) met.peer.say(request('/test/never/1'))
  await met.world.clock.advance(5000)
  const stream = met.peer.say(concat(request('/test/echo/1'), ascii('x')))
  await met.world.clock.advance(200)
  assert.equal(met.peer.answer(stream)?.status, STATUS.ok)
  await end(met)
})

test('a peer whose requests hang leaves places for others', async () => {
  const met = await meet({ handlersPerProtocolMax: 8, handlersPerPeerMax: 6, handlerTimeoutMs: 500 })
  met.host.transport.handle('/test/slow/1', async ({ payload }) => {
    if (payload.length === 0) await new Promise(() => {})
  })
  for (let i = 0; i < 12; i++) met.peer.say(request('/test/slow/1'))
  await met.world.clock.advance(2000)
  const other = await met.world.host()
  await met.world.run(other.transport.connectPeer(met.host.address))
  const asked = other.transport.request(met.host.identity.peerId, '/test/slow/1', ascii('x'))
  assert.equal((await met.world.run(asked)).status, STATUS.ok)
  await end(met)
})

test('a request that is answered before it was sent whole leaves no half-open stream behind', async () => {
  const met = await meet()
  const asked = met.host.transport.request(met.peer.identity.peerId, '/test/any/1', new Uint8Array(4000 * KIB))
  await met.world.clock.advance(200)
  const opened = met.peer.heard.find((output) => output.kind === 'stream-opened' && output.bidirectional)
  assert.ok(opened?.kind === 'stream-opened')
  const header = { status: STATUS.refused, reason: null, retryAfterMs: null, outcome: null }
  met.peer.link.write(opened.stream, encodeResponseHeader(header))
  met.peer.link.finish(opened.stream)
  assert.equal((await met.world.run(asked)).status, STATUS.refused)
  await met.world.clock.advance(200)
  assert.ok(met.peer.heard.some((output) => output.kind === 'stream-reset' && output.stream === opened.stream))
  await end(met)
})

test('calls that wait for a stream do not get one after the GOAWAY of the peer', async () => {
  const met = await meet()
  const { peerId } = met.peer.identity
  const running = Array.from({ length: 101 }, () => met.host.transport.request(peerId, '/test/any/1', ascii('x')))
  for (const each of running) each.catch(() => {})
  await met.world.clock.advance(100)
  const first = met.peer.heard.filter((output) => output.kind === 'stream-opened' && output.bidirectional)
  assert.equal(first.length, 100)
  met.peer.link.write(met.peer.controlStream, encodeControl({ kind: 'goaway', reason: CLOSE.idle, retryAfterMs: null }))
  await assert.rejects(met.world.run(running[100]!), { code: 'NOT_CONNECTED' })
  await end(met)
})

test('a handler that returns what is no answer has failed, and the bound on answers holds', async () => {
  const met = await meet({ answerBytesPerPeerMax: 50 * KIB })
  const returned: unknown[] = [
    { status: 0, payload: {} },
    { status: 0, payload: 'text' },
    { status: 'ok' },
    { payload: NOTHING },
    7,
  ]
  met.host.transport.handle('/test/wrong/1', () => returned.pop() as never)
  met.host.transport.handle('/test/large/1', () => ({ status: STATUS.ok, payload: new Uint8Array(100 * KIB) }))
  for (const _ of returned.slice()) {
    const stream = met.peer.say(request('/test/wrong/1'))
    await met.world.clock.advance(50)
    assert.equal(met.peer.answer(stream)?.status, STATUS.refused)
  }
  assert.equal(met.host.transport.counters().taskFailures, 5)
  const large = met.peer.say(request('/test/large/1'))
  await met.world.clock.advance(100)
  assert.equal(met.peer.answer(large)?.status, STATUS.busy)
  assert.equal(met.host.transport.gauges().answerBytes, 0)
  await end(met)
})
