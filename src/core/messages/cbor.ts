// CBOR as the protocol allows it: deterministic (RFC 8949 section 4.2.1), maps with small unsigned integer keys, unsigned integers
// up to 2⁵³−1, byte strings, texts, arrays, booleans and null. No negative numbers, floats, tags, undefined or indefinite lengths.
// A scan over the bytes settles all of that, depth and lengths included, before the library builds anything.
import { decode, encode } from 'cborg'
import { assert } from '../assert.ts'
import { sameBytes } from '../bytes.ts'

/** A value that can be sent. */
export type CborValue = number | string | boolean | null | Uint8Array | readonly CborValue[] | CborMap

/** The only kind of map there is: keys 0 to 65,535. */
export type CborMap = ReadonlyMap<number, CborValue>

/** Maps and arrays inside one another at most: no message needs more than four. */
const DEPTH_MAX = 8
const KEY_MAX = 0xffff

/** The deterministic encoding of a map; keys may be in any order. */
export const encodeMap = (map: CborMap): Uint8Array => encode(map)

/** The map these bytes are the deterministic encoding of, or null; never throws. Byte strings are copies. Callers bound the length. */
export const decodeMap = (bytes: Uint8Array): CborMap | null => {
  if ((bytes[0] ?? 0) >> 5 !== MAJOR.map || new Scan(bytes).item(0) !== bytes.length) return null
  try {
    const map: unknown = decode(bytes, DECODE)
    assert(map instanceof Map, 'a scanned map decodes to a map')
    // The scan does not look into texts: one that is not UTF-8 comes back changed.
    return sameBytes(encode(map), bytes) ? (map as CborMap) : null
  } catch {
    return null
  }
}

const DECODE = {
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  strict: true,
  useMaps: true,
  rejectDuplicateMapKeys: true,
} as const

const MAJOR = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const
const FALSE = 0xf4
const NULL = 0xf6

/** Walks over well-formed items without building them. Every method returns the end of what it read, or -1. */
class Scan {
  readonly #bytes: Uint8Array
  /** The argument of the head that was read last. */
  #argument = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Recursion is bounded by DEPTH_MAX, work by the number of bytes: each item takes at least one. */
  item(at: number, depth = 0): number {
    const first = this.#bytes[at]
    if (first === undefined || depth > DEPTH_MAX) return -1
    const major = first >> 5
    if (major === MAJOR.simple) return first >= FALSE && first <= NULL ? at + 1 : -1
    if (major === MAJOR.negative || major === MAJOR.tag) return -1
    const end = this.#head(at)
    if (end === -1 || major === MAJOR.uint) return end
    const length = this.#argument
    if (length > this.#bytes.length - end) return -1
    if (major === MAJOR.array) return this.#items(end, length, depth)
    return major === MAJOR.map ? this.#pairs(end, length, depth) : end + length
  }

  #items(start: number, count: number, depth: number): number {
    let at = start
    for (let i = 0; i < count && at !== -1; i++) at = this.item(at, depth + 1)
    return at
  }

  #pairs(start: number, count: number, depth: number): number {
    let at = start
    for (let i = 0, last = -1; i < count && at !== -1; i++) {
      const end = (this.#bytes[at] ?? 0xff) >> 5 === MAJOR.uint ? this.#head(at) : -1
      // Ascending keys are the deterministic order and leave no room for duplicates.
      if (end === -1 || this.#argument <= last || this.#argument > KEY_MAX) return -1
      last = this.#argument
      at = this.item(end, depth + 1)
    }
    return at
  }

  /** Reads an item's first byte and its argument, which must be in its shortest form. */
  #head(at: number): number {
    const short = (this.#bytes[at] ?? 0) & 0x1f
    if (short > 27) return -1
    this.#argument = short
    if (short < 24) return at + 1
    const size = 1 << (short - 24)
    if (at + 1 + size > this.#bytes.length) return -1
    let value = 0
    for (let i = 1; i <= size; i++) value = value * 256 + (this.#bytes[at + i] ?? 0)
    this.#argument = value
    const least = size === 1 ? 24 : 2 ** (4 * size)
    return value >= least && value <= Number.MAX_SAFE_INTEGER ? at + 1 + size : -1
  }
}
