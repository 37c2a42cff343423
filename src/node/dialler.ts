// Dials: one connection for all who want the same peer at the same address, each caller with a deadline and a signal of its own. A dial
// ends when its connection is identified, when the peer became identified otherwise, or when nobody waits for it any more. Dials to one
// peer at several addresses race, and all who wait get the connection that is identified first.
import { addressText } from '../core/address.ts'
import type { HandshakeFailure } from '../core/counters.ts'
import { type Destination, DialLimits } from '../core/dialling/dial-limits.ts'
import { type ErrorCode, SallyportError } from '../core/errors.ts'
import type { ConnectionHandle, PeerId } from '../core/ids.ts'
import { CLOSE } from '../core/messages/codes.ts'
import type { PeerInfo } from '../core/peers/connection-record.ts'
import type { CloseReason } from '../core/quic/outputs.ts'
import { dialError, unidentifiedError } from './close-reasons.ts'
import type { DialRefusal } from './dialled.ts'
import type { TraceDetail } from '../io/ports.ts'
import type { Endpoint } from './endpoint.ts'
import type { Lifecycle, LifecycleObserver } from './lifecycle.ts'
import { abandonable } from './abandonable.ts'

/** What is wanted: a peer at an address, or whoever answers there. `insist`: though it failed a moment ago. */
export interface DialTarget extends Destination {
  readonly insist: boolean
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
  readonly to: Destination
  readonly began: number
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
  readonly #limits: DialLimits
  readonly #dials = new Map<string, Dial>()
  readonly #byHandle = new Map<ConnectionHandle, Dial>()

  constructor(self: PeerId, endpoint: Endpoint, lifecycle: Lifecycle) {
    this.#self = self
    this.#endpoint = endpoint
    this.#lifecycle = lifecycle
    this.#limits = new DialLimits(lifecycle.workshop.limits)
  }

  /** Resolves with an identified connection to the peer; a dial to it that is going on is joined. */
  dial(target: DialTarget, patience: DialPatience): Promise<PeerInfo> {
    const { expected } = target
    if (expected === this.#self) return Promise.reject(dialSelf())
    const known = expected === null ? null : this.#lifecycle.change((registry) => registry.usable(expected))
    if (known !== null) return Promise.resolve(known)
    const about = (): TraceDetail => ({ address: addressText(target.address), expected })
    return this.#lifecycle.workshop.tracing.run('dial', about, () => {
      const dial = this.#dials.get(keyOf(target)) ?? this.#begin(target)
      return dial instanceof SallyportError ? Promise.reject(dial) : this.#join(dial, patience)
    })
  }

  /** Ends every dial. */
  close(): void {
    for (const dial of this.#dials.values()) this.#end(dial, new SallyportError('CLOSED', 'the node is closed'))
  }

  // ── what the lifecycle tells ──

  failed(handle: ConnectionHandle, failure: HandshakeFailure, reason: CloseReason): void {
    const dial = this.#byHandle.get(handle)
    if (dial === undefined) return
    if (failure === 'identity') this.#limits.failed(dial.to, 'another-peer', this.#now)
    else if (failure !== 'cancelled' && failure !== 'superseded') this.#limits.failed(dial.to, 'no-use', this.#now)
    this.#end(dial, dialError(failure, reason, dial.text))
  }

  lost(handle: ConnectionHandle, reason: CloseReason): void {
    const dial = this.#byHandle.get(handle)
    if (dial === undefined) return
    const isSelf = reason.kind === 'application' && reason.code === CLOSE.refused && reason.reason === 'oneself'
    if (saysSomething(reason) && !isSelf) this.#limits.failed(dial.to, 'no-use', this.#now)
    this.#end(dial, isSelf ? dialSelf() : unidentifiedError(reason, dial.text))
  }

  identified(info: PeerInfo): void {
    const where = addressText(info.remote)
    this.#limits.forget({ address: info.remote, expected: info.peerId })
    for (const dial of this.#dials.values()) {
      const { expected } = dial.to
      const wanted = expected === null ? dial.text === where : expected === info.peerId
      if (dial.handle !== info.connection && !wanted) continue
      this.#forget(dial)
      this.#limits.answered(dial.to, dial.began)
      if (dial.handle !== info.connection) this.#supersede(dial)
      for (const caller of dial.callers) caller.resolve(info)
    }
  }

  // ── a dial's life ──

  #begin({ insist, ...to }: DialTarget): Dial | SallyportError {
    const { limits, counters } = this.#lifecycle.workshop
    const [began, text] = [this.#now, addressText(to.address)]
    if (insist) this.#limits.forget(to)
    const waitMs = this.#limits.mayDialAt(to, began) - began
    if (waitMs > 0) {
      counters.dialsTooSoon++
      return tooSoon(text, waitMs)
    }
    const dialled = this.#endpoint.dial(to.address, to.expected)
    if (dialled.kind === 'refused') return new SallyportError(REFUSALS[dialled.reason], `${text}: ${dialled.reason}`)
    this.#limits.began(to, began)
    const { handle } = dialled
    const deadline = began + limits.dialTimeoutMs
    const dial: Dial = { key: keyOf(to), text, handle, to, began, deadline, callers: new Set() }
    this.#dials.set(dial.key, dial)
    this.#byHandle.set(dial.handle, dial)
    return dial
  }

  #join(dial: Dial, { timeoutMs, signal }: DialPatience): Promise<PeerInfo> {
    const { schedule } = this.#lifecycle.workshop
    const timeout = { code: 'DIAL_TIMEOUT', message: `${dial.text} did not answer in time` } as const
    const deadline = Math.min(dial.deadline, this.#now + timeoutMs)
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
    // That all lost patience says nothing about the address; that its time is over does.
    if (this.#now >= dial.deadline) this.#limits.failed(dial.to, 'no-use', this.#now)
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
    if (link?.state.kind === 'half-open') link.close(CLOSE.noError, '', this.#now)
    if (this.#lifecycle.channel(dial.handle)?.peer !== null) return
    this.#lifecycle.change((registry) => registry.close(dial.handle, CLOSE.noError, 'given up'))
  }

  /**
   * The peer's own dial came first: a handshake in progress is withdrawn, so that its slot at the peer is free at once. One that has
   * finished is left to the rule about duplicates: were it closed here, two peers that dial each other could close both connections.
   */
  #supersede(dial: Dial): void {
    const link = this.#endpoint.link(dial.handle)
    if (link?.state.kind === 'half-open') link.withdraw(this.#now)
  }

  get #now(): number {
    return this.#lifecycle.workshop.clock.now()
  }
}

const REFUSALS: Readonly<Record<DialRefusal, ErrorCode>> = {
  closing: 'CLOSED',
  'no-socket': 'NO_ADDRESS',
  // Our own want of room says nothing about the peer, and must not look as if it had refused.
  'slots-full': 'DIAL_TOO_SOON',
  'connections-full': 'DIAL_TOO_SOON',
}

const keyOf = ({ address, expected }: Destination): string => `${addressText(address)} ${expected ?? ''}`

/** Whether a connection's end, before its peer was identified, says something about the address, and not about what we did with it. */
const saysSomething = (reason: CloseReason): boolean =>
  reason.kind !== 'application' || (reason.code !== CLOSE.noError && reason.code !== CLOSE.duplicate)

const tooSoon = (text: string, waitMs: number): SallyportError =>
  SallyportError.later('DIAL_TOO_SOON', `${text} is left alone, to be dialled again in ${Math.ceil(waitMs)} ms`, waitMs)

const dialSelf = (): SallyportError => new SallyportError('DIAL_SELF', 'that is this node itself')
