// The phonebook at work: puts the peers that were identified into the table, answers find-node, runs lookups over the transport, joins a
// network and keeps the table fresh. What to do is decided in core/kademlia; here it is done.
import type { Address, PeerAddress } from '../core/address.ts'
import { neighbourhood } from '../core/address.ts'
import { SallyportError } from '../core/errors.ts'
import type { PeerId } from '../core/ids.ts'
import { chunkAddressOf, idBytes } from '../core/ids.ts'
import { AddressBook } from '../core/kademlia/address-book.ts'
import type { Entry } from '../core/kademlia/bucket.ts'
import { DialBackoff } from '../core/kademlia/dial-backoff.ts'
import type { Id } from '../core/kademlia/distance.ts'
import { isThisMachine } from '../core/kademlia/diversity.ts'
import type { LookupOptions } from '../core/kademlia/lookup.ts'
import { Lookup, LOOKUP_DEFAULTS } from '../core/kademlia/lookup.ts'
import { Refresh } from '../core/kademlia/refresh.ts'
import { K, Table } from '../core/kademlia/table.ts'
import { STATUS } from '../core/messages/codes.ts'
import type { PeerRecord } from '../core/messages/find-node.ts'
import { decodeRecords, encodeRecords, findNodeQuery, findNodeRequest } from '../core/messages/find-node.ts'
import type { RequestHeader } from '../core/messages/requests.ts'
import { RecentPeers } from '../core/peers/recent-peers.ts'
import type { Timer } from '../io/ports.ts'
import type { DialOutcome } from './phonebook-dialler.ts'
import { Dialler } from './phonebook-dialler.ts'
import type { AskOutcome } from './lookup-run.ts'
import { LookupRun } from './lookup-run.ts'
import type { Acquaintance, Answer, PhonebookOptions } from './phonebook-ports.ts'

/** Peers a joining node asks at most: each may cost a handshake. */
const JOIN_QUERIES_MAX = 30

/** Bootstrap addresses dialled at most. */
const BOOTSTRAP_MAX = 32

/** Peers whose connection is kept because they are nearest: those that hold the same chunks. */
const KEPT_NEAREST = 7

/** Peers whose connection is kept at most, one of each bucket included. */
const KEPT_MAX = 64

/** A kept connection that ends again so soon is not dialled a second time: whether its peer lives is for the next lookup to find out. */
const REGAIN_EVERY_MS = 10_000

/** A member of a full bucket is left in peace when it was seen within this time. */
const PROBE_AFTER_MS = 15 * 60_000

/**
 * A peer that left a request unanswered is not asked again for so long, unless it is heard meanwhile: its connection, which may be to
 * nobody, has ended by then, and others still tell of it.
 */
const SILENT_MS = 30_000

/** Silent peers remembered; the first is forgotten for the next. */
const SILENT_MAX = 1024

const EMPTY = new Uint8Array(0)

/** See the head of this file. */
export class Phonebook {
  readonly #options: PhonebookOptions
  readonly #requestTimeoutMs: number
  readonly #table: Table
  readonly #book = new AddressBook()
  readonly #backoff: DialBackoff
  readonly #dialler: Dialler
  readonly #refresh: Refresh
  /** Bounded by what callers run at the same time, and one refresh. */
  readonly #lookups = new Set<LookupRun>()
  /** Peers that did not answer, and are left alone. */
  readonly #silent = new RecentPeers({ ms: SILENT_MS, max: SILENT_MAX })
  /** Since when peers are being asked. Bounded by what lookups ask, each for a dial and a request at most. */
  readonly #asking = new Map<PeerId, number>()
  /** Whose connections are kept. Bounded by KEPT_MAX. */
  #kept: ReadonlySet<PeerId> = new Set()
  /** Those of them that were dialled because their connections had ended. */
  readonly #regained = new RecentPeers({ ms: REGAIN_EVERY_MS, max: KEPT_MAX })
  /** Told of every change of the table. Bounded by who watches: the storage. */
  readonly #watchers = new Set<() => void>()
  #refreshTimer: Timer | null = null
  #probing = false
  #closed = false

  constructor(options: PhonebookOptions) {
    const {
      self,
      diversity,
      transport,
      clock,
      timers,
      random,
      dialTimeoutMs = 12_000,
      requestTimeoutMs = 5000,
    } = options
    this.#options = options
    this.#requestTimeoutMs = requestTimeoutMs
    this.#table = new Table(self, diversity)
    this.#backoff = new DialBackoff({ perIp: diversity.perIpMax !== null })
    const parts = { transport, book: this.#book, backoff: this.#backoff, clock, timers }
    this.#dialler = new Dialler({ ...parts, timeoutMs: dialTimeoutMs })
    this.#refresh = new Refresh(self, random, clock.now())
    this.#scheduleRefresh()
  }

  /** Peers in the table. */
  get size(): number {
    return this.#table.size
  }

  /** A connection to this peer became identified; also to be called when it sent a request. Clients are not put in. */
  identified(peer: Acquaintance): void {
    const { peerId, remote, hello } = peer
    const { self, transport } = this.#options
    if (this.#closed || hello.capability !== 'node' || peerId === self || transport.hasLeft(peerId)) return
    const now = this.#options.clock.now()
    this.#silent.forget(peerId)
    this.#asking.delete(peerId)
    this.#backoff.heard(remote)
    this.#book.seen(peerId, remote, now)
    this.#book.claimed(peerId, hello.addresses, remote)
    const seen = this.#table.seen({ peerId, ip: remote, seenAt: now })
    if (seen.kind === 'added') this.#keep()
    if (seen.kind === 'full') void this.#probe(seen.oldest, now)
  }

  /**
   * The last connection to this peer is gone. If it said goodbye it leaves the table at once; otherwise it may be dialled again, and is when
   * its connection was one to be kept and neither end wanted it to end.
   */
  disconnected(peerId: PeerId): void {
    if (this.#closed) return
    if (this.#options.transport.hasLeft(peerId)) {
      if (this.#table.remove(peerId)) this.#keep()
    } else if (this.#kept.has(peerId) && this.#mayRegain(peerId)) void this.#regain(peerId)
  }

  /** Calls `changed` whenever somebody joined or left the table, until the function it returns is called. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed)
    return () => void this.#watchers.delete(changed)
  }

  /** The answer to a find-node request from a peer at `asker.remote`. */
  answer(asker: Acquaintance, header: RequestHeader): Answer {
    const query = findNodeQuery(header)
    if (query === null) return answerOf(STATUS.badRequest, EMPTY)
    this.identified(asker)
    const { transport, clock } = this.#options
    const records: PeerRecord[] = []
    // Some of the nearest may be too old to tell of; beyond twice the number that matters little.
    for (const { peerId } of this.#table.closest(chunkAddressOf(query.target), 2 * K)) {
      if (records.length >= query.count) break
      if (transport.hasLeft(peerId)) continue
      const connected = transport.peer(peerId)
      if (connected !== null) this.#book.seen(peerId, connected.remote, clock.now())
      const record = peerId === asker.peerId ? null : this.#book.record(peerId, asker.remote, clock.now())
      if (record !== null) records.push(record)
    }
    return answerOf(STATUS.ok, encodeRecords(records))
  }

  /** The peers in the table closest to a target, nearest first, without asking anybody. */
  closest(target: Id, count: number): readonly PeerId[] {
    return this.#table.closest(target, count).map(({ peerId }) => peerId)
  }

  /** The /24 or /48 a peer is in; null when it is unknown, or where diversity does not count it. */
  network(peerId: PeerId): string | null {
    const { diversity, transport } = this.#options
    const place = transport.peer(peerId)?.remote ?? this.#table.get(peerId)?.ip ?? this.#book.dialable(peerId)[0]
    if (place === undefined || diversity.perNeighbourhoodMax === null) return null
    return diversity.exemptThisMachine && isThisMachine(place) ? null : neighbourhood(place)
  }

  /** Connects to a peer we know an address of, unless we are connected; rejects with why it could not be reached. */
  async reach(peerId: PeerId, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const outcome = await unlessAborted(this.#dialler.reach(peerId), options.signal)
    if (outcome.kind === 'failed') {
      this.#gone(peerId, outcome)
      throw outcome.error
    }
    if (outcome.kind === 'limited') throw tooSoon(outcome)
  }

  /** The k peers closest to a target that answered, nearest first, ourselves left out. */
  async lookup(target: Id, options: { readonly signal?: AbortSignal } = {}): Promise<readonly PeerId[]> {
    return this.#lookup(target, {}, options.signal)
  }

  /**
   * Dials the bootstrap addresses and, as soon as one is reached, looks ourselves up, by which our neighbours learn of us. Rejects with
   * BOOTSTRAP_UNREACHABLE when none is; without addresses there is nobody to join. Resolves to the peers then known.
   */
  async join(
    bootstrap: readonly PeerAddress[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly peers: number }> {
    const { self } = this.#options
    const others = bootstrap.filter(({ peerId }) => peerId !== self).slice(0, BOOTSTRAP_MAX)
    if (others.length > 0) await unlessAborted(this.#enter(others), options.signal)
    if (this.#table.size > 0) await this.#lookup(self, { queriesMax: JOIN_QUERIES_MAX }, options.signal)
    return { peers: this.#table.size }
  }

  /** Ends every lookup and dial; resolves when all have ended. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    this.#refreshTimer?.cancel()
    for (const run of this.#lookups) run.cancel(new SallyportError('CLOSED', 'the node was closed'))
    await this.#dialler.close()
  }

  async #lookup(target: Id, changes: Partial<LookupOptions>, signal?: AbortSignal): Promise<readonly PeerId[]> {
    if (this.#closed) throw new SallyportError('CLOSED', 'the node is closed')
    if (signal?.aborted === true) throw cancelled()
    const { self, diversity, clock } = this.#options
    this.#refresh.lookedUp(target, clock.now())
    const known = this.#table.closest(target, K).map(({ peerId }) => this.#candidate(peerId))
    const lookup = new Lookup({ target, self }, known, { diversity, ...changes })
    const request = findNodeRequest(idBytes(target))
    const run = new LookupRun(lookup, this.#options, (peer, ended) => this.#ask(peer, request, ended))
    this.#lookups.add(run)
    const cancel = (): void => run.cancel(cancelled())
    signal?.addEventListener('abort', cancel)
    try {
      return await run.outcome
    } finally {
      signal?.removeEventListener('abort', cancel)
      this.#lookups.delete(run)
    }
  }

  /** Asks one peer of a lookup, unless another lookup has lost its patience with it and still waits. */
  async #ask(peerId: PeerId, request: RequestHeader, signal: AbortSignal): Promise<AskOutcome> {
    const now = this.#options.clock.now()
    const since = this.#asking.get(peerId) ?? now
    const isLate = now - since >= LOOKUP_DEFAULTS.patienceMs
    if (isLate || this.#silent.has(peerId, now)) return FAILED
    this.#asking.set(peerId, since)
    try {
      return await this.#reachAndAsk(peerId, request, signal)
    } finally {
      this.#asking.delete(peerId)
    }
  }

  /** A peer that cannot be reached or does not answer leaves the table. */
  async #reachAndAsk(peerId: PeerId, request: RequestHeader, signal: AbortSignal): Promise<AskOutcome> {
    const { transport } = this.#options
    const dialled = await this.#dialler.reach(peerId)
    if (dialled.kind !== 'reached') return this.#gone(peerId, dialled)
    const peer = transport.peer(peerId)
    if (peer === null || signal.aborted) return FAILED
    try {
      const options = { payload: EMPTY, timeoutMs: this.#requestTimeoutMs, signal }
      const answer = await transport.request(peerId, request, options)
      const records = answer.status === STATUS.ok ? decodeRecords(answer.payload) : null
      if (records === null) return this.#gone(peerId, NO_ANSWER)
      this.identified(peer)
      for (const record of records) this.#book.told(record.peerId, record.addresses, peer.remote)
      return { kind: 'answered', from: peer.remote, records: records.map((record) => this.#candidate(record.peerId)) }
    } catch (thrown) {
      // When the lookup is over its requests are cancelled, which says nothing about the peer.
      if (signal.aborted) return FAILED
      const isSilent = SallyportError.from(thrown).code === 'REQUEST_TIMEOUT'
      if (isSilent) this.#silent.remember(peerId, this.#options.clock.now())
      return this.#gone(peerId, NO_ANSWER)
    }
  }

  #gone(peerId: PeerId, outcome: DialOutcome): AskOutcome {
    if (outcome.kind === 'failed' && !this.#closed && this.#table.remove(peerId)) this.#keep()
    return FAILED
  }

  #candidate(peerId: PeerId): { peerId: PeerId; addresses: readonly Address[] } {
    return { peerId, addresses: this.#book.dialable(peerId) }
  }

  /** Resolves with the first bootstrap node that is reached; the others may still follow. */
  async #enter(addresses: readonly PeerAddress[]): Promise<void> {
    const reached = addresses.map(async (address) => {
      const outcome = await this.#dialler.dial(address)
      if (outcome.kind === 'failed') throw outcome.error
      if (outcome.kind === 'limited') throw tooSoon(outcome)
      const peer = this.#options.transport.peer(outcome.peerId)
      if (peer !== null) this.identified(peer)
    })
    try {
      await Promise.any(reached)
    } catch (thrown) {
      const [first] = thrown instanceof AggregateError ? thrown.errors : [thrown]
      const cause = SallyportError.from(first)
      const many = addresses.length === 1 ? 'the bootstrap node' : `any of ${addresses.length} bootstrap nodes`
      throw new SallyportError('BOOTSTRAP_UNREACHABLE', `could not reach ${many}: ${cause.message}`, cause)
    }
  }

  /** Names the connections worth keeping: the nearest peers and one of each bucket. */
  #keep(): void {
    const { self, transport } = this.#options
    const kept = new Set(this.closest(self, KEPT_NEAREST))
    for (const { peerId } of this.#table.oldestOfEach()) kept.add(peerId)
    this.#kept = new Set([...kept].slice(0, KEPT_MAX))
    transport.keep([...this.#kept])
    for (const changed of this.#watchers) changed()
  }

  /** Whether it is dialled unasked; not one that wants to be left, or would have us dial it again and again. */
  #mayRegain(peerId: PeerId): boolean {
    const now = this.#options.clock.now()
    if (this.#regained.has(peerId, now) || this.#options.transport.hasParted(peerId)) return false
    this.#regained.remember(peerId, now)
    return true
  }

  /** Dials a peer whose connection was to be kept. One that cannot be reached leaves the table, unless it may be us who are cut off. */
  async #regain(peerId: PeerId): Promise<void> {
    const outcome = await this.#dialler.reach(peerId)
    const { transport } = this.#options
    const peer = transport.peer(peerId)
    if (outcome.kind === 'reached' && peer !== null) this.identified(peer)
    else if ([...this.#kept].some((other) => transport.peer(other) !== null)) this.#gone(peerId, outcome)
  }

  /** Sees whether the member of a full bucket that was silent for longest still lives; one at a time. */
  async #probe(oldest: Entry, now: number): Promise<void> {
    if (this.#probing || now - oldest.seenAt < PROBE_AFTER_MS) return
    this.#probing = true
    const outcome = await this.#dialler.reach(oldest.peerId)
    this.#probing = false
    const peer = this.#options.transport.peer(oldest.peerId)
    if (outcome.kind === 'reached' && peer !== null) this.identified(peer)
    else this.#gone(oldest.peerId, outcome)
  }

  #scheduleRefresh(): void {
    const { timers, clock } = this.#options
    this.#refreshTimer = timers.at(this.#refresh.timerAt(), () => {
      const target = this.#refresh.poll(this.#table.occupied(), clock.now())
      this.#scheduleRefresh()
      // What a refresh finds it puts into the table by the way; when it fails the next will come.
      if (target !== null) void this.#lookup(target, {}).catch(() => null)
    })
  }
}

const FAILED: AskOutcome = { kind: 'failed' }

const NO_ANSWER: DialOutcome = { kind: 'failed', error: new SallyportError('BAD_RESPONSE', 'no proper answer came') }

const answerOf = (status: number, payload: Uint8Array): Answer => ({
  status,
  payload,
  reason: null,
  retryAfterMs: null,
  outcome: null,
})

const tooSoon = ({ retryAfterMs }: { readonly retryAfterMs: number | null }): SallyportError => {
  if (retryAfterMs === null) return new SallyportError('DIAL_TOO_SOON', 'other dials to that host went before')
  const message = `it is left alone, to be dialled again in ${Math.ceil(retryAfterMs)} ms`
  return SallyportError.later('DIAL_TOO_SOON', message, retryAfterMs)
}

const cancelled = (): SallyportError => new SallyportError('CANCELLED', 'cancelled by the caller')

/** Waits for a promise no longer than until the signal is aborted; the promise goes on by itself. */
const unlessAborted = async <T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return promise
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(cancelled())
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
