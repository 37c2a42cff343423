// Credit we grant (RFC 9000 section 4): how much the peer may send on a stream or a connection. A window starts small and doubles
// while the reader keeps up, drawing what it grows by from a budget that all connections of a node share.

/** Bytes that windows may still grow by, shared by the connections of a node. */
export interface GrowthBudget {
  /** Takes `bytes` if they are left. */
  take(bytes: number): boolean
  give(bytes: number): void
}

/** A budget of so many bytes. */
export const growthBudget = (bytes: number): GrowthBudget => {
  let left = bytes
  return {
    take(wanted) {
      if (wanted > left) return false
      left -= wanted
      return true
    },
    give(returned) {
      left += returned
    },
  }
}

/** At most `bytes` of a budget: one connection's share, so that no peer can keep the windows of all others small. */
export const shareOf = (budget: GrowthBudget, bytes: number): GrowthBudget => {
  const own = growthBudget(bytes)
  return {
    take(wanted) {
      if (!own.take(wanted)) return false
      if (budget.take(wanted)) return true
      own.give(wanted)
      return false
    },
    give(returned) {
      own.give(returned)
      budget.give(returned)
    },
  }
}

/** A window is doubled when half of it was used up within this many round trips. */
const GROWTH_ROUND_TRIPS = 2

export class ReceiveWindow {
  readonly #sizeMax: number
  readonly #sizeMin: number
  readonly #budget: GrowthBudget
  #size: number
  #consumed = 0
  #raisedAt = -Infinity
  /** The highest offset the peer may send up to. */
  limit: number

  constructor(size: { initial: number; max: number }, budget: GrowthBudget) {
    this.#size = this.#sizeMin = size.initial
    this.#sizeMax = size.max
    this.#budget = budget
    this.limit = size.initial
  }

  /** The reader took `bytes`. */
  consume(bytes: number): void {
    this.#consumed += bytes
  }

  get consumed(): number {
    return this.#consumed
  }

  /** Whether so much was read that a new limit should be announced. */
  get isDue(): boolean {
    return this.limit - this.#consumed <= this.#size / 2
  }

  /** Raises the limit, and the window with it when it proves too small. */
  raise(now: number, roundTripMs: number): void {
    const quick = now - this.#raisedAt < GROWTH_ROUND_TRIPS * roundTripMs
    const growth = Math.min(this.#size, this.#sizeMax - this.#size)
    if (quick && growth > 0 && this.#budget.take(growth)) this.#size += growth
    this.#raisedAt = now
    this.limit = Math.max(this.limit, this.#consumed + this.#size)
  }

  /** Gives back what the window grew by; the stream or connection is over. */
  release(): void {
    this.#budget.give(this.#size - this.#sizeMin)
    this.#size = this.#sizeMin
  }
}
