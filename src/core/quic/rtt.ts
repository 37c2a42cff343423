// The round-trip time estimate of a path (RFC 9002 section 5), in ms.

/** Assumed before the first sample (RFC 9002 section 6.2.2). */
export const INITIAL_RTT_MS = 333

/** The probe timeout of a path that nothing is known of. */
export const INITIAL_PTO_MS = INITIAL_RTT_MS + (4 * INITIAL_RTT_MS) / 2

/** Timers cannot be finer than this (RFC 9002 section 6.1.2). */
export const GRANULARITY_MS = 1

export class Rtt {
  latest = 0
  min = 0
  smoothed = INITIAL_RTT_MS
  variance = INITIAL_RTT_MS / 2
  #sampled = false

  get hasSample(): boolean {
    return this.#sampled
  }

  /** A sample: the time from sending the largest newly acknowledged packet, and how long the peer says it held the ACK. What the path took of it. */
  update(sample: number, ackDelay: number): number {
    this.latest = sample
    if (!this.#sampled) {
      this.#sampled = true
      this.min = sample
      this.smoothed = sample
      this.variance = sample / 2
      return sample
    }
    this.min = Math.min(this.min, sample)
    const adjusted = sample >= this.min + ackDelay ? sample - ackDelay : sample
    this.variance = 0.75 * this.variance + 0.25 * Math.abs(this.smoothed - adjusted)
    this.smoothed = 0.875 * this.smoothed + 0.125 * adjusted
    return adjusted
  }

  /** The probe timeout without the peer's ack delay and without back-off (RFC 9002 section 6.2.1). */
  get pto(): number {
    return this.smoothed + Math.max(4 * this.variance, GRANULARITY_MS)
  }

  /** How much later than its neighbour an acknowledgement may come before a packet counts as lost (section 6.1.2). */
  lossDelay(roundTrips: number): number {
    return Math.max(roundTrips * Math.max(this.latest, this.smoothed), GRANULARITY_MS)
  }
}
