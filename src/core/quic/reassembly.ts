// Puts the pieces of a stream in order (RFC 9000 section 2.2). What arrives twice is kept once; what was read is gone. The owner
// bounds the offsets (flow control or a fixed window) and the number of pieces: a piece costs memory however small it is.
import { concat } from '../bytes.ts'

interface Piece {
  readonly start: number
  readonly bytes: Uint8Array
}

/** Neighbours that are no longer than this together are joined, so that pieces are many only where gaps are. */
const JOINED_BYTES_MAX = 2048

/** How many pieces may wait at once; all streams of a connection share one, or a stranger could send every second byte of each. */
export class PieceCount {
  readonly max: number
  held = 0

  constructor(max: number) {
    this.max = max
  }
}

export class Reassembly {
  /** Ascending, disjoint, all at or above `offset`. Bounded by the count its owner gives. */
  readonly #pieces: Piece[] = []
  readonly #count: PieceCount
  #first = 0
  /** Bytes in the pieces that were not read. */
  bytes = 0
  /** The next byte to be read. */
  offset = 0

  constructor(count: PieceCount) {
    this.#count = count
  }

  /** One above the last byte that can be read without a gap. */
  get readable(): boolean {
    const piece = this.#pieces[this.#first]
    return piece !== undefined && piece.start === this.offset
  }

  /** Takes in `[start, start + data.length)`; false when there are too many gaps to remember. */
  insert(start: number, data: Uint8Array): boolean {
    const end = start + data.length
    const from = Math.max(start, this.offset)
    if (from >= end) return true
    const last = this.#pieces.at(-1)
    if (last === undefined || from >= last.start + last.bytes.length) {
      this.#put(this.#pieces.length, { start: from, bytes: kept(data.subarray(from - start)) })
    } else {
      this.#fillGaps(start, data)
    }
    return this.#count.held <= this.#count.max
  }

  /** Bytes and pieces that wait to be read. Counted anew each time: for tests. */
  get held(): { readonly bytes: number; readonly pieces: number } {
    const pieces = this.#pieces.slice(this.#first)
    return { bytes: pieces.reduce((sum, { bytes }) => sum + bytes.length, 0), pieces: pieces.length }
  }

  /** The next bytes in order, or null while they are missing. */
  read(): Uint8Array | null {
    if (!this.readable) return null
    const piece = this.#pieces[this.#first++]!
    this.offset += piece.bytes.length
    this.bytes -= piece.bytes.length
    this.#count.held--
    if (this.#first === this.#pieces.length || this.#first > 64) {
      this.#pieces.splice(0, this.#first)
      this.#first = 0
    }
    return piece.bytes
  }

  /** Forgets what was not read. */
  clear(): void {
    this.#count.held -= this.#pieces.length - this.#first
    this.#pieces.length = this.#first = this.bytes = 0
  }

  /** Puts a piece in at `index` and joins it to its neighbours where that pays; returns how many pieces there are more. */
  #put(index: number, piece: Piece): number {
    if (index === this.#pieces.length) this.#pieces.push(piece)
    else this.#pieces.splice(index, 0, piece)
    this.bytes += piece.bytes.length
    this.#count.held++
    const joined = (this.#join(index) ? 1 : 0) + (index > this.#first && this.#join(index - 1) ? 1 : 0)
    return 1 - joined
  }

  /** Joins the pieces at `index` and behind it if they touch and are small. */
  #join(index: number): boolean {
    const piece = this.#pieces[index]
    const next = this.#pieces[index + 1]
    if (piece === undefined || next === undefined || piece.start + piece.bytes.length !== next.start) return false
    if (piece.bytes.length + next.bytes.length > JOINED_BYTES_MAX) return false
    this.#pieces.splice(index, 2, { start: piece.start, bytes: concat(piece.bytes, next.bytes) })
    this.#count.held--
    return true
  }

  #fillGaps(start: number, data: Uint8Array): void {
    const end = start + data.length
    let cursor = Math.max(start, this.offset)
    let index = this.#firstEndingAbove(cursor)
    while (cursor < end) {
      const next = this.#pieces[index]
      const until = next === undefined ? end : Math.min(end, next.start)
      if (until > cursor) {
        index += this.#put(index, { start: cursor, bytes: kept(data.subarray(cursor - start, until - start)) })
      }
      if (next === undefined) return
      cursor = Math.max(cursor, next.start + next.bytes.length)
      index++
    }
  }

  #firstEndingAbove(offset: number): number {
    let low = this.#first
    let high = this.#pieces.length
    while (low < high) {
      const middle = (low + high) >> 1
      const piece = this.#pieces[middle]!
      if (piece.start + piece.bytes.length > offset) high = middle
      else low = middle + 1
    }
    return low
  }
}

/** A piece is copied out of its datagram unless it is at least half of it: a small one must not hold the whole in memory. */
const kept = (bytes: Uint8Array): Uint8Array =>
  2 * bytes.byteLength >= bytes.buffer.byteLength ? bytes : bytes.slice()
