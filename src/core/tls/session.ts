// The shape both ends of a TLS 1.3 handshake share (RFC 8446, as QUIC uses it: RFC 9001 section 4). A session takes CRYPTO bytes
// in order and finished work; it queues outputs, which the connection drains after each input. After an alert it takes nothing.
import type { PeerId } from '../ids.ts'
import type { ChainTrust, Crypto, Group, Random, SignatureScheme, Suite, Work, WorkDone } from '../ports.ts'

import type { Refusal } from './alerts.ts'
import type { ResumableSession } from './pre-shared-key.ts'
import type { Ticket } from './tickets.ts'

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
  /**
   * Our raw ML-DSA-65 public key (1,952 bytes); the private key stays with whoever does the `sign` work. Null, for the general entry
   * alone: we have none to show.
   */
  readonly publicKey: Uint8Array | null
  /** Client only: the one peer that is wanted; null takes whoever answers. */
  readonly expectedPeer: PeerId | null
  /** The cipher suites that are offered or accepted, a client's best first; those of nodes when absent. */
  readonly suites?: readonly Suite[]
  /** Client only: the group of its one key share; X25519MLKEM768 (0x11EC) when absent. */
  readonly group?: Group
  /** Server only: makes and reads tickets; absent: none is given or taken. */
  readonly tickets?: TicketBox
  /** Client only: an earlier session to come back with. */
  readonly resume?: Resumption
  /** Client only: whether tickets are handed out as `session` outputs; without it they are ignored. */
  readonly keepsSessions?: boolean
  /** Whether each secret is told as a line of the key log. Whoever reads it can read the connection. */
  readonly keyLog?: boolean
  /** Whether the exporter secret is handed out. */
  readonly exporter?: boolean
  /** For the general entry: what nodes never negotiate. Absent, the handshake is a node's. */
  readonly general?: GeneralTls
}

/** Tickets of one server, by its clock (`Tickets`). */
export interface TicketBox {
  /** What a ticket says, or null: not one of ours, changed, or too old. */
  open(ticket: Uint8Array): Ticket | null
  /** `signedAt` is null for whoever signed just now. */
  seal(ticket: Omit<Ticket, 'signedAt'> & { readonly signedAt: number | null }): Uint8Array
}

/** An earlier session, and how long ago its ticket came, in ms. */
export interface Resumption {
  readonly session: ResumableSession
  readonly ageMs: number
}

/** What only the general entry negotiates. */
export interface GeneralTls {
  /** Groups that are offered or accepted, best first; `GENERAL_GROUPS` when absent. */
  readonly groups?: readonly Group[]
  /** Client only: the groups of its key shares, of those offered; `GENERAL_SHARES` when absent. */
  readonly shares?: readonly Group[]
  /** Our X.509 certificate, shown to whoever takes no raw public key of ours. */
  readonly certificate?: OwnCertificate
  /** Client only: the host name that server_name says; ASCII, no IP address. */
  readonly serverName?: string
  /** What the peer may show, and when that is enough. */
  readonly peer: PeerTerms
}

/** An X.509 certificate of ours: DER, leaf first, and the scheme its key signs by. */
export interface OwnCertificate {
  readonly chain: readonly Uint8Array[]
  readonly scheme: SignatureScheme
}

/** What a peer may show of itself. Nothing is accepted by default: what is not named here is refused. */
export interface PeerTerms {
  /** Whether a raw ML-DSA-65 public key is taken: a client's `expectedPeer`, or one that the application is asked about. */
  readonly rawKey: boolean
  /** How X.509 chains are judged; null: none is taken. */
  readonly certificate: ChainTrust | null
  /** Server only: whether clients are asked who they are, and whether they must say. */
  readonly client: 'required' | 'optional' | 'not-asked'
  /** Whether the application is asked about whoever has proven itself (`judge`, `judged`). */
  readonly isJudged: boolean
}

/**
 * Who is at the other end: the holder of a raw key, which a server does not have of a client that came back with a ticket (null); or of the
 * first certificate of a chain (DER); an empty one is nobody known.
 */
export type TlsPeer =
  | { readonly peerId: PeerId; readonly publicKey: Uint8Array | null }
  | { readonly peerId: null; readonly chain: readonly Uint8Array[] }

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
  /** The peer has proven who it is: the application is to say by `judged` whether it is wanted. At most once. */
  | { readonly kind: 'judge'; readonly peer: TlsPeer }
  /** A line of the key log, without its end (RFC 9850). Only where the configuration says so. */
  | { readonly kind: 'key-log'; readonly line: string }
  /** The secret that keying material is exported from. Once, and only where the configuration says so. */
  | { readonly kind: 'exporter'; readonly secret: Uint8Array }
  /** The peer's transport parameters, not yet authenticated. */
  | { readonly kind: 'transport-parameters'; readonly bytes: Uint8Array }
  /** The peer came back with an earlier session: nobody signed. Before `peer`. */
  | { readonly kind: 'resumed' }
  /** A ticket came: what to come back with, once. After `complete`. */
  | { readonly kind: 'session'; readonly session: ResumableSession }
  /** Who the peer has proven to be. */
  | ({ readonly kind: 'peer' } & TlsPeer)
  /** The handshake is complete in the sense of RFC 9001 section 4.1.1; then come only sessions, alerts and, where one is issued, a ticket. */
  | { readonly kind: 'complete'; readonly alpn: string }
  /** The connection is to be closed with CRYPTO_ERROR 0x0100 + `alert`, or with PROTOCOL_VIOLATION where it says so. */
  | Refusal

/** One end of a handshake. */
export interface TlsSession {
  /** The group of the key exchange; null before it is agreed. */
  readonly group: Group | null
  /** CRYPTO bytes of one level in order, exactly once; messages may be split or joined in any way. */
  receive(level: Level, bytes: Uint8Array): void
  /** A result of work this session asked for; results it did not ask for are ignored. */
  done(work: WorkDone): void
  /** What the application says to a `judge` output; ignored when nothing was asked. */
  judged(isWanted: boolean): void
  /** Server only, once complete: gives the client a ticket, at most one, where there are tickets. */
  issueTicket(): void
  poll(): TlsOutput | null
}
