// Kademlia's distance: the XOR of two 256-bit ids, compared as a number. Ids are texts of hexadecimal digits, and XOR orders digit by
// digit as it orders bit by bit, so that nothing is ever converted.
import type { ChunkAddress, PeerId } from '../ids.ts'

/** What lies in the id space: peers and chunks alike. */
export type Id = PeerId | ChunkAddress

/** Bits of an id. */
export const ID_BITS = 256

/** Below 0 when `a` is closer to `target` than `b` is, above 0 when it is farther, 0 when they are equal. */
export const compareDistance = (target: Id, a: Id, b: Id): number => {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x !== y) {
      const t = digit(target.charCodeAt(i))
      return (digit(x) ^ t) - (digit(y) ^ t)
    }
  }
  return 0
}

/** Orders by distance to `target`, nearest first: for `sort`. */
export const byDistance =
  (target: Id): ((a: Id, b: Id) => number) =>
  (a, b) =>
    compareDistance(target, a, b)

/** How many leading bits two ids share: 0 to 256. The more, the closer; also the index of a bucket. */
export const sharedBits = (a: Id, b: Id): number => {
  for (let i = 0; i < a.length; i++) {
    const difference = digit(a.charCodeAt(i)) ^ digit(b.charCodeAt(i))
    if (difference !== 0) return 4 * i + Math.clz32(difference) - 28
  }
  return ID_BITS
}

/** The value of a lower-case hexadecimal digit given by its character code. */
const digit = (code: number): number => (code < 0x3a ? code - 0x30 : code - 0x57)
