import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../src/core/counters.ts'
import { type PeerId, peerIdOf } from '../../src/core/ids.ts'
import { Dispatcher, type Readable } from '../../src/node/dispatcher.ts'

const peer = (n: number): PeerId => peerIdOf(new Uint8Array(32).fill(n))

class Stream implements Readable {
  queued = false
  over = false
  reads = 0
  left: number
  readonly peerId: PeerId

  constructor(peerId: PeerId, left = 1) {
    this.peerId = peerId
    this.left = left
  }

  readSome(): boolean {
    this.reads++
    return --this.left > 0
  }
}

const setup = (): { dispatcher: Dispatcher; counters: Counters; turn: () => boolean } => {
  const soon: (() => void)[] = []
  const counters = new Counters()
  const timers = { at: () => ({ cancel: () => {} }), soon: (run: () => void) => void soon.push(run) }
  const turn = (): boolean => {
    const run = soon.shift()
    run?.()
    return run !== undefined
  }
  return { dispatcher: new Dispatcher(timers, counters), counters, turn }
}

test('what does not fit into a lane stays unread and is read when there is room', () => {
  const { dispatcher, counters, turn } = setup()
  const streams = Array.from({ length: 1000 }, () => new Stream(peer(1), 3))
  for (const stream of streams) dispatcher.ready(stream)
  assert.ok(counters.laneFull > 0)
  while (turn());
  assert.ok(streams.every(({ reads, left, queued }) => reads === 3 && left === 0 && !queued))
})

test('a peer with a full lane delays another by a turn at most', () => {
  const { dispatcher, turn } = setup()
  for (let i = 0; i < 1000; i++) dispatcher.ready(new Stream(peer(1), 100))
  const other = new Stream(peer(2))
  dispatcher.ready(other)
  turn()
  assert.equal(other.reads, 1)
})

test('a stream that is over is not read, and one that is queued is queued once', () => {
  const { dispatcher, turn } = setup()
  const [over, twice] = [new Stream(peer(1)), new Stream(peer(2))]
  for (const stream of [over, twice, over, twice]) dispatcher.ready(stream)
  over.over = true
  while (turn());
  assert.equal(over.reads, 0)
  assert.equal(twice.reads, 1)
})
