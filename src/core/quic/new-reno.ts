// NewReno congestion control (RFC 9002 section 7), in bytes.
//
//   any ──persistent congestion──► slow start from the smallest window
//   slow start ──loss──► recovery ──packet sent after its start acknowledged──► congestion avoidance ──loss──► recovery

/** Loss halves the window (RFC 9002 section 7.3.2). */
const LOSS_REDUCTION = 0.5

/** Ten datagrams, at least 14,720 bytes unless two datagrams are more (RFC 9002 section 7.2). */
const initialWindow = (datagramBytes: number): number =>
  Math.min(10 * datagramBytes, Math.max(14_720, 2 * datagramBytes))

export class NewReno {
  window: number
  bytesInFlight = 0
  #threshold = Infinity
  #recoveryStart = -Infinity
  #datagramBytes: number

  constructor(datagramBytes: number) {
    this.#datagramBytes = datagramBytes
    this.window = initialWindow(datagramBytes)
  }

  /** The path carries larger datagrams than was known: the window is at least what it would have begun with. */
  setDatagramBytes(datagramBytes: number): void {
    this.window = Math.max(this.window, initialWindow(datagramBytes))
    this.#datagramBytes = datagramBytes
  }

  /** Whether another datagram may leave without overfilling the window (RFC 9002 section 7). */
  get hasRoom(): boolean {
    return this.bytesInFlight + this.#datagramBytes <= this.window
  }

  sent(bytes: number): void {
    this.bytesInFlight += bytes
  }

  /** Bytes that left the network without saying anything about it: a discarded packet number space. */
  discarded(bytes: number): void {
    this.bytesInFlight = Math.max(0, this.bytesInFlight - bytes)
  }

  /** `limited`: whether the window, and not the application, held sending back when the packet was acknowledged. */
  acknowledged(bytes: number, sentAt: number, limited: boolean): void {
    this.discarded(bytes)
    if (sentAt <= this.#recoveryStart || !limited) return
    if (this.window < this.#threshold) this.window += bytes
    else this.window += (this.#datagramBytes * bytes) / this.window
  }

  /** Packets were lost, the newest of them sent at `sentAt`; one reduction a round trip. */
  lost(bytes: number, sentAt: number, now: number): void {
    this.discarded(bytes)
    if (sentAt <= this.#recoveryStart) return
    this.#recoveryStart = now
    this.#threshold = Math.max(this.window * LOSS_REDUCTION, 2 * this.#datagramBytes)
    this.window = this.#threshold
  }

  /** Nothing came through for several probe timeouts: what was known of the path is void (RFC 9002 section 7.6). */
  collapse(): void {
    this.window = 2 * this.#datagramBytes
    this.#recoveryStart = -Infinity
  }
}
