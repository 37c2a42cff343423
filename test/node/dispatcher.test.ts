import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Counters } from '../../src/core/counters.ts'
import { shardOf } from '../../src/core/dispatch/shards.ts'
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

test('a peer with thousands of streams delays another of its shard by a lane and a turn of the peers at most', () => {
  const { dispatcher, turn } = setup()
  const [busy, other] = [peer(1), peer(17)]
  assert.equal(shardOf(busy), shardOf(other))
  for (let i = 0; i < 5000; i++) dispatcher.ready(new Stream(busy, 100))
  const streams = Array.from({ length: 10 }, () => new Stream(other))
  for (const stream of streams) dispatcher.ready(stream)
  const reads = (): number => streams.reduce((sum, stream) => sum + stream.reads, 0)
  for (let n = 0; n < 5; n++) turn()
  assert.equal(reads(), streams.length)
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

test('what one turn costs does not grow with the streams that wait for a lane', () => {
  const looksIn = (streams: number): number => {
    const { dispatcher, turn } = setup()
    let looks = 0
    const waiting = Array.from({ length: streams }, () => {
      const stream = new Stream(peer(1), 2)
      return Object.defineProperty(stream, 'over', { get: () => (looks++, false) })
    })
    for (const stream of waiting) dispatcher.ready(stream)
    looks = 0
    turn()
    return looks
  }
  assert.equal(looksIn(20_000), looksIn(1000))
})

test('however streams come, end and are left unread, each is read to its end, none twice at once', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('ready'), n: fc.nat(699) }),
    fc.record({ kind: fc.constant('over'), n: fc.nat(699) }),
    fc.record({ kind: fc.constant('turn'), n: fc.nat(3) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
      const { dispatcher, turn } = setup()
      // More streams of one shard than its lane takes, and some of others.
      const streams = Array.from({ length: 700 }, (_, n) => new Stream(peer(n < 600 ? 1 : n % 7), 1 + (n % 4)))
      const begun = new Set<Stream>()
      for (const stream of streams.slice(0, 500)) {
        dispatcher.ready(stream)
        begun.add(stream)
      }
      for (const { kind, n } of steps) {
        const stream = streams[n]!
        if (kind === 'turn') for (let i = 0; i < n; i++) turn()
        if (kind === 'over') stream.over = true
        if (kind === 'ready' && stream.left > 0) {
          dispatcher.ready(stream)
          begun.add(stream)
        }
      }
      while (turn());
      for (const stream of begun) assert.ok(stream.over || stream.left === 0, 'read to its end')
      assert.ok(streams.every(({ queued, left }) => !queued && left >= 0))
    }),
  )
})
