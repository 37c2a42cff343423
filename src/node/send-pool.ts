// Buffers for datagrams on their way to a socket. The pool is what bounds them: when all are out, nothing more is sent until the
// system has taken some.

/** Bytes of one buffer: the largest datagram ever sent. */
export const SEND_BUFFER_BYTES = 1500

/** Buffers that may be out at once: 1.5 MB, some 10 ms of a gigabit. */
const BUFFERS_MAX = 1024

/** Buffers of SEND_BUFFER_BYTES. Bounded by BUFFERS_MAX. */
export class SendPool {
  readonly #free: Uint8Array[] = []
  #out = 0

  /** Buffers taken and not given back. */
  get out(): number {
    return this.#out
  }

  get empty(): boolean {
    return this.#out >= BUFFERS_MAX
  }

  /** A buffer, or null when all are out. */
  take(): Uint8Array | null {
    if (this.empty) return null
    this.#out++
    return this.#free.pop() ?? new Uint8Array(SEND_BUFFER_BYTES)
  }

  give(buffer: Uint8Array): void {
    this.#out--
    this.#free.push(buffer)
  }
}
