// One half of a stream, its connection scripted: what the order of news means that comes in one turn.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { streamId } from '../../src/core/ids.ts'
import type { Link } from '../../src/node/link.ts'
import { ReceiveStream } from '../../src/quic/receive-stream.ts'
import { failure } from './quic-world.ts'

/** A connection that has nothing more to read on any stream, and is alive or not. */
const emptied = (alive: boolean): Link =>
  ({ alive, readStream: () => null, ended: () => true, stop: () => {} }) as unknown as Link

const soon: (() => void)[] = []
const owner = { sent: () => {}, received: () => {}, soon: (run: () => void) => void soon.push(run) }

test('a stream that was reset in the turn of its last news did not end', async () => {
  const link = emptied(true) as { ended: () => boolean } & Link
  let isOver = false
  link.ended = () => isOver
  const stream = new ReceiveStream(streamId(3), link, owner)
  const reading = failure(stream.readable.getReader().read())
  await new Promise((resolve) => setImmediate(resolve))
  // The connection has thrown away what it had: nothing can be read, and the stream is over.
  isOver = true
  stream.onReadable()
  stream.onReset(5)
  for (const run of soon.splice(0)) run()
  assert.equal((await reading).peerCode, 5)
})

test('a stream that has news of its end alone ends, a turn later', async () => {
  const link = emptied(true) as { ended: () => boolean } & Link
  let isOver = false
  link.ended = () => isOver
  const stream = new ReceiveStream(streamId(3), link, owner)
  const reading = stream.readable.getReader().read()
  await new Promise((resolve) => setImmediate(resolve))
  isOver = true
  stream.onReadable()
  for (const run of soon.splice(0)) run()
  assert.equal((await reading).done, true)
})

test('a stream of a connection that is over did not end, though nothing is left to be read', async () => {
  const stream = new ReceiveStream(streamId(3), emptied(false), owner)
  const reading = failure(stream.readable.getReader().read())
  await new Promise((resolve) => setImmediate(resolve))
  stream.onReset(1)
  assert.equal((await reading).peerCode, 1)
})
