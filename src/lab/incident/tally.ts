// What is measured of one replay, period by period.
import { Figures } from '../strategies/figures.ts'
import type { Alarms } from './alarms.ts'

/** What was measured in one period. */
export interface Period {
  /** Virtual milliseconds at its end. */
  readonly ms: number
  /** Seconds each upload took, in order: of the clients that never pause, and of the one that comes cold each time. */
  readonly uploads: readonly number[]
  readonly coldUploads: readonly number[]
  /** Dials of living hosts, strangers aside: identified, or not in time; those of slow hosts and to them apart. */
  readonly exchangesDone: number
  readonly exchangesTimedOut: number
  readonly slowTimedOut: number
  /** Of both, those that clients dialled. */
  readonly clientTimedOut: number
  readonly exchangeP99Ms: number
  /** Of all hosts from the beginning to the end of the period: finished inbound handshakes, and those of them that nobody reads. */
  readonly accepted: number
  readonly gap: number
  /** Of all hosts in this period: the longest waits, and the longest line. */
  readonly lockWaitMs: number
  readonly senderWaitMs: number
  readonly heldMs: number
  readonly queueDepth: number
  /** Of all hosts in this period. */
  readonly swallowed: number
  readonly stale: number
  readonly dropped: number
  readonly messagesDropped: number
  /** What share of its processor's time the busiest host worked, slow ones aside. */
  readonly busy: number
  /** When our own metrics showed first that something is wrong, since the beginning. */
  readonly alarms: Alarms
}

/** What hosts and clients note while a period lasts. */
export class Tally {
  /** Of all hosts of one replay; what an accept path notes. */
  readonly figures = new Figures()
  uploads: number[] = []
  coldUploads: number[] = []
  #exchangesTimedOut = 0
  #slowTimedOut = 0
  #clientTimedOut = 0
  /** Milliseconds from dial to identified, of those who were. */
  exchangeTimes: number[] = []

  /** A living host was dialled and did not say in time who it is. */
  timedOut({ isSlow, isClient }: { readonly isSlow: boolean; readonly isClient: boolean }): void {
    if (isClient) this.#clientTimedOut++
    if (isSlow) this.#slowTimedOut++
    else this.#exchangesTimedOut++
  }

  /** The period is over: what it came to. */
  close(now: {
    readonly ms: number
    readonly accepted: number
    readonly reading: number
    readonly busy: number
    readonly alarms: Alarms
  }): Period {
    const { figures, uploads, coldUploads, exchangeTimes } = this
    const period = {
      ms: now.ms,
      uploads,
      coldUploads,
      exchangesDone: exchangeTimes.length,
      exchangesTimedOut: this.#exchangesTimedOut,
      slowTimedOut: this.#slowTimedOut,
      clientTimedOut: this.#clientTimedOut,
      exchangeP99Ms: quantile(exchangeTimes, 0.99),
      accepted: now.accepted,
      gap: now.accepted - now.reading,
      lockWaitMs: figures.lockWaitMs,
      senderWaitMs: figures.senderWaitMs,
      heldMs: figures.heldMs,
      queueDepth: figures.queueDepth,
      swallowed: figures.swallowed,
      stale: figures.stale,
      dropped: figures.dropped,
      messagesDropped: figures.messagesDropped,
      busy: now.busy,
      alarms: now.alarms,
    }
    const { entered } = figures
    Object.assign(figures, new Figures(), { entered })
    this.uploads = []
    this.coldUploads = []
    this.exchangeTimes = []
    this.#exchangesTimedOut = this.#slowTimedOut = this.#clientTimedOut = 0
    return period
  }
}

/** The value below which so much of a list lies; NaN of none. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}
