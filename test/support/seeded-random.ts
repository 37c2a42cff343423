// Repeatable randomness for tests: the same seed gives the same bytes for ever (sfc32 of PractRand).
import type { Random } from '../../src/core/ports.ts'

/** A Random port that a seed determines; also gives fractions, for networks and faults. */
export class SeededRandom implements Random {
  readonly seed: number
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.seed = seed
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#c = 0x5a17_b0c7
    // The first outputs of neighbouring seeds are alike.
    for (let i = 0; i < 12; i++) this.#next()
  }

  fill(into: Uint8Array): void {
    for (let i = 0; i < into.length; i++) into[i] = this.#next() & 0xff
  }

  /** At least 0, below 1. */
  fraction(): number {
    return (this.#next() >>> 0) / 2 ** 32
  }

  /** A whole number at least 0, below `bound`. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound)
  }

  #next(): number {
    const result = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + result
    this.#c |= 0
    return result
  }
}
