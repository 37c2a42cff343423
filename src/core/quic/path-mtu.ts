// How large a datagram the path carries (RFC 8899, RFC 9000 section 14.3), within what can be known. Node can neither forbid that a
// datagram is fragmented nor be told that it was. What it does is the system's default, on Linux: the first one that is too large for
// the path is lost, and from then on, for ten minutes, the system cuts what is too large. So a size is tried once, sizes are tried from
// the smallest up, and the first that is lost ends the search for as long as the system may remember; a later probe would come through
// in pieces and prove nothing. Nothing larger than an Ethernet packet is tried unasked, but on loopback, where there is nothing to hurt.
//
//   resting ──datagrams are filled──► searching ──probe acknowledged──► searching the next size … ──► done
//                                        │ probe lost ─► done, a while                      done ──while over──► searching
//   any ──larger datagrams lost again and again, and none acknowledged (a black hole)──► done at 1,200 bytes, a while
import { type Address, classify } from '../address.ts'
import { INITIAL_DATAGRAM_BYTES } from './packet.ts'

/** The largest datagrams ever tried: by family, and where both ends are on this machine. Bytes of UDP payload. */
export interface MtuMax {
  readonly ip4: number
  readonly ip6: number
  readonly loopback: number
}

/** Packets of links that are common: the least of IPv6, tunnels, WireGuard, PPPoE, Ethernet, jumbo frames. */
const LINK_MTUS = [1280, 1400, 1420, 1492, 1500, 9000]

/** Headers of IP and UDP. */
const HEADERS = { 4: 28, 6: 48 } as const

/** ::1 carries no more in one piece; 127.0.0.1 as much as UDP can say. */
const LOOPBACK_MAX = { 4: 65_507, 6: 65_488 } as const

/** Where the large one does not pass on loopback, as on macOS. */
const LOOPBACK_STEPS = [16_000, 8192, 1452]

/** A probe lost on loopback was more likely lost for want of room than for its size. */
const LOOPBACK_TRIES = 3

/** Datagrams filled before larger ones are looked for: a connection that says little needs none. */
const FILLED_MIN = 8

/** The search begins anew after this: systems forget what they learnt of a path in ten minutes. */
const AGAIN_AFTER_MS = 11 * 60_000

/** Losses in a row, none of them followed by the acknowledgement of a large datagram, that make a black hole. */
const MISSED_MAX = 3

/** From what is configured: the largest over IPv4, and to this machine. The header of IPv6 is 20 bytes longer. */
export const mtuMaxFrom = (limits: { readonly mtuMax: number; readonly loopbackMtuMax: number }): MtuMax => ({
  ip4: limits.mtuMax,
  ip6: limits.mtuMax - HEADERS[6] + HEADERS[4],
  loopback: limits.loopbackMtuMax,
})

/** The largest datagram to try for a peer. */
export const mtuMaxOf = (remote: Address, max: MtuMax): number => {
  const { family } = remote
  const own = classify(remote) === 'loopback' ? max.loopback : family === 4 ? max.ip4 : max.ip6
  return Math.max(INITIAL_DATAGRAM_BYTES, Math.min(own, LOOPBACK_MAX[family]))
}

export class PathMtu {
  /** What the path is known to carry. */
  bytes = INITIAL_DATAGRAM_BYTES
  readonly #family: 4 | 6
  readonly #onLoopback: boolean
  readonly #ownMax: number
  /** What both ends allow; INITIAL_DATAGRAM_BYTES until the handshake is done. */
  #max = INITIAL_DATAGRAM_BYTES
  /** Sizes to try, the next one first. */
  #steps: readonly number[] = []
  #tries = 0
  #inFlight = false
  #filled = 0
  #againAt = Infinity
  #missed = 0

  constructor(remote: Address, max: MtuMax) {
    this.#family = remote.family
    this.#onLoopback = classify(remote) === 'loopback'
    this.#ownMax = mtuMaxOf(remote, max)
  }

  /** The handshake is done: larger datagrams may be looked for, up to what the peer takes. */
  begin(peerMax: number): void {
    this.#max = Math.min(this.#ownMax, peerMax)
    this.#search()
  }

  /** A datagram of this size would be sent next, at the most: a probe's, or an ordinary one's. */
  get nextBytes(): number {
    return Math.max(this.bytes, this.#isSearching ? (this.#steps[0] ?? 0) : 0)
  }

  /** The size of the probe to send now; 0 for none. */
  wanted(now: number): number {
    if (now >= this.#againAt) this.#search()
    return this.#isSearching && !this.#inFlight ? (this.#steps[0] ?? 0) : 0
  }

  probeSent(): void {
    this.#inFlight = true
  }

  /** A datagram was sent that was as full as it can be. */
  filled(): void {
    this.#filled++
  }

  /** A probe came through, however late; true when larger datagrams are sent from now on. */
  probeAcknowledged(bytes: number): boolean {
    this.#inFlight = false
    if (bytes <= this.bytes) return false
    this.bytes = Math.min(bytes, this.#max)
    this.#missed = this.#tries = 0
    this.#steps = this.#onLoopback ? [] : this.#steps.filter((step) => step > bytes)
    return true
  }

  probeLost(bytes: number, now: number): void {
    if (!this.#inFlight || this.#steps[0] !== bytes) return
    this.#inFlight = false
    if (!this.#onLoopback) return this.#rest(now)
    if (++this.#tries < LOOPBACK_TRIES) return
    this.#tries = 0
    this.#steps = this.#steps.slice(1)
    if (this.#steps.length === 0) this.#rest(now)
  }

  /** A datagram of so many bytes was acknowledged. */
  acknowledged(bytes: number): void {
    if (bytes > INITIAL_DATAGRAM_BYTES) this.#missed = 0
  }

  /** Packets were lost or a probe timeout passed, larger ones among them; true when there is a black hole, and small ones are sent from now on. */
  missed(now: number): boolean {
    if (this.bytes === INITIAL_DATAGRAM_BYTES || ++this.#missed < MISSED_MAX) return false
    this.bytes = INITIAL_DATAGRAM_BYTES
    this.#rest(now)
    return true
  }

  get #isSearching(): boolean {
    return this.#filled >= FILLED_MIN && this.#steps.length > 0
  }

  #search(): void {
    this.#againAt = Infinity
    this.#inFlight = false
    this.#tries = this.#missed = 0
    const common = this.#onLoopback ? LOOPBACK_STEPS : LINK_MTUS.map((mtu) => mtu - HEADERS[this.#family])
    const below = common.filter((size) => size > this.bytes && size < this.#max)
    if (this.bytes >= this.#max) this.#steps = []
    else this.#steps = this.#onLoopback ? [this.#max, ...below] : [...below, this.#max]
  }

  #rest(now: number): void {
    this.#steps = []
    this.#inFlight = false
    this.#missed = 0
    this.#againAt = now + AGAIN_AFTER_MS
  }
}
