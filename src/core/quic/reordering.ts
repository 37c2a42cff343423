// How late an acknowledgement may come before its packet counts as lost (RFC 9002 section 6.1): three packets and an eighth of a round
// trip at first, more on a path that was seen to deliver out of order.

/** Packets this far behind the largest acknowledged are lost (RFC 9002 section 6.1.1). */
const PACKETS = 3

/** Beyond this many packets time alone decides. */
const PACKETS_MAX = 64

/** Of a round trip: at first, what each mistake adds, and at the most. */
const ROUND_TRIPS = 9 / 8
const ROUND_TRIPS_STEP = 1 / 8
const ROUND_TRIPS_MAX = 2

/** After so many losses in a row that were real, what was learnt is forgotten (as RFC 8985 section 7.2 has it). */
const FORGOTTEN_AFTER = 16

export class Reordering {
  packets = PACKETS
  roundTrips = ROUND_TRIPS
  #realLosses = 0

  /** Packets were declared lost. */
  lost(): void {
    if (this.packets === PACKETS && this.roundTrips === ROUND_TRIPS) return
    if (++this.#realLosses <= FORGOTTEN_AFTER) return
    this.packets = PACKETS
    this.roundTrips = ROUND_TRIPS
  }

  /** One that counted as lost was acknowledged: so many packets behind the largest, and after that time in units of the loss delay. */
  late(behind: number, delays: number): void {
    this.#realLosses = 0
    this.packets = Math.min(PACKETS_MAX, Math.max(this.packets, behind + 1))
    if (delays > 1) this.roundTrips = Math.min(ROUND_TRIPS_MAX, this.roundTrips + ROUND_TRIPS_STEP)
  }
}
