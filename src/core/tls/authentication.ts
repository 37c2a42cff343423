// How the ends of a handshake prove who they are (RFC 8446 section 4.4): what a Certificate shows, and the signature that proves it. Raw
// ML-DSA-65 public keys and X.509 chains part ways here; client.ts and server.ts know of neither.
import type { Crypto, SignatureScheme, WorkDone } from '../ports.ts'
import { ALERT, type Refusal, refuse, refused } from './alerts.ts'
import { CERTIFICATE_SCHEMES, CHAIN_CERTIFICATES_MAX, CHAIN_SCHEMES, chainRefusal } from './certificate-chain.ts'
import { encodeCodes, EXTENSION, MLDSA65, RAW_PUBLIC_KEY, X509 } from './extensions.ts'
import { decodeCertificate, decodeCertificateVerify, encodeCertificateRequest, signedContent } from './messages.ts'
import { decodePublicKey, SIGNATURE_BYTES } from './raw-public-key.ts'
import type { TlsConfig, TlsPeer } from './session.ts'
import type { Credential, Terms } from './terms.ts'
import type { WorkAsked } from './handshake.ts'

/** Nobody known: a client that shows no certificate where it need not. */
export const NOBODY: TlsPeer = { peerId: null, chain: [] }

/** The CertificateRequest of a server with these terms, for a certificate of `type`. */
export const certificateRequest = (type: number): Uint8Array =>
  encodeCertificateRequest(
    type === RAW_PUBLIC_KEY
      ? [[EXTENSION.signatureAlgorithms, encodeCodes([MLDSA65], 2)]]
      : [
          [EXTENSION.signatureAlgorithms, encodeCodes(CERTIFICATE_SCHEMES, 2)],
          [EXTENSION.signatureAlgorithmsCert, encodeCodes(CHAIN_SCHEMES, 2)],
        ],
  )

/**
 * Whom a Certificate of `type` names; proven only once CertificateVerify is. `none` is what an empty one comes to. What is kept is copied.
 */
export const peerOf = (
  body: Uint8Array,
  { type, crypto, none }: { readonly type: number; readonly crypto: Crypto; readonly none: TlsPeer | Refusal },
): TlsPeer | Refusal => {
  const entries = decodeCertificate(body)
  if (refused(entries)) return entries
  const [first, ...more] = entries
  if (first === undefined) return none
  if (type === X509) {
    if (more.length >= CHAIN_CERTIFICATES_MAX) return refuse(ALERT.badCertificate, 'more than 10 certificates')
    return { peerId: null, chain: entries.map((entry) => entry.slice()) }
  }
  if (more.length > 0) return refuse(ALERT.illegalParameter, 'more than one raw public key')
  const publicKey = decodePublicKey(first)
  return refused(publicKey) ? publicKey : { peerId: crypto.peerId(publicKey), publicKey }
}

/** The work that tells whether a CertificateVerify proves `peer`; `transcriptHash` covers everything before it. */
export const verifyWork = (
  body: Uint8Array,
  claim: {
    readonly peer: TlsPeer
    readonly signer: 'client' | 'server'
    readonly transcriptHash: Uint8Array
    readonly trust: Terms['trust']
  },
): WorkAsked | Refusal => {
  const verify = decodeCertificateVerify(body)
  if (refused(verify)) return verify
  const { signature } = verify
  const { peer, signer, transcriptHash, trust } = claim
  const content = signedContent(signer, transcriptHash)
  if (peer.peerId !== null) {
    const { publicKey: key } = peer
    return verify.scheme === MLDSA65 && key !== null ? { kind: 'verify', key, content, signature } : notOffered
  }
  const scheme = CERTIFICATE_SCHEMES.find((offered) => offered === verify.scheme)
  if (scheme === undefined || trust === null) return notOffered
  return { kind: 'verify-chain', chain: peer.chain, scheme, content, signature, holder: signer, trust }
}

/** What the result of that work comes to: null when the peer is proven. */
export const verifyObjection = (result: WorkDone, signer: 'client' | 'server'): Refusal | null => {
  if (result.kind === 'verify-chain') return result.objection === null ? null : chainRefusal(result.objection)
  return result.kind === 'verify' && result.valid
    ? null
    : refuse(ALERT.decryptError, `the ${signer}'s signature is not genuine`)
}

/** The work that signs for a credential of ours. */
export const signWork = (
  { scheme }: Credential,
  signer: 'client' | 'server',
  transcriptHash: Uint8Array,
): WorkAsked => ({
  kind: 'sign',
  content: signedContent(signer, transcriptHash),
  ...(scheme === MLDSA65 ? {} : { scheme: scheme as SignatureScheme }),
})

/** Signatures by an X.509 certificate's key are at most this long: that of RSA with 8,192 bits. */
const CERTIFICATE_SIGNATURE_BYTES_MAX = 1024

/** What is wrong with a signature our own workers made, or null. */
export const signatureObjection = (signature: Uint8Array, { scheme }: Credential): Refusal | null => {
  const isRight =
    scheme === MLDSA65
      ? signature.length === SIGNATURE_BYTES
      : signature.length > 0 && signature.length <= CERTIFICATE_SIGNATURE_BYTES_MAX
  return isRight ? null : refuse(ALERT.internalError, 'our signature has a wrong length')
}

/** What is wrong with whom a server names, for a client that wants one peer alone; before that learns who we are. */
export const expectedObjection = (peer: TlsPeer, { expectedPeer }: TlsConfig): Refusal | null =>
  peer.peerId === null || expectedPeer === null || peer.peerId === expectedPeer
    ? null
    : refuse(ALERT.certificateUnknown, `IDENTITY_MISMATCH: expected ${expectedPeer}, found ${peer.peerId}`)

const notOffered = refuse(ALERT.illegalParameter, 'a signature scheme that was not offered')
