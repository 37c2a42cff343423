// QUIC packet protection and its header mask over node:crypto (RFC 9001 sections 5.3 and 5.4), in place: AES-GCM with masks of
// AES-ECB, ChaCha20-Poly1305 with masks of ChaCha20. node:crypto wants a new cipher object per packet, which is most of the cost.
import { createCipheriv, createDecipheriv, type CipherGCM, type CipherGCMTypes } from 'node:crypto'
import { assert } from '../core/assert.ts'
import type { PacketKey, Suite } from '../core/ports.ts'
import { keptSecret } from './key-memory.ts'
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

/**
 * What a packet key is made from: `iv` 12 bytes, `key` and `headerKey` as long as the suite's keys are; or a packet key of the same suite
 * whose header protection goes on.
 */
export interface KeyMaterial {
  readonly key: Uint8Array
  readonly iv: Uint8Array
  readonly headerKey: Uint8Array | PacketKey
}

/** Writes the mask of a sample, as `PacketKey.mask` does. */
export type HeaderMask = PacketKey['mask']

/** A packet key, whose material is copied; libsodium does ChaCha20-Poly1305 where it is there. */
export const createPacketKey = (suite: Suite, material: KeyMaterial, sodium: Sodium | null): PacketKey => {
  const cipher = CIPHERS[suite]
  const { key, headerKey } = material
  const isFit = (bytes: Uint8Array): boolean => bytes.length === cipher.keyBytes
  assert(isFit(key) && (!(headerKey instanceof Uint8Array) || isFit(headerKey)), 'keys are as long as the suite says')
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
  readonly #mask: HeaderMask
  #released = false

  constructor(cipher: Cipher, { key, iv, headerKey }: KeyMaterial) {
    this.#cipher = cipher.packets
    this.#key = keptSecret(key)
    this.#nonce = new PacketNonce(iv)
    this.#mask = maskOf(headerKey, cipher)
  }

  seal(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): void {
    assert(!this.#released, 'a released key seals nothing')
    assert(end + TAG_BYTES <= buffer.length, 'the tag has room')
    const cipher: CipherGCM = createCipheriv(this.#cipher, this.#key, this.#nonce.of(packetNumber))
    cipher.setAAD(buffer.subarray(header, start))
    moveInto(buffer, start, cipher.update(buffer.subarray(start, end)))
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
    moveInto(buffer, start, plaintext)
    return tag
  }

  mask(buffer: Uint8Array, sample: number, into: Uint8Array): void {
    this.#mask(buffer, sample, into)
  }

  /** The mask alone, so that a chain of keys is not held by its last. */
  static maskOf(key: PacketKey): HeaderMask {
    return key instanceof OpenSslPacketKey ? key.#mask : (buffer, sample, into) => key.mask(buffer, sample, into)
  }

  release(): void {
    this.#released = true
    this.#key.fill(0)
  }
}

/** What OpenSSL wrote, which stands alone in its memory, is given back at once: until it was collected it would weigh on the heap, and stop it the sooner. */
const moveInto = (buffer: Uint8Array, at: number, bytes: Uint8Array<ArrayBuffer>): void => {
  buffer.set(bytes, at)
  if (bytes.byteLength === bytes.buffer.byteLength) bytes.buffer.transfer(0)
}

const maskOf = (headerKey: KeyMaterial['headerKey'], { blocks }: Cipher): HeaderMask => {
  if (!(headerKey instanceof Uint8Array)) return OpenSslPacketKey.maskOf(headerKey)
  const blockOf = blocks === null ? chachaBlock(headerKey) : aesBlock(blocks, headerKey)
  return (buffer, sample, into) => {
    const block = blockOf(buffer.subarray(sample, sample + SAMPLE_BYTES))
    for (let i = 0; i < MASK_BYTES; i++) into[i] = block[i] ?? 0
  }
}

/** A block cipher without chaining or padding gives each 16-byte block as it comes, so one object serves every packet. */
const aesBlock = (name: string, headerKey: Uint8Array): ((sample: Uint8Array) => Uint8Array) => {
  const blocks = createCipheriv(name, headerKey, null).setAutoPadding(false)
  return (sample) => blocks.update(sample)
}

/** The sample is the block counter and the nonce (RFC 9001 section 5.4.4), which is how OpenSSL wants its IV too. */
const chachaBlock = (headerKey: Uint8Array): ((sample: Uint8Array) => Uint8Array) => {
  const key = keptSecret(headerKey)
  return (sample) => createCipheriv('chacha20', key, sample).update(NO_BYTES)
}
