// One QUIC connection as an application sees it: its streams, who is at the other end, and how it ends. It hears of its streams from
// the turn in which the handshake finished; what nobody has taken yet waits in inboxes, which the limits of streams bound.
import type { Address } from '../core/address.ts'
import { assert, unreachable } from '../core/assert.ts'
import { SallyportError } from '../core/errors.ts'
import type { StreamId } from '../core/ids.ts'
import type { DatagramCounts } from '../core/quic/datagrams.ts'
import type { ConnectionOutput } from '../core/quic/outputs.ts'
import { abandonable } from '../node/abandonable.ts'
import { closeText } from '../node/close-reasons.ts'
import type { Link, StreamEvents, StreamOutput } from '../node/link.ts'
import type { Schedule } from '../node/schedule.ts'
import type { Clock, Timers } from '../io/ports.ts'
import { BidirectionalStream } from './bidirectional-stream.ts'
import { type DatagramSending, SessionDatagrams } from './datagrams.ts'
import { GROUP_CODES, type GroupName, nameOf, SUITE_CODES, type SuiteName } from './credentials.ts'
import { Inbox } from './inbox.ts'
import { type MigrateOptions, type Migration, Migrations, type MoreSockets } from './migrations.ts'
import { type AbortOptions, checkClose, type CloseOptions, type Closing } from './options.ts'
import type { Peer } from './peer.ts'
import { ReceiveStream } from './receive-stream.ts'
import { SendStream } from './send-stream.ts'
import type { StreamOwner } from './stream.ts'

/** What a session needs of whoever made it. */
export interface SessionParts {
  readonly clock: Clock
  readonly timers: Timers
  readonly schedule: Schedule
  /** Those of its endpoint, where the session alone uses them: then it may be moved. */
  readonly sockets: MoreSockets | null
  readonly peer: Peer
  /** Gives back what the session alone held, once it is over. */
  readonly release: () => Promise<void>
}

/** What a connection tells of its datagrams. */
export type DatagramOutput = Extract<ConnectionOutput, { readonly kind: `datagram-${string}` }>

/** What HKDF gives at most with SHA-256, the shortest digest (RFC 5869 section 2.3); a label is prefixed with `tls13 ` and has a length byte. */
const EXPORTED_BYTES_MAX = 255 * 32
const LABEL = /^[ -~]{1,249}$/

/** Calls that wait for a stream, of each kind; more are refused as busy. */
const WAITING_MAX = 1024

/** The halves of a stream that are not over, and what stands for it in an inbox. */
interface Halves {
  send: SendStream | null
  receive: ReceiveStream | null
  readonly whole: BidirectionalStream | ReceiveStream | SendStream
  /** Takes away the listener on the signal it was opened with. */
  unhear: () => void
}

interface Opening {
  readonly give: (id: StreamId) => void
  readonly reject: (error: SallyportError) => void
}

/**
 * Numbers of a session so far: bytes of UDP datagrams, streams that are not over, the smoothed round-trip time, how often our keys changed, and
 * the application's datagrams: those dropped because too many waited are counted again as such.
 */
export interface SessionStats {
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly streams: number
  readonly roundTripMs: number
  readonly keyUpdates: number
  readonly datagrams: DatagramCounts
}

/** A connection whose peer was verified. */
export class Session implements AsyncDisposable, StreamEvents, StreamOwner {
  /** Who is at the other end. */
  readonly peer: Peer
  /** The application protocol that was agreed on. */
  readonly alpn: string
  /** What protects the packets. */
  readonly suite: SuiteName | null
  /** How the keys were agreed. */
  readonly group: GroupName | null
  readonly #link: Link
  readonly #parts: SessionParts
  /** Bounded by the streams both ends may open. */
  readonly #streams = new Map<StreamId, Halves>()
  readonly #bidirectional = new Inbox<BidirectionalStream>()
  readonly #unidirectional = new Inbox<ReceiveStream>()
  readonly #datagrams: SessionDatagrams
  readonly #migrations: Migrations
  /** Bounded by WAITING_MAX. */
  readonly #openings: Readonly<Record<'both' | 'one', Set<Opening>>> = { both: new Set(), one: new Set() }
  readonly #closed = Promise.withResolvers<Closing>()
  readonly #released = Promise.withResolvers<void>()
  #over: SallyportError | null = null

  /** @internal */
  constructor(link: Link, parts: SessionParts) {
    const { negotiated } = link.connection
    assert(negotiated !== null, 'a session is made when all is agreed')
    this.#link = link
    this.#parts = parts
    this.#datagrams = new SessionDatagrams(link)
    this.#migrations = new Migrations(link, parts)
    this.peer = parts.peer
    this.alpn = negotiated.alpn
    this.suite = nameOf(SUITE_CODES, negotiated.suite)
    this.group = nameOf(GROUP_CODES, negotiated.group)
  }

  /** Where the peer is. */
  get remote(): Address {
    return this.#link.remote
  }

  /** The socket's address here. */
  get local(): Address {
    return this.#link.socket.local
  }

  /** Whether an earlier session was come back to, so that nobody had to sign. */
  get isResumed(): boolean {
    return this.#link.connection.isResumed
  }

  /** Numbers of this session so far. */
  get stats(): SessionStats {
    const { datagramCounts, keyUpdates, stats } = this.#link.connection
    return {
      bytesSent: stats.sent,
      bytesReceived: stats.received,
      streams: this.#streams.size,
      roundTripMs: stats.rttMs,
      keyUpdates,
      datagrams: datagramCounts,
    }
  }

  /**
   * Changes the keys that we send under, and the peer follows: with the next datagram, or as soon as the peer has shown that it knows the ones
   * in use. They change by themselves long before they are worn out.
   */
  updateKeys(): void {
    this.#link.updateKeys()
  }

  /**
   * Uses other connection ids from now on, each way, as far as both ends have one to spare: whoever sees only some of the datagrams cannot
   * tell by the ids that they belong together (RFC 9000 section 5.1.2). It never needs to be called: a move to another place changes them too.
   */
  renewConnectionIds(): void {
    this.#link.renewIds()
  }

  /**
   * Keying material that both ends have, and nobody else (RFC 8446 section 7.5): the same at both ends for the same label, context and number
   * of bytes. Throws ARGUMENT_INVALID for more than 255 times the digest of the suite, or a label that is none.
   */
  exportKeyingMaterial(label: string, length: number, context: Uint8Array = new Uint8Array(0)): Uint8Array {
    if (!LABEL.test(label) || !Number.isInteger(length) || length < 1 || length > EXPORTED_BYTES_MAX) {
      throw new SallyportError(
        'ARGUMENT_INVALID',
        'keying material has a label of 1 to 249 characters, and 1 to 8,160 bytes',
      )
    }
    const material = this.#link.connection.exportKeys({ label, context, length })
    assert(material !== null, 'a session has an exporter')
    return material
  }

  // ── streams ──

  /**
   * Opens a stream that both ends send on, as soon as the peer allows one more; the peer hears of it with the first bytes. The signal ends
   * the waiting, and later the stream: both halves are given up, as far as they are not over.
   */
  async openBidirectionalStream(options: AbortOptions = {}): Promise<BidirectionalStream> {
    return this.#open('both', options, (id) => this.#both(id))
  }

  /** Opens a stream that only we send on; the signal ends the waiting, and later resets the stream. */
  async openUnidirectionalStream(options: AbortOptions = {}): Promise<SendStream> {
    return this.#open('one', options, (id) => this.#one(id))
  }

  /** The next stream the peer opened that both ends send on; null when the session is over. */
  acceptBidirectionalStream(options: AbortOptions = {}): Promise<BidirectionalStream | null> {
    return this.#bidirectional.take(options)
  }

  /** The next stream the peer opened that only it sends on; null when the session is over. */
  acceptUnidirectionalStream(options: AbortOptions = {}): Promise<ReceiveStream | null> {
    return this.#unidirectional.take(options)
  }

  /** The streams the peer opens that both ends send on. Ends with the session, however that ends: `closed` says how. */
  get incomingBidirectionalStreams(): AsyncIterable<BidirectionalStream> {
    return this.#bidirectional
  }

  /** The streams the peer opens that only it sends on. */
  get incomingUnidirectionalStreams(): AsyncIterable<ReceiveStream> {
    return this.#unidirectional
  }

  // ── datagrams ──

  /** The largest datagram that can be sent now, which grows and shrinks with the path; null where the option `datagrams` is not set at both ends. */
  get datagramBytesMax(): number | null {
    return this.#datagrams.bytesMax
  }

  /**
   * Sends a datagram once: it arrives whole, or not at all. It waits for the congestion window, and where too many wait the oldest is dropped.
   * The bytes are copied.
   */
  sendDatagram(bytes: Uint8Array): DatagramSending {
    return this.#datagrams.send(bytes)
  }

  /** The next datagram of the peer; null when the session is over. */
  receiveDatagram(options: AbortOptions = {}): Promise<Uint8Array | null> {
    return this.#datagrams.take(options)
  }

  /** The datagrams of the peer. Those that nobody takes wait, up to a limit, and then the oldest is dropped. */
  get incomingDatagrams(): AsyncIterable<Uint8Array> {
    return this.#datagrams
  }

  // ── moving ──

  /**
   * Moves the session to another socket of ours, and resolves to its address when the server has answered there; meanwhile and afterwards
   * everything goes on. Only the end that connected can. Rejects with MIGRATION_FAILED, BIND_FAILED, ARGUMENT_INVALID, CANCELLED, or what
   * the session ended with; then nothing has changed.
   */
  migrate(options: MigrateOptions = {}): Promise<Address> {
    return this.#migrations.migrate(options)
  }

  /** Each time that the peer is elsewhere, or we are. Those that nobody takes wait, and of more than sixteen the oldest is forgotten. */
  get migrations(): AsyncIterable<Migration> {
    return this.#migrations
  }

  // ── the end ──

  /** Resolves to why the session ended, when it has; never rejects. */
  get closed(): Promise<Closing> {
    return this.#closed.promise
  }

  /**
   * Ends the session at once: what was not delivered may never be, which is why streams are closed and that is awaited before. Resolves
   * when the peer was told and all is given back.
   */
  close(options: CloseOptions = {}): Promise<void> {
    const { code, reason } = checkClose(options)
    this.#link.close(code, reason, this.#parts.clock.now())
    return this.#released.promise
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // ── what the connection tells ──

  /** @internal */
  stream(output: StreamOutput): void {
    if (output.kind === 'peer-hears') return
    if (output.kind === 'streams-available') return this.#serve(output.bidirectional ? 'both' : 'one')
    if (output.kind === 'stream-opened') return this.#opened(output.stream, output.bidirectional)
    const halves = this.#streams.get(output.stream)
    switch (output.kind) {
      case 'stream-readable':
        return halves?.receive?.onReadable()
      case 'stream-writable':
        return halves?.send?.onWritable()
      case 'stream-acknowledged':
        return halves?.send?.onAcknowledged()
      case 'stream-reset':
        halves?.receive?.onReset(output.code)
        return this.#givenUp(halves)
      case 'stream-stopped':
        return halves?.send?.onStopped(output.code)
      default:
        unreachable(output)
    }
  }

  /** Datagrams came, or it is known what became of one of ours. @internal */
  datagram(output: DatagramOutput): void {
    if (output.kind === 'datagram-readable') this.#datagrams.onReadable()
    else this.#datagrams.onSettled(output.id, output.fate)
  }

  /** The peer is elsewhere, or we are. @internal */
  migrated(): void {
    this.#migrations.onMigrated()
  }

  /** It cannot be moved to this socket. @internal */
  notMigrated(local: number): void {
    this.#migrations.onFailed(local)
  }

  /** The connection is over. @internal */
  lost(reason: Closing): void {
    if (this.#over !== null) return
    const error = lossOf(reason)
    this.#over = error
    for (const openings of [this.#openings.both, this.#openings.one]) {
      for (const each of openings) each.reject(error)
      openings.clear()
    }
    const contentedly = reason.kind === 'application' && !reason.ours && reason.code === 0
    for (const { send, receive } of this.#streams.values()) {
      send?.onLost(error, contentedly)
      receive?.onLost(error)
    }
    for (const inbox of [this.#bidirectional, this.#unidirectional]) {
      inbox.clear()
      inbox.close()
    }
    this.#datagrams.onLost()
    this.#migrations.onLost(error)
    this.#closed.resolve(reason)
    this.#released.resolve(this.#parts.release())
  }

  // ── what its streams tell ──

  /** @internal */
  sent(id: StreamId): void {
    this.#halfOver(id, 'send')
  }

  /** @internal */
  received(id: StreamId): void {
    this.#halfOver(id, 'receive')
  }

  /** @internal */
  soon(run: () => void): void {
    this.#parts.timers.soon(run)
  }

  #opened(id: StreamId, bidirectional: boolean): void {
    if (bidirectional) return this.#bidirectional.put(this.#both(id))
    const receive = new ReceiveStream(id, this.#link, this)
    this.#streams.set(id, { send: null, receive, whole: receive, unhear: HEARS_NOTHING })
    this.#unidirectional.put(receive)
  }

  #both(id: StreamId): BidirectionalStream {
    const send = new SendStream(id, this.#link, this)
    const receive = new ReceiveStream(id, this.#link, this)
    const whole = new BidirectionalStream(send, receive)
    this.#streams.set(id, { send, receive, whole, unhear: HEARS_NOTHING })
    return whole
  }

  #one(id: StreamId): SendStream {
    const send = new SendStream(id, this.#link, this)
    this.#streams.set(id, { send, receive: null, whole: send, unhear: HEARS_NOTHING })
    return send
  }

  /** A stream that the peer reset before anybody took it is not offered any more: there may be any number of those. */
  #givenUp(halves: Halves | undefined): void {
    const whole = halves?.whole
    if (whole instanceof ReceiveStream) this.#unidirectional.withdraw(whole)
    if (whole instanceof BidirectionalStream && this.#bidirectional.withdraw(whole)) halves?.send?.reset()
  }

  #halfOver(id: StreamId, half: 'send' | 'receive'): void {
    const halves = this.#streams.get(id)
    if (halves === undefined) return
    halves[half] = null
    if (halves.send !== null || halves.receive !== null) return
    halves.unhear()
    this.#streams.delete(id)
  }

  /** The stream is given up when its signal says so, which may have been since it was opened. */
  #heed(id: StreamId, { signal }: AbortOptions): void {
    const halves = this.#streams.get(id)
    if (signal === undefined || halves === undefined) return
    const onAbort = (): void => {
      halves.send?.reset()
      halves.receive?.stop()
    }
    halves.unhear = () => signal.removeEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)
  }

  /** The stream is made in the turn in which it is given, not when its opener hears of it: the session may end in between. */
  async #open<Stream>(kind: 'both' | 'one', options: AbortOptions, made: (id: StreamId) => Stream): Promise<Stream> {
    if (this.#over !== null) throw this.#over
    const waiting = this.#openings[kind]
    if (waiting.size >= WAITING_MAX) throw new SallyportError('PEER_BUSY', 'too many calls wait for a stream')
    const { schedule } = this.#parts
    const timeout = { code: 'REQUEST_TIMEOUT', message: 'no stream came free' } as const
    return abandonable<Stream>({ schedule, deadline: Infinity, timeout, signal: options.signal }, (resolve, reject) => {
      const give = (id: StreamId): void => {
        const stream = made(id)
        this.#heed(id, options)
        resolve(stream)
      }
      const opening = { give, reject }
      waiting.add(opening)
      this.#serve(kind)
      return () => void waiting.delete(opening)
    })
  }

  /** Gives streams to those who wait, in order, as far as the peer allows. */
  #serve(kind: 'both' | 'one'): void {
    for (const opening of this.#openings[kind]) {
      const id = this.#link.open(kind === 'both')
      if (id === null) return
      this.#openings[kind].delete(opening)
      opening.give(id)
    }
  }
}

const HEARS_NOTHING = (): void => {}

const lossOf = (reason: Closing): SallyportError => {
  if (reason.kind === 'application' && reason.ours) return new SallyportError('CLOSED', 'the session was closed here')
  const message = `the session ended: ${closeText(reason)}`
  if (reason.kind === 'application') return SallyportError.byPeer('CONNECTION_LOST', message, reason.code)
  return new SallyportError('CONNECTION_LOST', message)
}
