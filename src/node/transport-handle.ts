// The public face of the accept path and everything behind it: who is connected, and what is said to them. Promises begin here; below
// this file everything happens in the turn in which it is due.
import { assert } from '../core/assert.ts'
import { type Address, parseAddress, type PeerAddress } from '../core/address.ts'
import type { CounterSnapshot } from '../core/counters.ts'
import { snapshotOf } from '../core/histograms.ts'
import { SallyportError } from '../core/errors.ts'
import type { ConnectionHandle, PeerId } from '../core/ids.ts'
import { CLOSE } from '../core/messages/codes.ts'
import { encodeMessageHeader, encodeRequestHeader } from '../core/messages/requests.ts'
import type { PeerInfo } from '../core/peers/connection-record.ts'
import type { WaitOutput } from '../core/peers/identity-waiters.ts'
import { observedAddresses } from '../core/peers/observed.ts'
import { abandonable } from './abandonable.ts'
import { type ConnectionPage, connectionsOf } from './connections.ts'
import type { DialTarget } from './dialler.ts'
import type { TransportEvent } from './events.ts'
import { type Gauges, gaugesOf } from './gauges.ts'
import type { Handler } from './handlers.ts'
import type { Metrics } from './metrics.ts'
import type { Ending } from './recent-endings.ts'
import { Sender, type Sending, type Sent } from './sender.ts'
import type { Task } from './task-set.ts'
import { type TransportOptions, type TransportParts, transportParts } from './transport-parts.ts'
import { within } from './within.ts'

/** How long a caller waits (milliseconds), and what makes it stop earlier. */
export interface CallOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface ConnectOptions extends CallOptions {
  /** Another peer's answer is IDENTITY_MISMATCH. */
  readonly expectedPeer?: PeerId
  /** Dials though the address failed a moment ago, and forgets that it did. Too many unanswered dials to one host forbid it all the same. */
  readonly insist?: boolean
}

export interface RequestOptions extends CallOptions {
  /** The 32 bytes the request is about. */
  readonly target?: Uint8Array
  readonly count?: number
}

/** The answer to a request; `status` is one of `STATUS` or a number unknown to us. */
export interface Response {
  readonly status: number
  readonly payload: Uint8Array
  readonly reason?: string
  readonly retryAfterMs?: number
  readonly outcome?: number
}

/** A connection that is identified. */
export interface Connected {
  readonly peerId: PeerId
  readonly connection: ConnectionHandle
}

/** What is left of closing once the grace is over: the last datagrams, then handlers that heed their signal. */
const CLOSE_WITHIN_MS = 1000

/** The transport of one node: it listens from `open` to `close`. */
export class TransportHandle {
  readonly peerId: PeerId
  readonly #options: TransportOptions
  readonly #parts: TransportParts
  readonly #sender: Sender
  #closing: Promise<void> | null = null

  /** Binds its sockets and listens. Rejects with BIND_FAILED, or ARGUMENT_INVALID for a limit that is none. */
  static async open(options: TransportOptions): Promise<TransportHandle> {
    const handle = new TransportHandle(options)
    try {
      await handle.#bind()
    } catch (error) {
      await handle.close()
      throw SallyportError.from(error)
    }
    return handle
  }

  private constructor(options: TransportOptions) {
    this.peerId = options.identity.peerId
    this.#options = options
    this.#parts = transportParts(options)
    this.#sender = new Sender(this.#parts, (peerId, patience) => this.waitForPeerIdentity(peerId, patience))
  }

  // ── connections ──

  /**
   * Dials and resolves when both sides have identified themselves; dials to one peer that go on together end with one connection. Rejects
   * with ADDRESS_INVALID, DIAL_SELF, DIAL_TIMEOUT, DIAL_TOO_SOON (its `retryAfterMs` says when to try again), IDENTITY_MISMATCH,
   * IDENTITY_TIMEOUT, CONNECTION_REFUSED, CONNECTION_LOST, HANDSHAKE_FAILED, NO_ADDRESS, CANCELLED or CLOSED.
   */
  async connectPeer(address: string | PeerAddress, options: ConnectOptions = {}): Promise<Connected> {
    this.#mustBeOpen()
    const timeoutMs = options.timeoutMs ?? this.#parts.limits.dialTimeoutMs
    const info = await this.#parts.dialler.dial(targetOf(address, options), { timeoutMs, signal: options.signal })
    return { peerId: info.peerId, connection: info.connection }
  }

  /** Closes every connection to a peer; false when there was none. The node does not dial it again unasked, but a lookup may. */
  disconnectPeer(peerId: PeerId): boolean {
    return this.#parts.lifecycle.part(peerId)
  }

  /**
   * Resolves when a connection, or some connection to a peer, is identified. Rejects with IDENTITY_TIMEOUT (default 5 s),
   * CONNECTION_LOST as soon as it can no longer happen, CANCELLED or CLOSED.
   */
  async waitForPeerIdentity(target: ConnectionHandle | PeerId, options: CallOptions = {}): Promise<PeerInfo> {
    this.#mustBeOpen()
    const { registry, lifecycle, schedule, limits } = this.#parts
    const known = typeof target === 'string' ? registry.usable(target) : registry.info(target)
    if (known !== null) return known
    if (typeof target === 'number' && !registry.mayIdentify(target)) throw identityGone()
    const deadline = this.#now + (options.timeoutMs ?? limits.identityTimeoutMs)
    const patience = { schedule, deadline: Infinity, timeout: IDENTITY_TIMEOUT, signal: options.signal }
    return abandonable(patience, (resolve, reject) => {
      const ended = (output: WaitOutput): void =>
        output.kind === 'identified' ? resolve(output.info) : reject(waitError(output))
      const waiter = lifecycle.wait(target, deadline, ended)
      if (waiter === null) reject(new SallyportError('PEER_BUSY', 'too many wait for an identity'))
      return () => {
        if (waiter !== null) lifecycle.cancelWait(waiter)
      }
    })
  }

  /** Whether requests can pass on a connection now. */
  isConnectionActive(connection: ConnectionHandle): boolean {
    return this.#parts.registry.isActive(connection)
  }

  /** The connections on which requests can pass now. */
  listActiveConnections(): PeerInfo[] {
    return this.#parts.registry.active().filter((info) => this.isConnectionActive(info.connection))
  }

  /** Who is connected, each once. */
  peers(): PeerInfo[] {
    return this.#parts.registry.peers()
  }

  /** The record of a peer that requests can be made to now, or null. */
  peer(peerId: PeerId): PeerInfo | null {
    return this.#parts.registry.usable(peerId)
  }

  /** Whether a peer said within the last 30 s that it shuts down, and has not been identified since. */
  hasLeft(peerId: PeerId): boolean {
    return this.#parts.registry.hasLeft(peerId, this.#now)
  }

  /** Whether within the last 30 s one of the ends wanted the connection to end, and the peer has not been identified since. */
  hasParted(peerId: PeerId): boolean {
    return this.#parts.lifecycle.hasParted(peerId)
  }

  /** Keeps a peer's connection though no request passes; returns what ends that, or null when 64 peers are held. */
  hold(peerId: PeerId): (() => void) | null {
    const { lifecycle } = this.#parts
    if (!lifecycle.change((registry) => registry.hold(peerId))) return null
    let held = true
    return () => {
      if (held) lifecycle.change((registry) => registry.release(peerId))
      held = false
    }
  }

  /** What happens to peers, and fails here, from now on; end the loop to stop listening. */
  events(): AsyncIterableIterator<TransportEvent> {
    return this.#parts.events.subscribe()
  }

  // ── what is said ──

  /**
   * Sends a request and resolves with its answer, whatever its status. Rejects with NOT_CONNECTED, REQUEST_TIMEOUT, CONNECTION_LOST,
   * RESET_BY_PEER, PEER_BUSY, REQUEST_UNSUPPORTED, TOO_LARGE, BAD_RESPONSE or CANCELLED; the error's `stage` tells how far it had come.
   * Of a connection that is found dead before a byte was written, the next is tried once. The payload must not be changed until then.
   */
  async request(
    peerId: PeerId,
    protocol: string,
    payload: Uint8Array,
    options: RequestOptions = {},
  ): Promise<Response> {
    const header = encodeRequestHeader({ protocol, target: options.target ?? null, count: options.count ?? null })
    this.#mustBeOpen()
    const outcome = await this.#send(protocol, { kind: 'request', peerId, header, payload }, options)
    if (outcome.kind !== 'response') throw new SallyportError('INTERNAL', 'a request without a response')
    const { status, reason, retryAfterMs, outcome: detail } = outcome.header
    return {
      status,
      payload: outcome.payload,
      ...(reason === null ? {} : { reason }),
      ...(retryAfterMs === null ? {} : { retryAfterMs }),
      ...(detail === null ? {} : { outcome: detail }),
    }
  }

  /** Sends a message and resolves when the peer's transport has all of it. Rejects as `request` does. */
  async send(peerId: PeerId, protocol: string, payload: Uint8Array, options: CallOptions = {}): Promise<void> {
    this.#mustBeOpen()
    const header = encodeMessageHeader({ protocol })
    await this.#send(protocol, { kind: 'message', peerId, header, payload }, options)
  }

  /** Answers requests and takes messages of a protocol; returns what ends that. Throws ARGUMENT_INVALID when it is taken. */
  handle(protocol: string, handler: Handler): () => void {
    return this.#parts.workshop.handlers.add(protocol, handler)
  }

  /** Runs a task that `close` waits for, a second at most; its failure is counted and an event. False when too many run. */
  supervise(task: Task, work: () => Promise<void>): boolean {
    return this.#parts.workshop.tasks.run(task, work)
  }

  // ── itself ──

  /** Where it listens, with real ports. */
  get locals(): readonly Address[] {
    return this.#parts.endpoint.locals
  }

  /** Our addresses as peers of three networks or more see them. */
  observed(): Address[] {
    return observedAddresses(this.#parts.registry.active())
  }

  /** What happened so far. */
  counters(): CounterSnapshot {
    this.#parts.counters.kernelDrops = Math.max(this.#parts.counters.kernelDrops, this.#parts.endpoint.kernelDrops())
    return this.#parts.counters.snapshot()
  }

  /** How much of everything there is now. */
  gauges(): Gauges {
    return gaugesOf(this.#parts)
  }

  /** Everything that can be read, at this moment. */
  metrics(): Metrics {
    return { counters: this.counters(), gauges: this.gauges(), histograms: snapshotOf(this.#parts.histograms) }
  }

  /** A page of the connections as they stand, in the order in which they began; `after` is the `next` of the page before. */
  connections(after: ConnectionHandle | null = null): ConnectionPage {
    return connectionsOf(this.#parts, after, this.#now)
  }

  /** Who was refused, failed or went lately, and why, the last first: at most 384. */
  endings(): Ending[] {
    return this.#parts.endpoint.endings.read(this.#now)
  }

  /** Throws when what must always hold does not; for tests. */
  checkInvariants(): void {
    this.#parts.registry.checkInvariants()
    this.#parts.lifecycle.checkInvariants()
    this.#parts.endpoint.checkInvariants()
    const { backlog, promised, intake } = this.#parts.workshop
    assert(backlog.bytes + promised.bytes <= intake.bytes, 'what waits for its handler is a part of what is kept')
  }

  /** Says goodbye, gives requests in progress a moment, closes everything. Idempotent; leaves no timer and no socket. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #send(protocol: string, sending: Sending, options: CallOptions): Promise<Sent> {
    const { kind, peerId, payload } = sending
    return this.#parts.workshop.tracing.run(
      kind === 'request' ? 'request' : 'send',
      () => ({ peerId, protocol, bytes: payload.length }),
      () => this.#sender.send(sending, options),
    )
  }

  async #close(): Promise<void> {
    const { dialler, endpoint, events, lifecycle, limits, workshop } = this.#parts
    dialler.close()
    lifecycle.endWaits()
    endpoint.stop()
    lifecycle.change((registry, now) => registry.shutdown(now))
    await within(this.#options.ports, limits.closeGraceMs, lifecycle.quiet())
    await endpoint.close({ code: CLOSE.shutdown, reason: '' }, CLOSE_WITHIN_MS)
    events.close()
    await within(this.#options.ports, CLOSE_WITHIN_MS, workshop.tasks.idle())
  }

  async #bind(): Promise<void> {
    const { listen, skipUnbindable = false } = this.#options
    let failure: unknown = new SallyportError('BIND_FAILED', 'there is no address to listen at')
    for (const address of listen) {
      try {
        await this.#parts.endpoint.bind(address)
      } catch (error) {
        if (!skipUnbindable) throw error
        failure = error
      }
    }
    if (this.locals.length === 0) throw failure
  }

  #mustBeOpen(): void {
    if (this.#closing !== null) throw closedNode()
  }

  get #now(): number {
    return this.#options.ports.clock.now()
  }
}

const IDENTITY_TIMEOUT = { code: 'IDENTITY_TIMEOUT', message: 'the peer did not identify itself in time' } as const

const identityGone = (): SallyportError =>
  new SallyportError('CONNECTION_LOST', 'the connection ended before its peer was identified')

const waitError = ({ kind }: WaitOutput): SallyportError => {
  if (kind === 'deadline') return new SallyportError(IDENTITY_TIMEOUT.code, IDENTITY_TIMEOUT.message)
  return kind === 'closed' ? closedNode() : identityGone()
}

const closedNode = (): SallyportError => new SallyportError('CLOSED', 'the node is closed')

const targetOf = (address: string | PeerAddress, { expectedPeer, insist = false }: ConnectOptions): DialTarget => {
  const parsed = typeof address === 'string' ? (parseAddress(address) ?? notAnAddress(address)) : address
  const expected = expectedPeer ?? parsed.peerId
  if (parsed.peerId !== null && parsed.peerId !== expected) {
    throw new SallyportError('IDENTITY_MISMATCH', 'the address names another peer than the expected one')
  }
  return { address: parsed.address, expected, insist }
}

const notAnAddress = (text: string): never => {
  throw new SallyportError('ADDRESS_INVALID', `${text} is no address`)
}
