// One path of a connection, from one of our sockets to one address of the peer's: how much may be sent there before the address is
// validated (RFC 9000 sections 8.1 and 9.3), how large a datagram may be, which of the peer's ids goes on them, and the challenges asked and
// answered there.
import { type Address, sameAddress } from '../address.ts'
import { sameBytes } from '../bytes.ts'
import type { Random } from '../ports.ts'
import type { PacketBuilder } from './packet-builder.ts'
import { type MtuMax, PathMtu } from './path-mtu.ts'
import { INITIAL_DATAGRAM_BYTES } from './packet.ts'
import { type Patience, PathValidation } from './path-validation.ts'
import type { Flow } from './recovery.ts'
import type { RemoteId } from './remote-ids.ts'

/** Before validation at most this many times is sent what was received. */
const AMPLIFICATION = 3

/** Challenges answered at a time; a flood of them gets no more. */
const RESPONSES_MAX = 4

/** After the handshake nothing has to be padded: so much holds a short header with a 20-byte id, a little payload and the tag. */
const SHORT_DATAGRAM_BYTES = 100

/** PATH_CHALLENGE and PATH_RESPONSE. */
const PATH_FRAME_BYTES = 9

/** Where a datagram came from, or goes to: an address of the peer's, and which of the driver's sockets, 0 being the one it began on. */
export interface Place extends Address {
  readonly local?: number
}

/** What a path begins with. */
export interface PathParts {
  readonly place: Place
  /** Whether more may be sent there than three times what came from there. */
  readonly isValidated: boolean
  readonly id: RemoteId | null
  readonly flow: Flow | null
  readonly mtuMax: MtuMax
}

export class Path {
  readonly remote: Address
  readonly local: number
  isValidated: boolean
  /** How large a datagram it carries. */
  mtu: PathMtu
  /** The smallest datagram that is worth sending. */
  leastBytes = INITIAL_DATAGRAM_BYTES
  /** The peer's id that goes on what we send there; null until something is sent. */
  id: RemoteId | null
  /** Our id that the peer put on what came from there last. */
  arrivedWith: Uint8Array | null = null
  /** What is known of the path's capacity; null until it is used. */
  flow: Flow | null
  validation: PathValidation | null = null
  /** When the path is forgotten, which is not in use any more. */
  dropAt = Infinity
  /** The peer has left it for one that it has proved to be at. */
  isLeft = false
  #received = 0
  #sent = 0
  /** Bounded by RESPONSES_MAX. */
  readonly #responses: Uint8Array[] = []
  /** A challenge is in the datagram that is being written. */
  #challenging = false

  constructor({ place, isValidated, id, flow, mtuMax }: PathParts) {
    this.remote = { family: place.family, ip: place.ip, port: place.port }
    this.local = place.local ?? 0
    this.mtu = new PathMtu(this.remote, mtuMax)
    this.isValidated = isValidated
    this.id = id
    this.flow = flow
  }

  isAt(place: Place): boolean {
    return sameAddress(this.remote, place) && this.local === (place.local ?? 0)
  }

  /** The same but for the port: most likely one that a NAT has mapped anew (RFC 9000 section 9.4). */
  isBeside(other: Path): boolean {
    return this.remote.ip === other.remote.ip && this.local === other.local
  }

  /** Only short packets pass here from now on. */
  afterHandshake(): void {
    this.leastBytes = SHORT_DATAGRAM_BYTES
  }

  onReceived(bytes: number): void {
    this.#received += bytes
  }

  /** A packet of the path opened. */
  onPacket(destinationId: Uint8Array): void {
    if (this.arrivedWith === null || !sameBytes(this.arrivedWith, destinationId)) {
      this.arrivedWith = destinationId.slice()
    }
  }

  onSent(bytes: number, now: number): void {
    this.#sent += bytes
    if (this.#challenging) this.validation?.sent(bytes >= INITIAL_DATAGRAM_BYTES, now)
    this.#challenging = false
  }

  /** Bytes that may be sent now. */
  get allowance(): number {
    return this.isValidated ? Infinity : Math.max(0, AMPLIFICATION * this.#received - this.#sent)
  }

  /** Nothing may be sent that is worth it: no timer may fire for it, or it would fire for ever. */
  get isBlocked(): boolean {
    return this.allowance < this.leastBytes
  }

  // ── validation ──

  /** Begins to prove the path, unless that is going on. */
  validate(patience: Patience, now: number): void {
    this.validation ??= new PathValidation(patience, now)
  }

  onChallenge(data: Uint8Array): void {
    if (this.#responses.length < RESPONSES_MAX) this.#responses.push(data.slice())
  }

  /** Challenges that wait for an answer, here or there. */
  get challenges(): number {
    return this.#responses.length + (this.validation?.asked ?? 0)
  }

  /** A challenge waits for its answer. */
  get isAnswering(): boolean {
    return this.#responses.length > 0
  }

  /** Whether `fill` would write anything. */
  get pending(): boolean {
    return this.#responses.length > 0 || this.validation?.owed === true
  }

  /** Answers and asks; each says something about this path alone. */
  fill(packet: PacketBuilder, random: Random): void {
    while (packet.room >= PATH_FRAME_BYTES) {
      const data = this.#responses.shift()
      if (data === undefined) break
      packet.add({ type: 'path-response', data }, null)
    }
    const { validation } = this
    if (validation === null || !validation.owed || packet.room < PATH_FRAME_BYTES) return
    packet.add({ type: 'path-challenge', data: validation.draw(random) }, null)
    this.#challenging = true
  }
}
