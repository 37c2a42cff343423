// HalfSipHash-2-4 with 64 bits of output (Aumasson and Bernstein): a hash under a secret key, so that nobody outside can choose two
// prefixes that meet in a sketch. On 32-bit words, because those are what the language computes with.
import { assert } from '../assert.ts'
import type { Random } from '../ports.ts'

const KEY_BYTES = 8

/** A keyed hash of short byte strings; two 32-bit words. */
export class KeyedHash {
  readonly #k0: number
  readonly #k1: number
  #v0 = 0
  #v1 = 0
  #v2 = 0
  #v3 = 0

  /** `key` has 8 bytes. */
  constructor(key: Uint8Array) {
    assert(key.length === KEY_BYTES, 'the key has 8 bytes')
    this.#k0 = word(key, 0)
    this.#k1 = word(key, 4)
  }

  /** Under a key nobody knows. */
  static random(random: Random): KeyedHash {
    const key = new Uint8Array(KEY_BYTES)
    random.fill(key)
    return new KeyedHash(key)
  }

  /** Both halves, each unsigned, of `bytes` (at most 255). */
  digest(bytes: Uint8Array): readonly [number, number] {
    this.#v0 = this.#k0
    this.#v1 = this.#k1 ^ 0xee
    this.#v2 = this.#k0 ^ 0x6c79_6765
    this.#v3 = this.#k1 ^ 0x7465_6462
    const whole = bytes.length & ~3
    for (let i = 0; i < whole; i += 4) this.#absorb(word(bytes, i))
    this.#absorb(tail(bytes, whole) | (bytes.length << 24))
    this.#v2 ^= 0xee
    const low = this.#finish()
    this.#v1 ^= 0xdd
    return [low, this.#finish()]
  }

  #absorb(m: number): void {
    this.#v3 ^= m
    this.#round()
    this.#round()
    this.#v0 ^= m
  }

  #finish(): number {
    for (let i = 0; i < 4; i++) this.#round()
    return (this.#v1 ^ this.#v3) >>> 0
  }

  #round(): void {
    let [v0, v1, v2, v3] = [this.#v0, this.#v1, this.#v2, this.#v3]
    v0 = (v0 + v1) | 0
    v1 = rotate(v1, 5) ^ v0
    v0 = rotate(v0, 16)
    v2 = (v2 + v3) | 0
    v3 = rotate(v3, 8) ^ v2
    v0 = (v0 + v3) | 0
    v3 = rotate(v3, 7) ^ v0
    v2 = (v2 + v1) | 0
    v1 = rotate(v1, 13) ^ v2
    v2 = rotate(v2, 16)
    this.#v0 = v0
    this.#v1 = v1
    this.#v2 = v2
    this.#v3 = v3
  }
}

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

const word = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)

/** The last, incomplete word: at most three bytes. */
const tail = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)
