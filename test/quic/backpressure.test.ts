// Who reads slowly stops who writes, all the way: the reader's Web stream, its window, the network, the writer's buffer, the writer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytes, everything, QuicWorld } from './quic-world.ts'

const MIB = 1024 * 1024
const CHUNK = bytes(64 * 1024)

/** What a stream holds on its way: the writer's queue and send buffer, the peer's window, the reader's queue. */
const HELD_MAX = MIB + 2 * CHUNK.length + 6 * MIB + 128 * 1024

test('a reader that does not read stops the writer, whatever is written holds within the limits, and goes on when it reads', async () => {
  const world = await QuicWorld.make({ latencyMs: 2 })
  const { listener, client, server } = await world.pair()
  const stream = await client.openUnidirectionalStream()
  const writer = stream.writable.getWriter()
  let written = 0
  const writing = (async () => {
    for (let n = 0; n < 512; n++) {
      await writer.write(CHUNK)
      written += CHUNK.length
    }
    await writer.close()
  })()
  const there = await world.run(server.acceptUnidirectionalStream())
  const reader = there!.readable.getReader()
  await world.clock.advance(20_000)
  const stalledAt = written
  assert.ok(stalledAt >= MIB && stalledAt < HELD_MAX, `${stalledAt} bytes written, none read`)
  assert.ok(client.stats.bytesSent < MIB, 'what was sent is what the window allowed')
  // One chunk at a time, as a slow reader does: the writer is never further ahead than before.
  let read = 0
  while (read < 4 * MIB) {
    const { value } = await world.run(reader.read())
    read += value?.length ?? 0
    await world.clock.advance(20)
    assert.ok(written - read < HELD_MAX, `${written} written, ${read} read`)
  }
  assert.ok(written > stalledAt)
  reader.releaseLock()
  const rest = await world.run(everything(there!.readable))
  await world.run(writing)
  assert.equal(read + rest.length, 512 * CHUNK.length)
  await world.run(listener.close())
})

test('a stream that nobody reads does not stop the others', async () => {
  const world = await QuicWorld.make({ latencyMs: 2 })
  const { listener, client, server } = await world.pair()
  const clogged = await client.openUnidirectionalStream()
  const stuck = clogged.writable.getWriter().write(bytes(30 * MIB))
  stuck.catch(() => {})
  await world.run(server.acceptUnidirectionalStream())
  await world.clock.advance(5000)
  const stream = await client.openUnidirectionalStream()
  const writer = stream.writable.getWriter()
  const writing = writer.write(bytes(3 * MIB)).then(() => writer.close())
  const there = await world.run(server.acceptUnidirectionalStream())
  assert.equal((await world.run(everything(there!.readable))).length, 3 * MIB)
  await world.run(writing)
  await world.run(listener.close())
})

test('what may wait to be read of one session is what its limits say, however many streams bring it', async () => {
  const world = await QuicWorld.make({ latencyMs: 2 })
  const limits = { sessionBytesInitial: 256 * 1024, sessionBytesMax: 256 * 1024 }
  const { listener, client, server } = await world.pair({ server: { limits } })
  for (let n = 0; n < 50; n++) {
    const stream = await client.openUnidirectionalStream()
    stream.writable
      .getWriter()
      .write(bytes(MIB))
      .catch(() => {})
  }
  await world.clock.advance(10_000)
  assert.ok(server.stats.bytesReceived < 2 * 256 * 1024, `${server.stats.bytesReceived} bytes came`)
  await world.run(listener.close())
})
