// What may leave now: so much in flight as the congestion window allows, no faster than the pace, and less after losses. Which losses
// count, and which of them were none, is decided here once for every controller.
import { type Congestion, type CongestionName, congestionOf } from './congestion.ts'
import { Pacer } from './pacer.ts'
import type { Rtt } from './rtt.ts'
import type { SentPacket } from './sent-packets.ts'

export class Throttle {
  bytesInFlight = 0
  readonly #congestion: Congestion
  readonly #pacer = new Pacer()
  readonly #rtt: Rtt
  #datagramBytes: number
  /** Losses of what was sent up to here led to the last reduction already. */
  #reducedAt = -Infinity
  /** Packets given up since the last reduction and not acknowledged late, and when the first of them was sent. */
  #lostSince = 0
  #lostFrom = -Infinity
  /** Whether the window or the pace held sending back when it was last tried. */
  #held = false
  /** When the pace allows the next datagram that was held back; Infinity when none waits for it. */
  wakeAt = Infinity
  #sentAt = -Infinity

  constructor(name: CongestionName, datagramBytes: number, rtt: Rtt) {
    this.#congestion = congestionOf(name, datagramBytes)
    this.#datagramBytes = datagramBytes
    this.#rtt = rtt
  }

  get window(): number {
    return this.#congestion.window
  }

  get inSlowStart(): boolean {
    return this.#congestion.inSlowStart
  }

  /** Whether a full datagram fits into the window. */
  get hasRoom(): boolean {
    return this.bytesInFlight + this.#datagramBytes <= this.window
  }

  setDatagramBytes(datagramBytes: number): void {
    this.#congestion.setDatagramBytes(datagramBytes)
    this.#datagramBytes = datagramBytes
  }

  /** Whether a datagram that waits may leave; when not, `wakeAt` says whether time alone will change that. */
  allows(now: number): boolean {
    const readyAt = this.hasRoom ? this.#readyAt(now) : Infinity
    if (readyAt <= now) return true
    this.#held = true
    this.wakeAt = readyAt
    return false
  }

  /** Nothing waits: what limits sending is the application. */
  rested(): void {
    this.#held = false
    this.wakeAt = Infinity
  }

  sent(bytes: number, now: number): void {
    if (bytes === 0) return
    const idleMs = now - this.#sentAt
    const { pto } = this.#rtt
    if (this.bytesInFlight === 0 && idleMs > pto && idleMs < Infinity) this.#congestion.idled(idleMs / pto)
    this.#sentAt = now
    this.bytesInFlight += bytes
    this.#pacer.sent(bytes)
    this.wakeAt = Infinity
  }

  /** Bytes that left the network without saying anything about it: a discarded packet number space. */
  discarded(bytes: number): void {
    this.bytesInFlight = Math.max(0, this.bytesInFlight - bytes)
  }

  /** Packets were acknowledged, in the order of their numbers; `sampleMs` is the round trip that showed, or null. */
  acknowledged(packets: readonly SentPacket[], { now, sampleMs }: { now: number; sampleMs: number | null }): void {
    // A window that is not half full is not what limits; in slow start one that was filled once in a round trip will be again.
    const limited = 2 * this.bytesInFlight >= this.window && (this.#held || this.inSlowStart)
    let left = 0
    let counted = 0
    let sentAt = -Infinity
    for (const packet of packets) {
      left += packet.bytes
      if (packet.sentAt <= this.#reducedAt) continue
      counted += packet.bytes
      sentAt = packet.sentAt
    }
    this.discarded(left)
    if (counted === 0) return
    this.#congestion.acknowledged(counted, { now, sentAt, sampleMs, smoothedMs: this.#rtt.smoothed, limited })
  }

  /** Packets were lost; one reduction a round trip. Probes of the path's size count for nothing: they have no bytes. */
  lost(packets: readonly SentPacket[], now: number): void {
    const inFlight = packets.filter((packet) => packet.bytes > 0)
    const newest = inFlight.at(-1)
    if (newest === undefined) return
    this.discarded(inFlight.reduce((sum, packet) => sum + packet.bytes, 0))
    if (newest.sentAt > this.#reducedAt) {
      this.#reducedAt = now
      this.#lostSince = 0
      this.#lostFrom = inFlight[0]?.sentAt ?? now
      this.#congestion.reduce()
    }
    this.#lostSince += inFlight.length
  }

  /** Packets that counted as lost had only been late. When all since the last reduction had, nothing was lost; those before say nothing of it. */
  late(packets: readonly SentPacket[]): void {
    const count = packets.filter(({ bytes, sentAt }) => bytes > 0 && sentAt >= this.#lostFrom).length
    if (this.#lostSince === 0 || count === 0) return
    this.#lostSince = Math.max(0, this.#lostSince - count)
    if (this.#lostSince > 0) return
    this.#reducedAt = -Infinity
    this.#congestion.undo()
  }

  /** Nothing came through for several probe timeouts. */
  collapse(): void {
    this.#congestion.collapse()
    this.#reducedAt = -Infinity
    this.#lostSince = 0
  }

  #readyAt(now: number): number {
    const { window, inSlowStart } = this.#congestion
    return this.#pacer.readyAt(now, {
      window,
      inSlowStart,
      roundTripMs: this.#rtt.smoothed,
      datagramBytes: this.#datagramBytes,
    })
  }
}
