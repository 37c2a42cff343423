// Puts the pieces of a stream in order (RFC 9000 section 2.2). What arrives twice is kept once; what was read is gone. The owner
// bounds the offsets (flow control or a fixed window) and the number of pieces: a piece costs memory however small it is.
import { concat } from '../bytes.ts'

interface Piece {
  readonly start: number
  readonly bytes: Uint8Array
}

/** In the place of a piece that was read: its bytes are the reader's, and not held here any longer. */
const READ: Piece = { start: -1, bytes: new Uint8Array(0) }

/** Neighbours that are no longer than this together are joined, so that pieces are many only where gaps are. */
const JOINED_BYTES_MAX = 2048

/** Places of pieces that were read, left for what comes in front, before they are given up together. */
const READ_MAX = 64

/** Bytes that each piece beyond the first `few` has to bring: whole packets do, and a stranger's every second byte does not. */
const BYTES_EACH = 512

/**
 * How many pieces may wait at once; all streams of a connection share one, or a stranger could send every second byte of each. Each costs
 * memory, and the work of finding its place among the others.
 */
export class PieceCount {
  readonly max: number
  readonly #few: number
  held = 0
  bytes = 0

  /** `few` may be of any size. */
  constructor(max: number, few = max) {
    this.max = max
    this.#few = few
  }

  /** Whether there are more than may wait. */
  get isOver(): boolean {
    return this.held > this.max || (this.held - this.#few) * BYTES_EACH > this.bytes
  }

  add(pieces: number, bytes: number): void {
    this.held += pieces
    this.bytes += bytes
  }
}

export class Reassembly {
  /** Ascending, disjoint, all at or above `offset`. Bounded by the count its owner gives. */
  readonly #pieces: Piece[] = []
  readonly #count: PieceCount
  #first = 0
  /** The next byte to be read. */
  offset = 0
  /** Bytes in the pieces that were not read. */
  bytes = 0

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
      this.#put(this.#pieces.length, from, data.subarray(from - start))
    } else {
      this.#fillGaps(start, data)
    }
    return !this.#count.isOver
  }

  /** Bytes and pieces that wait to be read. Counted anew each time: for tests. */
  get held(): { readonly bytes: number; readonly pieces: number } {
    const pieces = this.#pieces.slice(this.#first)
    return { bytes: pieces.reduce((sum, { bytes }) => sum + bytes.length, 0), pieces: pieces.length }
  }

  /** The next bytes in order, or null while they are missing. */
  read(): Uint8Array | null {
    if (!this.readable) return null
    const { bytes } = this.#pieces[this.#first]!
    this.#pieces[this.#first++] = READ
    this.offset += bytes.length
    this.#add(-1, -bytes.length)
    if (this.#first === this.#pieces.length || this.#first > READ_MAX) {
      this.#pieces.splice(0, this.#first)
      this.#first = 0
    }
    return bytes
  }

  /** Forgets what was not read. */
  clear(): void {
    this.#add(this.#first - this.#pieces.length, -this.bytes)
    this.#pieces.length = this.#first = 0
  }

  /**
   * Puts bytes in at `index`, into a neighbour that they touch where both are small; returns how far the pieces behind have moved. They do so
   * for a piece of its own that is not the first, and for what fills a gap for good.
   */
  #put(index: number, start: number, data: Uint8Array): number {
    const before = index > this.#first ? this.#pieces[index - 1]! : null
    const after = this.#pieces[index] ?? null
    const joinsBefore = before !== null && before.start + before.bytes.length === start && fit(before.bytes, data)
    const joinsAfter = after !== null && start + data.length === after.start && fit(data, after.bytes)
    if (joinsBefore) {
      const joined = concat(before.bytes, data)
      const closes = after !== null && start + data.length === after.start && fit(joined, after.bytes)
      this.#pieces[index - 1] = { start: before.start, bytes: closes ? concat(joined, after.bytes) : joined }
      if (closes) this.#pieces.splice(index, 1)
      this.#add(closes ? -1 : 0, data.length)
      return closes ? -1 : 0
    }
    if (joinsAfter) {
      this.#pieces[index] = { start, bytes: concat(data, after.bytes) }
      this.#add(0, data.length)
      return 0
    }
    const piece = { start, bytes: kept(data) }
    this.#add(1, data.length)
    if (index === this.#first && index > 0) {
      this.#pieces[--this.#first] = piece
      return 0
    }
    if (index === this.#pieces.length) this.#pieces.push(piece)
    else this.#pieces.splice(index, 0, piece)
    return 1
  }

  #add(pieces: number, bytes: number): void {
    this.#count.add(pieces, bytes)
    this.bytes += bytes
  }

  #fillGaps(start: number, data: Uint8Array): void {
    const end = start + data.length
    let cursor = Math.max(start, this.offset)
    let index = this.#firstEndingAbove(cursor)
    while (cursor < end) {
      const next = this.#pieces[index]
      const until = next === undefined ? end : Math.min(end, next.start)
      if (until > cursor) {
        index += this.#put(index, cursor, data.subarray(cursor - start, until - start))
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

const fit = (one: Uint8Array, other: Uint8Array): boolean => one.length + other.length <= JOINED_BYTES_MAX

/** A piece is copied out of its datagram unless it is at least half of it: a small one must not hold the whole in memory. */
const kept = (bytes: Uint8Array): Uint8Array =>
  2 * bytes.byteLength >= bytes.buffer.byteLength ? bytes : bytes.slice()
