// What the registry tells its driver, drained after every event.
import type { ConnectionHandle, PeerId } from '../ids.ts'
import type { CloseCode } from '../messages/codes.ts'
import type { PeerInfo } from './connection-record.ts'

/** What the driver is to do, in order. */
export type RegistryOutput =
  /** Close the connection at once, then report it lost. */
  | { readonly kind: 'close'; readonly handle: ConnectionHandle; readonly code: CloseCode; readonly reason: string }
  /** Tell the peer to open no new streams. */
  | { readonly kind: 'goaway'; readonly handle: ConnectionHandle; readonly code: CloseCode }
  /** Send something every `everyMs` when nothing else was sent; null: let it idle out. */
  | { readonly kind: 'keep-alive'; readonly handle: ConnectionHandle; readonly everyMs: number | null }
  /** The connection may be used now. */
  | { readonly kind: 'identified'; readonly info: PeerInfo }
  /** The peer of an identified connection is elsewhere. */
  | { readonly kind: 'migrated'; readonly info: PeerInfo }
  /** The connection is out of the registry, or will never be used again. Once for each established connection. */
  | { readonly kind: 'ended'; readonly handle: ConnectionHandle; readonly peerId: PeerId }
  | { readonly kind: 'connected'; readonly info: PeerInfo }
  | { readonly kind: 'disconnected'; readonly peerId: PeerId }
