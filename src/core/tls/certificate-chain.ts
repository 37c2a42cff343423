// Chains of X.509 certificates in a handshake (RFC 8446 section 4.4.2): bytes here, judged by whoever can read ASN.1 (`verify-chain`
// work). Only the general entry shows or takes them.
import { assert } from '../assert.ts'
import type { ChainObjection, SignatureScheme } from '../ports.ts'
import { ALERT, type AlertCode, type Refusal, refuse } from './alerts.ts'
import { encodeCertificate } from './messages.ts'

/** Schemes by which the holder of a certificate may sign: ecdsa_secp256r1_sha256, ed25519, rsa_pss_rsae_sha256. */
export const CERTIFICATE_SCHEMES: readonly SignatureScheme[] = [0x0403, 0x0807, 0x0804]

/**
 * Schemes by which the certificates of a chain may be signed, for signature_algorithms_cert: the above with SHA-384 and SHA-512, and
 * the PKCS #1 ones, which authorities still use.
 */
export const CHAIN_SCHEMES: readonly number[] = [
  0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
]

/** Certificates in a chain, ours or a peer's; real ones have two to four. */
export const CHAIN_CERTIFICATES_MAX = 10

/** Bytes of a chain of ours: what a handshake's transcript has room for beside the peer's. */
export const CHAIN_BYTES_MAX = 16 * 1024

/** A Certificate message of a chain, DER and leaf first. */
export const encodeChain = (chain: readonly Uint8Array[]): Uint8Array => {
  assert(chain.length > 0 && chain.length <= CHAIN_CERTIFICATES_MAX, 'a chain of ours is 1 to 10 certificates')
  return encodeCertificate(chain)
}

/** The alert by which each fault of a chain is answered (RFC 8446 section 6.2). */
const ALERTS: Readonly<Record<ChainObjection['fault'], AlertCode>> = {
  malformed: ALERT.badCertificate,
  'bad-signature': ALERT.decryptError,
  'wrong-scheme': ALERT.illegalParameter,
  expired: ALERT.certificateExpired,
  'unknown-authority': ALERT.unknownCa,
  'not-for-this': ALERT.unsupportedCertificate,
  'wrong-name': ALERT.badCertificate,
  'wrong-fingerprint': ALERT.certificateUnknown,
}

/** The refusal of a chain that was found wanting. */
export const chainRefusal = ({ fault, detail }: ChainObjection): Refusal => refuse(ALERTS[fault], `${fault}: ${detail}`)
