// Buffers for datagrams on their way to a socket. The pool is what bounds them: when all are out, nothing more is sent until the
// system has taken some.

/** Bytes of a buffer for the world outside, where Ethernet carries no more. */
const BUFFER_BYTES = 1500

/** Bytes of a buffer for this machine's loopback interface, and for jumbo frames. What is larger still is not kept. */
const LARGE_BUFFER_BYTES = 16_384

/** Buffers that may be out at once: some 10 ms of a gigabit. Large ones are fewer. */
const BUFFERS_MAX = 1024
const OUT_BYTES_MAX = 16 * 1024 * 1024

/** Buffers kept for the next datagrams; the system mostly takes one at once, so few are ever out. */
const KEPT_MAX = 64
const KEPT_LARGE_MAX = 8

/** Buffers of two sizes. Bounded by BUFFERS_MAX and OUT_BYTES_MAX out, KEPT_MAX and KEPT_LARGE_MAX kept. */
export class SendPool {
  readonly #free: Uint8Array[] = []
  readonly #freeLarge: Uint8Array[] = []
  #out = 0
  #outBytes = 0

  /** Buffers taken and not given back. */
  get out(): number {
    return this.#out
  }

  get empty(): boolean {
    return this.#out >= BUFFERS_MAX || this.#outBytes >= OUT_BYTES_MAX
  }

  /** A buffer for a datagram of up to `bytes`, or null when all are out. */
  take(bytes: number): Uint8Array | null {
    if (this.empty) return null
    const buffer = this.#kept(bytes)
    this.#out++
    this.#outBytes += buffer.length
    return buffer
  }

  give(buffer: Uint8Array): void {
    this.#out--
    this.#outBytes -= buffer.length
    if (buffer.length > LARGE_BUFFER_BYTES) return
    const isLarge = buffer.length > BUFFER_BYTES
    const kept = isLarge ? this.#freeLarge : this.#free
    if (kept.length < (isLarge ? KEPT_LARGE_MAX : KEPT_MAX)) kept.push(buffer)
  }

  #kept(bytes: number): Uint8Array {
    if (bytes <= BUFFER_BYTES) return this.#free.pop() ?? new Uint8Array(BUFFER_BYTES)
    if (bytes > LARGE_BUFFER_BYTES) return new Uint8Array(bytes)
    return this.#freeLarge.pop() ?? new Uint8Array(LARGE_BUFFER_BYTES)
  }
}
