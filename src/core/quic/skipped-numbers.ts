// Packet numbers that are passed over now and then, where nobody can foresee it (RFC 9000 section 21.4): who acknowledges one acknowledges what
// it never received, to be sent to faster than its path carries. Only 1-RTT packets: the others are too few.
import type { Random } from '../ports.ts'
import type { AckRange } from './frames.ts'

/** Packets to the first one that is skipped, on average; then twice as many each time, up to the last: each costs the peer an ACK. */
const EVERY_MIN = 64
const EVERY_MAX = 4096

/** Skipped numbers that are remembered: older ones are behind all that is in flight. */
const KEPT_MAX = 8

/** The numbers that one connection skips. */
export class SkippedNumbers {
  readonly #random: Random
  /** Ascending. Bounded by KEPT_MAX. */
  readonly #skipped: number[] = []
  #every = EVERY_MIN / 2
  #nextAt = -1

  constructor(random: Random) {
    this.#random = random
  }

  /** The number to go on with after `number` was sent. */
  after(number: number): number {
    const next = number + 1
    if (this.#nextAt < 0) this.#plan(next)
    if (next < this.#nextAt) return next
    this.#skipped.push(next)
    if (this.#skipped.length > KEPT_MAX) this.#skipped.shift()
    this.#plan(next + 1)
    return next + 1
  }

  /** Whether one of them is acknowledged by these ranges, highest first. */
  areIn(ranges: readonly AckRange[]): boolean {
    const lowest = ranges.at(-1)?.from ?? Infinity
    return this.#skipped.some(
      (number) => number >= lowest && ranges.some(({ from, to }) => from <= number && number <= to),
    )
  }

  /** Half as many to half as many again as its average. */
  #plan(from: number): void {
    this.#every = Math.min(EVERY_MAX, 2 * this.#every)
    const drawn = new Uint8Array(2)
    this.#random.fill(drawn)
    const fraction = ((drawn[0] ?? 0) * 256 + (drawn[1] ?? 0)) / 65_536
    this.#nextAt = from + Math.ceil(this.#every * (0.5 + fraction))
  }
}
