// Keeping the table alive when nobody looks anything up: now and then a lookup of a random id in the bucket that was left alone for
// longest. Lazily and with jitter, so that nodes started together do not ask together.
import type { PeerId } from '../ids.ts'
import { idBytes, peerIdOf } from '../ids.ts'
import type { Random } from '../ports.ts'
import type { Id } from './distance.ts'
import { ID_BITS, sharedBits } from './distance.ts'

/** The mean time between two refreshes: half of what a record may age, so that a quiet network keeps its records. */
export const REFRESH_MEAN_MS = 10 * 60_000

/** See the head of this file. */
export class Refresh {
  readonly #self: PeerId
  readonly #random: Random
  /** When something was last looked up in a bucket. Bounded by ID_BITS. */
  readonly #lookedUpAt = new Map<number, number>()
  #at: number

  constructor(self: PeerId, random: Random, now: number) {
    this.#self = self
    this.#random = random
    this.#at = now + this.#pause()
  }

  timerAt(): number {
    return this.#at
  }

  /** A lookup of this target begins, whoever wants it: its bucket needs no refresh for a while. */
  lookedUp(target: Id, now: number): void {
    this.#lookedUpAt.set(sharedBits(this.#self, target), now)
  }

  /** What to look up now, given the occupied buckets; null before it is time, or when the table is empty. */
  poll(occupied: readonly number[], now: number): Id | null {
    if (now < this.#at) return null
    this.#at = now + this.#pause()
    let oldest: number | null = null
    for (const index of occupied) if (oldest === null || this.#last(index) < this.#last(oldest)) oldest = index
    return oldest === null ? null : idInBucket(this.#self, oldest, this.#random)
  }

  #last(index: number): number {
    return this.#lookedUpAt.get(index) ?? -Infinity
  }

  /** Between half and one and a half times the mean. */
  #pause(): number {
    const bytes = new Uint8Array(2)
    this.#random.fill(bytes)
    const share = ((bytes[0] ?? 0) * 256 + (bytes[1] ?? 0)) / 65_536
    return REFRESH_MEAN_MS * (0.5 + share)
  }
}

/** A random id that shares exactly `index` leading bits with `self`. */
export const idInBucket = (self: PeerId, index: number, random: Random): PeerId => {
  const own = idBytes(self)
  const bytes = new Uint8Array(own.length)
  random.fill(bytes)
  const at = index >> 3
  const keep = (0xff00 >> (index & 7)) & 0xff
  const flipped = index < ID_BITS ? 0x80 >> (index & 7) : 0
  bytes.set(own.subarray(0, at))
  if (at < own.length) {
    const differing = (own[at] ?? 0) ^ flipped
    bytes[at] = (differing & (keep | flipped)) | ((bytes[at] ?? 0) & ~(keep | flipped))
  }
  return peerIdOf(bytes)
}
