// How many streams of each direction each end may open and has opened (RFC 9000 section 4.6). Counts, not ids.
import type { TransportSettings } from './settings.ts'

interface Count {
  /** Streams we opened, and up to how many the peer lets us. */
  ours: number
  oursMax: number
  /** Streams the peer opened, how many of them are over, up to how many it may, and how many are open at once. */
  theirs: number
  theirsClosed: number
  theirsMax: number
  readonly theirsAtOnce: number
  /** A raised limit has to be announced. */
  owed: boolean
  /** An `open` was refused: say when it may succeed. */
  wanted: boolean
}

export class StreamCounts {
  readonly #bidirectional: Count
  readonly #unidirectional: Count

  constructor(settings: TransportSettings) {
    this.#bidirectional = count(settings.bidirectionalStreams)
    this.#unidirectional = count(settings.unidirectionalStreams)
  }

  /** The index of the next stream of ours, or null at the peer's limit. */
  open(bidirectional: boolean): number | null {
    const count = this.#of(bidirectional)
    if (count.ours < count.oursMax) return count.ours++
    count.wanted = true
    return null
  }

  /** Streams the peer may open that it has not. */
  get unopened(): number {
    const of = ({ theirs, theirsMax }: Count): number => theirsMax - theirs
    return of(this.#bidirectional) + of(this.#unidirectional)
  }

  /** Whether `open` would give a stream; if not, it is told when it may. */
  canOpen(bidirectional: boolean): boolean {
    const count = this.#of(bidirectional)
    const can = count.ours < count.oursMax
    if (!can) count.wanted = true
    return can
  }

  openedByUs(bidirectional: boolean): number {
    return this.#of(bidirectional).ours
  }

  /** The peer's limit for us; true when somebody waits for it. */
  raisePeer(bidirectional: boolean, limit: number): boolean {
    const count = this.#of(bidirectional)
    if (limit <= count.oursMax) return false
    count.oursMax = limit
    const wanted = count.wanted
    count.wanted = false
    return wanted
  }

  /** The peer used stream `index`: all up to it are open now. Null when that is more than it was granted. */
  openByPeer(bidirectional: boolean, index: number): { from: number; to: number } | null {
    const count = this.#of(bidirectional)
    if (index >= count.theirsMax) return null
    const from = count.theirs
    count.theirs = Math.max(count.theirs, index + 1)
    return { from, to: count.theirs }
  }

  /** A stream of the peer's is over: it may open another, announced when it has none left, or a quarter of them at once. */
  closedByPeer(bidirectional: boolean): void {
    const count = this.#of(bidirectional)
    count.theirsClosed++
    const isWorthIt = count.theirsClosed + count.theirsAtOnce - count.theirsMax >= count.theirsAtOnce / 4
    if (isWorthIt || count.theirs === count.theirsMax) count.owed = true
  }

  /** The new limit to announce in MAX_STREAMS, or null. */
  owed(bidirectional: boolean): number | null {
    const count = this.#of(bidirectional)
    return count.owed ? count.theirsClosed + count.theirsAtOnce : null
  }

  announced(bidirectional: boolean, limit: number): void {
    const count = this.#of(bidirectional)
    count.theirsMax = Math.max(count.theirsMax, limit)
    count.owed = false
  }

  announcementLost(bidirectional: boolean): void {
    this.#of(bidirectional).owed = true
  }

  #of(bidirectional: boolean): Count {
    return bidirectional ? this.#bidirectional : this.#unidirectional
  }
}

const count = (atOnce: number): Count => ({
  ours: 0,
  oursMax: 0,
  theirs: 0,
  theirsClosed: 0,
  theirsMax: atOnce,
  theirsAtOnce: atOnce,
  owed: false,
  wanted: false,
})
