// Raw public keys (RFC 7250) of ML-DSA-65. A SubjectPublicKeyInfo of this algorithm has one DER form, a fixed prefix and the key,
// and is compared as such: no ASN.1 is parsed.
import { assert } from '../assert.ts'
import { concat, sameBytes } from '../bytes.ts'
import { ALERT, type Refusal, refuse } from './alerts.ts'
import { hexBytes } from './vectors.ts'

/** Bytes of a raw ML-DSA-65 public key (FIPS 204). */
export const PUBLIC_KEY_BYTES = 1952

/** Bytes of an ML-DSA-65 signature (FIPS 204). */
export const SIGNATURE_BYTES = 3309

/** SEQUENCE { SEQUENCE { OID 2.16.840.1.101.3.4.3.18 }, BIT STRING of 1,952 bytes }, up to the key. */
const PREFIX = hexBytes('308207b2300b0609608648016503040312038207a100')

/** The SubjectPublicKeyInfo (1,974 bytes) of a raw key of 1,952 bytes. */
export const encodePublicKey = (key: Uint8Array): Uint8Array => {
  assert(key.length === PUBLIC_KEY_BYTES, 'an ML-DSA-65 public key is 1,952 bytes')
  return concat(PREFIX, key)
}

/** The raw key of a SubjectPublicKeyInfo, copied; another algorithm is unsupported_certificate, a wrong length bad_certificate. */
export const decodePublicKey = (info: Uint8Array): Uint8Array | Refusal => {
  if (!sameBytes(info.subarray(0, PREFIX.length), PREFIX)) {
    return refuse(ALERT.unsupportedCertificate, 'the raw public key is not an ML-DSA-65 key')
  }
  if (info.length !== PREFIX.length + PUBLIC_KEY_BYTES) {
    return refuse(ALERT.badCertificate, 'the raw public key has a wrong length')
  }
  return info.slice(PREFIX.length)
}
