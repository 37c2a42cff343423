// The shape both ends of a TLS 1.3 handshake share (RFC 8446, as QUIC uses it: RFC 9001 section 4). A session takes CRYPTO bytes
// in order and finished work; it queues outputs, which the connection drains after each input. After an alert it takes nothing.
import type { PeerId } from '../ids.ts'
import type { Crypto, Group, Random, Suite, Work, WorkDone } from '../ports.ts'

/** Encryption levels that carry CRYPTO frames here; 0-RTT is not used. */
export type Level = 'initial' | 'handshake' | 'application'

/** What a session is made of. */
export interface TlsConfig {
  readonly crypto: Crypto
  readonly random: Random
  /** Protocol names in order of preference; exactly one must be agreed. */
  readonly alpn: readonly string[]
  /** Our encoded QUIC transport parameters. */
  readonly transportParameters: Uint8Array
  /** Our raw ML-DSA-65 public key (1,952 bytes); the private key stays with whoever does the `sign` work. */
  readonly publicKey: Uint8Array
  /** Client only: the one peer that is wanted; null takes whoever answers. */
  readonly expectedPeer: PeerId | null
  /** The cipher suites that are offered or accepted, a client's best first; those of nodes when absent. */
  readonly suites?: readonly Suite[]
  /** Client only: the group of its one key share; X25519MLKEM768 (0x11EC) when absent. */
  readonly group?: Group
}

/** What a session wants done, in order. */
export type TlsOutput =
  | { readonly kind: 'send'; readonly level: Level; readonly bytes: Uint8Array }
  | {
      readonly kind: 'keys'
      readonly level: 'handshake' | 'application'
      readonly direction: 'read' | 'write'
      readonly suite: Suite
      /** Traffic secret, from which packet keys are derived (RFC 9001 section 5.1). */
      readonly secret: Uint8Array
    }
  | { readonly kind: 'work'; readonly work: Work }
  /** The peer's transport parameters, not yet authenticated. */
  | { readonly kind: 'transport-parameters'; readonly bytes: Uint8Array }
  /** The peer proved possession of this key. */
  | { readonly kind: 'peer'; readonly peerId: PeerId; readonly publicKey: Uint8Array }
  /** The handshake is complete in the sense of RFC 9001 section 4.1.1; always the last output but alerts. */
  | { readonly kind: 'complete'; readonly alpn: string }
  /** The connection is to be closed with CRYPTO_ERROR 0x0100 + `alert`; `reason` is for our own logs. */
  | { readonly kind: 'alert'; readonly alert: number; readonly reason: string }

/** One end of a handshake. */
export interface TlsSession {
  /** CRYPTO bytes of one level in order, exactly once; messages may be split or joined in any way. */
  receive(level: Level, bytes: Uint8Array): void
  /** A result of work this session asked for; results it did not ask for are ignored. */
  done(work: WorkDone): void
  poll(): TlsOutput | null
}
