// QUIC packet protection with AES-128-GCM and its header mask with AES-128-ECB (RFC 9001 sections 5.3 and 5.4.3), in place.
// node:crypto wants a new cipher object per packet, which is most of the cost; the mask's cipher is made once and kept.
import { createCipheriv, createDecipheriv, type CipherGCM } from 'node:crypto'
import { assert } from '../core/assert.ts'
import type { PacketKey } from '../core/ports.ts'

const CIPHER = 'aes-128-gcm'
const KEY_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
const SAMPLE_BYTES = 16
const MASK_BYTES = 5

/** A packet key of 16-byte `key`, 12-byte `iv` and 16-byte `headerKey`; the three are copied. */
export const aesGcmPacketKey = (key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array): PacketKey => {
  assert(key.length === KEY_BYTES && headerKey.length === KEY_BYTES, 'AES-128 keys are 16 bytes')
  assert(iv.length === NONCE_BYTES, 'an IV is 12 bytes')
  return new AesGcmPacketKey(key, iv, headerKey)
}

/** The tag of AES-128-GCM over additional data alone: the Retry integrity tag (RFC 9001 section 5.8). */
export const aesGcmTag = (key: Uint8Array, nonce: Uint8Array, data: Uint8Array): Uint8Array => {
  const cipher = createCipheriv(CIPHER, key, nonce)
  cipher.setAAD(data)
  cipher.final()
  return Uint8Array.from(cipher.getAuthTag())
}

class AesGcmPacketKey implements PacketKey {
  readonly #key: Uint8Array
  readonly #nonce: Uint8Array
  readonly #nonceView: DataView
  readonly #ivHigh: number
  readonly #ivLow: number
  readonly #headerCipher: { update(data: Uint8Array): Uint8Array }
  #released = false

  constructor(key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array) {
    this.#key = Uint8Array.from(key)
    this.#nonce = Uint8Array.from(iv)
    this.#nonceView = new DataView(this.#nonce.buffer)
    this.#ivHigh = this.#nonceView.getUint32(4)
    this.#ivLow = this.#nonceView.getUint32(8)
    // A block cipher without chaining or padding gives each 16-byte block as it comes, so one object serves every packet.
    this.#headerCipher = createCipheriv('aes-128-ecb', headerKey, null).setAutoPadding(false)
  }

  seal(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): void {
    assert(!this.#released, 'a released key seals nothing')
    assert(end + TAG_BYTES <= buffer.length, 'the tag has room')
    const cipher: CipherGCM = createCipheriv(CIPHER, this.#key, this.#nonceFor(packetNumber))
    cipher.setAAD(buffer.subarray(header, start))
    buffer.set(cipher.update(buffer.subarray(start, end)), start)
    cipher.final()
    buffer.set(cipher.getAuthTag(), end)
  }

  open(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): number {
    const tag = end - TAG_BYTES
    if (this.#released || tag < start || end > buffer.length) return -1
    const decipher = createDecipheriv(CIPHER, this.#key, this.#nonceFor(packetNumber))
    decipher.setAuthTag(buffer.subarray(tag, end))
    decipher.setAAD(buffer.subarray(header, start))
    const plaintext = decipher.update(buffer.subarray(start, tag))
    try {
      decipher.final()
    } catch {
      return -1
    }
    buffer.set(plaintext, start)
    return tag
  }

  mask(buffer: Uint8Array, sample: number, into: Uint8Array): void {
    const block = this.#headerCipher.update(buffer.subarray(sample, sample + SAMPLE_BYTES))
    for (let i = 0; i < MASK_BYTES; i++) into[i] = block[i] ?? 0
  }

  release(): void {
    this.#released = true
    this.#key.fill(0)
  }

  /** The IV with its last 8 bytes XOR the packet number; OpenSSL copies it, so one array serves every packet. */
  #nonceFor(packetNumber: number): Uint8Array {
    this.#nonceView.setUint32(4, this.#ivHigh ^ Math.floor(packetNumber / 0x1_0000_0000))
    this.#nonceView.setUint32(8, this.#ivLow ^ packetNumber)
    return this.#nonce
  }
}
