// CUBIC congestion control (RFC 9438) with HyStart++ (hystart.ts), in bytes. After a loss the window grows along a cubic curve of the
// time since: fast back towards the window that was too large, slowly around it, then ever faster; and never slower than NewReno would.
//
//   any ──persistent congestion──► slow start from the smallest window
//   slow start ──loss, or round trips growing──► congestion avoidance ──loss──► congestion avoidance, along a new curve
import type { AckFacts, Congestion } from './congestion.ts'
import { HyStart } from './hystart.ts'
import { initialWindow, minimumWindow, restartThreshold, restartWindow } from './window-sizes.ts'

/** How steep the curve is, in datagrams per cubic second (section 5.1). */
const STEEPNESS = 0.4

/** Loss leaves this much of the window (section 4.6). */
const LOSS_REDUCTION = 0.7

/** What NewReno would have to add to a window per round trip to hold its own with that reduction, in datagrams (section 4.3). */
const RENO_GROWTH = (3 * (1 - LOSS_REDUCTION)) / (1 + LOSS_REDUCTION)

/** The window grows at most to this much of itself in a round trip (section 4.2). */
const TARGET_MAX = 1.5

/** One curve: from a loss, or the end of slow start, to the next loss. */
interface Epoch {
  startedAt: number
  /** Seconds from its start to where it is flat, and the window there. */
  readonly flatAfter: number
  readonly flatAt: number
  /** What NewReno would have by now (section 4.3). */
  reno: number
  /** Since when the application has not filled the window; time does not count then (section 5.8). */
  pausedAt: number | null
}

interface Remembered {
  readonly window: number
  readonly threshold: number
  readonly windowMax: number
  readonly prior: number
  readonly epoch: Epoch | null
}

export class Cubic implements Congestion {
  window: number
  #threshold = Infinity
  #datagramBytes: number
  readonly #hystart = new HyStart()
  /** The window at which the last loss came, less when that was lower than the one before; 0 before the first. */
  #windowMax = 0
  /** The window just before the last reduction. */
  #prior = 0
  /** Null until something is acknowledged in congestion avoidance. */
  #epoch: Epoch | null = null
  #before: Remembered | null = null

  constructor(datagramBytes: number) {
    this.#datagramBytes = datagramBytes
    this.window = initialWindow(datagramBytes)
  }

  get inSlowStart(): boolean {
    return this.window < this.#threshold
  }

  setDatagramBytes(datagramBytes: number): void {
    this.window = Math.max(this.window, initialWindow(datagramBytes))
    this.#datagramBytes = datagramBytes
  }

  acknowledged(bytes: number, facts: AckFacts): void {
    if (!facts.limited) {
      if (this.#epoch !== null) this.#epoch.pausedAt ??= facts.now
      return
    }
    if (this.inSlowStart) this.#slowStart(bytes, facts)
    else this.#avoid(bytes, facts)
  }

  reduce(): void {
    const { window } = this
    this.#before = {
      window,
      threshold: this.#threshold,
      windowMax: this.#windowMax,
      prior: this.#prior,
      epoch: this.#epoch,
    }
    // A window lower than the last one makes room for whoever took the rest (section 4.7).
    this.#windowMax = window < this.#windowMax ? (window * (1 + LOSS_REDUCTION)) / 2 : window
    this.#prior = window
    this.#threshold = Math.max(window * LOSS_REDUCTION, minimumWindow(this.#datagramBytes))
    this.window = this.#threshold
    this.#epoch = null
    this.#hystart.end()
  }

  undo(): void {
    const before = this.#before
    if (before === null) return
    this.window = Math.max(this.window, before.window)
    this.#threshold = before.threshold
    this.#windowMax = before.windowMax
    this.#prior = before.prior
    this.#epoch = before.epoch
    this.#before = null
  }

  collapse(): void {
    this.window = minimumWindow(this.#datagramBytes)
    this.#epoch = null
    this.#before = null
  }

  idled(probeTimeouts: number): void {
    const window = restartWindow(this.window, this.#datagramBytes, probeTimeouts)
    if (window === this.window) return
    this.#threshold = restartThreshold(this.#threshold, this.window)
    this.window = window
    this.#epoch = null
  }

  #slowStart(bytes: number, { now, sentAt, sampleMs }: AckFacts): void {
    if (sampleMs !== null) this.#hystart.sample(sampleMs, { sentAt, now })
    if (this.#hystart.isOver && this.#threshold === Infinity) {
      this.#threshold = this.window
      return
    }
    this.window += this.#threshold === Infinity ? this.#hystart.growth(bytes) : bytes
  }

  #avoid(bytes: number, { now, smoothedMs }: AckFacts): void {
    const epoch = (this.#epoch ??= this.#begin(now))
    if (epoch.pausedAt !== null) epoch.startedAt += now - epoch.pausedAt
    epoch.pausedAt = null
    const seconds = (now - epoch.startedAt) / 1000
    const share = bytes / this.window
    epoch.reno += (epoch.reno >= this.#prior ? 1 : RENO_GROWTH) * this.#datagramBytes * share
    if (this.#curve(epoch, seconds) < epoch.reno) {
      this.window = Math.max(this.window, epoch.reno)
      return
    }
    const target = this.#curve(epoch, seconds + smoothedMs / 1000)
    this.window += (Math.min(Math.max(target, this.window), TARGET_MAX * this.window) - this.window) * share
  }

  #begin(now: number): Epoch {
    const { window } = this
    const below = Math.max(0, this.#windowMax - window)
    return {
      startedAt: now,
      flatAfter: Math.cbrt(below / (STEEPNESS * this.#datagramBytes)),
      flatAt: window + below,
      reno: window,
      pausedAt: null,
    }
  }

  #curve({ flatAfter, flatAt }: Epoch, seconds: number): number {
    return STEEPNESS * this.#datagramBytes * (seconds - flatAfter) ** 3 + flatAt
  }
}
