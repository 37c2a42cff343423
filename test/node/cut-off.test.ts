// What a connection's end cuts off is never taken for the whole: neither a request, nor a message, nor an answer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat } from '../../src/core/bytes.ts'
import { SallyportError } from '../../src/core/errors.ts'
import { STATUS } from '../../src/core/messages/codes.ts'
import { encodeMessageHeader, encodeResponseHeader } from '../../src/core/messages/requests.ts'
import { RawPeer } from './raw-peer.ts'
import { World } from './transport-world.ts'

const PROTOCOL = '/test/cut-off/1'

test('an answer that has not ended when its peer breaks the protocol is no answer', async () => {
  const world = await World.make()
  const host = await world.host()
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  const asked = host.transport.request(peer.identity.peerId, PROTOCOL, new Uint8Array(0))
  const outcome = asked.then(
    ({ payload }) => `${payload.length} bytes`,
    (error: unknown) => SallyportError.from(error).code,
  )
  await world.clock.advance(50)
  const asking = peer.heard.find((output) => output.kind === 'stream-opened' && output.bidirectional)
  assert.ok(asking?.kind === 'stream-opened')
  const head = encodeResponseHeader({ status: STATUS.ok, reason: null, retryAfterMs: null, outcome: null })
  peer.link.write(asking.stream, concat(head, new Uint8Array(100)))
  await world.clock.advance(100)
  peer.say(new Uint8Array(50).fill(0xff), { bidirectional: false })
  peer.link.write(asking.stream, new Uint8Array(100))
  await world.clock.advance(1000)
  assert.equal(await world.run(outcome), 'CONNECTION_LOST')
  assert.equal(host.transport.counters().badMessages, 1)
  await peer.close()
  await world.close()
})

test('a message that has not ended when its peer breaks the protocol is no message', async () => {
  const world = await World.make()
  const host = await world.host()
  const taken: number[] = []
  host.transport.handle(PROTOCOL, ({ payload }) => void taken.push(payload.length))
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  const head = encodeMessageHeader({ protocol: PROTOCOL })
  const cut = peer.say(concat(head, new Uint8Array(100)), { bidirectional: false, open: true })
  await world.clock.advance(100)
  // Both streams have something to read in one turn; the first ends the connection.
  peer.say(new Uint8Array(50).fill(0xff), { bidirectional: false })
  peer.link.write(cut, new Uint8Array(100))
  await world.clock.advance(1000)
  assert.equal(peer.closed?.kind, 'application')
  assert.deepEqual(taken, [])
  assert.equal(host.transport.counters().messagesServed, 0)
  assert.equal(host.transport.counters().badMessages, 1)
  await peer.close()
  await world.close()
})

test('nothing more of a control stream is heard, nor its end, when what was heard has ended the connection', async () => {
  const world = await World.make()
  const host = await world.host({ policy: () => false })
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  await world.clock.advance(100)
  const { closedFor, badMessages, eventsRepeated } = host.transport.counters()
  assert.deepEqual([closedFor.refused, closedFor.badMessage, badMessages, eventsRepeated], [1, 0, 0, 0])
  await peer.close()
  await world.close()
})
