// Reads bulk streams outside the turn in which their bytes arrived: a bounded number a turn, shards taking turns. What does not fit into
// its lane stays unread until there is room, and then the peers that wait for it take turns, so that one with many streams waits for itself.
// Its bytes stay where they are, within the connection's credit, and none is dropped.
import { assert } from '../core/assert.ts'
import type { Counters } from '../core/counters.ts'
import { Lanes } from '../core/dispatch/lanes.ts'
import { SHARDS } from '../core/dispatch/shards.ts'
import type { PeerId } from '../core/ids.ts'
import type { Timers } from '../io/ports.ts'

/** A stream that has something to read. */
export interface Readable {
  readonly peerId: PeerId
  /** Whether it is in a lane or waits for one; the dispatcher's to write. */
  queued: boolean
  /** Whether there is nothing to read any more, for good. */
  readonly over: boolean
  /** Reads at most one turn's share; true when more is left. */
  readSome(): boolean
}

/** Shares read in one turn. With READ_BYTES_PER_TURN each, some 5 ms. */
const READS_PER_TURN = 64

/** A stream's share of one turn, in bytes. */
export const READ_BYTES_PER_TURN = 64 * 1024

const LANES = { shards: SHARDS, itemsPerShardMax: 256 } as const

/** The readable streams of one node. Bounded by the lanes; what waits for one, by the streams there are. */
export class Dispatcher {
  readonly #timers: Timers
  readonly #counters: Counters
  readonly #lanes = new Lanes<Readable>(LANES)
  /** By shard. Bounded by the streams there are. */
  readonly #unread = Array.from({ length: LANES.shards }, () => new Unread())
  #scheduled = false

  constructor(timers: Timers, counters: Counters) {
    this.#timers = timers
    this.#counters = counters
  }

  /** A stream has something to read: it will be read, in a later turn. */
  ready(stream: Readable): void {
    if (stream.queued || stream.over) return
    stream.queued = true
    if (!this.#lanes.add(stream.peerId, stream)) {
      this.#counters.laneFull++
      this.#waiting(stream).add(stream)
    }
    this.#schedule()
  }

  /** Streams in each lane. */
  get depths(): readonly number[] {
    return this.#lanes.depths
  }

  /** Streams that wait for a place in their lane. */
  get waiting(): number {
    return this.#unread.reduce((streams, { size }) => streams + size, 0)
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#timers.soon(() => this.#turn())
  }

  #turn(): void {
    this.#scheduled = false
    for (let reads = 0; reads < READS_PER_TURN; reads++) {
      const stream = this.#lanes.next()
      if (stream === null) break
      stream.queued = false
      this.#refill(stream)
      if (!stream.over && stream.readSome()) this.ready(stream)
    }
    if (this.#lanes.size > 0) this.#schedule()
  }

  /** The place that `taken` leaves in its lane goes to the peer that waited longest for one. */
  #refill(taken: Readable): void {
    const waiting = this.#waiting(taken)
    for (let next = waiting.next(); next !== null; next = waiting.next()) {
      if (!next.over) return void this.#lanes.add(next.peerId, next)
      next.queued = false
    }
  }

  #waiting({ peerId }: Readable): Unread {
    const waiting = this.#unread[this.#lanes.shardOf(peerId)]
    assert(waiting !== undefined, 'every shard has those that wait for it')
    return waiting
  }
}

/** Streams that wait for a place in one lane: those of one peer in the order in which they came, and the peers in turn. */
class Unread {
  /** The one whose turn is next is first; none without streams. */
  readonly #peers = new Map<PeerId, Set<Readable>>()
  size = 0

  add(stream: Readable): void {
    const streams = this.#peers.get(stream.peerId) ?? new Set()
    if (streams.size === 0) this.#peers.set(stream.peerId, streams)
    streams.add(stream)
    this.size++
  }

  next(): Readable | null {
    const [first] = this.#peers
    const [stream] = first?.[1] ?? []
    if (first === undefined || stream === undefined) return null
    const [peerId, streams] = first
    streams.delete(stream)
    this.size--
    this.#peers.delete(peerId)
    if (streams.size > 0) this.#peers.set(peerId, streams)
    return stream
  }
}
