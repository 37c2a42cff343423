// Loss detection over the three packet number spaces (RFC 9002 section 6): what an ACK acknowledges, what is lost, and the one timer.
//
//   timer = the earliest loss time of any space; without one, the probe timeout of the space that sent first, backed off.
import type { AckRange } from './frames.ts'
import type { CongestionName } from './congestion.ts'
import { Reordering } from './reordering.ts'
import { Rtt } from './rtt.ts'
import { SentPackets, type SentPacket } from './sent-packets.ts'
import { Throttle } from './throttle.ts'

/** Packet number spaces, in the order of the handshake. */
export const SPACES = ['initial', 'handshake', 'application'] as const
export type SpaceName = (typeof SPACES)[number]

/** Back-off stops doubling here: 2^10 probe timeouts are longer than any deadline of ours. */
const PTO_COUNT_MAX = 10

/** What the connection knows that loss detection needs. */
export interface RecoveryView {
  /** The peer's max_ack_delay in ms. */
  readonly peerAckDelayMs: number
  readonly handshakeConfirmed: boolean
  readonly hasHandshakeKeys: boolean
  /** The server may not be sure of our address yet: a client keeps probing even with nothing in flight (section 6.2.2.1). */
  readonly peerMayBeBlocked: boolean
  /** The anti-amplification limit forbids us to send. */
  readonly blocked: boolean
}

/** What is known of the capacity of a path; packets belong to the one they were sent on (RFC 9000 section 9.4). */
export interface Flow {
  readonly number: number
  readonly rtt: Rtt
  readonly throttle: Throttle
}

export interface Settled {
  readonly acknowledged: readonly SentPacket[]
  readonly lost: readonly SentPacket[]
}

/** From the first to the last of packets in the order they were sent, in ms. */
const lasted = (packets: readonly SentPacket[]): number => (packets.at(-1)?.sentAt ?? 0) - (packets[0]?.sentAt ?? 0)

export class Recovery {
  #flow: Flow
  #flows = 0
  readonly #congestionName: CongestionName
  readonly #reordering = new Reordering()
  readonly spaces: Readonly<Record<SpaceName, SentPackets>> = {
    initial: new SentPackets(),
    handshake: new SentPackets(),
    application: new SentPackets(),
  }
  /** Earliest time at which a packet of the space becomes lost. */
  readonly #lossAt: Record<SpaceName, number> = { initial: Infinity, handshake: Infinity, application: Infinity }
  #ptoCount = 0
  /** Packets sent before the first sample say nothing about persistent congestion (RFC 9002 section 7.6.2). */
  #firstSampleAt = Infinity
  /** Start of the period with nothing in flight: a client's anti-deadlock probes count from here. */
  #quietSince: number

  constructor(congestion: CongestionName, datagramBytes: number, now: number) {
    this.#congestionName = congestion
    this.#flow = this.newFlow(datagramBytes)
    this.#quietSince = now
  }

  /** That of the path in use. */
  get flow(): Flow {
    return this.#flow
  }

  get rtt(): Rtt {
    return this.#flow.rtt
  }

  get throttle(): Throttle {
    return this.#flow.throttle
  }

  /** A path that nothing is known of. */
  newFlow(datagramBytes: number): Flow {
    const rtt = new Rtt()
    return { number: this.#flows++, rtt, throttle: new Throttle(this.#congestionName, datagramBytes, rtt) }
  }

  /** Another path is used from now on: what was sent on others says nothing about it, and its probes begin anew. */
  moveTo(flow: Flow): void {
    this.#flow = flow
    flow.throttle.bytesInFlight = 0
    for (const space of SPACES) flow.throttle.bytesInFlight += this.spaces[space].bytesOf(flow.number)
    this.#ptoCount = 0
  }

  get ptoCount(): number {
    return this.#ptoCount
  }

  onSent(space: SpaceName, packet: SentPacket): void {
    this.spaces[space].add(packet)
    if (packet.flow === this.#flow.number) this.throttle.sent(packet.bytes, packet.sentAt)
    if (packet.ackEliciting) this.#quietSince = packet.sentAt
  }

  /** `ranges` come from an ACK that names no packet unsent; `ackDelayMs` is as the peer said, bounded by its maximum. */
  onAck(
    space: SpaceName,
    ranges: readonly AckRange[],
    ack: { delayMs: number; now: number; peerAckDelayMs: number },
  ): Settled {
    const sent = this.spaces[space]
    const before = sent.largestAcknowledged
    const { settled, late } = sent.acknowledge(ranges)
    if (late.length > 0) this.#cameLate(sent, late, ack.now)
    const newest = settled.at(-1)
    if (newest === undefined) {
      // Of packets that elicit no ACK, and are not kept: what was sent long before them is lost all the same.
      const isNews = sent.largestAcknowledged > before
      return { acknowledged: late, lost: isNews ? this.#detectLost(space, ack.now) : [] }
    }
    const firstSampleAt = this.#firstSampleAt
    let sampleMs: number | null = null
    const isHere = newest.flow === this.#flow.number
    if (isHere && newest.number === ranges[0]!.to && settled.some((packet) => packet.ackEliciting)) {
      sampleMs = this.rtt.update(ack.now - newest.sentAt, space === 'initial' ? 0 : ack.delayMs)
      this.#firstSampleAt = Math.min(firstSampleAt, ack.now)
    }
    this.throttle.acknowledged(this.#here(settled), { now: ack.now, sampleMs })
    const lost = this.#detectLost(space, ack.now)
    if (lost.length > 0) {
      const above = settled.find((packet) => packet.number > before)?.number ?? -1
      const run = this.#here(lost).filter(
        ({ number, sentAt, bytes }) => number > before && number < above && sentAt > firstSampleAt && bytes > 0,
      )
      if (lasted(run) > this.threePto(ack.peerAckDelayMs)) this.throttle.collapse()
    }
    return { acknowledged: late.length > 0 ? [...late, ...settled] : settled, lost }
  }

  /** Those of the path in use: what went by another says nothing about it (RFC 9000 section 9.4). */
  #here(packets: readonly SentPacket[]): readonly SentPacket[] {
    const { number } = this.#flow
    return packets.every(({ flow }) => flow === number) ? packets : packets.filter(({ flow }) => flow === number)
  }

  /** What counted as lost arrived: losses are seen later from now on, and one that was none has not happened. */
  #cameLate(sent: SentPackets, late: readonly SentPacket[], now: number): void {
    const delay = this.rtt.lossDelay(this.#reordering.roundTrips)
    for (const { number, sentAt } of late) {
      this.#reordering.late(sent.largestAcknowledged - number, (now - sentAt) / delay)
    }
    this.throttle.late(this.#here(late))
  }

  /** Progress resets the back-off, but a client does so only once the server has validated its address (section 6.2.1). */
  resetBackoff(): void {
    this.#ptoCount = 0
  }

  /** When the loss detection timer fires; Infinity when it is not armed. */
  timerAt(view: RecoveryView): number {
    const { initial, handshake, application } = this.#lossAt
    const lossAt = Math.min(initial, handshake, application)
    if (lossAt !== Infinity) return lossAt
    if (view.blocked) return Infinity
    return this.#probe(view).at
  }

  /** The timer fired: packets of `space` are lost by time, or it has to send one or two probes. */
  onTimer(view: RecoveryView, now: number): { space: SpaceName; lost: Settled['lost']; probe: boolean } {
    for (const space of SPACES) {
      if (this.#lossAt[space] <= now) return { space, lost: this.#detectLost(space, now), probe: false }
    }
    const { at, space } = this.#probe(view)
    if (view.blocked || at > now) return { space, lost: [], probe: false }
    this.#ptoCount = Math.min(PTO_COUNT_MAX, this.#ptoCount + 1)
    return { space, lost: [], probe: true }
  }

  /** The keys of a space are gone: its packets are neither acknowledged nor lost (RFC 9002 section 6.4). */
  discard(space: SpaceName): void {
    this.throttle.discarded(this.spaces[space].clear())
    this.#lossAt[space] = Infinity
    this.#ptoCount = 0
  }

  /**
   * A Retry: the server kept nothing of what was sent, which is returned and has to go again (RFC 9002 section 6.3). Unless something
   * went twice, the time since the first packet is a sample.
   */
  onRetry(now: number): SentPacket[] {
    const sent = this.spaces.initial.oldest(Infinity)
    const first = sent[0]
    if (first !== undefined && this.#ptoCount === 0) this.rtt.update(now - first.sentAt, 0)
    this.discard('initial')
    return sent
  }

  /** How long a closing connection stays, and how long an idle one at least lives: three probe timeouts (RFC 9000 section 10). */
  threePto(peerAckDelayMs: number): number {
    return 3 * (this.rtt.pto + peerAckDelayMs)
  }

  #probe(view: RecoveryView): { at: number; space: SpaceName } {
    const backoff = 2 ** this.#ptoCount
    if (!SPACES.some((space) => this.spaces[space].elicitingInFlight > 0)) {
      if (!view.peerMayBeBlocked) return { at: Infinity, space: 'initial' }
      const at = this.#quietSince + this.rtt.pto * backoff
      return { at, space: view.hasHandshakeKeys ? 'handshake' : 'initial' }
    }
    let earliest: { at: number; space: SpaceName } = { at: Infinity, space: 'initial' }
    for (const space of SPACES) {
      if (this.spaces[space].elicitingInFlight === 0) continue
      if (space === 'application' && !view.handshakeConfirmed) continue
      const delay = space === 'application' ? view.peerAckDelayMs : 0
      const at = this.spaces[space].lastElicitingAt + (this.rtt.pto + delay) * backoff
      if (at < earliest.at) earliest = { at, space }
    }
    return earliest
  }

  #detectLost(space: SpaceName, now: number): SentPacket[] {
    const delay = this.rtt.lossDelay(this.#reordering.roundTrips)
    const { lost, nextAt } = this.spaces[space].detectLost(now, delay, this.#reordering)
    this.#lossAt[space] = nextAt
    if (lost.length === 0) return lost
    this.#reordering.lost()
    this.throttle.lost(this.#here(lost), now)
    return lost
  }
}
