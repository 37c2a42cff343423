// What the node's thread tells the admin's: a reading each second, the connections in pages behind it, and what it is about to do. Plain
// data, copied from one thread to the other; nothing secret is among it.
import type { ConnectionReading, Ending, Metrics } from '../index.ts'

/** What is watched: a node is one. */
export interface Watched {
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly transport: {
    metrics(): Metrics
    connections(after?: ConnectionReading['connection'] | null): {
      readonly connections: readonly ConnectionReading[]
      readonly next: ConnectionReading['connection'] | null
    }
    endings(): readonly Ending[]
  }
}

/** Everything but the connections, at one moment. */
export interface Reading {
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly metrics: Metrics
  /** The last first; bounded by what the node remembers. */
  readonly endings: readonly Ending[]
}

/** What is about to happen to what is watched. */
export type Stage =
  /** It is to be used: a node has joined its network, or starts one; a network is formed. */
  | { readonly kind: 'joined' }
  /** It is about to close. */
  | { readonly kind: 'closing' }

/** What the node's thread says. Each `reading` and `page` is answered with `took`. */
export type ToAdmin =
  | { readonly kind: 'reading'; readonly reading: Reading }
  /** A page of the connections; `last`: the round is complete, and the next page begins another. */
  | { readonly kind: 'page'; readonly connections: readonly ConnectionReading[]; readonly last: boolean }
  | Stage

/** What the admin's thread says. */
export type FromAdmin =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'took' }
