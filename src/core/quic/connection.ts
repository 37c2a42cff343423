// One QUIC connection (RFC 9000), pure and synchronous: datagrams and finished work in, datagrams pulled out, outputs drained. It
// composes parts that each own their state, runs the TLS session, and decides when the connection ends.
//
//   handshaking ──TLS complete──► established ──► confirmed ──► closing or draining (lifetime.ts) ──► gone
import type { Address } from '../address.ts'
import { assert } from '../assert.ts'
import { sameBytes } from '../bytes.ts'
import type { StreamId } from '../ids.ts'
import type { WorkDone } from '../ports.ts'
import type { ExportRequest } from '../tls/key-schedule.ts'
import { assemble, assembleAside, assembleClose } from './assembly.ts'
import { checkBounds, type Held, heldBy } from './bounds.ts'
import {
  acceptorBeginning,
  type Beginning,
  diallerBeginning,
  type FirstInitial,
  makeParts,
  type QuicConfig,
} from './beginning.ts'
import { Ending } from './ending.ts'
import { Handshake, type Negotiated } from './handshake.ts'
import { type Arrived, type IntakeResult, receivePacket, spaceOf, splitDatagram } from './intake.ts'
import type { ConnectionOutput } from './outputs.ts'
import type { Header, VersionNegotiationHeader } from './packet.ts'
import type { DatagramCounts, DatagramSent } from './datagrams.ts'
import { datagramBytesMax, type Parts, phaseTime, recoveryView } from './parts.ts'
import type { Path, Place } from './path.ts'
import { SPACES, type SpaceName } from './recovery.ts'
import { followRetry } from './retry.ts'
import { lose, settle, suspectSize } from './settlement.ts'
import { isStatelessReset } from './stateless-reset.ts'
import { AEAD_LIMIT_REACHED, NO_ERROR, violation } from './transport-error.ts'
import { versionRefused } from './version-negotiation.ts'

export type { FirstInitial, QuicConfig } from './beginning.ts'

/** Ack-eliciting packets sent for one probe timeout: two survive the loss of one. */
const PROBES = 2

export class QuicConnection {
  /** Sent as PING when nothing else was sent for so long, in ms; null for none. */
  keepAliveMs: number | null = null
  readonly #config: QuicConfig
  readonly #parts: Parts
  readonly #ending: Ending
  readonly #handshake: Handshake
  readonly #originalDestinationId: Uint8Array
  /** Bounded by what one turn of the driver can cause; drained after each input. */
  readonly #outputs: ConnectionOutput[] = []
  #nextOutput = 0
  #discarded = 0
  readonly #bytes = { sent: 0, received: 0 }
  #destination: Path
  #sentAt: number

  /** A dialler's connection; its first datagrams wait in `transmit`. */
  static connect(config: QuicConfig, now: number): QuicConnection {
    return new QuicConnection(config, diallerBeginning(config), now)
  }

  /** An acceptor's connection, from the ids of the first Initial; the datagram itself is then given to `receive`. */
  static accept(config: QuicConfig, first: FirstInitial, now: number): QuicConnection {
    return new QuicConnection(config, acceptorBeginning(config, first), now)
  }

  /** Use `connect` or `accept`. */
  constructor(config: QuicConfig, beginning: Beginning, now: number) {
    this.#config = config
    this.#originalDestinationId = beginning.original
    this.#sentAt = now
    const emit = (output: ConnectionOutput): unknown => this.#outputs.push(output)
    this.#parts = makeParts(config, beginning, emit, now)
    this.#destination = this.#parts.path
    this.#ending = new Ending(this.#parts, emit)
    const replay = (packet: Arrived, at: number): void => this.#receive(packet, at)
    this.#handshake = new Handshake(config, beginning, { parts: this.#parts, ending: this.#ending, emit, replay })
    this.#handshake.drain(now)
  }

  /** The ids that datagrams for this connection may come with, as of now. */
  get localIds(): readonly Uint8Array[] {
    return this.#parts.localIds.all
  }

  /** At least one packet of the peer was genuine: for an acceptor, an Initial opened under its keys. */
  get opened(): boolean {
    return this.#parts.progress.heard
  }

  /** Packets thrown away since this was last asked: not genuine, repeated, from elsewhere, or too many before their keys. */
  takeDiscarded(): number {
    const discarded = this.#discarded
    this.#discarded = 0
    return discarded
  }

  /** Not closing, draining or gone: what is written can still be heard. */
  get isOpen(): boolean {
    return this.#parts.lifetime.isOpen
  }

  get isEstablished(): boolean {
    return this.#parts.progress.complete
  }

  /** Gives the peer of an acceptor's connection a token for a later dial, which the next replaces; it leaves when the handshake is done. */
  sendToken(token: Uint8Array): void {
    assert(this.#config.role === 'server', 'only an acceptor gives tokens')
    if (this.#parts.lifetime.isOpen) this.#parts.tokens.give(token)
  }

  /** The largest datagram that `transmit` may write next: in a smaller buffer larger ones are not tried. */
  get datagramBytes(): number {
    return this.#parts.path.mtu.nextBytes
  }

  /** What both ends agreed on; null before the handshake is done. */
  get negotiated(): Negotiated | null {
    return this.#handshake.negotiated
  }

  /** Bytes of datagrams sent and received, on all paths, and the smoothed round-trip time in ms. */
  get stats(): { sent: number; received: number; rttMs: number } {
    return { ...this.#bytes, rttMs: this.#parts.recovery.rtt.smoothed }
  }

  /**
   * A datagram for this connection; its memory is the connection's from now on. One from a place where nothing of this connection may
   * come from is dropped, and what does not open changes nothing: it must not widen what may be sent to an address that is not validated.
   */
  receive(datagram: Uint8Array, from: Place, now: number): void {
    const { lifetime, paths } = this.#parts
    const path = paths.of(from, now)
    if (path === null) return this.#discard()
    const isKnown = paths.isKnown(path)
    this.#bytes.received += datagram.length
    path.onReceived(datagram.length)
    if (!lifetime.isOpen) return isKnown ? lifetime.onReceivedClosing() : undefined
    if (isKnown && isStatelessReset(datagram, path.id?.resetToken ?? null, this.#config.crypto))
      return this.#ending.drain({ kind: 'stateless-reset' }, now)
    const { packets, other } = splitDatagram(datagram, path)
    if (other !== null) return this.#onOther(other, datagram, now)
    if (packets.length === 0) this.#discard()
    for (const packet of packets) this.#receive(packet, now)
  }

  /** Writes one datagram into `into` and returns its length; 0 when nothing is to be sent now. */
  transmit(into: Uint8Array, now: number): number {
    const length = this.#transmit(into, now)
    this.#bytes.sent += length
    return length
  }

  /** Where the datagram goes that `transmit` wrote last, and from which of the driver's sockets. */
  get destination(): { readonly remote: Address; readonly local: number } {
    return this.#destination
  }

  /** When `timeout` has to be called next; Infinity for never. */
  timerAt(): number {
    const { lifetime, localIds, path, paths, phases, recovery, spaces } = this.#parts
    if (!lifetime.isOpen) return lifetime.endsAt
    const lossAt = recovery.timerAt(recoveryView(this.#parts))
    let at = Math.min(lossAt, this.#idleAt(), this.#keepAliveAt(), phases.dropAt, paths.timerAt(), localIds.timerAt)
    if (path.isBlocked) return at
    at = Math.min(at, recovery.throttle.wakeAt)
    for (const space of SPACES) if (spaces[space].writeKey !== null) at = Math.min(at, spaces[space].received.ackAt)
    return at
  }

  /** Time has passed: losses, probes, keep-alive, the end of idleness or of closing. Sending goes on, too, where the pace held it back. */
  timeout(now: number): void {
    const { lifetime, localIds, paths, phases, recovery, spaces } = this.#parts
    if (lifetime.state.kind === 'gone') return
    if (!lifetime.isOpen) {
      if (now >= lifetime.endsAt) this.#ending.gone()
      return
    }
    if (now >= this.#idleAt()) return this.#ending.over({ kind: 'idle' })
    phases.timeout(now)
    paths.timeout(now)
    localIds.timeout(now)
    if (now >= this.#keepAliveAt()) spaces.application.probes = 1
    const view = recoveryView(this.#parts)
    if (now < recovery.timerAt(view)) return
    const { lost, probe, space } = recovery.onTimer(view, now)
    settle(this.#parts, space, { acknowledged: [], lost }, now)
    if (probe) this.#owe(space, now)
  }

  /**
   * The probes of a space. Every other one with something in flight is heard in one, too, since the peer may be able to read that alone: once it
   * is done with the handshake, what repeats a client's Finished says nothing to it (RFC 9002 section 6.2.4).
   */
  #owe(probed: SpaceName, now: number): void {
    const { recovery, spaces } = this.#parts
    for (const space of SPACES) {
      const count = space === probed ? PROBES : Math.min(1, recovery.spaces[space].elicitingInFlight)
      if (count === 0) continue
      spaces[space].probes = Math.max(spaces[space].probes, count)
      const oldest = recovery.spaces[space].oldest(count)
      if (space === probed) suspectSize(this.#parts, oldest, now)
      for (const packet of oldest) {
        for (const carried of packet.carried) lose(this.#parts, space, carried)
      }
    }
  }

  /** The next thing that happened, or null. */
  poll(): ConnectionOutput | null {
    const output = this.#outputs[this.#nextOutput]
    if (output === undefined) {
      this.#outputs.length = this.#nextOutput = 0
      return null
    }
    this.#nextOutput++
    return output
  }

  /** A result of work that this connection asked for. */
  done(work: WorkDone, now: number): void {
    if (!this.#parts.lifetime.isOpen) return
    this.#handshake.done(work, now)
  }

  /** How often the keys that we send under were changed (RFC 9001 section 6). */
  get keyUpdates(): number {
    return this.#parts.phases.updates
  }

  /** Changes the keys as soon as the protocol allows, which it does at most once every few round trips. */
  updateKeys(): void {
    this.#parts.phases.want()
  }

  /**
   * Moves a dialler's connection to another of the driver's sockets, once it has shown that the peer answers there: `migrated` or
   * `migration-failed` tells. It may be forbidden to, or not be ready: the handshake is not confirmed, or the peer has given no spare
   * connection id yet (RFC 9000 section 9).
   */
  migrate(local: number, now: number): 'begun' | 'not-ready' | 'forbidden' {
    const { lifetime, path, paths, peer, role } = this.#parts
    if (role === 'server' || !lifetime.isOpen) return 'forbidden'
    if (peer.disableActiveMigration && !paths.isPreferred) return 'forbidden'
    return paths.migrate({ ...path.remote, local }, now) ? 'begun' : 'not-ready'
  }

  /** Uses another connection id each way, as far as both ends have one to spare (RFC 9000 section 5.1.2). */
  renewIds(): void {
    if (!this.#parts.lifetime.isOpen || !this.#parts.progress.confirmed) return
    this.#parts.paths.renewId()
    this.#parts.localIds.rotate()
  }

  /** What the application says to a `judge` output. */
  judged(isWanted: boolean, now: number): void {
    if (!this.#parts.lifetime.isOpen) return
    this.#handshake.judged(isWanted, now)
  }

  /** The peer came back with an earlier session: nobody signed. Known from `established` on. */
  get isResumed(): boolean {
    return this.#handshake.isResumed
  }

  /** The application protocol that was agreed; null before `established`. */
  get alpn(): string | null {
    return this.#handshake.alpn
  }

  /** Gives the peer of an acceptor's connection a ticket to come back with, once; nothing where there are no tickets. */
  sendTicket(now: number): void {
    assert(this.#config.role === 'server', 'only an acceptor gives tickets')
    if (this.#live) this.#handshake.sendTicket(now)
  }

  /** Keying material that both ends have, and nobody else; null before `established`, or without `QuicConfig.exporter`. */
  exportKeys(request: ExportRequest): Uint8Array | null {
    return this.#handshake.exportKeys(request)
  }

  /** Opens a stream, or null at the peer's limit; `streams-available` tells when it may succeed. */
  open(bidirectional: boolean): StreamId | null {
    return this.#live ? this.#parts.streams.open(bidirectional) : null
  }

  /** Puts a stream before all others; it may spend the reserved credit. */
  prioritise(stream: StreamId): void {
    this.#parts.streams.prioritise(stream)
  }

  /** Takes as many of `bytes` as there is room for and says how many; they are copied. `stream-writable` follows a cut. */
  write(stream: StreamId, bytes: Uint8Array): number {
    return this.#live ? this.#parts.streams.write(stream, bytes) : 0
  }

  /** Bytes taken by `write` and not acknowledged. */
  unacknowledged(stream: StreamId): number {
    return this.#parts.streams.unacknowledgedOf(stream)
  }

  /** Ends our half of a stream after what was written. */
  finish(stream: StreamId): void {
    this.#parts.streams.finish(stream)
  }

  /** Ends our half of a stream at once; what was not delivered may never be. */
  reset(stream: StreamId, code: number): void {
    this.#parts.streams.reset(stream, code)
  }

  /** The next bytes of a stream in order, or null; taking them grants the peer credit. */
  read(stream: StreamId): Uint8Array | null {
    return this.#parts.streams.read(stream)
  }

  /** Whether a stream's end was reached and all of it read. What the end of the connection cuts off has no end. */
  ended(stream: StreamId): boolean {
    return this.#parts.lifetime.isOpen && this.#parts.streams.ended(stream)
  }

  /** Bytes not read up to a stream's end, when all of them are here; null while some have not come. */
  toEnd(stream: StreamId): number | null {
    return this.#parts.streams.toEnd(stream)
  }

  /** Asks the peer to send no more on a stream; what still comes is dropped. */
  stop(stream: StreamId, code: number): void {
    this.#parts.streams.stop(stream, code)
  }

  /** The largest datagram (RFC 9221) that can be sent now; -1 where the peer takes none, or we do not. */
  get datagramBytesMax(): number {
    return datagramBytesMax(this.#parts)
  }

  /** Takes a datagram to be sent once, as soon as the congestion window allows; it is copied, and `datagram-settled` tells its fate. */
  sendDatagram(bytes: Uint8Array): DatagramSent {
    const { datagramBytesMax: bytesMax } = this
    if (!this.#live) return { kind: 'refused', reason: 'closed', bytesMax }
    if (bytesMax < 0) return { kind: 'refused', reason: 'not-negotiated', bytesMax }
    if (bytes.length > bytesMax) return { kind: 'refused', reason: 'too-large', bytesMax }
    return { kind: 'queued', id: this.#parts.datagrams.send(bytes) }
  }

  /** The next datagram that was received, or null. */
  readDatagram(): Uint8Array | null {
    return this.#parts.datagrams.read()
  }

  get datagramCounts(): DatagramCounts {
    return this.#parts.datagrams.counts
  }

  /** Ends the connection with an application code (`docs/protocol.md`); idempotent. */
  close(code: number, reason: string, now: number): void {
    this.#ending.close({ kind: 'application', ours: true, code, reason }, now)
  }

  /** Ends a handshake that is not needed any more, which is no error (RFC 9000 section 20.1); idempotent. */
  withdraw(now: number): void {
    this.#ending.violate(violation(NO_ERROR, ''), now)
  }

  /** Ends a connection that is not wanted, with a transport code, CRYPTO_ERROR and an alert for one (RFC 9000 section 20.1); idempotent. */
  reject(code: number, reason: string, now: number): void {
    this.#ending.violate(violation(code, reason), now)
  }

  /** Forgets the connection without a word to the peer. */
  abandon(): void {
    if (this.#parts.lifetime.state.kind === 'gone') return
    if (this.#parts.lifetime.isOpen) this.#ending.over({ kind: 'abandoned' })
    else this.#ending.gone()
  }

  /** What is kept for the peer. For tests. */
  get held(): Held {
    return heldBy(this.#parts)
  }

  /** Throws when the parts do not agree, or hold more than a peer may make them hold. For tests. */
  checkInvariants(): void {
    checkBounds(this.#parts)
  }

  get #live(): boolean {
    return this.#parts.lifetime.isOpen && this.#parts.progress.complete
  }

  #transmit(into: Uint8Array, now: number): number {
    const { lifetime, paths, phases, progress } = this.#parts
    this.#destination = paths.current
    if (progress.confirmed) phases.updateIfDue(phaseTime(this.#parts, now))
    if (phases.isWornOut) this.#ending.violate(violation(AEAD_LIMIT_REACHED, 'the keys are used up'), now)
    if (lifetime.state.kind === 'closing') return assembleClose(this.#parts, into, now)
    if (!lifetime.isOpen) return 0
    const probed = paths.probe()
    const probe = probed === null ? 0 : assembleAside(this.#parts, probed, into, now)
    this.#destination = probed !== null && probe > 0 ? probed : paths.current
    const length = probe > 0 ? probe : assemble(this.#parts, into, now)
    if (length > 0) this.#sentAt = now
    return length
  }

  #receive(packet: Arrived, now: number): void {
    const { held, lifetime, spaces } = this.#parts
    if (!lifetime.isOpen) return
    if (packet.header.form === 'long' && packet.header.type === '0rtt') return
    const space = spaces[spaceOf(packet.header)]
    if (space.readKey === null) {
      if (!space.isDiscarded && !held.hold(packet)) this.#discard()
      return
    }
    const before = this.#outputs.length
    const { opened, result } = receivePacket(this.#parts, packet, now)
    this.#tellHearing(before)
    this.#apply(result, now)
    if (opened) this.#handshake.feed(now)
    else this.#discard()
  }

  /** Told before what the same packet brought, which may be the last that is said of a peer's identity, and a GOAWAY behind it. */
  #tellHearing(at: number): void {
    const { progress, recovery } = this.#parts
    if (progress.peerHears || recovery.spaces.application.largestAcknowledged < 0) return
    progress.peerHears = true
    this.#outputs.splice(at, 0, { kind: 'peer-hears' })
  }

  #discard(): void {
    this.#parts.observer?.packetDropped()
    this.#discarded++
  }

  #apply(result: IntakeResult, now: number): void {
    if (result.kind === 'violation') this.#ending.violate(result.violation, now)
    if (result.kind === 'closed-by-peer') this.#ending.drain(result.reason, now)
  }

  /** A datagram of no packets but one of those that stand alone. */
  #onOther(header: Header, datagram: Uint8Array, now: number): void {
    if (header.form === 'version-negotiation') return this.#onVersions(header)
    if (header.form !== 'retry') return
    const retry = { header, datagram, originalId: this.#originalDestinationId }
    followRetry(this.#parts, retry, this.#config.crypto, now)
  }

  #onVersions(header: VersionNegotiationHeader): void {
    const { localIds, progress, remoteIds, role, tokens } = this.#parts
    // A Retry, too, shows that the server speaks our version (RFC 9000 section 6.2).
    if (role === 'server' || progress.heard || tokens.retryId !== null) return
    const local = localIds.source
    if (versionRefused(header, { local, remote: remoteIds.first.id, same: sameBytes }))
      this.#ending.over({ kind: 'version' })
  }

  #idleAt(): number {
    return this.#parts.lifetime.idleAt(this.#ending.closingMs)
  }

  #keepAliveAt(): number {
    if (this.keepAliveMs === null || !this.#parts.progress.confirmed) return Infinity
    return this.#parts.spaces.application.probes > 0 ? Infinity : this.#sentAt + this.keepAliveMs
  }
}
