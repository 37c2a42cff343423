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
  /** Of the size, what is never up for being used and so never used up. */
  readonly #settled: number
  #size: number
  #consumed = 0
  /** What was granted and not read when the limit was last raised. */
  #granted: number
  #raisedAt = -Infinity
  /** The highest offset the peer may send up to. */
  limit: number

  /** `opening` is the first limit, when that is not all of the window. */
  constructor(size: { initial: number; max: number; opening?: number; settled?: number }, budget: GrowthBudget) {
    this.#size = this.#sizeMin = size.initial
    this.#sizeMax = size.max
    this.#settled = size.settled ?? 0
    this.#budget = budget
    this.limit = this.#granted = size.opening ?? size.initial
  }

  /** Bytes granted that were not read. */
  get outstanding(): number {
    return this.limit - this.#consumed
  }

  /** What is granted at once when the limit is raised. */
  get size(): number {
    return this.#size
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
    return this.outstanding <= (this.#granted + this.#settled) / 2
  }

  /** Whether raising would give a quarter of the window at once. */
  get isWorthRaising(): boolean {
    return this.outstanding <= (this.#size * 3) / 4
  }

  /** Raises the limit by `room` at most, and the window with it when it proves too small; false when it could use more room. */
  raise(now: number, roundTripMs: number, room = Infinity): boolean {
    const quick = now - this.#raisedAt < GROWTH_ROUND_TRIPS * roundTripMs
    const growth = Math.min(this.#size, this.#sizeMax - this.#size)
    const fits = this.#consumed + this.#size + growth <= this.limit + room
    if (quick && growth > 0 && fits && this.#budget.take(growth)) this.#size += growth
    this.#raisedAt = now
    const wanted = this.#consumed + this.#size
    this.limit = Math.max(this.limit, Math.min(wanted, this.limit + room))
    this.#granted = this.outstanding
    return this.limit >= wanted
  }

  /** Gives back what the window grew by; the stream or connection is over. */
  release(): void {
    this.#budget.give(this.#size - this.#sizeMin)
    this.#size = this.#sizeMin
  }
}
