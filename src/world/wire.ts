// One direction of a host's line: it carries so many bits a second, keeps what waits in a queue of so many bytes, and drops the rest.

/** One direction of one line. */
export class Wire {
  /** Bits in a millisecond; may be changed at any time. */
  bitsPerMs: number
  readonly #queueBytesMax: number
  #freeAt = 0
  /** Datagrams that found the queue full. */
  overflows = 0

  constructor(megabitsPerSecond: number, queueBytesMax: number) {
    this.bitsPerMs = megabitsPerSecond * 1000
    this.#queueBytesMax = queueBytesMax
  }

  /** When a datagram that comes now has left, or null when there is no room for it. */
  take(bytes: number, now: number): number | null {
    const begins = Math.max(now, this.#freeAt)
    if (((begins - now) * this.bitsPerMs) / 8 > this.#queueBytesMax) {
      this.overflows++
      return null
    }
    this.#freeAt = begins + (bytes * 8) / this.bitsPerMs
    return this.#freeAt
  }
}
