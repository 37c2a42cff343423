// How many transfers of a kind go on at once: more by one for every round of good ones (additive increase; doubled each round until the first
// trouble), half as many as soon as there is trouble (multiplicative decrease). Trouble is a transfer that came too late, took more than half of
// the time it has, or was turned away as too much; one that took a quarter holds the number as it is. Measured is how long transfers take
// against their deadline, not against each other: peers differ by more than any congestion, and what has to be avoided is that all
// are late together.
//
//   opening ─► (first trouble) ─► steady
import { assert } from '../assert.ts'

/** Bounds of how many at once; whole numbers, `least` ≤ `first` ≤ `most`. */
export interface ConcurrencyLimits {
  readonly least: number
  readonly first: number
  readonly most: number
  /** A transfer that takes longer has failed. */
  readonly timeoutMs: number
}

/** What became of a transfer. */
export type TransferEnd =
  | { readonly kind: 'done'; readonly tookMs: number }
  /** It took its whole time, or was turned away as too much at once. */
  | { readonly kind: 'trouble' }

/** Of its deadline, a transfer that took less is good, and one that took more is trouble. */
const GOOD_SHARE = 1 / 4
const TROUBLE_SHARE = 1 / 2

/** What is left of the number after trouble. */
const DECREASE = 1 / 2

/** See the head of this file. */
export class Concurrency {
  readonly #limits: ConcurrencyLimits
  #limit: number
  #opening = true
  /** Transfers that began before count for no further decrease: they began under the number that was too large. */
  #decreasedAt = -Infinity

  constructor(limits: ConcurrencyLimits) {
    const { least, first, most } = limits
    assert(least >= 1 && least <= first && first <= most, 'bounds of concurrency are in order')
    this.#limits = limits
    this.#limit = first
  }

  /** How many may go on at once; a whole number from `least` to `most`. */
  get limit(): number {
    return Math.floor(this.#limit)
  }

  /** A transfer has ended that began at `begunAt` when `inProgress` went on, itself included. */
  ended(end: TransferEnd, { begunAt, inProgress, now }: { begunAt: number; inProgress: number; now: number }): void {
    const { timeoutMs, most } = this.#limits
    const share = end.kind === 'done' ? end.tookMs / timeoutMs : Infinity
    if (share > TROUBLE_SHARE) this.#decrease(begunAt, now)
    // A number that was not reached was not tried: that nothing went wrong says nothing about a larger one.
    else if (share <= GOOD_SHARE && inProgress >= this.limit)
      this.#limit = Math.min(most, this.#limit + (this.#opening ? 1 : 1 / this.#limit))
  }

  #decrease(begunAt: number, now: number): void {
    if (begunAt < this.#decreasedAt) return
    this.#opening = false
    this.#decreasedAt = now
    this.#limit = Math.max(this.#limits.least, this.#limit * DECREASE)
  }
}
