// What the registry knows of one connection.
//
//   half-open ─► established ─► identified ─► going-away ─► closing ─► (removed)
//       └────────────┴──────────────┴──────────────┴── lost, failed ──────►┘
//
// `closing` means a close was ordered and its `lost` has not come yet; nothing but that moves it on. A removed connection is closed for
// good: its handle is never used again, and events about it change nothing.
import type { Address } from '../address.ts'
import type { Direction } from '../counters.ts'
import type { ConnectionHandle, PeerId } from '../ids.ts'
import type { CloseCode } from '../messages/codes.ts'
import type { Hello } from '../messages/hello.ts'

/** What a peer said of itself in its HELLO, and how we know it. */
export interface PeerInfo {
  readonly peerId: PeerId
  /** The connection on which it said so. */
  readonly connection: ConnectionHandle
  readonly direction: Direction
  /** Where its datagrams come from. */
  readonly remote: Address
  readonly hello: Hello
}

/** Where a connection stands. */
export type ConnectionState =
  | { readonly kind: 'half-open' }
  /** To be identified by `deadline`, which nothing moves. */
  | { readonly kind: 'established'; readonly deadline: number }
  | { readonly kind: 'identified'; readonly info: PeerInfo }
  /** A GOAWAY was sent or came: no new streams; it ends when `streams` is 0 after `lingerUntil`, and at `closeAt` anyhow. */
  | {
      readonly kind: 'going-away'
      readonly info: PeerInfo
      readonly code: CloseCode
      readonly lingerUntil: number
      readonly closeAt: number
    }
  | { readonly kind: 'closing' }

/** Who is at the other end, known from TLS. */
export interface EstablishedConnection {
  readonly handle: ConnectionHandle
  readonly direction: Direction
  readonly peerId: PeerId
  readonly remote: Address
}

/** One connection in the roster; only the registry changes it. */
export interface ConnectionRecord {
  readonly handle: ConnectionHandle
  readonly direction: Direction
  state: ConnectionState
  /** Null while half-open. */
  peer: EstablishedConnection | null
  /** Counts establishments, 0 while half-open: which of two connections is the newer. */
  establishedOrder: number
  /** Counts identifications, 0 before: which connection is used. */
  identifiedOrder: number
  /** Request and message streams open now. */
  streams: number
  /** When a request or message last began or ended. */
  usedAt: number
}

/** The peer's record while the connection makes it count as connected, otherwise null. */
export const infoOf = (record: ConnectionRecord): PeerInfo | null =>
  record.state.kind === 'identified' || record.state.kind === 'going-away' ? record.state.info : null

/** A connection just begun. */
export const halfOpenRecord = (handle: ConnectionHandle, direction: Direction): ConnectionRecord => ({
  handle,
  direction,
  state: { kind: 'half-open' },
  peer: null,
  establishedOrder: 0,
  identifiedOrder: 0,
  streams: 0,
  usedAt: 0,
})
