// Raw public keys in and out of node:crypto, which wants them wrapped: a SubjectPublicKeyInfo (RFC 5280) of each algorithm used
// here is a fixed prefix followed by the raw key.
import { createPublicKey, type KeyObject } from 'node:crypto'
import { assert } from '../core/assert.ts'
import { concat, fromHex } from '../core/bytes.ts'

/** How one algorithm's public keys are wrapped; sizes in bytes. */
export interface KeyFormat {
  readonly prefix: Uint8Array
  readonly rawBytes: number
}

const prefix = (hex: string): Uint8Array => {
  const bytes = fromHex(hex)
  assert(bytes !== null, 'a prefix is hexadecimal')
  return bytes
}

/** X25519 (RFC 8410). */
export const X25519: KeyFormat = { prefix: prefix('302a300506032b656e032100'), rawBytes: 32 }

/** ML-KEM-768 (RFC 9935). */
export const ML_KEM_768: KeyFormat = {
  prefix: prefix('308204b2300b0609608648016503040402038204a100'),
  rawBytes: 1184,
}

/** ML-DSA-65 (RFC 9881). */
export const ML_DSA_65: KeyFormat = {
  prefix: prefix('308207b2300b0609608648016503040312038207a100'),
  rawBytes: 1952,
}

/** A raw public key as a KeyObject, or null when the length is wrong or OpenSSL refuses it. */
export const importPublicKey = (format: KeyFormat, raw: Uint8Array): KeyObject | null => {
  if (raw.length !== format.rawBytes) return null
  try {
    return createPublicKey({ key: Buffer.from(concat(format.prefix, raw)), format: 'der', type: 'spki' })
  } catch {
    return null
  }
}

/** The raw bytes of a public key, in memory of their own. */
export const exportPublicKey = (format: KeyFormat, key: KeyObject): Uint8Array => {
  const spki = key.export({ format: 'der', type: 'spki' })
  assert(spki.length === format.prefix.length + format.rawBytes, 'a SubjectPublicKeyInfo is its prefix and the raw key')
  return Uint8Array.from(spki.subarray(format.prefix.length))
}
