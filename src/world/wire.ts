// One direction of a host's line: it carries so many bits a second, keeps what waits in a queue of so many bytes, and drops the rest.

/** What even the slowest line carries: 30 kbit/s, a datagram in a third of a second. */
const BITS_PER_MS_MIN = 30

/** No queue holds more than so much of its line's time, however slow that has become. */
const QUEUED_MS_MAX = 4000

/** One direction of one line. */
export class Wire {
  readonly #bitsPerMs: number
  readonly #queueBytesMax: number
  #slowness = 1
  #freeAt = 0
  /** Datagrams that found the queue full. */
  overflows = 0

  constructor(megabitsPerSecond: number, queueBytesMax: number) {
    this.#bitsPerMs = megabitsPerSecond * 1000
    this.#queueBytesMax = queueBytesMax
  }

  /** Bits in a millisecond, now. */
  get bitsPerMs(): number {
    return Math.max(BITS_PER_MS_MIN, this.#bitsPerMs / this.#slowness)
  }

  /** From now on everything takes so many times longer than before; what waits already leaves as it was going to. */
  slow(times: number): void {
    this.#slowness *= times
  }

  /** When a datagram that comes now has left, or null when there is no room for it. */
  take(bytes: number, now: number): number | null {
    const { bitsPerMs } = this
    const begins = Math.max(now, this.#freeAt)
    const waitingMs = begins - now
    if ((waitingMs * bitsPerMs) / 8 > this.#queueBytesMax || waitingMs > QUEUED_MS_MAX) {
      this.overflows++
      return null
    }
    this.#freeAt = begins + (bytes * 8) / bitsPerMs
    return this.#freeAt
  }
}
