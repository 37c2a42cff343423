// How late a node is: how long signing waits, and how long the event loop takes to come round. The loop is measured only while somebody
// asks: a deadline a little ahead is set, and what passes beyond it is delay. Nobody asks, nothing runs.
import type { Clock, Workers } from '../io/ports.ts'
import type { Due, Schedule } from './schedule.ts'

/** How far ahead the deadline is: the resolution of the measurement, in milliseconds. */
const PROBE_MS = 10

/** How long a delay that is over still counts: what came meanwhile is only now being read. */
const REMEMBERED_MS = 100

/** The delays of one node, as its gate asks for them. */
export class Lateness {
  readonly #clock: Clock
  readonly #schedule: Schedule
  readonly #workers: Workers
  readonly #probe: Due = { run: (now) => this.#arrived(now) }
  #dueAt = Infinity
  #lastMs = 0
  #measuredAt = -Infinity

  constructor(ports: { readonly clock: Clock; readonly workers: Workers }, schedule: Schedule) {
    this.#clock = ports.clock
    this.#workers = ports.workers
    this.#schedule = schedule
  }

  /** The longest delay now, in milliseconds. */
  now(): number {
    const now = this.#clock.now()
    const overdueMs = now - this.#dueAt
    if (this.#dueAt === Infinity) this.#arm(now)
    const lastMs = now - this.#measuredAt < REMEMBERED_MS ? this.#lastMs : 0
    return Math.max(0, overdueMs, lastMs, this.#workers.lateness())
  }

  #arm(now: number): void {
    this.#dueAt = now + PROBE_MS
    this.#schedule.set(this.#probe, this.#dueAt)
  }

  #arrived(now: number): void {
    this.#lastMs = now - this.#dueAt
    this.#measuredAt = now
    this.#dueAt = Infinity
  }
}
