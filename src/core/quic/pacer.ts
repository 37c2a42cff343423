// Pacing (RFC 9002 section 7.7): the window is spread over the round trip instead of leaving at once. A bucket of bytes fills at the
// pace; a datagram leaves while there is anything in it. Timers here are no finer than a millisecond and often late, so the bucket
// holds a few milliseconds' worth: what a late turn could not send may go then.
import { GRANULARITY_MS } from './rtt.ts'
import { initialWindow } from './window-sizes.ts'

/** How much faster than one window a round trip: in slow start the window doubles in one. */
const GAIN_SLOW_START = 2
const GAIN = 1.25

/** What may leave at once after a pause, in ms of the pace; the initial window may in any case. */
const BURST_MS = 5

/** What the pace follows from. */
export interface PaceFacts {
  readonly window: number
  readonly inSlowStart: boolean
  readonly roundTripMs: number
  readonly datagramBytes: number
}

export class Pacer {
  /** Bytes that may leave; below 0 after a datagram larger than what was left. */
  #tokens = Infinity
  #at = 0

  /** When the next datagram may leave: `now` or earlier when it may at once. Sleeping is not for single datagrams but for what a timer is worth. */
  readyAt(now: number, facts: PaceFacts): number {
    const rate = rateOf(facts)
    const burst = Math.max(initialWindow(facts.datagramBytes), rate * BURST_MS)
    this.#tokens = Math.min(burst, this.#tokens + Math.max(0, now - this.#at) * rate)
    this.#at = now
    if (this.#tokens > 0) return now
    const enough = Math.max(facts.datagramBytes, rate * GRANULARITY_MS)
    return now + (enough - this.#tokens) / rate
  }

  sent(bytes: number): void {
    this.#tokens -= bytes
  }
}

/** Bytes a millisecond. */
const rateOf = ({ window, inSlowStart, roundTripMs }: PaceFacts): number =>
  ((inSlowStart ? GAIN_SLOW_START : GAIN) * window) / Math.max(roundTripMs, 1e-3)
