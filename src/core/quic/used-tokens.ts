// Which uses of tokens were made already, in fixed memory: a Bloom filter over MACs, which nobody can choose. It never forgets one, and
// only ever takes a fresh token for a used one, more often the fuller it is: then its holder is asked for a Retry instead.
import { Reader } from '../bytes.ts'

/** 128 KiB: of 100,000 used tokens, one fresh one in a hundred is mistaken. */
const BITS = 2 ** 20

/** Bits set for each token, each from four bytes of its MAC. */
const PROBES = 4

export class UsedTokens {
  /** Empty until the first token is used: a key whose tokens may be used again has no filter to pay for. */
  #bits = new Uint8Array(0)

  /** Bytes held, however many were added. */
  get bytes(): number {
    return this.#bits.length
  }

  /** Whether the token with this MAC (at least 16 bytes) was used, or seems so. */
  has(mac: Uint8Array): boolean {
    if (this.#bits.length === 0) return false
    const reader = new Reader(mac)
    for (let i = 0; i < PROBES; i++) {
      const bit = reader.u32() % BITS
      if ((this.#bits[bit >> 3]! & (1 << (bit & 7))) === 0) return false
    }
    return true
  }

  /** Marks the token with this MAC as used. */
  add(mac: Uint8Array): void {
    if (this.#bits.length === 0) this.#bits = new Uint8Array(BITS / 8)
    const reader = new Reader(mac)
    for (let i = 0; i < PROBES; i++) {
      const bit = reader.u32() % BITS
      this.#bits[bit >> 3]! |= 1 << (bit & 7)
    }
  }
}
