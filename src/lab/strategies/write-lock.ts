// A model of an asynchronous write lock: who asks first has it first, and keeps it over turns until it is released. No promise and no
// clock is in it; whoever asks is called when the lock is theirs, with the time at which it became so.
import { assert } from '../../core/assert.ts'
import type { Figures } from './figures.ts'

/** Called once, when the lock is taken; the taker releases it. */
export type Taken = (now: number) => void

/** One lock. Its line is bounded by the connections of the endpoint. */
export class WriteLock {
  readonly #figures: Figures
  readonly #line: Taken[] = []
  #held = false
  #handing = false

  constructor(figures: Figures) {
    this.#figures = figures
  }

  take(now: number, taken: Taken): void {
    if (!this.#held && this.#line.length === 0) {
      this.#held = true
      return taken(now)
    }
    this.#line.push(taken)
    this.#figures.queueDepth = Math.max(this.#figures.queueDepth, this.#line.length)
  }

  /** Hands the lock to the next in line; those that release it at once are served in this same turn, one after another. */
  release(now: number): void {
    assert(this.#held, 'a lock is released by who holds it')
    this.#held = false
    if (this.#handing) return
    this.#handing = true
    while (!this.#held) {
      const next = this.#line.shift()
      if (next === undefined) break
      this.#held = true
      next(now)
    }
    this.#handing = false
  }
}
