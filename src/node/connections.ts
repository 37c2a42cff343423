// The connections of a node as they stand, in pages: whoever looks at ten thousand of them takes a few at a time.
import type { Address } from '../core/address.ts'
import type { Direction } from '../core/counters.ts'
import type { ConnectionHandle, PeerId } from '../core/ids.ts'
import type { Capability } from '../core/messages/hello.ts'
import type { Link } from './link.ts'
import type { TransportParts } from './transport-parts.ts'

/** Connections in one page: reading them takes some hundred microseconds. */
export const CONNECTIONS_PER_PAGE = 200

/** One connection at one moment. */
export interface ConnectionReading {
  readonly connection: ConnectionHandle
  readonly direction: Direction
  readonly state: 'half-open' | 'established' | 'identified' | 'going-away'
  /** Null until the handshake has finished. */
  readonly peerId: PeerId | null
  readonly remote: Address
  /** Milliseconds since its first datagram, and since the last one that came. */
  readonly ageMs: number
  readonly silentMs: number
  /** The smoothed round-trip time of the path in use. */
  readonly rttMs: number
  /** Null until the peer has introduced itself. `userAgent` is its own word: printable ASCII, at most 256 characters. */
  readonly capability: Capability | null
  readonly userAgent: string | null
}

/** Some connections in the order in which they began; `next` is what to ask for the page after it, null where there is none. */
export interface ConnectionPage {
  readonly connections: readonly ConnectionReading[]
  readonly next: ConnectionHandle | null
}

/** At most a page of the connections that began after one of them. Takes a step for each connection before it. */
export const connectionsOf = (
  { endpoint, registry }: TransportParts,
  after: ConnectionHandle | null,
  now: number,
): ConnectionPage => {
  const connections: ConnectionReading[] = []
  for (const handle of endpoint.handles()) {
    if (after !== null && handle <= after) continue
    if (connections.length === CONNECTIONS_PER_PAGE)
      return { connections, next: connections.at(-1)?.connection ?? null }
    const link = endpoint.link(handle)
    if (link === null || !link.begun) continue
    const info = registry.info(handle)
    connections.push({
      connection: handle,
      direction: link.direction,
      state: info === null ? unidentified(link) : registry.isActive(handle) ? 'identified' : 'going-away',
      peerId: link.peer?.peerId ?? null,
      remote: link.remote,
      ageMs: now - link.beganAt,
      silentMs: now - link.heardAt,
      rttMs: link.connection.stats.rttMs,
      capability: info?.hello.capability ?? null,
      userAgent: info?.hello.userAgent ?? null,
    })
  }
  return { connections, next: null }
}

const unidentified = ({ state }: Link): 'half-open' | 'established' =>
  state.kind === 'half-open' ? 'half-open' : 'established'
