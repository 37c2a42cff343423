// What the phonebook needs of the node around it: connections to peers, requests over them, and time.
import type { PeerAddress } from '../core/address.ts'
import type { PeerId } from '../core/ids.ts'
import type { Diversity } from '../core/kademlia/diversity.ts'
import type { RequestHeader, ResponseHeader } from '../core/messages/requests.ts'
import type { PeerInfo } from '../core/peers/connection-record.ts'
import type { Random } from '../core/ports.ts'
import type { Clock, Timers } from '../io/ports.ts'

/** An identified peer: who, where its datagrams come from, and what it said of itself. */
export type Acquaintance = Pick<PeerInfo, 'peerId' | 'remote' | 'hello'>

/** A response with its payload. */
export interface Answer extends ResponseHeader {
  readonly payload: Uint8Array
}

/** How long something may take, and a way to end it sooner. */
export interface Until {
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** The transport as the phonebook sees it; every promise settles soon after its signal is aborted. */
export interface PhonebookTransport {
  /** Resolves when the peer is identified; rejects with a SallyportError. A peer other than the address names is refused. */
  connect(address: PeerAddress, until: Until): Promise<PeerId>
  /** The peer, if requests to it can be made now; null when not. */
  peer(peerId: PeerId): Acquaintance | null
  /** Whether the peer said a moment ago that it shuts down, and has not come back: a dial would only wait. */
  hasLeft(peerId: PeerId): boolean
  /** Whether one of the ends ended the connection a moment ago because it wanted to, and they have not met since: it is not dialled unasked. */
  hasParted(peerId: PeerId): boolean
  /** Rejects with a SallyportError when no response came. */
  request(peer: PeerId, header: RequestHeader, options: Until & { readonly payload: Uint8Array }): Promise<Answer>
  /** The peers whose connections are worth keeping though no request passes, in place of those named before; at most 64. */
  keep(peers: readonly PeerId[]): void
}

/** What a phonebook is made of. */
export interface PhonebookOptions {
  readonly self: PeerId
  readonly diversity: Diversity
  readonly transport: PhonebookTransport
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  /** A dial in all, handshake and identity: 12,000. */
  readonly dialTimeoutMs?: number
  /** A find-node request: 5,000; it is answered from memory. */
  readonly requestTimeoutMs?: number
}
