// HyStart++ (RFC 9406): slow start ends when round trips grow longer, before the queue that makes them longer overflows.
//
//   fast ──round trips longer──► careful ──five rounds──► over
//     ▲                             │ shorter again: it was noise
//     └─────────────────────────────┘

/** Round trips this much longer end the fast phase: an eighth of the round trip, within these bounds in ms (section 4.3). */
const THRESHOLD_MS_MIN = 4
const THRESHOLD_MS_MAX = 16
const THRESHOLD_DIVISOR = 8

/** Samples that a round has to have before it is judged. */
const SAMPLES_MIN = 8

/** In the careful phase the window grows by a quarter of what it would, for so many rounds, the one in which it begins among them (section 4.2). */
const CAREFUL_DIVISOR = 4
const CAREFUL_ROUNDS = 5

export class HyStart {
  #phase: 'fast' | 'careful' | 'over' = 'fast'
  /** The round is over when a packet sent after its start is acknowledged. */
  #roundFrom = -Infinity
  #samples = 0
  #lastMin = Infinity
  #currentMin = Infinity
  /** The shortest round trip when the careful phase began: shorter ones say that there is no queue after all. */
  #baseline = Infinity
  #carefulRounds = 0

  get isOver(): boolean {
    return this.#phase === 'over'
  }

  /** What the window grows by for so many bytes acknowledged. */
  growth(bytes: number): number {
    return this.#phase === 'careful' ? bytes / CAREFUL_DIVISOR : bytes
  }

  /** An acknowledgement of a packet sent at `sentAt`, with the round trip it showed. */
  sample(rttMs: number, { sentAt, now }: { sentAt: number; now: number }): void {
    if (this.#phase === 'over') return
    if (sentAt >= this.#roundFrom) this.#nextRound(now)
    this.#samples++
    this.#currentMin = Math.min(this.#currentMin, rttMs)
    if (this.#samples < SAMPLES_MIN) return
    if (this.#phase === 'careful') {
      if (this.#currentMin < this.#baseline) this.#phase = 'fast'
    } else if (this.#lastMin !== Infinity && this.#currentMin >= this.#lastMin + threshold(this.#lastMin)) {
      this.#phase = 'careful'
      this.#baseline = this.#currentMin
      this.#carefulRounds = 0
    }
  }

  /** Slow start ended for another reason. */
  end(): void {
    this.#phase = 'over'
  }

  #nextRound(now: number): void {
    this.#roundFrom = now
    this.#lastMin = this.#currentMin
    this.#currentMin = Infinity
    this.#samples = 0
    if (this.#phase === 'careful' && ++this.#carefulRounds >= CAREFUL_ROUNDS) this.#phase = 'over'
  }
}

const threshold = (roundTripMs: number): number =>
  Math.min(THRESHOLD_MS_MAX, Math.max(THRESHOLD_MS_MIN, roundTripMs / THRESHOLD_DIVISOR))
