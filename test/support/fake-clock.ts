// Time that stands still until a test moves it. Timers run in order of their time, then of their setting; before each, what was
// asked for `soon` runs and every promise that can go on goes on, so that code written with promises runs under it too.
import type { Clock, Timer, Timers } from '../../src/io/ports.ts'
import { Timeline } from '../../src/world/timeline.ts'

/** Callbacks run without time moving on before it is taken for a loop that never ends. */
const STUCK_AFTER = 100_000

/** Clock and Timers in one, driven by hand; starts at 0 milliseconds and `wallStart`. */
export class FakeClock implements Clock, Timers {
  readonly #wallStart: number
  readonly #timeline = new Timeline(STUCK_AFTER)
  #soon: (() => void)[] = []

  constructor(wallStart = Date.UTC(2026, 0, 1)) {
    this.#wallStart = wallStart
  }

  now(): number {
    return this.#timeline.now
  }

  wall(): number {
    return this.#wallStart + Math.floor(this.now())
  }

  at(time: number, run: () => void): Timer {
    return this.#timeline.at(time, run)
  }

  soon(run: () => void): void {
    this.#soon.push(run)
  }

  /** When the next timer is due, or Infinity. */
  next(): number {
    return this.#timeline.next
  }

  /** Lets promises and `soon` callbacks run until nothing is left to do without time. */
  async settle(): Promise<void> {
    await turn()
    while (this.#soon.length > 0) {
      const batch = this.#soon
      this.#soon = []
      for (const run of batch) {
        this.#timeline.count()
        run()
        await turn()
      }
    }
  }

  /** Moves time on by `ms`, running all that falls due on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.now() + ms
    await this.settle()
    while (this.#timeline.step(end)) await this.settle()
    this.#timeline.moveTo(end)
  }

  /** Moves time on until `promise` is settled, and gives its outcome; fails when `limitMs` pass or nothing is left that could happen. */
  async until<T>(promise: Promise<T>, limitMs = 600_000): Promise<T> {
    const end = this.now() + limitMs
    const pending = { still: true }
    const close = (): void => void (pending.still = false)
    promise.then(close, close)
    await this.settle()
    while (pending.still) {
      const next = this.next()
      if (next === Infinity)
        throw new Error(`at ${this.now()} ms nothing is left to happen, and the promise is still pending`)
      if (next > end) throw new Error(`the promise is still pending after ${limitMs} ms`)
      this.#timeline.step()
      await this.settle()
    }
    return promise
  }
}

/** A turn of the real event loop: every promise that can go on without waiting has then gone on. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
