// Places that failed, and until when each is left alone: twice as long after each failure in a row, within a bound.

/** How long is paused, in milliseconds. */
export interface PauseSettings {
  /** After the first failure in a row. */
  readonly firstMs: number
  /** However many there were. */
  readonly msMax: number
  /** A failure longer than this after the end of the pause before is the first of a new row. */
  readonly rowMs: number
  /** Places remembered; the one that failed longest ago is forgotten for the next. */
  readonly placesMax: number
}

interface Pause {
  readonly failures: number
  readonly until: number
}

/** Beyond this many doublings any bound has been reached. */
const DOUBLINGS_MAX = 30

/** See the head of this file. */
export class Pauses {
  readonly #settings: PauseSettings
  /** Bounded by placesMax; the one that failed longest ago first. */
  readonly #places = new Map<string, Pause>()

  constructor(settings: PauseSettings) {
    this.#settings = settings
  }

  get size(): number {
    return this.#places.size
  }

  /** The time before which a place is left alone; 0 when it did not fail. */
  until(place: string): number {
    return this.#places.get(place)?.until ?? 0
  }

  failed(place: string, now: number): void {
    const { firstMs, msMax, rowMs, placesMax } = this.#settings
    const before = this.#places.get(place)
    const failures = before === undefined || now - before.until > rowMs ? 1 : before.failures + 1
    const pauseMs = Math.min(msMax, firstMs * 2 ** Math.min(DOUBLINGS_MAX, failures - 1))
    this.#places.delete(place)
    this.#places.set(place, { failures, until: now + pauseMs })
    const [oldest] = this.#places.keys()
    if (oldest !== undefined && this.#places.size > placesMax) this.#places.delete(oldest)
  }

  /** Whatever ailed the place has passed. */
  over(place: string): void {
    this.#places.delete(place)
  }
}
