// What was received in one packet number space and what is owed to the sender: duplicates, and when an ACK is due (RFC 9000
// section 13.2). A space remembers at most RANGES_MAX ranges; anything below them counts as seen.
import { varintSize } from '../bytes.ts'
import type { AckRange, Frame } from './frames.ts'
import { Ranges } from './ranges.ts'

/** Enough for heavy reordering, few enough to fit a datagram: at most 17 bytes a range. */
const RANGES_MAX = 32

/** An ACK goes out at once when this many ack-eliciting packets wait for one (RFC 9000 section 13.2.2). */
const UNACKNOWLEDGED_MAX = 2

/** The longest we hold an ACK back in the application space, in ms; announced as max_ack_delay. */
export const MAX_ACK_DELAY_MS = 25

/** Our ack_delay_exponent: the delay field counts units of 8 µs. */
export const ACK_DELAY_EXPONENT = 3

export class ReceivedPackets {
  readonly #seen = new Ranges()
  /** Packet numbers below this were forgotten and count as seen. */
  #floor = 0
  #largestAt = 0
  #unacknowledged = 0
  /** When the ACK has to leave; Infinity when nothing is owed. */
  ackAt = Infinity

  /** The largest packet number received, or -1. */
  get largest(): number {
    return this.#seen.isEmpty ? -1 : this.#seen.end - 1
  }

  isDuplicate(packetNumber: number): boolean {
    return packetNumber < this.#floor || this.#seen.has(packetNumber)
  }

  /** Records an authenticated packet. `delayMs` is how long its ACK may wait: 0 during the handshake. */
  add(packetNumber: number, ackEliciting: boolean, when: { now: number; delayMs: number }): void {
    const inOrder = packetNumber === this.largest + 1
    if (packetNumber > this.largest) this.#largestAt = when.now
    this.#seen.add(packetNumber, packetNumber + 1)
    this.#floor = Math.max(this.#floor, this.#seen.dropLowest(RANGES_MAX))
    if (!ackEliciting) return
    this.#unacknowledged++
    const urgent = !inOrder || when.delayMs === 0 || this.#unacknowledged >= UNACKNOWLEDGED_MAX
    this.ackAt = Math.min(this.ackAt, urgent ? when.now : when.now + when.delayMs)
  }

  /** Whether there is anything an ACK could say that the peer may not know. */
  get owes(): boolean {
    return this.ackAt !== Infinity
  }

  /** The ACK frame of now in at most `room` bytes, the newest ranges first; null before the first packet or without room. */
  frame(now: number, room: number): (Frame & { type: 'ack' }) | null {
    const delay = Math.floor((Math.max(0, now - this.#largestAt) * 1000) / 2 ** ACK_DELAY_EXPONENT)
    const ranges: AckRange[] = []
    // Type, number of ranges, and the three integers every ACK has; then two integers a range, none longer than the largest number.
    let left = room - 3 - varintSize(delay) - 2 * varintSize(this.#seen.end)
    for (let i = this.#seen.count - 1; i >= 0 && left >= 0; i--) {
      const range = { from: this.#seen.startOf(i), to: this.#seen.endOf(i) - 1 }
      const above = ranges.at(-1)
      if (above !== undefined) left -= varintSize(above.from - range.to - 2) + varintSize(range.to - range.from)
      if (left >= 0) ranges.push(range)
    }
    if (ranges.length === 0) return null
    return { type: 'ack', ranges, delay, ecn: null }
  }

  /** An ACK of everything was put into a packet. */
  sent(): void {
    this.#unacknowledged = 0
    this.ackAt = Infinity
  }

  /** The peer saw our ACK up to `largest`: what lies below need not be said again. */
  acknowledged(largest: number): void {
    this.#seen.remove(0, largest)
    this.#floor = Math.max(this.#floor, largest)
  }
}
