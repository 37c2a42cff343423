// QUIC packet protection and its header mask over node:crypto (RFC 9001 sections 5.3 and 5.4), in place: AES-GCM with masks of
// AES-ECB, ChaCha20-Poly1305 with masks of ChaCha20. node:crypto wants a new cipher object per packet, which is most of the cost.
import { createCipheriv, createDecipheriv, type CipherGCM, type CipherGCMTypes } from 'node:crypto'
import { assert } from '../core/assert.ts'
import type { PacketKey, Suite } from '../core/ports.ts'
import { PacketNonce } from './packet-nonce.ts'
import type { Sodium } from './sodium.ts'
import { sodiumPacketKey } from './sodium-packet-key.ts'

const TAG_BYTES = 16
const SAMPLE_BYTES = 16
const MASK_BYTES = 5
const NO_BYTES = new Uint8Array(MASK_BYTES)

/** OpenSSL's names for what a suite is made of. */
interface Cipher {
  readonly packets: CipherGCMTypes
  /** The block cipher of header protection; null: ChaCha20, which is a stream. */
  readonly blocks: 'aes-128-ecb' | 'aes-256-ecb' | null
  readonly keyBytes: number
}

const CIPHERS: Readonly<Record<Suite, Cipher>> = {
  0x1301: { packets: 'aes-128-gcm', blocks: 'aes-128-ecb', keyBytes: 16 },
  0x1302: { packets: 'aes-256-gcm', blocks: 'aes-256-ecb', keyBytes: 32 },
  // Node takes the name with the same options as AES-GCM's, but its types name it apart.
  0x1303: { packets: 'chacha20-poly1305' as CipherGCMTypes, blocks: null, keyBytes: 32 },
}

/** What a packet key is made from: `iv` 12 bytes, `key` and `headerKey` as long as the suite's keys are. */
export interface KeyMaterial {
  readonly key: Uint8Array
  readonly iv: Uint8Array
  readonly headerKey: Uint8Array
}

/** A packet key, whose material is copied; libsodium does ChaCha20-Poly1305 where it is there. */
export const createPacketKey = (suite: Suite, material: KeyMaterial, sodium: Sodium | null): PacketKey => {
  const cipher = CIPHERS[suite]
  const { key, headerKey } = material
  assert(key.length === cipher.keyBytes && headerKey.length === cipher.keyBytes, 'keys are as long as the suite says')
  return sodium !== null && suite === 0x1303
    ? sodiumPacketKey(sodium, material)
    : new OpenSslPacketKey(cipher, material)
}

/** The tag of AES-128-GCM over additional data alone: the Retry integrity tag (RFC 9001 section 5.8). */
export const aesGcmTag = (key: Uint8Array, nonce: Uint8Array, data: Uint8Array): Uint8Array => {
  const cipher = createCipheriv('aes-128-gcm', key, nonce)
  cipher.setAAD(data)
  cipher.final()
  return Uint8Array.from(cipher.getAuthTag())
}

class OpenSslPacketKey implements PacketKey {
  readonly #cipher: CipherGCMTypes
  readonly #key: Uint8Array
  readonly #nonce: PacketNonce
  readonly #maskOf: (sample: Uint8Array) => Uint8Array
  #released = false

  constructor(cipher: Cipher, { key, iv, headerKey }: KeyMaterial) {
    this.#cipher = cipher.packets
    this.#key = Uint8Array.from(key)
    this.#nonce = new PacketNonce(iv)
    this.#maskOf = cipher.blocks === null ? chachaMask(headerKey) : aesMask(cipher.blocks, headerKey)
  }

  seal(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): void {
    assert(!this.#released, 'a released key seals nothing')
    assert(end + TAG_BYTES <= buffer.length, 'the tag has room')
    const cipher: CipherGCM = createCipheriv(this.#cipher, this.#key, this.#nonce.of(packetNumber))
    cipher.setAAD(buffer.subarray(header, start))
    buffer.set(cipher.update(buffer.subarray(start, end)), start)
    cipher.final()
    buffer.set(cipher.getAuthTag(), end)
  }

  open(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): number {
    const tag = end - TAG_BYTES
    if (this.#released || tag < start || end > buffer.length) return -1
    const decipher = createDecipheriv(this.#cipher, this.#key, this.#nonce.of(packetNumber))
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
    const block = this.#maskOf(buffer.subarray(sample, sample + SAMPLE_BYTES))
    for (let i = 0; i < MASK_BYTES; i++) into[i] = block[i] ?? 0
  }

  release(): void {
    this.#released = true
    this.#key.fill(0)
  }
}

/** A block cipher without chaining or padding gives each 16-byte block as it comes, so one object serves every packet. */
const aesMask = (name: string, headerKey: Uint8Array): ((sample: Uint8Array) => Uint8Array) => {
  const blocks = createCipheriv(name, headerKey, null).setAutoPadding(false)
  return (sample) => blocks.update(sample)
}

/** The sample is the block counter and the nonce (RFC 9001 section 5.4.4), which is how OpenSSL wants its IV too. */
const chachaMask = (headerKey: Uint8Array): ((sample: Uint8Array) => Uint8Array) => {
  const key = Uint8Array.from(headerKey)
  return (sample) => createCipheriv('chacha20', key, sample).update(NO_BYTES)
}
