// A hash for simulations: fast, well mixed, and worth nothing against anybody who means harm. Four lanes of 32 bits take four bytes each in
// turn, and every step of a lane can be undone, so that a change of any bytes of one lane's word always shows.

const P1 = 0x85eb_ca6b
const P2 = 0xc2b2_ae35
const P3 = 0x27d4_eb2f
const P4 = 0x1656_67b1

/** The running state: four lanes and how many bytes they have taken. */
export class Digest {
  #a: number
  #b: number
  #c: number
  #d: number
  #length = 0

  constructor(salt: number) {
    this.#a = salt ^ P1
    this.#b = (salt + P2) | 0
    this.#c = Math.imul(salt, P3) ^ P4
    this.#d = ~salt
  }

  /** Takes `[start, end)` of `bytes`. What is taken in two calls is not what would be taken in one. */
  take(bytes: Uint8Array, start = 0, end = bytes.length): this {
    const whole = start + ((end - start) & ~15)
    if (whole > start) {
      if (IS_LITTLE && ((bytes.byteOffset + start) & 3) === 0) this.#takeAligned(bytes, start, whole)
      else this.#takeAnywhere(bytes, start, whole)
    }
    let a = this.#a
    let b = this.#b
    for (let at = whole; at < end; at++) {
      a = Math.imul(a ^ (bytes[at] ?? 0), P2)
      a = ((a << 9) | (a >>> 23)) + b
      b = (b << 7) | (b >>> 25)
    }
    this.#a = a | 0
    this.#b = b
    return this.number(end - start)
  }

  /** The same as below, in half the time, where memory lies well: as the chunks and most packets do. */
  #takeAligned(bytes: Uint8Array, start: number, end: number): void {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + start, (end - start) >> 2)
    let a = this.#a
    let b = this.#b
    let c = this.#c
    let d = this.#d
    for (let at = 0; at + 3 < words.length; at += 4) {
      a = Math.imul(a ^ (words[at] ?? 0), P1)
      a = (a << 13) | (a >>> 19)
      b = Math.imul(b ^ (words[at + 1] ?? 0), P2)
      b = (b << 15) | (b >>> 17)
      c = Math.imul(c ^ (words[at + 2] ?? 0), P3)
      c = (c << 11) | (c >>> 21)
      d = Math.imul(d ^ (words[at + 3] ?? 0), P4 | 1)
      d = (d << 17) | (d >>> 15)
    }
    this.#a = a
    this.#b = b
    this.#c = c
    this.#d = d
  }

  #takeAnywhere(bytes: Uint8Array, start: number, end: number): void {
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let a = this.#a
    let b = this.#b
    let c = this.#c
    let d = this.#d
    for (let at = start; at < end; at += 16) {
      a = Math.imul(a ^ words.getInt32(at, true), P1)
      a = (a << 13) | (a >>> 19)
      b = Math.imul(b ^ words.getInt32(at + 4, true), P2)
      b = (b << 15) | (b >>> 17)
      c = Math.imul(c ^ words.getInt32(at + 8, true), P3)
      c = (c << 11) | (c >>> 21)
      d = Math.imul(d ^ words.getInt32(at + 12, true), P4 | 1)
      d = (d << 17) | (d >>> 15)
    }
    this.#a = a
    this.#b = b
    this.#c = c
    this.#d = d
  }

  /** Takes a whole number. */
  number(value: number): this {
    this.#length = (this.#length + value + 1) | 0
    this.#d = Math.imul(this.#d ^ (value | 0), P1)
    this.#c = Math.imul(this.#c ^ Math.floor(value / 2 ** 32), P2) + this.#length
    this.#c |= 0
    return this
  }

  /** Writes `length` bytes of what the state has become, at most as many as there is room for. */
  write(into: Uint8Array, start: number, length: number): void {
    let x = finish(this.#a + this.#length)
    let y = finish(this.#b ^ x)
    let z = finish(this.#c + y)
    let w = finish(this.#d ^ z)
    x = finish(x + w)
    for (let at = 0; at < length; at += 4) {
      put(into, start + at, Math.min(4, length - at), x)
      x = Math.imul(x ^ (x >>> 15), P1) + y
      y = (y << 5) | (y >>> 27)
      y = (y + z) | 0
      z = Math.imul(z ^ w, P3)
      w = (w + 0x9e37_79b9) | 0
      x ^= w
    }
  }

  /** So many bytes of what the state has become, in memory of their own. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    this.write(bytes, 0, length)
    return bytes
  }

  /** 32 bits of what the state has become. */
  get word(): number {
    return finish(this.#a + finish(this.#b + finish(this.#c ^ finish(this.#d + this.#length))))
  }
}

/** Whether words of memory are read as they are read here otherwise, the least byte first. */
const IS_LITTLE = new Uint8Array(Int32Array.of(1).buffer)[0] === 1

const put = (into: Uint8Array, at: number, count: number, value: number): void => {
  for (let i = 0; i < count; i++) into[at + i] = value >>> (8 * i)
}

const finish = (value: number): number => {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), P1)
  h = Math.imul(h ^ (h >>> 13), P2)
  return h ^ (h >>> 16)
}
