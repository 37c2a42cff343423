// Who is here: the one owner of connections and peers. Accepting, dialling, sending and closing hand it events; it changes itself and
// queues outputs, which its driver carries out in order before it hands in the next event. An event about a closed connection changes
// nothing and is counted. For each peer `connected` and `disconnected` alternate, `connected` first. Drawn in connection-record.ts.
import type { Address } from '../address.ts'
import { assert } from '../assert.ts'
import type { Counters, Direction } from '../counters.ts'
import { Deadlines } from '../deadlines.ts'
import { Shares } from '../gate/shares.ts'
import type { ConnectionHandle, PeerId } from '../ids.ts'
import { CLOSE, type CloseCode, closeName } from '../messages/codes.ts'
import type { Hello } from '../messages/hello.ts'
import { sameBytes } from '../bytes.ts'
import { type ConnectionRecord, type EstablishedConnection, infoOf, type PeerInfo } from './connection-record.ts'
import { Holds } from './holds.ts'
import { RecentPeers } from './recent-peers.ts'
import type { RegistryOutput } from './registry-outputs.ts'
import { type PeerEntry, Roster } from './roster.ts'

export type { RegistryOutput } from './registry-outputs.ts'

/** What the registry is made of; times in milliseconds. */
export interface RegistryConfig {
  readonly self: PeerId
  readonly connectionsMax: number
  readonly connectionsPerPeerMax: number
  readonly identityTimeoutMs: number
  /** A connection that nobody holds goes away after this long without a request. */
  readonly idleAfterMs: number
  /** A connection that goes away is closed after this long at the latest. */
  readonly goAwayMs: number
  /** It stays at least this long, so that a request on its way is still served. */
  readonly goAwayLingerMs: number
  readonly keepAliveDiallerMs: number
  readonly keepAliveAcceptorMs: number
}

/** Connections that one call of `timeout` ends at most; each is a packet to be sealed and sent. */
const EXPIRIES_PER_CALL = 32

/** The registry of one node. Every method takes a bounded number of steps, those for all peers aside. */
export class Registry {
  readonly #config: RegistryConfig
  readonly #counters: Counters
  readonly #roster: Roster
  /** Counts the established connections by prefix, for the gate. */
  readonly #shares: Shares
  readonly #holds = new Holds()
  readonly #leavers = new RecentPeers()
  /** One deadline a connection: identity, then idleness, then the end of going away. Bounded by connectionsMax. */
  readonly #deadlines = new Deadlines<ConnectionHandle>()
  /** Bounded by what one event causes: the driver drains it after each. */
  #outputs: RegistryOutput[] = []
  #identified = 0
  #closing = false

  constructor(config: RegistryConfig, counters: Counters, shares?: Shares) {
    this.#config = config
    this.#counters = counters
    this.#roster = new Roster(config.connectionsMax)
    const { connectionsMax } = config
    this.#shares = shares ?? new Shares({ connectionsMax, perHostMax: connectionsMax, networkShare: 1 })
  }

  // ── what is asked of it ──

  get full(): boolean {
    return this.#roster.full
  }

  /** Connections it owns, half-open and closing ones included. */
  get size(): number {
    return this.#roster.size
  }

  /** Whether requests can pass on this connection now. */
  isActive(handle: ConnectionHandle): boolean {
    return this.#roster.find(handle)?.state.kind === 'identified'
  }

  /** The newest identified connection to a peer that is not going away, or null. */
  usable(peerId: PeerId): PeerInfo | null {
    let newest: ConnectionRecord | null = null
    for (const record of this.#roster.peer(peerId)?.connections ?? []) {
      if (record.state.kind !== 'identified') continue
      if (newest === null || record.identifiedOrder > newest.identifiedOrder) newest = record
    }
    return newest === null ? null : infoOf(newest)
  }

  /** Whether a connection to the peer is established and may still become identified. */
  pending(peerId: PeerId): boolean {
    return this.#roster.peer(peerId)?.connections.some((record) => record.state.kind === 'established') ?? false
  }

  /** Whether the peer said a moment ago that it shuts down, and has not come back. */
  hasLeft(peerId: PeerId, now: number): boolean {
    return this.#leavers.has(peerId, now)
  }

  /** Whether a connection is on its way to be identified. */
  mayIdentify(handle: ConnectionHandle): boolean {
    const kind = this.#roster.find(handle)?.state.kind
    return kind === 'half-open' || kind === 'established'
  }

  /** The record of an identified connection, or null. */
  info(handle: ConnectionHandle): PeerInfo | null {
    const record = this.#roster.find(handle)
    return record === null ? null : infoOf(record)
  }

  /** Everyone who counts as connected, each by the record of the connection in use. */
  peers(): PeerInfo[] {
    const all: PeerInfo[] = []
    for (const entry of this.#roster.peers()) {
      const info = entry.connected ? (this.usable(entry.peerId) ?? lastInfo(entry)) : null
      if (info !== null) all.push(info)
    }
    return all
  }

  /** All identified connections, those going away included. */
  active(): PeerInfo[] {
    return [...this.#roster.connections()].flatMap((record) => infoOf(record) ?? [])
  }

  /** Every connection it owns, for the reconciler; between two turns none is closing. */
  *handles(): Generator<ConnectionHandle> {
    for (const record of this.#roster.connections()) yield record.handle
  }

  // ── what happens to connections ──

  /** A handle for a handshake that begins; only while it is not `full`. */
  draw(direction: Direction): ConnectionHandle {
    return this.#roster.begin(direction).handle
  }

  /** The handshake finished: from now on the registry owns the connection. */
  established(peer: EstablishedConnection, now: number): void {
    const record = this.#live(peer.handle)
    if (record === null) return
    if (record.state.kind !== 'half-open') return this.#repeated()
    const deadline = now + this.#config.identityTimeoutMs
    const entry = this.#roster.insert(record, peer, deadline)
    this.#shares.add(peer.handle, peer.remote)
    this.#counters.registered[record.direction]++
    record.usedAt = now
    this.#deadlines.set(record.handle, deadline)
    if (peer.peerId === this.#config.self) return this.#close(record, CLOSE.refused, 'oneself')
    if (this.#closing) return this.#close(record, CLOSE.shutdown, 'shutdown')
    this.#boundPeer(entry)
  }

  /** HELLO and HELLO_ACK went both ways. */
  identified(handle: ConnectionHandle, hello: Hello, now: number): void {
    const record = this.#live(handle)
    if (record === null) return
    if (record.state.kind !== 'established' || record.peer === null) return this.#repeated()
    const isAbsolute = this.#deadlines.at(handle) === record.state.deadline
    assert(isAbsolute, 'no progress moves the deadline of an identity')
    const { peerId, direction, remote } = record.peer
    const info: PeerInfo = { peerId, connection: handle, direction, remote, hello }
    const entry = this.#roster.entry(peerId)
    if (!this.#supersedes(record, info, entry)) return
    record.state = { kind: 'identified', info }
    record.identifiedOrder = ++this.#identified
    record.usedAt = now
    this.#leavers.forget(peerId)
    this.#counters.identified[direction]++
    this.#deadlines.set(handle, now + this.#config.idleAfterMs)
    this.#emit({ kind: 'identified', info })
    this.#shares.stand(handle, hello.capability)
    if (this.#holds.has(peerId)) this.#keep(record, true)
    if (!entry.connected) {
      entry.connected = true
      this.#emit({ kind: 'connected', info })
    }
    this.#duplicates(record, entry, now)
  }

  /** The handshake ended without success. */
  failed(handle: ConnectionHandle): void {
    this.#gone(handle)
  }

  /** The connection is closed, whoever closed it. */
  lost(handle: ConnectionHandle): void {
    this.#gone(handle)
  }

  /** The peer closed the connection, or will, because it shuts down. */
  peerLeaves(handle: ConnectionHandle, now: number): void {
    const peerId = this.#roster.find(handle)?.peer?.peerId
    if (peerId !== undefined) this.#leavers.remember(peerId, now)
  }

  /** The peer has proved to be elsewhere. Where its network has its share of the connections already, this one goes. */
  migrated(handle: ConnectionHandle, { remote, hasShare }: { remote: Address; hasShare: boolean }): void {
    const record = this.#live(handle)
    if (record === null) return
    const { state, peer } = record
    if (peer === null || state.kind === 'half-open' || state.kind === 'closing') return this.#repeated()
    record.peer = { ...peer, remote }
    const fits = this.#shares.move(handle, remote, hasShare)
    if (state.kind === 'established') return fits ? undefined : this.#close(record, CLOSE.overloaded, 'share')
    const info: PeerInfo = { ...state.info, remote }
    record.state = { ...state, info }
    if (fits) this.#emit({ kind: 'migrated', info })
    else this.#close(record, CLOSE.overloaded, 'share')
  }

  /** The peer sent GOAWAY: no new streams, and it will close. */
  peerGoesAway(handle: ConnectionHandle, code: CloseCode, now: number): void {
    const record = this.#live(handle)
    if (record === null) return
    if (code === CLOSE.shutdown) this.peerLeaves(handle, now)
    if (record.state.kind === 'established') this.#close(record, CLOSE.noError, 'going away')
    else if (record.state.kind === 'identified') this.#startGoingAway(record, code, now)
  }

  /** A request or message stream began on the connection. */
  streamBegan(handle: ConnectionHandle, now: number): void {
    const record = this.#live(handle)
    if (record === null) return
    record.streams++
    this.#used(record, now)
    if (record.streams === 1) this.#keepBusy(record, true)
  }

  /** It ended, by whatever means; once for each begun. */
  streamEnded(handle: ConnectionHandle, now: number): void {
    const record = this.#live(handle)
    if (record === null) return
    assert(record.streams > 0, 'a stream ends once')
    record.streams--
    this.#used(record, now)
    if (record.streams === 0) this.#keepBusy(record, false)
    this.#closeIfDrained(record, now)
  }

  // ── what the node decides ──

  /** Closes one established connection at once. */
  close(handle: ConnectionHandle, code: CloseCode, reason: string): void {
    const record = this.#live(handle)
    if (record === null) return
    if (record.state.kind === 'half-open' || record.state.kind === 'closing') return this.#repeated()
    this.#close(record, code, reason)
  }

  /** Closes every connection to a peer; false when there was none left to close. */
  disconnect(peerId: PeerId, code: CloseCode): boolean {
    const living = this.#roster.peer(peerId)?.connections.filter((record) => record.state.kind !== 'closing') ?? []
    for (const record of living) this.#close(record, code, '')
    return living.length > 0
  }

  /** Tells every peer to go; connections without streams close at once, and what is established later is closed. */
  shutdown(now: number): void {
    this.#closing = true
    for (const record of this.#roster.connections()) {
      if (record.state.kind === 'established') this.#close(record, CLOSE.shutdown, 'shutdown')
      else if (record.state.kind === 'identified') this.#goAway(record, CLOSE.shutdown, now)
    }
  }

  /** Keeps a peer though no request passes; false when too many are held. Each hold is taken back once. */
  hold(peerId: PeerId): boolean {
    if (!this.#holds.add(peerId)) return false
    for (const record of this.#roster.peer(peerId)?.connections ?? []) this.#keep(record, true)
    return true
  }

  release(peerId: PeerId): void {
    if (!this.#holds.remove(peerId)) return
    for (const record of this.#roster.peer(peerId)?.connections ?? []) this.#keep(record, false)
  }

  // ── time ──

  /** When `timeout` is to be called next; Infinity: never. */
  nextAt(): number {
    return this.#deadlines.nextAt
  }

  /** Does what is due, of a bounded number of connections: what is left is due at once, so that a crowd that came together does not end in one go. */
  timeout(now: number): void {
    for (let n = 0; n < EXPIRIES_PER_CALL; n++) {
      const handle = this.#deadlines.due(now)
      if (handle === null) return
      const record = this.#roster.get(handle)
      if (record !== null) this.#expire(record, now)
    }
  }

  /** The next thing to do, or null. */
  poll(): RegistryOutput | null {
    return this.#outputs.shift() ?? null
  }

  checkInvariants(): void {
    this.#roster.checkInvariants()
    this.#shares.checkInvariants()
    const counted = [...this.#roster.connections()].filter(
      ({ state }) => state.kind !== 'half-open' && state.kind !== 'closing',
    )
    assert(counted.length === this.#shares.size, 'the connections in use are those that have shares')
    for (const record of this.#roster.connections()) {
      const timed = this.#deadlines.at(record.handle) !== Infinity
      const needs = record.state.kind !== 'half-open' && record.state.kind !== 'closing'
      assert(timed === needs, 'each connection that is not closing has a deadline from its establishment on')
    }
    for (const entry of this.#roster.peers()) {
      const living = entry.connections.filter((record) => record.state.kind !== 'closing')
      assert(living.length <= this.#perPeerMax(entry.peerId), 'the connections of one peer are bounded')
      const processes = new Set(entry.connections.flatMap((record) => infoOf(record)?.hello.incarnation.join() ?? []))
      assert(processes.size <= 1, 'the connections in use to a peer are to one process')
    }
  }

  // ── transitions ──

  #live(handle: ConnectionHandle): ConnectionRecord | null {
    const record = this.#roster.get(handle)
    if (record === null) this.#counters.eventsAboutClosed++
    return record
  }

  /** An event that does not fit where the connection stands: it came twice, or before its time, or while the connection is closing. */
  #repeated(): void {
    this.#counters.eventsRepeated++
  }

  #gone(handle: ConnectionHandle): void {
    const record = this.#live(handle)
    if (record === null) return
    const ended = record.state.kind === 'closing'
    record.state = { kind: 'closing' }
    this.#deadlines.clear(handle)
    this.#shares.remove(handle)
    if (record.peer !== null) {
      if (!ended) this.#ended(record, record.peer.peerId)
      this.#counters.closed[record.direction]++
    }
    this.#roster.remove(record)
  }

  #expire(record: ConnectionRecord, now: number): void {
    switch (record.state.kind) {
      case 'established':
        this.#counters.identityTimeouts++
        return this.#close(record, CLOSE.identityTimeout, 'identity')
      case 'identified':
        return this.#expireIdle(record, record.state.info, now)
      case 'going-away':
        return this.#expireGoingAway(record, now)
      case 'half-open':
      case 'closing':
        return
    }
  }

  #expireIdle(record: ConnectionRecord, info: PeerInfo, now: number): void {
    const inUse = record.streams > 0 || this.#holds.has(info.peerId)
    const idleAt = (inUse ? now : record.usedAt) + this.#config.idleAfterMs
    if (idleAt > now) this.#deadlines.set(record.handle, idleAt)
    else this.#goAway(record, CLOSE.idle, now)
  }

  #expireGoingAway(record: ConnectionRecord, now: number): void {
    if (record.state.kind !== 'going-away') return
    const { code, closeAt } = record.state
    if (record.streams === 0 || now >= closeAt) return this.#close(record, code, '')
    this.#deadlines.set(record.handle, closeAt)
  }

  #goAway(record: ConnectionRecord, code: CloseCode, now: number): void {
    this.#emit({ kind: 'goaway', handle: record.handle, code })
    this.#startGoingAway(record, code, now)
  }

  #startGoingAway(record: ConnectionRecord, code: CloseCode, now: number): void {
    if (record.state.kind !== 'identified') return
    const { goAwayMs, goAwayLingerMs } = this.#config
    const lingerUntil = now + Math.min(goAwayLingerMs, goAwayMs)
    record.state = { kind: 'going-away', info: record.state.info, code, lingerUntil, closeAt: now + goAwayMs }
    this.#deadlines.set(record.handle, lingerUntil)
    this.#shares.stand(record.handle, 'client')
    this.#keepAlive(record, false)
  }

  #closeIfDrained(record: ConnectionRecord, now: number): void {
    if (record.state.kind !== 'going-away' || record.streams > 0 || now < record.state.lingerUntil) return
    this.#close(record, record.state.code, '')
  }

  #close(record: ConnectionRecord, code: CloseCode, reason: string): void {
    assert(record.peer !== null, 'a connection is closed after it was established')
    this.#counters.closedFor[closeName(code)]++
    this.#emit({ kind: 'close', handle: record.handle, code, reason })
    record.state = { kind: 'closing' }
    this.#deadlines.clear(record.handle)
    this.#shares.remove(record.handle)
    this.#ended(record, record.peer.peerId)
  }

  #ended(record: ConnectionRecord, peerId: PeerId): void {
    this.#emit({ kind: 'ended', handle: record.handle, peerId })
    const entry = this.#roster.entry(peerId)
    if (!entry.connected || entry.connections.some((other) => infoOf(other) !== null)) return
    entry.connected = false
    this.#emit({ kind: 'disconnected', peerId })
  }

  /**
   * At most `connectionsPerPeerMax`, twice as many where the other end decides: if both ends closed at the same number, each could close
   * what the other keeps. What goes away anyhow gives way first, then the oldest that is not in use: the newest may be a
   * restarted peer's only one, and the one in use may be the only one that the other end keeps.
   */
  #boundPeer(entry: PeerEntry): void {
    const living = entry.connections.filter((record) => record.state.kind !== 'closing')
    if (living.length <= this.#perPeerMax(entry.peerId)) return
    const inUse = this.usable(entry.peerId)?.connection
    const leaving = living.find((record) => record.state.kind === 'going-away')
    const victim = leaving ?? living.find((record) => record.handle !== inUse)
    if (victim === undefined) return
    this.#counters.duplicates++
    this.#close(victim, CLOSE.duplicate, 'too many')
  }

  #perPeerMax(peerId: PeerId): number {
    const { self, connectionsPerPeerMax } = this.#config
    return self > peerId ? 2 * connectionsPerPeerMax : connectionsPerPeerMax
  }

  /** Another incarnation is another process: the newer one's connections stay. False when `record` was the older one's. */
  #supersedes(record: ConnectionRecord, info: PeerInfo, entry: PeerEntry): boolean {
    const others = entry.connections.filter((other) => {
      const known = infoOf(other)
      return known !== null && !sameBytes(known.hello.incarnation, info.hello.incarnation)
    })
    if (others.length === 0) return true
    if (others.some((other) => other.establishedOrder > record.establishedOrder)) {
      this.#close(record, CLOSE.duplicate, 'restarted')
      return false
    }
    this.#counters.restarts++
    for (const other of others) this.#close(other, CLOSE.duplicate, 'restarted')
    return true
  }

  /** Only the smaller PeerId decides, and keeps the connection that became identified last. */
  #duplicates(record: ConnectionRecord, entry: PeerEntry, now: number): void {
    const others = entry.connections.filter((other) => other !== record && other.state.kind === 'identified')
    this.#counters.duplicates += others.length
    if (this.#config.self > entry.peerId) return
    for (const other of others) this.#goAway(other, CLOSE.duplicate, now)
  }

  #used(record: ConnectionRecord, now: number): void {
    record.usedAt = now
    this.#shares.used(record.handle)
  }

  /** A connection of a peer that is held is kept alive, and never gives way to a newcomer. */
  #keep(record: ConnectionRecord, keep: boolean): void {
    if (record.state.kind === 'identified') {
      this.#shares.stand(record.handle, keep ? 'kept' : record.state.info.hello.capability)
    }
    this.#keepAlive(record, keep || record.streams > 0)
  }

  /** What takes long on a connection where nothing else is said would be lost with it: it is kept alive until that is over. */
  #keepBusy(record: ConnectionRecord, isBusy: boolean): void {
    if (record.state.kind !== 'identified' || this.#holds.has(record.state.info.peerId)) return
    this.#keepAlive(record, isBusy)
  }

  #keepAlive(record: ConnectionRecord, keep: boolean): void {
    if (keep && record.state.kind !== 'identified') return
    const { keepAliveDiallerMs, keepAliveAcceptorMs } = this.#config
    const everyMs = record.direction === 'outbound' ? keepAliveDiallerMs : keepAliveAcceptorMs
    this.#emit({ kind: 'keep-alive', handle: record.handle, everyMs: keep ? everyMs : null })
  }

  #emit(output: RegistryOutput): void {
    this.#outputs.push(output)
  }
}

const lastInfo = (entry: PeerEntry): PeerInfo | null =>
  entry.connections.map(infoOf).findLast((info) => info !== null) ?? null
