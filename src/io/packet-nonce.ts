// The nonce of a packet (RFC 9001 section 5.3): the IV with its last 8 bytes XOR the packet number.
import { assert } from '../core/assert.ts'
import { keptSecret } from './key-memory.ts'

const NONCE_BYTES = 12

/** The nonces of one packet key. A view of the bytes would be another two objects for each key there is. */
export class PacketNonce {
  readonly #nonce: Uint8Array
  readonly #ivHigh: number
  readonly #ivLow: number

  /** `iv` is 12 bytes; it is copied. */
  constructor(iv: Uint8Array) {
    assert(iv.length === NONCE_BYTES, 'an IV is 12 bytes')
    this.#nonce = keptSecret(iv)
    this.#ivHigh = wordAt(iv, 4)
    this.#ivLow = wordAt(iv, 8)
  }

  /** The nonce of a packet, valid until the next is asked for: whoever encrypts copies it, so one array serves every packet. */
  of(packetNumber: number): Uint8Array {
    putWord(this.#nonce, 4, this.#ivHigh ^ Math.floor(packetNumber / 0x1_0000_0000))
    putWord(this.#nonce, 8, this.#ivLow ^ packetNumber)
    return this.#nonce
  }
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)

const putWord = (bytes: Uint8Array, at: number, word: number): void => {
  bytes[at] = word >>> 24
  bytes[at + 1] = word >>> 16
  bytes[at + 2] = word >>> 8
  bytes[at + 3] = word
}
