// What a QUIC connection tells its driver, and how it is told to end. Datagrams are not here: they are pulled by `transmit`.
import type { Address } from '../address.ts'
import type { StreamId } from '../ids.ts'
import type { Work } from '../ports.ts'
import type { ResumableSession } from '../tls/pre-shared-key.ts'
import type { TlsPeer } from '../tls/session.ts'
import type { DatagramFate } from './datagrams.ts'

/** Why a connection ended. `ours` says which end decided; `timeout` covers idle and handshake deadlines of the peer's silence. */
export type CloseReason =
  /** CONNECTION_CLOSE 0x1d with an application code (`docs/protocol.md`). */
  | { readonly kind: 'application'; readonly ours: boolean; readonly code: number; readonly reason: string }
  /** CONNECTION_CLOSE 0x1c with a transport code of RFC 9000 section 20.1; 0x0100 + alert for TLS. */
  | { readonly kind: 'transport'; readonly ours: boolean; readonly code: number; readonly reason: string }
  /** Nothing was heard for the idle timeout. */
  | { readonly kind: 'idle' }
  /** The peer has no version in common with us. */
  | { readonly kind: 'version' }
  /** A stateless reset: the peer knows nothing of the connection any more (RFC 9000 section 10.3). */
  | { readonly kind: 'stateless-reset' }
  /** The driver dropped the connection without a word (`abandon`). */
  | { readonly kind: 'abandoned' }

/** One thing that happened, in order; drained by `poll` after every input. */
export type ConnectionOutput =
  | { readonly kind: 'work'; readonly work: Work }
  /** The handshake finished: the peer is authenticated, 1-RTT packets flow both ways. Once. */
  | ({ readonly kind: 'established' } & TlsPeer)
  /** The peer has proven who it is: `judged` is to say whether it is wanted. Once, and only where the configuration says so. */
  | { readonly kind: 'judge'; readonly peer: TlsPeer }
  /** A ticket came: what to come back with (`QuicConfig.resume`), once. Clients only, and only where the configuration says so. */
  | { readonly kind: 'session'; readonly session: ResumableSession }
  /** A line of the key log, without its end; only where the configuration says so. */
  | { readonly kind: 'key-log'; readonly line: string }
  /** The peer acknowledged something that was sent after the handshake: it hears us. Once, after `established`. */
  | { readonly kind: 'peer-hears' }
  /** The peer opened a stream. `openedByPeer` streams are announced once, in order of their id within a direction. */
  | { readonly kind: 'stream-opened'; readonly stream: StreamId; readonly bidirectional: boolean }
  /** `read` would give bytes or the end where it gave null before. Edge-triggered. */
  | { readonly kind: 'stream-readable'; readonly stream: StreamId }
  /** `write` would take bytes where it took fewer than offered before. Edge-triggered. */
  | { readonly kind: 'stream-writable'; readonly stream: StreamId }
  /** The peer reset its sending half: what was not read is gone. */
  | { readonly kind: 'stream-reset'; readonly stream: StreamId; readonly code: number }
  /** The peer asked us to stop sending: our half was reset with the same code. */
  | { readonly kind: 'stream-stopped'; readonly stream: StreamId; readonly code: number }
  /** Every byte we wrote and the FIN were acknowledged. */
  | { readonly kind: 'stream-acknowledged'; readonly stream: StreamId }
  /** The peer raised our limit of streams of this direction: `open` may succeed again. */
  | { readonly kind: 'streams-available'; readonly bidirectional: boolean }
  /** `readDatagram` would give one where it gave null before. Edge-triggered. */
  | { readonly kind: 'datagram-readable' }
  /** What became of a datagram that `sendDatagram` took. Once each; of those that are on their way when the connection ends, nothing. */
  | { readonly kind: 'datagram-settled'; readonly id: number; readonly fate: DatagramFate }
  /** A connection id of ours that datagrams may now come with, or no longer. */
  | { readonly kind: 'id-issued'; readonly id: Uint8Array }
  | { readonly kind: 'id-retired'; readonly id: Uint8Array }
  /** A token for a later dial to this peer's address, to be used once (`QuicConfig.token`). Clients only. */
  | { readonly kind: 'new-token'; readonly token: Uint8Array }
  /** A datagram from `remote` that ends in this token is for this connection, whatever id it has; or no longer. */
  | { readonly kind: 'reset-token'; readonly token: Uint8Array; readonly remote: Address; readonly inUse: boolean }
  /** The connection is elsewhere: the peer has proved that it is at `remote`. `local` is the socket we use, as the driver counts. */
  | { readonly kind: 'migrated'; readonly remote: Address; readonly local: number }
  /** The path by `local` that `migrate` asked for does not work; nothing has changed. */
  | { readonly kind: 'migration-failed'; readonly local: number }
  /** The connection is closing or draining: no stream works any more. Once. */
  | { readonly kind: 'closed'; readonly reason: CloseReason }
  /** Closing or draining is over: the driver forgets the connection. Once, last. */
  | { readonly kind: 'gone' }
