// Reading and writing bytes: bounds are checked here once, so that no codec throws on what a stranger sent. A reader that runs
// past its end fails for good and reads zeros; the codec looks at `failed` once, at its end.

/** The largest value a QUIC integer holds here: 2⁵³−1, though RFC 9000 section 16 allows 2⁶²−1. */
export const VARINT_MAX = Number.MAX_SAFE_INTEGER

/** No bytes, for all who have none: an array of its own takes 200, however empty. */
export const NO_BYTES = new Uint8Array(0)

/** Reads big-endian integers and slices from `bytes[start, end)`; never throws, `failed` says whether it ran past the end. */
export class Reader {
  readonly bytes: Uint8Array
  readonly end: number
  at: number
  failed = false
  /** The last `varint` before it was cut to 2⁵³−1, as near as a number can say it. */
  uncut = 0

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = start
    this.end = end
  }

  get remaining(): number {
    return this.end - this.at
  }

  u8(): number {
    if (!this.#has(1)) return 0
    return this.bytes[this.at++]!
  }

  u16(): number {
    return this.uint(2)
  }

  u24(): number {
    return this.uint(3)
  }

  u32(): number {
    return this.uint(4)
  }

  /** An unsigned big-endian integer of 1 to 6 bytes. */
  uint(size: number): number {
    if (!this.#has(size)) return 0
    let value = 0
    for (let i = 0; i < size; i++) value = value * 256 + this.bytes[this.at++]!
    return value
  }

  /** A QUIC variable-length integer (RFC 9000 section 16); a value above 2⁵³−1 is read as 2⁵³−1. */
  varint(): number {
    if (!this.#has(1)) return 0
    const first = this.bytes[this.at]!
    const size = 1 << (first >> 6)
    if (!this.#has(size)) return 0
    this.at++
    let value = first & 0x3f
    for (let i = 1; i < size; i++) value = value * 256 + this.bytes[this.at++]!
    this.uncut = value
    return value > VARINT_MAX ? VARINT_MAX : value
  }

  /** The next `size` bytes as a view of the same memory; empty after a failure. */
  take(size: number): Uint8Array {
    if (!this.#has(size)) return NO_BYTES
    this.at += size
    return this.bytes.subarray(this.at - size, this.at)
  }

  /** All that is left, as a view of the same memory. */
  rest(): Uint8Array {
    return this.take(this.remaining)
  }

  #has(size: number): boolean {
    if (!this.failed && size >= 0 && this.at + size <= this.end) return true
    this.failed = true
    this.at = this.end
    return false
  }
}

/** Writes big-endian integers into one buffer, which grows when it was not given; a given buffer is never exceeded. */
export class Writer {
  bytes: Uint8Array
  at: number
  readonly #fixed: boolean

  constructor(into?: Uint8Array, start = 0) {
    this.bytes = into ?? new Uint8Array(256)
    this.at = start
    this.#fixed = into !== undefined
  }

  get remaining(): number {
    return this.bytes.length - this.at
  }

  u8(value: number): void {
    this.#room(1)
    this.bytes[this.at++] = value
  }

  u16(value: number): void {
    this.uint(value, 2)
  }

  u24(value: number): void {
    this.uint(value, 3)
  }

  u32(value: number): void {
    this.uint(value, 4)
  }

  /** An unsigned big-endian integer in `size` bytes (1 to 8). */
  uint(value: number, size: number): void {
    this.#room(size)
    const { bytes, at } = this
    // What fits 32 bits, which is nearly everything, is shifted; the rest is divided.
    let rest = size > 4 ? Math.floor(value / 2 ** 32) : 0
    for (let i = size - 5; i >= 0; i--) {
      bytes[at + i] = rest % 256
      rest = Math.floor(rest / 256)
    }
    for (let i = size - 1, low = value >>> 0, end = Math.max(0, size - 4); i >= end; i--) {
      bytes[at + i] = low & 0xff
      low >>>= 8
    }
    this.at += size
  }

  /** A QUIC variable-length integer, in the fewest bytes or in `size` (1, 2, 4 or 8) bytes. */
  varint(value: number, size = varintSize(value)): void {
    const start = this.at
    this.uint(value, size)
    this.bytes[start]! |= size === 1 ? 0 : size === 2 ? 0x40 : size === 4 ? 0x80 : 0xc0
  }

  put(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }

  /** Writes what `body` writes behind its length in `size` bytes, as TLS vectors are. */
  vector(size: number, body: () => void): void {
    const start = this.at
    this.uint(0, size)
    body()
    const end = this.at
    this.at = start
    this.uint(end - start - size, size)
    this.at = end
  }

  /** What was written so far, as a view of the buffer. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.at)
  }

  #room(size: number): void {
    if (this.at + size <= this.bytes.length) return
    if (this.#fixed) throw new RangeError('the buffer given to a writer is full')
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + size))
    grown.set(this.bytes.subarray(0, this.at))
    this.bytes = grown
  }
}

/** How many bytes a QUIC variable-length integer takes: 1, 2, 4 or 8. */
export const varintSize = (value: number): number =>
  value < 0x40 ? 1 : value < 0x4000 ? 2 : value < 0x4000_0000 ? 4 : 8

/** One array of all the parts, copied. */
export const concat = (...parts: readonly Uint8Array[]): Uint8Array => {
  let length = 0
  for (const part of parts) length += part.length
  const all = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Whether two arrays hold the same bytes; not in constant time, so not for secrets (`Crypto.equal` is). */
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** Lower-case hexadecimal digits. */
export const toHex = (bytes: Uint8Array): string => {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}

/** The bytes of an even number of hexadecimal digits of either case, or null. */
export const fromHex = (text: string): Uint8Array | null => {
  if (text.length % 2 !== 0) return null
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    const value = (hexDigit(text.charCodeAt(2 * i)) << 4) | hexDigit(text.charCodeAt(2 * i + 1))
    if (value < 0) return null
    bytes[i] = value
  }
  return bytes
}

/** The value of a hexadecimal digit given by its character code; negative, however it is shifted, when it is none. */
const hexDigit = (code: number): number => {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** The bytes of an ASCII text. */
export const ascii = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}
