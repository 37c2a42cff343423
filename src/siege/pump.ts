// Does something so many times a second, evenly, in turns of a few milliseconds. One that falls behind does not catch up: what is
// missing is missing, and the count says so.

const TURN_MS = 5
/** More at once would be a burst instead of a rate. */
const TURNS_AT_ONCE_MAX = 4

/** Runs from `start` to `stop`. */
export class Pump {
  readonly #perSecond: number
  readonly #act: () => void
  #timer: NodeJS.Timeout | null = null
  #last = 0
  #owed = 0

  constructor(perSecond: number, act: () => void) {
    this.#perSecond = perSecond
    this.#act = act
  }

  start(): void {
    if (this.#perSecond === 0 || this.#timer !== null) return
    this.#last = performance.now()
    this.#timer = setInterval(() => this.#turn(), TURN_MS)
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  #turn(): void {
    const now = performance.now()
    const passedMs = Math.min(now - this.#last, TURNS_AT_ONCE_MAX * TURN_MS)
    this.#last = now
    this.#owed += (passedMs * this.#perSecond) / 1e3
    for (; this.#owed >= 1; this.#owed--) this.#act()
  }
}
