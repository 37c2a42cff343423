// Who is at the other end, and who may be. Nobody is trusted by default: whoever forgets to say whom to trust is told how.
import { SallyportError } from '../core/errors.ts'
import { parsePeerId, type PeerId } from '../core/ids.ts'
import type { Crypto } from '../core/ports.ts'
import { PUBLIC_KEY_BYTES } from '../core/tls/raw-public-key.ts'

/** What the peer proved to have in the handshake: a raw public key (RFC 7250). */
export interface Peer {
  readonly kind: 'raw-public-key'
  readonly algorithm: 'ML-DSA-65'
  /** 1,952 bytes. */
  readonly publicKey: Uint8Array
  /** BLAKE3-256 of the key, as 64 hexadecimal digits. */
  readonly peerId: PeerId
}

/** Decides about a peer; what is not `true`, and a throw, refuses it. `signal` is aborted when nobody waits for the answer any more. */
export type VerifyFunction = (peer: Peer, options: { readonly signal: AbortSignal }) => boolean | Promise<boolean>

/** Raw public keys that are trusted: each as its 1,952 bytes, or as its PeerId. */
export interface PinnedKeys {
  readonly keys: readonly (Uint8Array | string)[]
}

/** Whom a session may be with. */
export type Verify = PinnedKeys | VerifyFunction

/** How a peer is judged: by what is known beforehand, or by asking. */
export type Judge =
  | { readonly kind: 'known'; readonly accepts: (peer: Peer) => boolean; readonly only: PeerId | null }
  | { readonly kind: 'ask'; readonly verify: VerifyFunction }

/** Lets in whoever comes. */
export const ANYONE: Judge = Object.freeze({ kind: 'known', accepts: () => true, only: null })

/** The judge of a `verify` option; throws AUTHENTICATION_MISSING or ARGUMENT_INVALID. `remedy` is what to write instead of nothing. */
export const judgeOf = (verify: Verify | undefined, remedy: string, crypto: Crypto): Judge => {
  if (verify === undefined || verify === null) {
    throw new SallyportError('AUTHENTICATION_MISSING', `nothing says who may be at the other end: ${remedy}`)
  }
  if (typeof verify === 'function') return { kind: 'ask', verify }
  if (!Array.isArray(verify.keys) || verify.keys.length === 0) {
    throw new SallyportError('AUTHENTICATION_MISSING', `"verify" names no key: ${remedy}`)
  }
  const trusted = new Set(verify.keys.map((key: unknown) => peerIdOfKey(key, crypto)))
  const [first = null] = trusted
  return { kind: 'known', accepts: ({ peerId }) => trusted.has(peerId), only: trusted.size === 1 ? first : null }
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
