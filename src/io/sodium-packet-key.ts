// QUIC packet protection with ChaCha20-Poly1305 by libsodium (RFC 9001 sections 5.3 and 5.4.4): no object is made for a packet.
import { assert } from '../core/assert.ts'
import type { PacketKey } from '../core/ports.ts'
import { keptSecret } from './key-memory.ts'
import type { HeaderMask, KeyMaterial } from './packet-key.ts'
import { PacketNonce } from './packet-nonce.ts'
import type { Sodium } from './sodium.ts'

const TAG_BYTES = 16
const COUNTER_BYTES = 4
const SAMPLE_BYTES = 16
const MASK_BYTES = 5
const NO_BYTES = new Uint8Array(MASK_BYTES)

/** A packet key of libsodium's, for 32-byte keys; they are copied. */
export const sodiumPacketKey = (sodium: Sodium, material: KeyMaterial): PacketKey =>
  new SodiumPacketKey(sodium, material)

/** Where packets are opened: libsodium wipes what was not genuine, and a packet that does not open is to stay as it came. */
let scratch = new Uint8Array(2048)

class SodiumPacketKey implements PacketKey {
  readonly #sodium: Sodium
  readonly #key: Uint8Array
  readonly #mask: HeaderMask
  readonly #nonce: PacketNonce
  #released = false

  constructor(sodium: Sodium, { key, iv, headerKey }: KeyMaterial) {
    this.#sodium = sodium
    this.#key = keptSecret(key)
    this.#nonce = new PacketNonce(iv)
    if (headerKey instanceof Uint8Array) this.#mask = chachaMask(sodium, keptSecret(headerKey))
    else if (headerKey instanceof SodiumPacketKey) this.#mask = headerKey.#mask
    else this.#mask = (buffer, sample, into) => headerKey.mask(buffer, sample, into)
  }

  seal(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): void {
    assert(!this.#released, 'a released key seals nothing')
    assert(end + TAG_BYTES <= buffer.length, 'the tag has room')
    const payload = buffer.subarray(start, end)
    const tag = buffer.subarray(end, end + TAG_BYTES)
    this.#sodium.crypto_aead_chacha20poly1305_ietf_encrypt_detached(
      payload,
      tag,
      payload,
      buffer.subarray(header, start),
      null,
      this.#nonce.of(packetNumber),
      this.#key,
    )
  }

  open(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): number {
    const tag = end - TAG_BYTES
    if (this.#released || tag < start || end > buffer.length) return -1
    const plaintext = scratchOf(tag - start)
    try {
      this.#sodium.crypto_aead_chacha20poly1305_ietf_decrypt_detached(
        plaintext,
        null,
        buffer.subarray(start, tag),
        buffer.subarray(tag, end),
        buffer.subarray(header, start),
        this.#nonce.of(packetNumber),
        this.#key,
      )
    } catch {
      return -1
    }
    buffer.set(plaintext, start)
    return tag
  }

  mask(buffer: Uint8Array, sample: number, into: Uint8Array): void {
    this.#mask(buffer, sample, into)
  }

  release(): void {
    this.#released = true
    this.#key.fill(0)
  }
}

const chachaMask =
  (sodium: Sodium, headerKey: Uint8Array): HeaderMask =>
  (buffer, sample, into) => {
    const nonce = buffer.subarray(sample + COUNTER_BYTES, sample + SAMPLE_BYTES)
    const counter =
      ((buffer[sample] ?? 0) |
        ((buffer[sample + 1] ?? 0) << 8) |
        ((buffer[sample + 2] ?? 0) << 16) |
        ((buffer[sample + 3] ?? 0) << 24)) >>>
      0
    const mask = into.length === MASK_BYTES ? into : into.subarray(0, MASK_BYTES)
    sodium.crypto_stream_chacha20_ietf_xor_ic(mask, NO_BYTES, nonce, counter, headerKey)
  }

/** Grows to the largest datagram there is, 64 KiB. */
const scratchOf = (bytes: number): Uint8Array => {
  if (bytes > scratch.length) scratch = new Uint8Array(2 ** Math.ceil(Math.log2(bytes)))
  return scratch.subarray(0, bytes)
}
