// The nonce of a packet (RFC 9001 section 5.3): the IV with its last 8 bytes XOR the packet number.
import { assert } from '../core/assert.ts'

const NONCE_BYTES = 12

/** The nonces of one packet key. */
export class PacketNonce {
  readonly #nonce: Uint8Array
  readonly #view: DataView
  readonly #ivHigh: number
  readonly #ivLow: number

  /** `iv` is 12 bytes; it is copied. */
  constructor(iv: Uint8Array) {
    assert(iv.length === NONCE_BYTES, 'an IV is 12 bytes')
    this.#nonce = Uint8Array.from(iv)
    this.#view = new DataView(this.#nonce.buffer)
    this.#ivHigh = this.#view.getUint32(4)
    this.#ivLow = this.#view.getUint32(8)
  }

  /** The nonce of a packet, valid until the next is asked for: whoever encrypts copies it, so one array serves every packet. */
  of(packetNumber: number): Uint8Array {
    this.#view.setUint32(4, this.#ivHigh ^ Math.floor(packetNumber / 0x1_0000_0000))
    this.#view.setUint32(8, this.#ivLow ^ packetNumber)
    return this.#nonce
  }
}
