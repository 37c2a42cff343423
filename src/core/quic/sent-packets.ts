// Packets of one number space that were sent and not yet acknowledged or given up: what an ACK settles, what it shows lost, and what
// it shows to have been given up too early.
import type { AckRange } from './frames.ts'
import type { Reordering } from './reordering.ts'

/** What a packet carried that has to be told to its owner when the packet is acknowledged or lost. */
export type Carried =
  | { readonly kind: 'ack'; readonly largest: number }
  | { readonly kind: 'crypto'; readonly start: number; readonly end: number }
  | {
      readonly kind: 'stream'
      readonly stream: number
      readonly start: number
      readonly end: number
      readonly fin: boolean
    }
  | { readonly kind: 'reset-stream'; readonly stream: number }
  | { readonly kind: 'stop-sending'; readonly stream: number }
  | { readonly kind: 'max-data' }
  | { readonly kind: 'max-stream-data'; readonly stream: number }
  | { readonly kind: 'max-streams'; readonly bidirectional: boolean }
  | { readonly kind: 'new-connection-id'; readonly sequence: number }
  | { readonly kind: 'retire-connection-id'; readonly sequence: number }
  | { readonly kind: 'handshake-done' }
  | { readonly kind: 'new-token' }
  | { readonly kind: 'ack-frequency'; readonly sequence: number }
  | { readonly kind: 'mtu-probe'; readonly bytes: number }
  | { readonly kind: 'datagram'; readonly id: number }

export interface SentPacket {
  readonly number: number
  readonly sentAt: number
  /** Which path it was sent on, by the number of its flow. */
  readonly flow: number
  /** Bytes counted against the congestion window; 0 for packets that elicit no ACK. */
  readonly bytes: number
  readonly ackEliciting: boolean
  readonly carried: readonly Carried[]
}

/** Packets given up that are remembered, in case they are acknowledged after all. More at once are lost indeed. */
const GIVEN_UP_MAX = 256

/** For so many loss delays after they were sent: half of it went by before they counted as lost. */
const GIVEN_UP_DELAYS = 4

/** What an ACK settles, lowest number first: packets that were in flight, and such as counted as lost. */
export interface Acknowledged {
  readonly settled: SentPacket[]
  readonly late: readonly SentPacket[]
}

const NONE: readonly SentPacket[] = []

/** In common to all that have none, since an empty map has a table too: nothing is ever put into it. */
const NO_PACKETS = new Map<number, SentPacket>()

/** Whether a number is in one of these ranges, highest first. */
const isIn = (number: number, ranges: readonly AckRange[]): boolean => {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (ranges[middle]!.from > number) low = middle + 1
    else high = middle
  }
  const range = ranges[low]
  return range !== undefined && number <= range.to
}

export class SentPackets {
  /** Ack-eliciting packets in order of their numbers. Bounded by the congestion window. */
  #packets = NO_PACKETS
  /** In the order in which they were given up. Bounded by GIVEN_UP_MAX. */
  #givenUp = NO_PACKETS
  next = 0
  largestAcknowledged = -1
  lastElicitingAt = -Infinity

  /** Packets in flight, and those given up that may still be acknowledged. */
  get count(): number {
    return this.#packets.size + this.#givenUp.size
  }

  get elicitingInFlight(): number {
    return this.#packets.size
  }

  /** The `count` packets that wait longest for their acknowledgement. */
  oldest(count: number): SentPacket[] {
    const packets: SentPacket[] = []
    for (const packet of this.#packets.values()) {
      if (packets.length === count) break
      packets.push(packet)
    }
    return packets
  }

  /** A packet that elicits no ACK is not kept: nothing it said has to be said again. */
  add(packet: SentPacket): void {
    this.next = packet.number + 1
    if (!packet.ackEliciting) return
    if (this.#packets === NO_PACKETS) this.#packets = new Map()
    this.#packets.set(packet.number, packet)
    this.lastElicitingAt = packet.sentAt
  }

  /** The packets that an ACK settles for the first time. */
  acknowledge(ranges: readonly AckRange[]): Acknowledged {
    const settled: SentPacket[] = []
    const largest = ranges[0]?.to ?? -1
    let index = ranges.length - 1
    for (const packet of this.#packets.values()) {
      if (packet.number > largest) break
      while (index > 0 && ranges[index]!.to < packet.number) index--
      const range = ranges[index]!
      if (packet.number >= range.from && packet.number <= range.to) settled.push(packet)
    }
    for (const packet of settled) this.#packets.delete(packet.number)
    if (largest > this.largestAcknowledged) this.largestAcknowledged = largest
    return { settled, late: this.#givenUp.size === 0 ? NONE : this.#cameLate(ranges) }
  }

  #cameLate(ranges: readonly AckRange[]): SentPacket[] {
    const late: SentPacket[] = []
    for (const packet of this.#givenUp.values()) {
      if (isIn(packet.number, ranges)) late.push(packet)
    }
    for (const packet of late) this.#givenUp.delete(packet.number)
    return late.sort((a, b) => a.number - b.number)
  }

  /** Takes out what is lost by now; `nextAt` is when the next packet would be, Infinity if none could. */
  detectLost(now: number, lossDelay: number, { packets }: Reordering): { lost: SentPacket[]; nextAt: number } {
    const lost: SentPacket[] = []
    let nextAt = Infinity
    for (const packet of this.#packets.values()) {
      if (packet.number > this.largestAcknowledged) break
      const overdueAt = packet.sentAt + lossDelay
      if (overdueAt <= now || packet.number <= this.largestAcknowledged - packets) lost.push(packet)
      else nextAt = Math.min(nextAt, overdueAt)
    }
    if (this.#givenUp.size > 0) this.#forgetGivenUp(now - GIVEN_UP_DELAYS * lossDelay, lost.length)
    if (lost.length > 0 && this.#givenUp === NO_PACKETS) this.#givenUp = new Map()
    for (const packet of lost) {
      this.#packets.delete(packet.number)
      if (this.#givenUp.size < GIVEN_UP_MAX) this.#givenUp.set(packet.number, packet)
    }
    return { lost, nextAt }
  }

  /** Bytes in flight of one path. */
  bytesOf(flow: number): number {
    let bytes = 0
    for (const packet of this.#packets.values()) if (packet.flow === flow) bytes += packet.bytes
    return bytes
  }

  /** What was sent too long ago, and the oldest where more come. */
  #forgetGivenUp(sentBefore: number, coming: number): void {
    for (const packet of this.#givenUp.values()) {
      if (packet.sentAt >= sentBefore && this.#givenUp.size + coming <= GIVEN_UP_MAX) return
      this.#givenUp.delete(packet.number)
    }
  }

  /** Forgets everything, as when the space's keys are discarded; returns the bytes that were in flight. */
  clear(): number {
    let bytes = 0
    for (const packet of this.#packets.values()) bytes += packet.bytes
    this.#packets = this.#givenUp = NO_PACKETS
    return bytes
  }
}
