// How a file is cut: pieces of 4 MiB in order, the last one shorter. 20 MB give 5 pieces; an empty file gives none.
import { assert } from '../assert.ts'
import { PLAINTEXT_BYTES_MAX } from './chunk.ts'

/** One piece of a file: bytes `[offset, offset + size)`. */
export interface Piece {
  readonly index: number
  readonly offset: number
  readonly size: number
}

/** How many pieces a file of `size` bytes is cut into. */
export const pieceCount = (size: number): number => Math.ceil(size / PLAINTEXT_BYTES_MAX)

/** The piece of that index, from 0. */
export const pieceAt = (size: number, index: number): Piece => {
  assert(index >= 0 && index < pieceCount(size), 'a piece lies inside its file')
  const offset = index * PLAINTEXT_BYTES_MAX
  return { index, offset, size: Math.min(PLAINTEXT_BYTES_MAX, size - offset) }
}
