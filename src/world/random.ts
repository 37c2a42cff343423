// Repeatable randomness (sfc32 of PractRand): a seed and the name of a concern determine the bytes for ever. Each concern draws from a
// stream of its own, so that one more draw in one of them shifts none of the others.
import type { Random } from '../core/ports.ts'

/** A Random port that a seed determines; also gives fractions, for networks and faults. */
export class SeededRandom implements Random {
  readonly seed: number
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** `concern` names the stream; without one it is a stream of its own too. */
  constructor(seed: number, concern = '') {
    this.seed = seed
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) ^ nameHash(concern, 0)
    this.#c = 0x5a17_b0c7 ^ nameHash(concern, 0x9e37_79b9)
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

  /** At least `low`, below `high`. */
  between(low: number, high: number): number {
    return low + this.fraction() * (high - low)
  }

  /** True in so many of all cases, between 0 and 1; draws nothing when it is never or always. */
  chance(share: number): boolean {
    return share >= 1 || (share > 0 && this.fraction() < share)
  }

  /** One of a list that is not empty. */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error('there is nothing to pick from')
    return item
  }

  /** So many bytes. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    this.fill(bytes)
    return bytes
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

/** FNV-1a; 0 for the empty name, so that a stream without a name is what its seed alone makes it. */
const nameHash = (name: string, salt: number): number => {
  if (name === '') return 0
  let hash = 0x811c_9dc5 ^ salt
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x0100_0193)
  return hash | 0
}
