// All deadlines of one endpoint on a single timer of the world. What is due runs in order of its time, a bounded number a turn.
import { Deadlines } from '../core/deadlines.ts'
import type { Clock, Timer, Timers } from '../io/ports.ts'

/** Something that happens at a time; it is its own key, so that setting it again moves it. */
export interface Due {
  /** Called once for each time it was set, not before that time; `now` is the clock's. */
  run(now: number): void
}

/** Deadlines run in one turn; what is left runs in the next, so that datagrams are read in between. */
const RUNS_PER_TURN = 1000

/** And for so long, in milliseconds: a run may seal and send a packet, or end some connections. */
const TURN_MS = 5

/** The deadlines of one endpoint. Bounded by its connections, their streams and its callers. */
export class Schedule {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #late: (ms: number) => void
  readonly #deadlines = new Deadlines<Due>()
  #timer: Timer | null = null
  #timerAt = Infinity
  /** When the timer was to run when it was set: at its time, or at once. */
  #timerDueAt = Infinity
  #closed = false

  /** `late` is told how late each timer of the world runs, in milliseconds. Default: nobody is. */
  constructor(clock: Clock, timers: Timers, late: (ms: number) => void = () => {}) {
    this.#clock = clock
    this.#timers = timers
    this.#late = late
  }

  /** Deadlines that are set. */
  get size(): number {
    return this.#deadlines.size
  }

  /** Sets or moves the time of `due`; Infinity clears it. */
  set(due: Due, at: number): void {
    if (this.#closed) return
    this.#deadlines.set(due, at)
    this.#arm()
  }

  clear(due: Due): void {
    this.#deadlines.clear(due)
  }

  /** Runs `run` at a time, once, unless it is cleared before. */
  once(at: number, run: () => void): Due {
    const due = { run }
    this.set(due, at)
    return due
  }

  /** Nothing runs any more. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#timer = null
  }

  /** A timer that is too early stays: it finds nothing due and is set anew. */
  #arm(): void {
    const at = this.#deadlines.nextAt
    if (at >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timerDueAt = Math.max(at, this.#clock.now())
    this.#timer = this.#timers.at(at, () => this.#fire())
  }

  #fire(): void {
    this.#timer = null
    this.#timerAt = Infinity
    this.#late(Math.max(0, this.#clock.now() - this.#timerDueAt))
    const until = this.#clock.now() + TURN_MS
    for (let runs = 0; runs < RUNS_PER_TURN && !this.#closed; runs++) {
      const now = this.#clock.now()
      const due = now < until ? this.#deadlines.due(now) : null
      if (due === null) break
      due.run(now)
    }
    if (!this.#closed) this.#arm()
  }
}
