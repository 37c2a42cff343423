// Puts the pieces of a stream in order (RFC 9000 section 2.2). What arrives twice is kept once; what was read is gone. The owner
// bounds the offsets (flow control or a fixed window); the number of pieces is bounded here.

interface Piece {
  readonly start: number
  readonly bytes: Uint8Array
}

/** Pieces that wait for a gap to be filled, in one stream: a stranger could otherwise send every second byte. */
const PIECES_MAX = 4096

export class Reassembly {
  /** Ascending, disjoint, all at or above `offset`. Bounded by PIECES_MAX. */
  readonly #pieces: Piece[] = []
  #first = 0
  /** The next byte to be read. */
  offset = 0

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
      this.#pieces.push({ start: from, bytes: kept(data.subarray(from - start)) })
    } else {
      this.#fillGaps(start, data)
    }
    return this.#pieces.length - this.#first <= PIECES_MAX
  }

  /** The next bytes in order, or null while they are missing. */
  read(): Uint8Array | null {
    if (!this.readable) return null
    const piece = this.#pieces[this.#first++]!
    this.offset += piece.bytes.length
    if (this.#first === this.#pieces.length || this.#first > 64) {
      this.#pieces.splice(0, this.#first)
      this.#first = 0
    }
    return piece.bytes
  }

  #fillGaps(start: number, data: Uint8Array): void {
    const end = start + data.length
    let cursor = Math.max(start, this.offset)
    let index = this.#firstEndingAbove(cursor)
    while (cursor < end) {
      const next = this.#pieces[index]
      const until = next === undefined ? end : Math.min(end, next.start)
      if (until > cursor) {
        this.#pieces.splice(index, 0, { start: cursor, bytes: kept(data.subarray(cursor - start, until - start)) })
        index++
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
