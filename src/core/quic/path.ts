// The one path of a connection: how much may be sent before the peer's address is validated (RFC 9000 section 8.1), how large a
// datagram may be, and the answers owed to PATH_CHALLENGE.
import type { Address } from '../address.ts'
import type { PacketBuilder } from './packet-builder.ts'
import { type MtuMax, PathMtu } from './path-mtu.ts'
import { INITIAL_DATAGRAM_BYTES } from './packet.ts'

/** Before validation a server sends at most this many times what it received. */
const AMPLIFICATION = 3

/** Challenges answered at a time; a flood of them gets no more. */
const RESPONSES_MAX = 4

export class Path {
  readonly remote: Address
  isValidated: boolean
  readonly mtu: PathMtu
  #received = 0
  #sent = 0
  /** Bounded by RESPONSES_MAX. */
  readonly #responses: Uint8Array[] = []

  constructor(remote: Address, isValidated: boolean, mtuMax: MtuMax) {
    this.remote = remote
    this.mtu = new PathMtu(remote, mtuMax)
    this.isValidated = isValidated
  }

  onReceived(bytes: number): void {
    this.#received += bytes
  }

  onSent(bytes: number): void {
    this.#sent += bytes
  }

  /** Bytes that may be sent now. */
  get allowance(): number {
    return this.isValidated ? Infinity : Math.max(0, AMPLIFICATION * this.#received - this.#sent)
  }

  /** Nothing may be sent that needs a full datagram: no timer may fire for it, or it would fire for ever. */
  get isBlocked(): boolean {
    return this.allowance < INITIAL_DATAGRAM_BYTES
  }

  get bytes(): { sent: number; received: number } {
    return { sent: this.#sent, received: this.#received }
  }

  onChallenge(data: Uint8Array): void {
    if (this.#responses.length < RESPONSES_MAX) this.#responses.push(data.slice())
  }

  get pending(): boolean {
    return this.#responses.length > 0
  }

  fill(packet: PacketBuilder): void {
    while (packet.room >= 9) {
      const data = this.#responses.shift()
      if (data === undefined) return
      packet.add({ type: 'path-response', data }, null)
    }
  }
}
