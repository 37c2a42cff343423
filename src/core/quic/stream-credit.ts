// How the credit of a connection is shared among its streams, so that bulk nobody reads can never use up what control needs: whatever
// streams are granted and have not had read stays at most MAX_DATA less the reserve, whichever of them the peer spends it on.
//
// Each stream there may be has an opening credit that is always its own. What is left is the pool: a stream takes from it when its
// reader keeps up, at most three quarters of what is free at once, and gives it back as it is read. One that gets too little waits for more.
import { assert } from '../assert.ts'
import type { ReceiveWindow } from './flow-control.ts'
import type { Stream } from './streams.ts'
import type { TransportSettings } from './settings.ts'

/** The reserve is at most one part in so many of the first window. */
export const RESERVED_SHARE = 4

/** One stream's part of what is free: enough for it to double in the first window when it is read alone, and something for others. */
const TAKE_SHARE = 3 / 4

/** Taking less than this from the pool is not worth a frame. */
const TAKE_BYTES_MIN = 4096

/** Bytes of the connection's credit kept for prioritised streams. */
export const reservedBytes = (settings: TransportSettings): number =>
  Math.min(settings.reservedBytes, Math.floor(settings.dataBytes.initial / RESERVED_SHARE))

/** What a stream may bring before it is read: half of the first window, less the reserve, shared by all the streams there may be. */
export const openingBytes = (settings: TransportSettings): number => {
  const { streamBytes, dataBytes } = settings
  const shared = Math.floor((dataBytes.initial - reservedBytes(settings)) / 2 / streamsMax(settings))
  return streamBytes.opening ?? Math.max(1, Math.min(streamBytes.initial, shared))
}

/** Bytes of the connection's credit that the pool never has: the reserve, and the opening credit of every stream there may be. */
export const settledBytes = (settings: TransportSettings): number =>
  reservedBytes(settings) + openingBytes(settings) * streamsMax(settings)

/** Streams there may be at once, whoever opens them. */
export const streamsMax = ({
  bidirectionalStreams,
  unidirectionalStreams,
  requestStreams,
}: TransportSettings): number => bidirectionalStreams + unidirectionalStreams + requestStreams

/** The credit of one connection's streams. Bounded by its window. */
export class StreamCredit {
  readonly #window: ReceiveWindow
  readonly #opening: number
  readonly #reserved: number
  readonly #settled: number
  /** What streams hold beyond their opening credit, and what prioritised ones hold of the reserve. */
  #held = 0
  #urgent = 0
  /** Streams that got less than they could use, in the order of their waiting. Bounded by the streams there are. */
  readonly #waiting = new Set<Stream>()

  constructor(window: ReceiveWindow, settings: TransportSettings) {
    this.#window = window
    this.#opening = openingBytes(settings)
    this.#reserved = reservedBytes(settings)
    this.#settled = settledBytes(settings)
  }

  /** What streams may still take together. */
  get free(): number {
    return Math.max(0, this.#window.outstanding - this.#settled - this.#held)
  }

  /** Opening credits were read that the connection's limit has not made up for: before more is granted it has to be raised. */
  get isShort(): boolean {
    return this.#window.outstanding < Math.min(this.#window.size, this.#settled + this.#held)
  }

  /** Something of a stream changed: it was created, read, raised, stopped, ended, forgotten. */
  settle(stream: Stream): void {
    const { receive } = stream
    if (receive === null) return
    const held = this.#holds(stream)
    if (stream.isUrgent) this.#urgent += held - receive.charged
    else this.#held += held - receive.charged
    receive.charged = held
    if (receive.isDone || receive.finalSize !== null || receive.stopped !== null) this.#waiting.delete(stream)
  }

  /** A stream becomes a prioritised one: it holds of the reserve from now on. */
  prioritise(stream: Stream): void {
    const { receive } = stream
    if (receive !== null) {
      this.#held -= receive.charged
      receive.charged = 0
    }
    stream.isUrgent = true
    this.settle(stream)
  }

  /** Whether a limit should be announced for a stream that was read. One that waits for the pool has its opening credit meanwhile. */
  isDue(stream: Stream): boolean {
    const window = stream.receive?.window
    if (window === undefined || !window.isDue) return false
    return !this.#waiting.has(stream) || window.outstanding <= this.#opening / 2
  }

  /** Raises a stream's limit as far as there is credit; false when it could use more. */
  raise(stream: Stream, when: { now: number; rttMs: number }): boolean {
    const { receive } = stream
    assert(receive !== null, 'only a stream that receives is granted credit')
    const room = this.#room(stream, receive.window.outstanding)
    const enough = receive.window.raise(when.now, when.rttMs, room)
    this.#waiting.delete(stream)
    if (!enough && !stream.isUrgent) this.#waiting.add(stream)
    this.settle(stream)
    return enough
  }

  /** The stream that waited longest, when there is something worth taking; it is no longer waiting. */
  next(): Stream | null {
    if (this.#waiting.size === 0 || this.free < 2 * TAKE_BYTES_MIN) return null
    const [first] = this.#waiting
    if (first === undefined) return null
    this.#waiting.delete(first)
    return first
  }

  /** Throws when what streams hold is not what was counted, or leaves the reserve too little; `unopened` streams may still come. */
  checkInvariants(streams: Iterable<Stream>, unopened: number): void {
    let [bulk, held, urgent] = [unopened * this.#opening, 0, 0]
    for (const stream of streams) {
      const { receive } = stream
      if (receive === null || receive.isDone) continue
      if (stream.isUrgent) urgent += receive.unread
      else bulk += receive.unread
      if (!stream.isUrgent) held += this.#holds(stream)
    }
    assert(held === this.#held && urgent === this.#urgent, 'the credit that streams hold is counted')
    assert(urgent <= Math.max(this.#reserved, this.#opening), 'prioritised streams hold no more than the reserve')
    const { outstanding } = this.#window
    assert(bulk + urgent <= outstanding, 'what streams were granted fits the credit of the connection')
    // Control that was read used the reserve; until that is made up for, which is due, there is less of it.
    assert(this.isShort || bulk <= outstanding - this.#reserved, 'unread credit leaves the reserve of the connection')
  }

  #holds({ receive, isUrgent }: Stream): number {
    if (receive === null || receive.isDone) return 0
    return isUrgent ? receive.unread : Math.max(0, receive.unread - this.#opening)
  }

  #room(stream: Stream, outstanding: number): number {
    if (stream.isUrgent) return Math.max(0, this.#reserved - this.#urgent)
    const share = Math.max(this.free * TAKE_SHARE, Math.min(this.free, TAKE_BYTES_MIN))
    return Math.max(0, this.#opening - outstanding) + Math.floor(share)
  }
}
