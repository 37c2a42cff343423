// So many a second and no more, whoever asks. Kept as one time, the one at which everything granted so far would have been granted at
// the steady rate: there is nothing to count down and nothing to refill.

/** How many a second, and how many at once after a pause. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
  /** After so long all is forgiven, however much more than `burst` was charged at once. Default: it takes as long as it takes. */
  readonly owedMaxMs?: number
}

/** One budget. */
export class Budget {
  readonly #stepMs: number
  readonly #aheadMaxMs: number
  /** When all that was spent would be spent at the steady rate. */
  #spentUntil = -Infinity

  constructor(rate: Rate) {
    this.#stepMs = stepMs(rate)
    this.#aheadMaxMs = aheadMaxMs(rate)
  }

  /** Whether one more can be had now. */
  left(now: number): boolean {
    return this.#spentUntil - now <= this.#aheadMaxMs
  }

  /** Takes one, if one can be had. */
  take(now: number): boolean {
    if (!this.left(now)) return false
    this.#spentUntil = Math.max(this.#spentUntil, now) + this.#stepMs
    return true
  }
}

/** The time one grant takes at the steady rate. */
export const stepMs = (rate: Rate): number => 1000 / rate.perSecond

/** How far ahead of now grants may be for one more: less by half a step's thousandth than exact, so that rounding refuses nobody. */
export const aheadMaxMs = (rate: Rate): number =>
  rate.burst === Infinity ? Infinity : (rate.burst - 1 + ROUNDING) * stepMs(rate)

/** Sums of steps are not exact; a full step is never forgiven. */
const ROUNDING = 1e-6
