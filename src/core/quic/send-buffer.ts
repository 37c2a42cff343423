// Bytes written and not yet acknowledged: what to send next, what to send again, what may be forgotten. Streams and the handshake
// share it. The writer bounds how much is held.
import { Ranges } from './ranges.ts'

interface Piece {
  readonly start: number
  readonly bytes: Uint8Array
  /** How much of `bytes` is filled: small writes share a piece. */
  filled: number
}

/** A write smaller than this gets a piece of this size, which the next writes fill. */
const PIECE_BYTES_MIN = 1024

/** Of a larger write each so many bytes are a piece, whose memory is used again: what is bulk would else be collected for every byte sent. */
const BLOCK_BYTES = 64 * 1024

/** Blocks that wait to be used again, of all connections together: 2 MiB, two streams in full flow. */
const BLOCKS_MAX = 32

/** Bounded by BLOCKS_MAX. What is left in them is never read: a piece is read up to where it was filled. */
const blocks: Uint8Array[] = []

export class SendBuffer {
  /** Ascending and contiguous from the first byte not acknowledged. Bounded by the writer. */
  readonly #pieces: Piece[] = []
  readonly #lost = new Ranges()
  readonly #acknowledged = new Ranges()
  /** All below is acknowledged and forgotten. */
  #base = 0
  /** The first byte never sent. */
  next = 0
  /** One above the last byte written. */
  end = 0

  /** Bytes held. */
  get held(): number {
    return this.end - this.#base
  }

  /** Whether something has to be sent again. */
  get hasLost(): boolean {
    return !this.#lost.isEmpty
  }

  get allAcknowledged(): boolean {
    return this.#base === this.end
  }

  /** Appends a copy of `bytes`. */
  write(bytes: Uint8Array): void {
    const last = this.#pieces.at(-1)
    const room = last === undefined ? 0 : Math.min(last.bytes.length - last.filled, bytes.length)
    if (last !== undefined && room > 0) {
      last.bytes.set(bytes.subarray(0, room), last.filled)
      last.filled += room
      this.end += room
    }
    for (let at = room; at < bytes.length; at += BLOCK_BYTES) this.#add(bytes.subarray(at, at + BLOCK_BYTES))
  }

  #add(bytes: Uint8Array): void {
    const { length } = bytes
    const whole = length === BLOCK_BYTES ? blocks.pop() : undefined
    const piece = { start: this.end, bytes: whole ?? new Uint8Array(Math.max(PIECE_BYTES_MIN, length)), filled: length }
    piece.bytes.set(bytes)
    this.#pieces.push(piece)
    this.end += length
  }

  /** Where the next frame starts and ends at the most: what was lost first; `limit` bounds what was never sent. Null: nothing. */
  pending(limit: number): { start: number; end: number } | null {
    if (!this.#lost.isEmpty) return { start: this.#lost.startOf(0), end: this.#lost.endOf(0) }
    const end = Math.min(this.end, limit)
    return this.next < end ? { start: this.next, end } : null
  }

  /** Bytes from `start`, up to `max` and up to where memory is contiguous. Valid until the next input. */
  view(start: number, max: number): Uint8Array {
    let low = 0
    let high = this.#pieces.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#pieces[middle]!.start <= start) low = middle
      else high = middle - 1
    }
    const piece = this.#pieces[low]!
    const from = start - piece.start
    return piece.bytes.subarray(from, Math.min(piece.filled, from + max))
  }

  /** `[start, end)` was put into a packet. */
  sent(start: number, end: number): void {
    this.#lost.remove(start, end)
    this.next = Math.max(this.next, end)
  }

  /** A packet with `[start, end)` was acknowledged. */
  acknowledge(start: number, end: number): void {
    this.#lost.remove(start, end)
    this.#acknowledged.add(Math.max(start, this.#base), end)
    if (this.#acknowledged.min !== this.#base) return
    this.#base = this.#acknowledged.endOf(0)
    this.#acknowledged.remove(0, this.#base)
    let gone = 0
    while (gone < this.#pieces.length) {
      const piece = this.#pieces[gone]!
      if (piece.start + piece.filled > this.#base) break
      gone++
    }
    if (gone > 0) release(this.#pieces.splice(0, gone))
  }

  /** A packet with `[start, end)` was lost: what was not acknowledged meanwhile is sent again. */
  lose(start: number, end: number): void {
    const from = Math.max(start, this.#base)
    this.#lost.add(from, end)
    const acknowledged = this.#acknowledged
    for (let i = acknowledged.indexAbove(from); i < acknowledged.count && acknowledged.startOf(i) < end; i++) {
      this.#lost.remove(this.#acknowledged.startOf(i), this.#acknowledged.endOf(i))
    }
  }

  /** Forgets everything: the stream was reset. */
  clear(): void {
    release(this.#pieces.splice(0))
    this.#lost.clear()
    this.#acknowledged.clear()
    this.#base = this.next = this.end
  }
}

const release = (pieces: readonly Piece[]): void => {
  for (const { bytes } of pieces) if (bytes.length === BLOCK_BYTES && blocks.length < BLOCKS_MAX) blocks.push(bytes)
}
