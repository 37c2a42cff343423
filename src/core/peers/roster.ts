// The two maps that must agree: connections by handle, and the connections of each peer. One way in, one way out.
import { assert } from '../assert.ts'
import type { Direction } from '../counters.ts'
import { connectionHandle, type ConnectionHandle, type PeerId } from '../ids.ts'
import { type ConnectionRecord, type EstablishedConnection, halfOpenRecord, infoOf } from './connection-record.ts'

/** One peer with at least one established connection. */
export interface PeerEntry {
  readonly peerId: PeerId
  /** In the order of establishment. Bounded by connectionsPerPeerMax, those being closed aside. */
  readonly connections: ConnectionRecord[]
  /** Whether `connected` was announced and `disconnected` not yet. */
  connected: boolean
}

/** Who is here. Bounded by `connectionsMax` connections, half-open ones included. */
export class Roster {
  readonly #connectionsMax: number
  readonly #connections = new Map<ConnectionHandle, ConnectionRecord>()
  readonly #peers = new Map<PeerId, PeerEntry>()
  #drawn = 0
  #established = 0

  constructor(connectionsMax: number) {
    this.#connectionsMax = connectionsMax
  }

  get size(): number {
    return this.#connections.size
  }

  get full(): boolean {
    return this.#connections.size >= this.#connectionsMax
  }

  /** A new connection that is only half-open, under a handle never used before. */
  begin(direction: Direction): ConnectionRecord {
    assert(!this.full, 'a connection begins only while there is room')
    const record = halfOpenRecord(connectionHandle(++this.#drawn), direction)
    this.#connections.set(record.handle, record)
    return record
  }

  /** The one insert among the peers: a half-open connection becomes established, to be identified by `deadline`. */
  insert(record: ConnectionRecord, peer: EstablishedConnection, deadline: number): PeerEntry {
    assert(record.state.kind === 'half-open', 'only a half-open connection is established')
    record.state = { kind: 'established', deadline }
    record.peer = peer
    record.establishedOrder = ++this.#established
    const entry = this.#peers.get(peer.peerId) ?? { peerId: peer.peerId, connections: [], connected: false }
    this.#peers.set(peer.peerId, entry)
    entry.connections.push(record)
    return entry
  }

  /** The one remove: from both maps. */
  remove(record: ConnectionRecord): void {
    assert(this.#connections.delete(record.handle), 'a connection is removed once')
    if (record.peer === null) return
    const entry = this.entry(record.peer.peerId)
    entry.connections.splice(entry.connections.indexOf(record), 1)
    if (entry.connections.length === 0) this.#peers.delete(entry.peerId)
  }

  /** The connection, or null when there is none of this handle. */
  find(handle: ConnectionHandle): ConnectionRecord | null {
    return this.#connections.get(handle) ?? null
  }

  /** The connection, or null when it is closed; a handle never drawn is a mistake of ours. */
  get(handle: ConnectionHandle): ConnectionRecord | null {
    assert(handle >= 1 && handle <= this.#drawn, 'a handle was drawn from the registry')
    return this.#connections.get(handle) ?? null
  }

  peer(peerId: PeerId): PeerEntry | null {
    return this.#peers.get(peerId) ?? null
  }

  /** The entry of a peer that has a connection. */
  entry(peerId: PeerId): PeerEntry {
    const entry = this.peer(peerId)
    assert(entry !== null, 'a peer with a connection has an entry')
    return entry
  }

  connections(): IterableIterator<ConnectionRecord> {
    return this.#connections.values()
  }

  peers(): IterableIterator<PeerEntry> {
    return this.#peers.values()
  }

  checkInvariants(): void {
    let listed = 0
    for (const entry of this.#peers.values()) {
      assert(entry.connections.length > 0, 'a peer without a connection has no entry')
      let order = 0
      for (const record of entry.connections) {
        assert(this.#connections.get(record.handle) === record, 'a peer lists connections that exist')
        assert(record.peer?.peerId === entry.peerId, 'a connection is listed by its own peer')
        assert(record.establishedOrder > order, 'the connections of a peer are in the order of establishment')
        order = record.establishedOrder
        listed++
      }
      const counting = entry.connections.some((record) => infoOf(record) !== null)
      assert(entry.connected === counting, 'a peer is connected while an identified connection of it lives')
    }
    for (const record of this.#connections.values()) {
      assert(
        (record.state.kind === 'half-open') === (record.establishedOrder === 0),
        'half-open means never established',
      )
      if (record.peer !== null) listed--
    }
    assert(listed === 0, 'each established connection is listed by one peer')
    assert(this.#connections.size <= this.#connectionsMax, 'connections are bounded')
  }
}
