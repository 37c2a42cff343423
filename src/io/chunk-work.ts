// Sealing, opening and naming chunks (docs/protocol.md, "Chunks"): pure functions, run by worker threads.
//   h = BLAKE3(plaintext); key ‖ nonce = HKDF-SHA256(h, salt: context, info: "sallyport chunk 1")
//   stored = AES-256-GCM(key, nonce, plaintext) ‖ tag; address = BLAKE3(stored)
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { ascii, sameBytes } from '../core/bytes.ts'
import type { Blake3 } from './blake3.ts'

const CIPHER = 'aes-256-gcm'
const INFO = ascii('sallyport chunk 1')
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** A sealed chunk: what is stored, its BLAKE3 (the address) and the BLAKE3 of the plaintext. */
export interface SealedChunk {
  readonly stored: Uint8Array
  readonly address: Uint8Array
  readonly contentHash: Uint8Array
}

/** Seals a chunk under a 32-byte context; `stored` is 16 bytes longer than the plaintext. */
export const sealChunk = (blake3: Blake3, plaintext: Uint8Array, context: Uint8Array): SealedChunk => {
  const contentHash = blake3(plaintext)
  const { key, nonce } = deriveKey(contentHash, context)
  const cipher = createCipheriv(CIPHER, key, nonce)
  const stored = new Uint8Array(plaintext.length + TAG_BYTES)
  inParts(cipher, plaintext, stored)
  cipher.final()
  stored.set(cipher.getAuthTag(), plaintext.length)
  return { stored, address: blake3(stored), contentHash }
}

/** The plaintext of a chunk, or null when the address, the tag or the hash of the plaintext is not what it must be. */
export const openChunk = (
  blake3: Blake3,
  chunk: { readonly stored: Uint8Array; readonly address: Uint8Array; readonly contentHash: Uint8Array },
  context: Uint8Array,
): Uint8Array | null => {
  const { stored, address, contentHash } = chunk
  const end = stored.length - TAG_BYTES
  if (end < 0 || !sameBytes(blake3(stored), address)) return null
  const { key, nonce } = deriveKey(contentHash, context)
  const decipher = createDecipheriv(CIPHER, key, nonce)
  decipher.setAuthTag(stored.subarray(end))
  const plaintext = new Uint8Array(end)
  inParts(decipher, stored.subarray(0, end), plaintext)
  try {
    decipher.final()
  } catch {
    return null
  }
  return sameBytes(blake3(plaintext), contentHash) ? plaintext : null
}

/** A second buffer as large as a chunk, or many small ones, would be garbage that nobody collects for a while: each part is given back at once. */
const PART_BYTES = 64 * 1024

const inParts = (cipher: { update(part: Uint8Array): Uint8Array }, from: Uint8Array, into: Uint8Array): void => {
  for (let at = 0; at < from.length; at += PART_BYTES) {
    const part = cipher.update(from.subarray(at, at + PART_BYTES))
    into.set(part, at)
    // A part in the pool that small buffers share is not ours to give back.
    if (part.buffer instanceof ArrayBuffer && part.byteLength === part.buffer.byteLength) part.buffer.transfer(0)
  }
}

const deriveKey = (contentHash: Uint8Array, context: Uint8Array): { key: Uint8Array; nonce: Uint8Array } => {
  const bytes = new Uint8Array(hkdfSync('sha256', contentHash, context, INFO, KEY_BYTES + NONCE_BYTES))
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) }
}
