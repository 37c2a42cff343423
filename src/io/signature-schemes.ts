// Signatures of TLS 1.3 by the keys of X.509 certificates (RFC 8446 section 4.2.3), over node:crypto: which key a scheme goes with, and how it
// signs. A key of another kind, another curve or too short is none.
import { constants, type KeyObject, sign, type SigningOptions, verify } from 'node:crypto'
import type { SignatureScheme } from '../core/ports.ts'

interface Scheme {
  readonly fits: (key: KeyObject) => boolean
  readonly digest: 'sha256' | null
  readonly options: SigningOptions
}

/** Shorter RSA keys are within reach of whoever has a cluster. */
const RSA_BITS_MIN = 2048

const SCHEMES: Readonly<Record<SignatureScheme, Scheme>> = {
  // ecdsa_secp256r1_sha256
  0x0403: {
    fits: (key) => key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1',
    digest: 'sha256',
    options: { dsaEncoding: 'der' },
  },
  // ed25519
  0x0807: { fits: (key) => key.asymmetricKeyType === 'ed25519', digest: null, options: {} },
  // rsa_pss_rsae_sha256, whose salt is as long as the digest
  0x0804: {
    fits: (key) => key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_BITS_MIN,
    digest: 'sha256',
    options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
  },
}

/** The scheme by which a key signs, private or public, or null when it signs by none of ours. */
export const schemeOf = (key: KeyObject): SignatureScheme | null =>
  ([0x0403, 0x0807, 0x0804] as const).find((scheme) => SCHEMES[scheme].fits(key)) ?? null

/** A signature; throws when the key does not go with the scheme. */
export const signBy = (scheme: SignatureScheme, key: KeyObject, content: Uint8Array): Uint8Array => {
  const { fits, digest, options } = SCHEMES[scheme]
  if (!fits(key)) throw new Error('the key does not go with the signature scheme')
  return Uint8Array.from(sign(digest, content, { key, ...options }))
}

/** Whether a key goes with a scheme. */
export const fitsScheme = (scheme: SignatureScheme, key: KeyObject): boolean => SCHEMES[scheme].fits(key)

/** Whether a signature is that of a key that goes with the scheme; false for whatever is wrong with it. */
export const verifyBy = (
  scheme: SignatureScheme,
  key: KeyObject,
  signed: { readonly content: Uint8Array; readonly signature: Uint8Array },
): boolean => {
  const { fits, digest, options } = SCHEMES[scheme]
  if (!fits(key)) return false
  try {
    return verify(digest, signed.content, { key, ...options }, signed.signature)
  } catch {
    return false
  }
}
