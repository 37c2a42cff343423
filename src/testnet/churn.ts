// Who leaves a test network when: a share of the nodes each minute, one after the other at even distances, in turn with a goodbye and
// without one, each back after a while at its old address with what it holds.
import { randomInt } from 'node:crypto'

/** How long a node is away: longer than it takes to be noticed. */
export const AWAY_MS = 30_000

/** A departure: who, and whether it says goodbye. */
export interface Departure {
  readonly index: number
  readonly politely: boolean
}

/** The departures of one network, without an end. */
export class Churn {
  /** Milliseconds from one departure to the next. */
  readonly everyMs: number
  /** Those who may leave, in the order in which they do. */
  readonly #order: number[]
  #departures = 0

  /** Of `indices`, `percent` leave each minute, above 0; no order is like another. */
  constructor(indices: readonly number[], percent: number) {
    this.everyMs = 60_000 / ((indices.length * percent) / 100)
    this.#order = shuffled(indices)
  }

  /** Who leaves next: nobody again before all others have left; null where there is nobody to leave. */
  next(): Departure | null {
    const index = this.#order[this.#departures % this.#order.length]
    return index === undefined ? null : { index, politely: this.#departures++ % 2 === 0 }
  }
}

const shuffled = (indices: readonly number[]): number[] => {
  const order = [...indices]
  for (let at = order.length - 1; at > 0; at--) {
    const other = randomInt(at + 1)
    const [a, b] = [order[at], order[other]]
    if (a !== undefined && b !== undefined) [order[at], order[other]] = [b, a]
  }
  return order
}
