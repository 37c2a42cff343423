// One-shot timers over setTimeout. Node counts in whole milliseconds from the start of the turn, so a timeout may come early on
// the scale of `performance.now`: it is then set again, for a timer that runs too soon makes its owner spin.
import { systemClock } from './clock.ts'
import type { Timer, Timers } from './ports.ts'

/** The longest delay setTimeout takes; a longer one it would cut to one millisecond. */
const DELAY_MAX_MS = 2 ** 31 - 1

/** Timers that hold the process open until they ran or were cancelled; one at Infinity is never set. */
export const systemTimers: Timers = Object.freeze({
  at: (time: number, run: () => void): Timer => new Timeout(time, run),
  soon: (run: () => void) => {
    setImmediate(run)
  },
})

class Timeout implements Timer {
  readonly #time: number
  readonly #run: () => void
  #handle: NodeJS.Timeout | null = null

  constructor(time: number, run: () => void) {
    this.#time = time
    this.#run = run
    if (time !== Infinity) this.#arm()
  }

  cancel(): void {
    if (this.#handle !== null) clearTimeout(this.#handle)
    this.#handle = null
  }

  #arm(): void {
    const delay = Math.min(Math.max(Math.ceil(this.#time - systemClock.now()), 0), DELAY_MAX_MS)
    this.#handle = setTimeout(this.#expire, delay)
  }

  readonly #expire = (): void => {
    if (systemClock.now() < this.#time) return this.#arm()
    this.#handle = null
    this.#run()
  }
}
