// Reads bulk streams outside the turn in which their bytes arrived: a bounded number a turn, peers taking turns. What does not fit into
// its lane stays unread until there is room: its bytes stay where they are, within the connection's credit, and none is dropped.
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
  /** By shard, in the order of their waiting. Bounded by the streams there are. */
  readonly #unread = Array.from({ length: LANES.shards }, () => new Set<Readable>())
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

  /** The place that `taken` leaves in its lane goes to the stream that waited longest for it. */
  #refill(taken: Readable): void {
    const waiting = this.#waiting(taken)
    for (const stream of waiting) {
      waiting.delete(stream)
      if (!stream.over) return void this.#lanes.add(stream.peerId, stream)
      stream.queued = false
    }
  }

  #waiting({ peerId }: Readable): Set<Readable> {
    const waiting = this.#unread[this.#lanes.shardOf(peerId)]
    assert(waiting !== undefined, 'every shard has those that wait for it')
    return waiting
  }
}
