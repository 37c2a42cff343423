// Dials: one connection for all who want the same peer at the same address, each caller with a deadline and a signal of its own. A dial
// ends when its connection is identified, when the peer became identified otherwise, or when nobody waits for it any more.
import { type Address, addressText } from '../core/address.ts'
import type { HandshakeFailure } from '../core/counters.ts'
import { type ErrorCode, SallyportError } from '../core/errors.ts'
import type { ConnectionHandle, PeerId } from '../core/ids.ts'
import { CLOSE } from '../core/messages/codes.ts'
import type { PeerInfo } from '../core/peers/connection-record.ts'
import type { CloseReason } from '../core/quic/outputs.ts'
import { dialError, unidentifiedError } from './close-reasons.ts'
import type { DialRefusal, Endpoint } from './endpoint.ts'
import type { Lifecycle, LifecycleObserver } from './lifecycle.ts'
import { abandonable } from './abandonable.ts'

/** What is wanted: a peer at an address, or whoever answers there. */
export interface DialTarget {
  readonly address: Address
  readonly expected: PeerId | null
}

/** How long a caller waits; `signal` gives up earlier. */
export interface DialPatience {
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

interface Dial {
  readonly key: string
  readonly text: string
  readonly handle: ConnectionHandle
  readonly expected: PeerId | null
  /** The end of its time, which no caller and no progress moves. */
  readonly deadline: number
  /** Bounded by the callers. */
  readonly callers: Set<Caller>
}

interface Caller {
  resolve(info: PeerInfo): void
  reject(error: SallyportError): void
}

/** Dials in progress. Bounded by halfOpenOutMax and what waits for an identity. */
export class Dialler implements LifecycleObserver {
  readonly #self: PeerId
  readonly #endpoint: Endpoint
  readonly #lifecycle: Lifecycle
  readonly #dials = new Map<string, Dial>()
  readonly #byHandle = new Map<ConnectionHandle, Dial>()

  constructor(self: PeerId, endpoint: Endpoint, lifecycle: Lifecycle) {
    this.#self = self
    this.#endpoint = endpoint
    this.#lifecycle = lifecycle
  }

  /** Resolves with an identified connection to the peer; a dial to it that is going on is joined. */
  dial(target: DialTarget, patience: DialPatience): Promise<PeerInfo> {
    const { expected } = target
    if (expected === this.#self) return Promise.reject(dialSelf())
    const known = expected === null ? null : this.#lifecycle.change((registry) => registry.usable(expected))
    if (known !== null) return Promise.resolve(known)
    const text = addressText(target.address)
    const dial = this.#dials.get(`${text} ${expected ?? ''}`) ?? this.#begin(target, text)
    return dial instanceof SallyportError ? Promise.reject(dial) : this.#join(dial, patience)
  }

  /** Ends every dial. */
  close(): void {
    for (const dial of this.#dials.values()) this.#end(dial, new SallyportError('CLOSED', 'the node is closed'))
  }

  // ── what the lifecycle tells ──

  failed(handle: ConnectionHandle, failure: HandshakeFailure, reason: CloseReason): void {
    const dial = this.#byHandle.get(handle)
    if (dial !== undefined) this.#end(dial, dialError(failure, reason, dial.text))
  }

  lost(handle: ConnectionHandle, reason: CloseReason): void {
    const dial = this.#byHandle.get(handle)
    if (dial === undefined) return
    const isSelf = reason.kind === 'application' && reason.code === CLOSE.refused && reason.reason === 'oneself'
    this.#end(dial, isSelf ? dialSelf() : unidentifiedError(reason, dial.text))
  }

  identified(info: PeerInfo): void {
    for (const dial of this.#dials.values()) {
      if (dial.handle !== info.connection && dial.expected !== info.peerId) continue
      this.#forget(dial)
      if (dial.handle !== info.connection) this.#supersede(dial)
      for (const caller of dial.callers) caller.resolve(info)
    }
  }

  // ── a dial's life ──

  #begin({ address, expected }: DialTarget, text: string): Dial | SallyportError {
    const dialled = this.#endpoint.dial(address, expected)
    if (dialled.kind === 'refused') return new SallyportError(REFUSALS[dialled.reason], `${text}: ${dialled.reason}`)
    const { clock, limits } = this.#lifecycle.workshop
    const deadline = clock.now() + limits.dialTimeoutMs
    const { handle } = dialled
    const dial: Dial = { key: `${text} ${expected ?? ''}`, text, handle, expected, deadline, callers: new Set() }
    this.#dials.set(dial.key, dial)
    this.#byHandle.set(dial.handle, dial)
    return dial
  }

  #join(dial: Dial, { timeoutMs, signal }: DialPatience): Promise<PeerInfo> {
    const { schedule, clock } = this.#lifecycle.workshop
    const timeout = { code: 'DIAL_TIMEOUT', message: `${dial.text} did not answer in time` } as const
    const deadline = Math.min(dial.deadline, clock.now() + timeoutMs)
    return abandonable({ schedule, deadline, timeout, signal }, (resolve, reject) => {
      const caller = { resolve, reject }
      dial.callers.add(caller)
      return () => this.#leave(dial, caller)
    })
  }

  #leave(dial: Dial, caller: Caller): void {
    dial.callers.delete(caller)
    if (dial.callers.size > 0 || this.#byHandle.get(dial.handle) !== dial) return
    this.#forget(dial)
    this.#giveUp(dial)
  }

  #end(dial: Dial, error: SallyportError): void {
    this.#forget(dial)
    for (const caller of dial.callers) caller.reject(error)
  }

  #forget(dial: Dial): void {
    this.#dials.delete(dial.key)
    this.#byHandle.delete(dial.handle)
  }

  /** Nobody wants the connection any more: it ends, and its slot at the peer with it, unless it has become useful meanwhile. */
  #giveUp(dial: Dial): void {
    const link = this.#endpoint.link(dial.handle)
    if (link?.state.kind === 'half-open') link.close(CLOSE.noError, '', this.#lifecycle.workshop.clock.now())
    if (this.#lifecycle.channel(dial.handle)?.peer !== null) return
    this.#lifecycle.change((registry) => registry.close(dial.handle, CLOSE.noError, 'given up'))
  }

  /**
   * The peer's own dial came first: a handshake in progress is withdrawn, so that its slot at the peer is free at once. One that has
   * finished is left to the rule about duplicates: were it closed here, two peers that dial each other could close both connections.
   */
  #supersede(dial: Dial): void {
    const link = this.#endpoint.link(dial.handle)
    if (link?.state.kind === 'half-open') link.withdraw(this.#lifecycle.workshop.clock.now())
  }
}

const REFUSALS: Readonly<Record<DialRefusal, ErrorCode>> = {
  closing: 'CLOSED',
  'no-socket': 'NO_ADDRESS',
  'slots-full': 'CONNECTION_REFUSED',
  'connections-full': 'CONNECTION_REFUSED',
}

const dialSelf = (): SallyportError => new SallyportError('DIAL_SELF', 'that is this node itself')
