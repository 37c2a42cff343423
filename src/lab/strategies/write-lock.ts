// A model of an asynchronous write lock: who asks first has it first, and keeps it over turns until it is released. No promise and no
// clock is in it; whoever asks is called when the lock is theirs, with the time at which it became so. A reader is whoever releases in the
// same turn: in a lock that is fair it stands in the same line.
import { assert } from '../../core/assert.ts'
import type { Figures } from './figures.ts'

/** Called once, when the lock is taken; the taker releases it. */
export type Taken = (now: number) => void

/** One lock. Its line is bounded by the connections and the callers of the endpoint. */
export class WriteLock {
  readonly #figures: Figures
  readonly #line: Taken[] = []
  #held = false
  #since = 0
  #handing = false

  constructor(figures: Figures) {
    this.#figures = figures
  }

  take(now: number, taken: Taken): void {
    if (!this.#held && this.#line.length === 0) return this.#give(taken, now)
    this.#line.push(taken)
    this.#figures.queueDepth = Math.max(this.#figures.queueDepth, this.#line.length)
  }

  /** As a reader: stands in line, and lets go at once. */
  pass(now: number, passed: Taken): void {
    this.take(now, (at) => {
      this.#figures.senderWaitMs = Math.max(this.#figures.senderWaitMs, at - now)
      passed(at)
      this.release(at)
    })
  }

  /** Hands the lock to the next in line; those that release it at once are served in this same turn, one after another. */
  release(now: number): void {
    assert(this.#held, 'a lock is released by who holds it')
    this.#held = false
    this.#figures.heldMs = Math.max(this.#figures.heldMs, now - this.#since)
    if (this.#handing) return
    this.#handing = true
    while (!this.#held) {
      const next = this.#line.shift()
      if (next === undefined) break
      this.#give(next, now)
    }
    this.#handing = false
  }

  #give(taken: Taken, now: number): void {
    this.#held = true
    this.#since = now
    taken(now)
  }
}
