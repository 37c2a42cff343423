// What is still to happen in a simulated transfer, by time; a test's own clock is the time of what happened last.
import type { SeededRandom } from '../../support/seeded-random.ts'

interface Entry {
  readonly time: number
  readonly run: () => void
}

/** The machine under test, as far as time goes. */
interface Timed {
  timerAt(now: number): number
  timeout(now: number): void
}

/** A list of things that happen later, after random delays. */
export class Agenda {
  now = 0
  readonly #random: SeededRandom
  #entries: Entry[] = []

  constructor(random: SeededRandom) {
    this.#random = random
  }

  /** `run` after up to `delayMs`. */
  within(delayMs: number, run: () => void): void {
    this.#entries.push({ time: this.now + this.#random.fraction() * delayMs, run })
  }

  /** Moves to the next thing to happen, the machine's timer included; false when there is none. */
  step(machine: Timed): boolean {
    const next = this.#entries.reduce((first, entry) => (entry.time < first.time ? entry : first), NEVER)
    const timer = machine.timerAt(this.now)
    if (next.time === Infinity && timer === Infinity) return false
    this.now = Math.max(this.now, Math.min(next.time, timer))
    if (timer <= next.time) {
      machine.timeout(this.now)
    } else {
      this.#entries = this.#entries.filter((entry) => entry !== next)
      next.run()
    }
    return true
  }
}

const NEVER: Entry = { time: Infinity, run: () => {} }
