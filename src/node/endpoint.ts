// The world's datagrams and the core's connections: one UDP socket a family, routing by connection id, one timer, one flush a turn.
// A datagram, a due timer or a finished computation goes in; the connection's outputs are drained in the same turn, and what they
// mean for others (registration, refusal, loss) is done before the next input. Nothing here waits: there is no promise between a
// datagram and its verdict, nor between a finished handshake and its registration.
import type { Address } from '../core/address.ts'
import { assert, unreachable } from '../core/assert.ts'
import { histograms } from '../core/histograms.ts'
import type { SlotVerdict, Verdict } from '../core/gate/gate.ts'
import { CLOSE } from '../core/messages/codes.ts'
import type { ConnectionHandle, PeerId } from '../core/ids.ts'
import type { Work } from '../core/ports.ts'
import type { CloseReason, ConnectionOutput } from '../core/quic/outputs.ts'
import type { LongHeader } from '../core/quic/packet.ts'
import type { Place } from '../core/quic/path.ts'
import type { TlsPeer } from '../core/tls/session.ts'
import type { UdpSocket } from '../io/ports.ts'
import { type Admission, AT_ONCE, type Crowd, NO_CROWD } from './acceptance.ts'
import { cameToNothing, endingOf, handshakeFailure, inVain } from './close-reasons.ts'
import { type Dialled, refused } from './dialled.ts'
import { drawnSecret } from './drawn-secret.ts'
import type { EndpointOptions } from './endpoint-options.ts'
import { Gatekeeper, type Stray } from './gatekeeper.ts'
import { GivenTokens } from './given-tokens.ts'
import { Link } from './link.ts'
import { linkConfig, type LinkParentage } from './link-config.ts'
import { workForLink } from './link-work.ts'
import { isFirstFlight, type Newcomer, Newcomers } from './newcomers.ts'
import { Outbox } from './outbox.ts'
import { CORE_QUIC, type Quic } from './quic.ts'
import { RecentEndings } from './recent-endings.ts'
import { Returning } from './returning.ts'
import { firstFlight, Routes } from './routes.ts'
import { handshakeOver, type Recorders } from './steps.ts'
import { type Arrival, Sockets } from './sockets.ts'

export type { Dialled } from './dialled.ts'

/** One of no known connection, when it came. */
type Stranger = Stray & Arrival

/** One that a handshake may begin with, and of which flight it is. */
type FirstComer = Stranger & Newcomer

/** The endpoint of one node. */
export class Endpoint {
  /** Who was refused, failed or went lately. */
  readonly endings = new RecentEndings()
  readonly #options: EndpointOptions
  readonly #recorders: Recorders
  readonly #quic: Quic
  readonly #admission: Admission
  readonly #keeper: Gatekeeper
  readonly #newcomers: Newcomers<FirstComer>
  readonly #crowd: Crowd
  readonly #parentage: LinkParentage
  readonly #routes = new Routes()
  readonly #tokens: GivenTokens
  readonly #outbox: Outbox
  readonly #sockets: Sockets
  /** Half-open and established ones. Bounded by connectionsMax. */
  readonly #links = new Map<ConnectionHandle, Link>()
  /** Bounded by closedLinksMax. */
  readonly #closed = new Set<Link>()
  /** Links whose outputs are to be drained before this turn ends. Bounded by the links there are. */
  readonly #touched: Link[] = []
  #settling = false
  /** Whether a turn that settles is on its way: one is enough for all that is touched before it. */
  #settleAhead = false
  #stopped = false

  constructor(options: EndpointOptions) {
    const { ports, counters } = options
    this.#options = options
    this.#recorders = { clock: ports.clock, histograms: options.histograms ?? histograms(), tracing: ports.tracing }
    this.#tokens = options.tokens ?? new GivenTokens()
    this.#quic = options.quic ?? CORE_QUIC
    this.#admission = options.admission ?? AT_ONCE
    this.#crowd = options.crowd ?? NO_CROWD
    const resetSecret = options.resetSecret ?? drawnSecret(ports.random)
    this.#parentage = { ...options, resetSecret, returning: new Returning(ports) }
    const own = { gate: options.gate ?? {}, quic: this.#quic, resetSecret }
    this.#keeper = new Gatekeeper({ ...options, ...own })
    this.#newcomers = new Newcomers({
      clock: ports.clock,
      timers: ports.timers,
      begin: (stranger) => this.#meet(stranger),
      isSuspect: ({ from }) => this.#keeper.isSuspect(from),
      turnAway: (_stranger, reason) => this.#keeper.gate.count({ kind: 'drop', reason }),
    })
    const quiet = (link: Link): void => options.schedule.set(link, link.dueAt)
    this.#sockets = new Sockets(ports.udp, counters, (arrival) => this.#arrived(arrival))
    const socketAt = (family: 4 | 6, number: number): UdpSocket | null => this.#sockets.at(family, number)
    this.#outbox = new Outbox({ clock: ports.clock, timers: ports.timers, counters, quiet, socketAt })
  }

  // ── sockets ──

  /** Binds a socket, one a family; rejects with BIND_FAILED, or ARGUMENT_INVALID for a second one of a family. */
  bind(local: Address): Promise<Address> {
    return this.#sockets.bind(local)
  }

  /** For connections that move to another socket, or are rather spoken to there. */
  get sockets(): Pick<Sockets, 'add' | 'release'> {
    return this.#sockets
  }

  /** Where it listens, with real ports. */
  get locals(): Address[] {
    return this.#sockets.locals
  }

  /** Datagrams the kernel dropped so far for want of room. */
  kernelDrops(): number {
    return this.#sockets.kernelDrops()
  }

  // ── connections ──

  /** Begins a handshake; what becomes of it, the acceptance hears. */
  dial(remote: Address, expectedPeer: PeerId | null): Dialled {
    const socket = this.#sockets.at(remote.family)
    if (this.#stopped) return refused('closing')
    if (socket === null) return refused('no-socket')
    const { halfOpen } = this.#keeper.gate
    if (!halfOpen.outboundFree) return refused('slots-full')
    if (this.#options.handles.full) return refused('connections-full')
    const now = this.#now
    const handle = this.#options.handles.draw('outbound')
    const deadline = halfOpen.takeOutbound(handle, now)
    const config = linkConfig(this.#parentage, { role: 'client', remote, expectedPeer })
    const token = this.#tokens.take(remote)
    const connection = this.#quic.connect(token === null ? config : { ...config, token }, now)
    this.#options.counters.handshakesBegun.outbound++
    const own = { handle, direction: 'outbound', isValidated: true, beganAt: now, local: 0, owner: this } as const
    const link = new Link({ ...own, remote, connection, socket }, deadline)
    this.#add(link, null)
    this.#settle()
    return { kind: 'dialling', handle }
  }

  /** The link of a connection that is not closed, or null. */
  link(handle: ConnectionHandle): Link | null {
    return this.#links.get(handle) ?? null
  }

  /** The connections that are not closed, for the reconciler. */
  handles(): Iterable<ConnectionHandle> {
    return this.#links.keys()
  }

  /** First flights that wait to be judged. */
  get waiting(): number {
    return this.#newcomers.waiting
  }

  /** Handshakes in progress; how many inbound ones are strangers', and how many of one region in one pool of slots. */
  get halfOpen(): Record<'inbound' | 'outbound' | 'strangers' | 'fullest', number> {
    const { halfOpen } = this.#keeper.gate
    const { fullest } = halfOpen
    const strangers = halfOpen.countOf('strangers')
    return { inbound: halfOpen.count('inbound'), outbound: halfOpen.count('outbound'), strangers, fullest }
  }

  checkInvariants(): void {
    this.#keeper.gate.checkInvariants()
    this.#routes.checkInvariants()
    const halfOpen = [...this.#links.values()].filter((link) => link.state.kind === 'half-open').length
    assert(halfOpen === this.halfOpen.inbound + this.halfOpen.outbound, 'each handshake in progress holds a slot')
    assert(this.#closed.size <= this.#options.limits.closedLinksMax, 'closed links are bounded')
  }

  // ── the end ──

  /** No handshake begins any more; those in progress are given up, and their peers are told. */
  stop(): void {
    this.#stopped = true
    for (const link of this.#links.values()) if (link.state.kind === 'half-open') link.close(0, '', this.#now)
    this.#settle()
  }

  /** Closes every connection and the sockets; resolves when the last datagram left, at most `withinMs` later. */
  async close(close: { readonly code: number; readonly reason: string }, withinMs: number): Promise<void> {
    this.stop()
    for (const link of this.#links.values()) link.close(close.code, close.reason, this.#now)
    this.#settle()
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = this.#options.ports.timers.at(this.#now + withinMs, resolve)
    await Promise.race([this.#outbox.idle(), promise])
    timer.cancel()
    for (const link of this.#closed) this.#forget(link)
    this.#options.schedule.close()
    this.#newcomers.close()
    await this.#sockets.close()
  }

  // ── inputs ──

  #arrived(arrival: Arrival): void {
    const { bytes, from } = arrival
    const header = this.#quic.header(bytes)
    const link =
      this.#routes.find(header, from) ?? (header?.form === 'short' ? this.#routes.findReset(bytes, from) : null)
    const since = this.#now
    if (link !== null) this.#deliver(link, arrival)
    else if (this.#options.dialsOnly === true) this.#keeper.gate.count(NOT_OURS)
    else if (isFirstFlight(bytes, header)) {
      this.#newcomers.arrived({ ...arrival, header, since, flight: firstFlight(from, header.destinationId) })
    } else this.#judge({ ...arrival, header, since })
    this.#settle()
  }

  /** Called by a link whose timer or handshake deadline is due. */
  expired(link: Link, now: number): void {
    if (link.state.kind === 'half-open' && now >= link.state.deadline) link.drop('deadline')
    else link.connection.timeout(now)
    // Its next timer is set when it has sent what is due, which can wait for buffers; the end of its handshake must not.
    if (link.state.kind === 'half-open') this.#options.schedule.set(link, link.state.deadline)
    this.touched(link)
    this.#settle()
  }

  /** Called by a link whose streams are read from now on. */
  armed(link: Link): void {
    this.#options.counters.reading[link.direction]++
  }

  /** Called by a link that was worked on: its outputs are drained before the turn ends. */
  touched(link: Link): void {
    if (link.touched) return
    link.touched = true
    this.#touched.push(link)
    if (this.#settling || this.#settleAhead) return
    this.#settleAhead = true
    this.#options.ports.timers.soon(() => {
      this.#settleAhead = false
      this.#settle()
    })
  }

  #work(link: Link, work: Work): void {
    workForLink({ ...this.#options.ports, ...this.#options }, { link, work }, (result, tookMs) => {
      this.#recorders.histograms.signing.record(tookMs)
      link.connection.done(result, this.#now)
      this.touched(link)
      this.#settle()
    })
  }

  // ── the gate ──

  /** A first flight's turn has come; an earlier datagram of it may have begun the handshake meanwhile. Whether one was begun now. */
  #meet(stranger: Stranger): boolean {
    const link = this.#routes.find(stranger.header, stranger.from)
    if (link === null) return this.#judge(stranger)
    this.#deliver(link, stranger)
    return false
  }

  /** Whether a handshake was begun: one whose datagram did not open cost as much. */
  #judge(stray: Stranger): boolean {
    const standing = { closing: this.#stopped, connections: this.#options.handles.size, shares: this.#crowd.shares }
    const verdict = this.#keeper.judge(stray, standing)
    this.#keeper.gate.count(verdict.kind === 'slot' ? this.#seat(verdict, stray) : this.#answer(verdict, stray))
    return verdict.kind === 'slot'
  }

  #answer(verdict: Verdict, stray: Stranger): Verdict {
    if (verdict.kind === 'refuse') this.endings.refused(stray.from, verdict.reason, stray.since)
    const write = this.#keeper.answer(verdict, stray)
    if (write !== null) this.#outbox.answer(stray.socket, stray.from, write)
    return verdict
  }

  /** Gives a slot; returns the verdict, or the drop it turned out to be. Those who have to go, go for a genuine one and before it begins. */
  #seat(verdict: SlotVerdict, { header, ...arrival }: Stranger): Verdict {
    assert(header?.form === 'long', 'a slot is given for an Initial')
    const othersGo = verdict.displaced !== null || verdict.evicted !== null
    if (othersGo && !this.#quic.opens(header, arrival.bytes, this.#options.ports.crypto)) return NOT_OPENED
    if (verdict.displaced !== null) this.#links.get(verdict.displaced)?.displace(this.#now)
    if (verdict.evicted !== null) this.#evict(verdict.evicted)
    this.#settle()
    return this.#begin(verdict, header, arrival) ? verdict : NOT_OPENED
  }

  #evict(handle: ConnectionHandle): void {
    this.#options.counters.evicted++
    this.#crowd.evict(handle, this.#keeper.retryAfterMs)
  }

  /** A handshake begins with its first datagram; false when that does not open, and nothing is kept. */
  #begin(verdict: SlotVerdict, header: LongHeader, arrival: Omit<Stranger, 'header'>): boolean {
    const { from: remote, socket, local, since } = arrival
    const handle = this.#options.handles.draw('inbound')
    const deadline = this.#keeper.gate.take(verdict, handle, since)
    const config = linkConfig(this.#parentage, { role: 'server', remote: placeOf(arrival), expectedPeer: null })
    const connection = this.#quic.accept(config, this.#keeper.admit(verdict, header, remote), this.#now)
    const isValidated = verdict.standing !== 'stranger'
    const own = { handle, direction: 'inbound', isValidated, beganAt: since, local, owner: this } as const
    const link = new Link({ ...own, remote, connection, socket }, deadline)
    this.#add(link, { from: remote, destinationId: header.destinationId })
    this.#deliver(link, arrival)
    return this.#links.has(handle)
  }

  #deliver(link: Link, arrival: Arrival): void {
    if (link.state.kind !== 'half-open' || link.direction === 'outbound') return this.#receive(link, arrival)
    this.#admission.arrived(link.handle, () => this.#receive(link, arrival))
  }

  #receive(link: Link, arrival: Arrival): void {
    const now = this.#now
    link.heardAt = now
    link.connection.receive(arrival.bytes, placeOf(arrival), now)
    this.#keeper.gate.halfOpen.heard(link.handle, now)
    this.touched(link)
    if (link.begun) return
    if (!link.connection.opened) return this.#unopened(link)
    link.begun = true
    this.#options.counters.handshakesBegun.inbound++
  }

  /** The first datagram was not genuine: its slot, handle and link are given back as if it had never come. */
  #unopened(link: Link): void {
    link.connection.abandon()
    this.#leave(link)
    this.#options.acceptance.failed(link.handle, 'cancelled', { kind: 'abandoned' }, this.#now)
    this.#forget(link)
  }

  // ── outputs ──

  #add(link: Link, first: { from: Address; destinationId: Uint8Array } | null): void {
    this.#links.set(link.handle, link)
    this.#routes.add(link, first)
    this.#options.schedule.set(link, link.dueAt)
    this.touched(link)
  }

  /** Drains the outputs of every link that was worked on, and of those that this works on in turn. */
  #settle(): void {
    if (this.#settling) return
    this.#settling = true
    try {
      for (const link of this.#touched) {
        link.touched = false
        this.#drain(link)
      }
      this.#touched.length = 0
    } finally {
      this.#settling = false
    }
  }

  #drain(link: Link): void {
    this.#outbox.add(link)
    // What brought a first datagram that did not open is counted as a verdict.
    if (link.begun) this.#options.counters.packetsDiscarded += link.connection.takeDiscarded()
    const outputs: ConnectionOutput[] = []
    for (let next = link.connection.poll(); next !== null; next = link.connection.poll()) outputs.push(next)
    if (outputs.length === 0) return
    // Once a connection is closed its streams cannot be read, not even what came before: their news is no news.
    const closed = outputs.some((output) => output.kind === 'closed')
    for (const output of outputs) this.#perform(link, output, closed)
  }

  #perform(link: Link, output: ConnectionOutput, closed: boolean): void {
    switch (output.kind) {
      case 'work':
        return this.#work(link, output.work)
      case 'established':
        return this.#established(link, output)
      case 'judge':
      case 'key-log':
      case 'datagram-readable':
      case 'datagram-settled':
      case 'migration-failed':
        return this.#options.more?.told(link, output)
      case 'closed':
        return this.#onClosed(link, output.reason)
      case 'gone':
        return this.#forget(link)
      case 'id-issued':
        return this.#routes.issue(link, output.id)
      case 'id-retired':
        return this.#routes.retire(link, output.id)
      case 'session':
        if (this.#options.more !== undefined) return this.#options.more.told(link, output)
        return this.#parentage.returning.keep(output.session)
      case 'new-token':
        return this.#tokens.keep(link.remote, output.token)
      case 'reset-token':
        return this.#routes.resets(link, output)
      case 'migrated':
        return this.#migrated(link, output)
      case 'peer-hears':
      case 'stream-opened':
      case 'stream-readable':
      case 'stream-writable':
      case 'stream-reset':
      case 'stream-stopped':
      case 'stream-acknowledged':
      case 'streams-available':
        if (!closed) link.emit(output, this.#now)
        return
      default:
        unreachable(output)
    }
  }

  /** From here to the end of `acceptance.established` the connection becomes registered and read: one turn, no waiting. */
  #established(link: Link, peer: TlsPeer): void {
    if (link.state.kind !== 'half-open') return
    const now = this.#now
    const due = this.#keeper.gate.halfOpen.deadline(link.handle)
    assert(due === link.state.deadline, 'no progress moves the deadline of a handshake')
    this.#options.counters.accepted[link.direction]++
    if (link.connection.isResumed) this.#options.counters.resumed[link.direction]++
    this.#keeper.gate.halfOpen.release(link.handle)
    link.state = { kind: 'established', since: now }
    // Nodes know each other by PeerId: the key behind one is two kilobytes.
    link.shown = this.#options.more === undefined && peer.peerId !== null ? { ...peer, publicKey: null } : peer
    handshakeOver(link, null, this.#recorders)
    this.#giveToken(link)
    const pending: unknown = this.#options.acceptance.established(link, now)
    assert(pending === undefined, 'the accept path leaves nothing to be awaited')
    this.#admission.ended(link.handle)
  }

  /** What spares the peer a Retry when it dials us from there again. */
  #giveToken(link: Link): void {
    const token = link.direction === 'inbound' ? this.#keeper.tokenFor(link.remote) : null
    if (token !== null) link.connection.sendToken(token)
  }

  /** The peer has proved to be elsewhere, or we are: from now on, and not before, it is counted there. */
  #migrated(link: Link, { remote, local }: { readonly remote: Address; readonly local: number }): void {
    if (link.state.kind !== 'established') return
    this.#options.counters.migrated++
    link.remote = remote
    link.socket = this.#sockets.at(remote.family, local) ?? link.socket
    link.local = local
    if (!this.#keeper.welcomes(remote)) return link.close(CLOSE.refused, 'moved', this.#now)
    this.#giveToken(link)
    this.#options.acceptance.migrated(link.handle, { remote, hasShare: this.#keeper.hasShare(remote) }, this.#now)
  }

  #onClosed(link: Link, reason: CloseReason): void {
    const { acceptance, counters } = this.#options
    const { state } = link
    if (state.kind === 'closed') return
    this.#end(link)
    const wasInVain = (heardForMs: number): boolean => (this.#options.inVain ?? inVain)(reason, heardForMs)
    if (cameToNothing(link, state, wasInVain)) this.#keeper.wasted(link.origin)
    const failure = state.kind === 'established' ? null : (state.failure ?? handshakeFailure(reason, link.direction))
    this.endings.ended(link, { failure, reason, at: this.#now })
    if (failure === null) {
      counters.ended[endingOf(reason)]++
      return acceptance.lost(link.handle, reason, this.#now)
    }
    handshakeOver(link, failure, this.#recorders)
    counters.handshakeFailed(link.direction, failure)
    acceptance.failed(link.handle, failure, reason, this.#now)
  }

  /** The connection belongs to nobody any more; it may still have to say why. */
  #end(link: Link): void {
    this.#leave(link)
    this.#closed.add(link)
    const [oldest] = this.#closed
    if (oldest !== undefined && this.#closed.size > this.#options.limits.closedLinksMax) this.#forget(oldest)
  }

  #leave(link: Link): void {
    const wasHalfOpen = link.state.kind === 'half-open'
    link.state = { kind: 'closed' }
    this.#links.delete(link.handle)
    this.#keeper.gate.halfOpen.release(link.handle)
    if (wasHalfOpen) this.#admission.ended(link.handle)
  }

  #forget(link: Link): void {
    this.#closed.delete(link)
    this.#routes.remove(link)
    this.#outbox.remove(link)
    this.#options.schedule.clear(link)
  }

  get #now(): number {
    return this.#options.ports.clock.now()
  }
}

/** Where a datagram came from, and by which socket where it is not the first. */
const placeOf = ({ from, local }: Arrival): Place => (local === 0 ? from : { ...from, local })

const NOT_OPENED = { kind: 'drop', reason: 'not-opened' } as const
const NOT_OURS = { kind: 'drop', reason: 'unknown-connection' } as const
