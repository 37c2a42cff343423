// What a process sees of time: a monotonic clock that began somewhere else than every other host's, goes a little fast or slow, and a date
// that can be wrong. Its timers are set on that clock's scale and run when the event loop comes to them.
import type { Clock, Timer, Timers } from '../io/ports.ts'
import type { Held } from './held.ts'
import type { Processor } from './processor.ts'
import type { Timeline } from './timeline.ts'

/** The date when a world begins. */
const WALL_START = Date.UTC(2026, 0, 1)

/** How wrong a host's clocks are; may be changed at any time through `HostTime`. */
export interface ClockSettings {
  /** What the monotonic clock says when the process starts, in milliseconds. */
  readonly startMs: number
  /** What is added to the true date, in milliseconds. */
  readonly skewMs: number
  /** How much longer a millisecond of this clock counts; 0.001 is one too many in a thousand. */
  readonly drift: number
}

/** A clock that is right. */
export const TRUE_CLOCK: ClockSettings = Object.freeze({ startMs: 0, skewMs: 0, drift: 0 })

/** The clocks of one process. */
export class HostClock implements Clock {
  readonly #processor: Processor
  #skewMs: number
  #rate: number
  /** The clock said `#hostMs` when the world was at `#worldMs`. */
  #worldMs: number
  #hostMs: number

  constructor(processor: Processor, settings: ClockSettings) {
    this.#processor = processor
    this.#skewMs = settings.skewMs
    this.#rate = 1 + settings.drift
    this.#worldMs = processor.now
    this.#hostMs = settings.startMs
  }

  now(): number {
    return this.#hostMs + (this.#processor.now - this.#worldMs) * this.#rate
  }

  wall(): number {
    return Math.floor(WALL_START + this.#skewMs + this.#worldMs + (this.#processor.now - this.#worldMs) * this.#rate)
  }

  /** From now on the date is wrong by so much. */
  skew(ms: number): void {
    this.#skewMs = ms
  }

  /** From now on the clocks go at another rate; what they say now stays. */
  drift(drift: number): void {
    this.#hostMs = this.now()
    this.#worldMs = this.#processor.now
    this.#rate = 1 + drift
  }

  /** When the world is at which this clock says `time`. */
  worldTime(time: number): number {
    return this.#worldMs + (time - this.#hostMs) / this.#rate
  }
}

/** The timers of one process. */
export class HostTimers implements Timers {
  readonly #timeline: Timeline
  readonly #processor: Processor
  readonly #clock: HostClock
  readonly #held: Held

  constructor(
    timeline: Timeline,
    own: { readonly processor: Processor; readonly clock: HostClock; readonly held: Held },
  ) {
    this.#timeline = timeline
    this.#processor = own.processor
    this.#clock = own.clock
    this.#held = own.held
  }

  at(time: number, run: () => void): Timer {
    if (time === Infinity) return NEVER
    return new HostTimer(this, time, run)
  }

  soon(run: () => void): void {
    this.#processor.soon(run)
  }

  /** Used by timers: lets `arrive` happen when the clock says `time`, or the rounding of doubles later. */
  set(time: number, arrive: () => void): Timer {
    const at = this.#clock.worldTime(time)
    return this.#timeline.at(Math.max(at + Math.abs(at) * Number.EPSILON * 4, this.#processor.now), arrive)
  }

  /** Used by timers. */
  due(time: number): boolean {
    return this.#clock.now() >= time
  }

  interrupt(run: () => void): void {
    this.#processor.interrupt(run)
  }

  count(change: 1 | -1): void {
    this.#held.timers += change
  }
}

const NEVER: Timer = Object.freeze({ cancel: () => {} })

class HostTimer implements Timer {
  readonly #timers: HostTimers
  readonly #time: number
  #run: (() => void) | null
  #happening: Timer

  constructor(timers: HostTimers, time: number, run: () => void) {
    this.#timers = timers
    this.#time = time
    this.#run = run
    timers.count(1)
    this.#happening = timers.set(time, this.#arrive)
  }

  cancel(): void {
    if (this.#run === null) return
    this.#run = null
    this.#happening.cancel()
    this.#timers.count(-1)
  }

  readonly #arrive = (): void => this.#timers.interrupt(this.#expire)

  readonly #expire = (): void => {
    const run = this.#run
    if (run === null) return
    if (!this.#timers.due(this.#time)) {
      this.#happening = this.#timers.set(this.#time, this.#arrive)
      return
    }
    this.#run = null
    this.#timers.count(-1)
    run()
  }
}
