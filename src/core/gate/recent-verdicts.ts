// Which first flights were judged a moment ago. A post-quantum ClientHello fills two datagrams, and no connection is there to take the
// second when the first was not served: it repeats the first's verdict, without another answer and without a charge. Only once and only
// for half a second: a third is judged afresh, so that an answer that was lost is given again, and is paid for again.

/** First flights whose verdict is remembered. Bounded by `max`, beyond which the oldest is forgotten. */
export class RecentVerdicts {
  readonly #max: number
  readonly #forMs: number
  /** Until when each is remembered, the oldest first. */
  readonly #flights = new Map<string, number>()

  constructor(max: number, forMs: number) {
    this.#max = max
    this.#forMs = forMs
  }

  get size(): number {
    return this.#flights.size
  }

  /** The first datagram of a flight was judged. */
  remember(flight: string, now: number): void {
    this.#flights.delete(flight)
    for (const [oldest, until] of this.#flights) {
      if (until > now && this.#flights.size < this.#max) break
      this.#flights.delete(oldest)
    }
    this.#flights.set(flight, now + this.#forMs)
  }

  /** Whether this is the second datagram of a flight that was judged; it is forgotten with the question. */
  repeats(flight: string, now: number): boolean {
    const until = this.#flights.get(flight)
    return until !== undefined && this.#flights.delete(flight) && now < until
  }
}
