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

export interface Settled {
  readonly acknowledged: readonly SentPacket[]
  readonly lost: readonly SentPacket[]
}

/** From the first to the last of packets in the order they were sent, in ms. */
const lasted = (packets: readonly SentPacket[]): number => (packets.at(-1)?.sentAt ?? 0) - (packets[0]?.sentAt ?? 0)

export class Recovery {
  readonly rtt = new Rtt()
  readonly throttle: Throttle
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
    this.throttle = new Throttle(congestion, datagramBytes, this.rtt)
    this.#quietSince = now
  }

  get ptoCount(): number {
    return this.#ptoCount
  }

  onSent(space: SpaceName, packet: SentPacket): void {
    this.spaces[space].add(packet)
    this.throttle.sent(packet.bytes, packet.sentAt)
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
    if (newest === undefined) return { acknowledged: late, lost: [] }
    const firstSampleAt = this.#firstSampleAt
    let sampleMs: number | null = null
    if (newest.number === ranges[0]!.to && settled.some((packet) => packet.ackEliciting)) {
      sampleMs = ack.now - newest.sentAt
      this.rtt.update(sampleMs, space === 'initial' ? 0 : ack.delayMs)
      this.#firstSampleAt = Math.min(firstSampleAt, ack.now)
    }
    this.throttle.acknowledged(settled, { now: ack.now, sampleMs })
    const lost = this.#detectLost(space, ack.now)
    if (lost.length > 0) {
      const above = settled.find((packet) => packet.number > before)?.number ?? -1
      const run = lost.filter(
        ({ number, sentAt, bytes }) => number > before && number < above && sentAt > firstSampleAt && bytes > 0,
      )
      if (lasted(run) > this.threePto(ack.peerAckDelayMs)) this.throttle.collapse()
    }
    return { acknowledged: late.length > 0 ? [...late, ...settled] : settled, lost }
  }

  /** What counted as lost arrived: losses are seen later from now on, and one that was none has not happened. */
  #cameLate(sent: SentPackets, late: readonly SentPacket[], now: number): void {
    const delay = this.rtt.lossDelay(this.#reordering.roundTrips)
    for (const { number, sentAt } of late) {
      this.#reordering.late(sent.largestAcknowledged - number, (now - sentAt) / delay)
    }
    this.throttle.late(late.filter((packet) => packet.bytes > 0).length)
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
    this.throttle.lost(lost, now)
    return lost
  }
}
