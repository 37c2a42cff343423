// Raw public keys in and out of node:crypto, which wants them wrapped: a SubjectPublicKeyInfo (RFC 5280) of each algorithm used
// here is a fixed prefix followed by the raw key.
import { createPublicKey, type KeyObject } from 'node:crypto'
import { assert } from '../core/assert.ts'
import { concat, fromHex } from '../core/bytes.ts'

/** How one algorithm's public keys are wrapped; sizes in bytes. */
export interface KeyFormat {
  readonly prefix: Uint8Array
  readonly rawBytes: number
  /** The curve's name in a JSON Web Key, where there is one: OpenSSL's DER encoder takes as long as making the key does. */
  readonly jwkCurve?: string
}

const prefix = (hex: string): Uint8Array => {
  const bytes = fromHex(hex)
  assert(bytes !== null, 'a prefix is hexadecimal')
  return bytes
}

/** X25519 (RFC 8410). */
export const X25519: KeyFormat = { prefix: prefix('302a300506032b656e032100'), rawBytes: 32, jwkCurve: 'X25519' }

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
  const { jwkCurve: crv } = format
  try {
    if (crv !== undefined) return createPublicKey({ key: { kty: 'OKP', crv, x: base64url(raw) }, format: 'jwk' })
    return createPublicKey({ key: Buffer.from(concat(format.prefix, raw)), format: 'der', type: 'spki' })
  } catch {
    return null
  }
}

/** The raw bytes of a public key, in memory of their own. */
export const exportPublicKey = (format: KeyFormat, key: KeyObject): Uint8Array => {
  const raw =
    format.jwkCurve === undefined
      ? unwrapped(format, key)
      : Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url')
  assert(raw.length === format.rawBytes, 'a public key has the length of its algorithm')
  return Uint8Array.from(raw)
}

const unwrapped = (format: KeyFormat, key: KeyObject): Uint8Array =>
  key.export({ format: 'der', type: 'spki' }).subarray(format.prefix.length)

const base64url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')
