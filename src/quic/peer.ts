// Who is at the other end, and who may be. Nobody is trusted by default: whoever forgets to say whom to trust is told how.
import { fromHex, toHex } from '../core/bytes.ts'
import { SallyportError } from '../core/errors.ts'
import { parsePeerId, type PeerId } from '../core/ids.ts'
import type { Crypto } from '../core/ports.ts'
import { PUBLIC_KEY_BYTES } from '../core/tls/raw-public-key.ts'
import type { PeerTerms, TlsPeer } from '../core/tls/session.ts'
import { readCertificates } from '../io/certificates.ts'

/** What the peer has shown, and proven to be its own. */
export type Peer =
  /**
   * A raw public key (RFC 7250) of 1,952 bytes; its PeerId is its BLAKE3-256, as 64 hexadecimal digits. A server has the PeerId alone of a client that
   * came back with a ticket.
   */
  | {
      readonly kind: 'raw-public-key'
      readonly algorithm: 'ML-DSA-65'
      readonly publicKey: Uint8Array | null
      readonly peerId: PeerId
    }
  /** X.509 certificates (DER), its own first, and the SHA-256 of that one as 64 hexadecimal digits. */
  | { readonly kind: 'certificates'; readonly chain: readonly Uint8Array[]; readonly fingerprint: string }
  /** Nothing: a client that was not asked. */
  | { readonly kind: 'anonymous' }

/** Decides about a peer; what is not `true`, and a throw, refuses it. `signal` is aborted when nobody waits for the answer any more. */
export type VerifyFunction = (peer: Peer, options: { readonly signal: AbortSignal }) => boolean | Promise<boolean>

/** Raw public keys that are trusted: each as its 1,952 bytes, or as its PeerId. */
export interface PinnedKeys {
  readonly keys: readonly (Uint8Array | string)[]
}

/** X.509 certificates that are trusted, whoever signed them: the SHA-256 of each as 64 hexadecimal digits, colons or none. */
export interface PinnedCertificates {
  readonly fingerprints: readonly string[]
}

/** X.509 certificates by who signed them: the authorities as PEM, or `bundled` for those that come with Node. */
export interface Authorities {
  readonly authorities: string
  /** The host name or IP address a server's certificate has to name. Default: the host that is connected to. */
  readonly name?: string
}

/** Whom a session may be with. */
export type Verify = PinnedKeys | PinnedCertificates | Authorities | VerifyFunction

/** What a `verify` option comes to. */
export interface Trust {
  /** The one raw key that is right; null where it is not one alone. */
  readonly only: PeerId | null
  readonly terms: Omit<PeerTerms, 'client' | 'isJudged'>
  /** Who decides about a peer that has proven what it showed: nobody, a list, or a function. */
  readonly judge: { readonly accepts: (peer: Peer) => boolean } | { readonly verify: VerifyFunction } | null
}

/** What a `verify` that is no function has one of: of two the weaker would count. */
const WAYS = ['keys', 'fingerprints', 'authorities'] as const

/** Lets in whoever comes, and does not ask who it is. */
export const ANYONE: Trust = Object.freeze({ only: null, terms: { rawKey: false, certificate: null }, judge: null })

/**
 * The trust of a `verify` option; throws AUTHENTICATION_MISSING or ARGUMENT_INVALID. `remedy` is what to write instead of nothing, `host` what
 * a certificate names by default.
 */
export const trustOf = (
  verify: Verify | undefined,
  { remedy, host }: { readonly remedy: string; readonly host: string | null },
  crypto: Crypto,
): Trust => {
  const missing = (what: string): SallyportError =>
    new SallyportError('AUTHENTICATION_MISSING', `${what} says who may be at the other end: ${remedy}`)
  if (typeof verify === 'function') {
    return { only: null, terms: { rawKey: true, certificate: { kind: 'judged' } }, judge: { verify } }
  }
  if (typeof verify !== 'object' || verify === null) throw missing('nothing')
  const ways = WAYS.filter((way) => way in verify)
  if (ways.length > 1) throw new SallyportError('ARGUMENT_INVALID', `"verify" has ${ways.join(' and ')}: one is right`)
  if ('keys' in verify) return pinnedKeys(named(verify.keys, missing), crypto)
  if ('fingerprints' in verify) {
    const fingerprints = named(verify.fingerprints, missing).map(fingerprintOf)
    return { only: null, terms: { rawKey: false, certificate: { kind: 'fingerprints', fingerprints } }, judge: null }
  }
  if (!('authorities' in verify)) throw missing('nothing in "verify"')
  const authorities = verify.authorities === 'bundled' ? null : readCertificates(verify.authorities)
  if (authorities?.length === 0) throw missing('no certificate in "authorities"')
  const certificate = { kind: 'authorities', authorities, name: verify.name ?? host } as const
  return { only: null, terms: { rawKey: false, certificate }, judge: null }
}

/** The peer of a handshake, as an application sees it. */
export const peerOf = (shown: TlsPeer, crypto: Crypto): Peer => {
  if (shown.peerId !== null) {
    return Object.freeze({
      kind: 'raw-public-key',
      algorithm: 'ML-DSA-65',
      publicKey: shown.publicKey,
      peerId: shown.peerId,
    })
  }
  const [leaf] = shown.chain
  if (leaf === undefined) return Object.freeze({ kind: 'anonymous' })
  return Object.freeze({ kind: 'certificates', chain: shown.chain, fingerprint: toHex(crypto.hash('sha256', leaf)) })
}

const named = <Item>(list: readonly Item[], missing: (what: string) => SallyportError): readonly Item[] => {
  if (Array.isArray(list) && list.length > 0) return list
  throw missing('an empty list in "verify"')
}

const pinnedKeys = (keys: readonly unknown[], crypto: Crypto): Trust => {
  const trusted = new Set(keys.map((key) => peerIdOfKey(key, crypto)))
  const [first = null] = trusted
  const terms = { rawKey: true, certificate: null }
  if (trusted.size === 1) return { only: first, terms, judge: null }
  return { only: null, terms, judge: { accepts: (peer) => peer.kind === 'raw-public-key' && trusted.has(peer.peerId) } }
}

const peerIdOfKey = (key: unknown, crypto: Crypto): PeerId => {
  if (key instanceof Uint8Array && key.length === PUBLIC_KEY_BYTES) return crypto.peerId(key)
  const peerId = typeof key === 'string' ? parsePeerId(key) : null
  if (peerId !== null) return peerId
  throw new SallyportError(
    'ARGUMENT_INVALID',
    'a trusted key is an ML-DSA-65 public key of 1,952 bytes, or its PeerId of 64 lower-case hexadecimal digits',
  )
}

const fingerprintOf = (text: unknown): Uint8Array => {
  const bytes = fromHex(String(text).replaceAll(':', '').toLowerCase())
  if (bytes !== null && bytes.length === 32) return bytes
  throw new SallyportError('ARGUMENT_INVALID', 'a fingerprint is a SHA-256: 64 hexadecimal digits')
}
