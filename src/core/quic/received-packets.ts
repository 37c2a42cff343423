// What was received in one packet number space and what is owed to the sender: duplicates, and when an ACK is due (RFC 9000
// section 13.2). A space remembers at most RANGES_MAX ranges; anything below them counts as seen.
import { varintSize } from '../bytes.ts'
import type { AckRange, Frame } from './frames.ts'
import { Ranges } from './ranges.ts'

/** Enough for heavy reordering, few enough to fit a datagram: at most 17 bytes a range. */
const RANGES_MAX = 32

/** The longest we hold an ACK back in the application space, in ms; announced as max_ack_delay. */
export const MAX_ACK_DELAY_MS = 25

/** The shortest we can be asked to hold it back, in µs: timers are no finer. Announced as min_ack_delay. */
export const MIN_ACK_DELAY_US = 1000

/** And less than this, in µs: max_ack_delay could not say it (RFC 9000 section 18.2). */
const ACK_DELAY_US_END = 2 ** 14 * 1000

/** Whether a Requested Max Ack Delay is one; another closes with PROTOCOL_VIOLATION (draft-ietf-quic-ack-frequency section 4). */
export const isAckDelay = (delayUs: number): boolean => delayUs >= MIN_ACK_DELAY_US && delayUs < ACK_DELAY_US_END

/** Our ack_delay_exponent: the delay field counts units of 8 µs. */
export const ACK_DELAY_EXPONENT = 3

/** When an ACK is due. */
interface Frequency {
  /** More ack-eliciting packets than this do not wait. */
  readonly threshold: number
  /** Neither does a packet that is missing, or comes, so far behind the largest; 0: none out of order makes a hurry. */
  readonly reordering: number
  readonly delayMs: number
}

/** Every second packet, and whatever is out of order, at once (RFC 9000 section 13.2). */
const UNASKED: Frequency = { threshold: 1, reordering: 1, delayMs: MAX_ACK_DELAY_MS }

export class ReceivedPackets {
  #frequency = UNASKED
  #asked = -1
  /** The largest number when the last ACK was sent; -1 before. */
  #reported = -1
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

  /** Ranges of packet numbers that are remembered. */
  get ranges(): number {
    return this.#seen.count
  }

  isDuplicate(packetNumber: number): boolean {
    return packetNumber < this.#floor || this.#seen.has(packetNumber)
  }

  /** ACK_FREQUENCY with a delay that is one; an older one than was heard already changes nothing. */
  ask(wish: { sequence: number; threshold: number; delayUs: number; reordering: number }): void {
    if (wish.sequence <= this.#asked) return
    this.#asked = wish.sequence
    this.#frequency = { threshold: wish.threshold, reordering: wish.reordering, delayMs: wish.delayUs / 1000 }
  }

  /** Records an authenticated packet; with `atOnce`, as during the handshake, its ACK does not wait. */
  add(packetNumber: number, ackEliciting: boolean, when: { now: number; atOnce: boolean }): void {
    const inOrder = packetNumber === this.largest + 1
    if (packetNumber > this.largest) this.#largestAt = when.now
    this.#seen.add(packetNumber, packetNumber + 1)
    this.#floor = Math.max(this.#floor, this.#seen.dropLowest(RANGES_MAX))
    if (!ackEliciting) return
    this.#unacknowledged++
    const { threshold, reordering, delayMs } = this.#frequency
    const isGap = reordering <= 1 ? reordering === 1 && !inOrder : this.#isFarOff(packetNumber, reordering)
    const isUrgent = when.atOnce || this.#unacknowledged > threshold || isGap
    this.ackAt = Math.min(this.ackAt, isUrgent ? when.now : when.now + delayMs)
  }

  /**
   * Whether something that no ACK has shown missing yet is so far behind the largest; or the packet itself was so far behind what an ACK has
   * shown, so that the peer takes it for lost.
   */
  #isFarOff(packetNumber: number, reordering: number): boolean {
    if (packetNumber <= this.#reported - reordering) return true
    const from = Math.max(this.#floor, this.#reported - reordering + 1)
    const above = this.#seen.indexAbove(from)
    const isThere = above < this.#seen.count && this.#seen.startOf(above) <= from
    const missing = isThere ? this.#seen.endOf(above) : from
    return this.largest - missing >= reordering
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
    this.#reported = this.largest
    this.#unacknowledged = 0
    this.ackAt = Infinity
  }

  /** The peer saw our ACK up to `largest`: what lies below need not be said again. */
  acknowledged(largest: number): void {
    this.#seen.remove(0, largest)
    this.#floor = Math.max(this.#floor, largest)
  }
}
