// NewReno congestion control (RFC 9002 section 7), in bytes.
//
//   any ──persistent congestion──► slow start from the smallest window
//   slow start ──loss──► recovery ──packet sent after its start acknowledged──► congestion avoidance ──loss──► recovery
import type { AckFacts, Congestion } from './congestion.ts'
import { initialWindow, minimumWindow, restartThreshold, restartWindow } from './window-sizes.ts'

/** Loss halves the window (RFC 9002 section 7.3.2). */
const LOSS_REDUCTION = 0.5

export class NewReno implements Congestion {
  window: number
  #threshold = Infinity
  #datagramBytes: number
  /** What the last reduction changed. */
  #before: { readonly window: number; readonly threshold: number } | null = null

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

  acknowledged(bytes: number, { limited }: AckFacts): void {
    if (!limited) return
    if (this.inSlowStart) this.window += bytes
    else this.window += (this.#datagramBytes * bytes) / this.window
  }

  reduce(): void {
    this.#before = { window: this.window, threshold: this.#threshold }
    this.#threshold = Math.max(this.window * LOSS_REDUCTION, minimumWindow(this.#datagramBytes))
    this.window = this.#threshold
  }

  undo(): void {
    if (this.#before === null) return
    this.window = Math.max(this.window, this.#before.window)
    this.#threshold = this.#before.threshold
    this.#before = null
  }

  collapse(): void {
    this.window = minimumWindow(this.#datagramBytes)
    this.#before = null
  }

  idled(probeTimeouts: number): void {
    const window = restartWindow(this.window, this.#datagramBytes, probeTimeouts)
    if (window === this.window) return
    this.#threshold = restartThreshold(this.#threshold, this.window)
    this.window = window
  }
}
