// The seams of the accept path: who hears of finished handshakes, who names connections, and when a handshake's datagrams are worked
// on. All of it is synchronous; nothing here may wait.
import type { Direction, HandshakeFailure } from '../core/counters.ts'
import type { ConnectionHandle } from '../core/ids.ts'
import type { ShareView } from '../core/gate/shares.ts'
import type { CloseReason } from '../core/quic/outputs.ts'
import type { Address } from '../core/address.ts'
import type { Link } from './link.ts'
import type { Schedule } from './schedule.ts'

/** Where a peer is now, and whether its network's share of the connections counts there. */
export interface Moved {
  readonly remote: Address
  readonly hasShare: boolean
}

/** Hears what becomes of connections, in the turn in which it happens. */
export interface Acceptance {
  /** The handshake finished. Returns when the connection is registered and its streams are read. */
  established(link: Link, now: number): void
  /** An established connection's peer has proved to be elsewhere. */
  migrated(handle: ConnectionHandle, moved: Moved, now: number): void
  /** An established connection is closed. */
  lost(handle: ConnectionHandle, reason: CloseReason, now: number): void
  /** A connection ended before it was established. */
  failed(handle: ConnectionHandle, failure: HandshakeFailure, reason: CloseReason, now: number): void
}

/** What an acceptance is made of that stands before the registry's; only control experiments have one. */
export interface AcceptanceParts {
  /** The registry's: when its `established` returns, the connection is registered and read. */
  readonly own: Acceptance
  readonly schedule: Schedule
  /** Whether HELLO and HELLO_ACK have gone both ways on a connection. */
  identified(handle: ConnectionHandle): boolean
}

/** Names connections, and knows whether there is room for another. */
export interface Handles {
  readonly full: boolean
  /** Connections named and not yet given back. */
  readonly size: number
  draw(direction: Direction): ConnectionHandle
}

/** Who holds the connections, and how one is made to go. */
export interface Crowd {
  readonly shares: ShareView
  /** An established connection gives way to a newcomer; it is lost before this returns to the endpoint's turn. */
  evict(handle: ConnectionHandle, retryAfterMs: number): void
}

/** Nobody has a share, and nobody goes. */
export const NO_CROWD: Crowd = Object.freeze({ shares: { admits: () => true, rival: () => null }, evict: () => {} })

/** Decides when the datagrams of a handshake in progress are worked on: at once, but in control experiments. */
export interface Admission {
  /** A datagram of an inbound handshake came; `deliver` works on it. */
  arrived(handle: ConnectionHandle, deliver: () => void): void
  /** The handshake finished or failed. */
  ended(handle: ConnectionHandle): void
}

/** No handshake waits for another. */
export const AT_ONCE: Admission = Object.freeze({
  arrived: (_handle: ConnectionHandle, deliver: () => void) => deliver(),
  ended: () => {},
})
