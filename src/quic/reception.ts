// What becomes of handshakes: a session that is read from the same turn on, and that its owner gets when its peer was judged. What is
// known beforehand is judged at once; a function is asked in a turn of its own, so that no code of an application is between a datagram
// and a registration.
//
//   established ──known, or asked──► admitted ──► lost
//        └──not accepted, not answered in time──► rejected with an alert
import type { Counters, Direction, HandshakeFailure } from '../core/counters.ts'
import { type GateOptions, gateOptionsOf } from '../core/gate/options.ts'
import { type ShareView, Shares } from '../core/gate/shares.ts'
import { connectionHandle, type ConnectionHandle } from '../core/ids.ts'
import { CONNECTION_REFUSED, CRYPTO_ERROR } from '../core/quic/transport-error.ts'
import { ALERT } from '../core/tls/alerts.ts'
import type { Acceptance, Crowd, Handles } from '../node/acceptance.ts'
import { handshakeFailure } from '../node/close-reasons.ts'
import type { Link } from '../node/link.ts'
import type { Schedule } from '../node/schedule.ts'
import type { QuicLimits } from './limits.ts'
import type { Closing, QuicPorts } from './options.ts'
import type { Judge, VerifyFunction } from './peer.ts'
import { Session } from './session.ts'

/** What a reception is made of. */
export interface ReceptionParts {
  readonly ports: Pick<QuicPorts, 'clock' | 'timers'>
  readonly schedule: Schedule
  readonly counters: Counters
  readonly limits: QuicLimits
  readonly gate: Partial<GateOptions>
  readonly keepAliveMs: number | null
  readonly judge: Judge
  readonly owner: ReceptionOwner
}

/** Whose handshakes they are. */
export interface ReceptionOwner {
  /** A session is ready, or not wanted: false. */
  admitted(session: Session, link: Link): boolean
  /** A handshake failed, or its peer was rejected. */
  failed(handle: ConnectionHandle, failure: HandshakeFailure, reason: Closing): void
  /** Gives back what a session alone held. */
  release(session: Session): Promise<void>
}

interface Guest {
  readonly session: Session
  readonly link: Link
  /** Whether its owner has the session. */
  isAdmitted: boolean
  isJudged: boolean
  /** Aborted when nobody waits for an answer any more. */
  readonly asking: AbortController
}

/** What a peer is told that is not accepted: that its certificate will not do, and no more. */
const UNTRUSTED = { code: CRYPTO_ERROR + ALERT.certificateUnknown, reason: 'not accepted' } as const

/** What a peer is told whose session nobody has room for. */
const NO_ROOM = { code: CONNECTION_REFUSED, reason: '' } as const

/** The connections of one endpoint. Bounded by connectionsMax. */
export class Reception implements Acceptance, Handles, Crowd {
  readonly #parts: ReceptionParts
  readonly #shares: Shares
  readonly #named = new Set<ConnectionHandle>()
  readonly #guests = new Map<ConnectionHandle, Guest>()
  #drawn = 0

  constructor(parts: ReceptionParts) {
    const { connectionsPerHostMax: perHostMax, connectionsNetworkShare: networkShare } = gateOptionsOf(parts.gate)
    this.#parts = parts
    this.#shares = new Shares({ connectionsMax: parts.limits.connectionsMax, perHostMax, networkShare })
  }

  // ── what the gate asks ──

  get full(): boolean {
    return this.#named.size >= this.#parts.limits.connectionsMax
  }

  get size(): number {
    return this.#named.size
  }

  draw(_direction: Direction): ConnectionHandle {
    const handle = connectionHandle(++this.#drawn)
    this.#named.add(handle)
    return handle
  }

  /** Each host and network has its share; nobody who is here goes for a newcomer. */
  get shares(): ShareView {
    return { admits: (source, halfOpen) => this.#shares.admits(source, halfOpen), rival: () => null }
  }

  evict(): void {}

  // ── what the endpoint tells ──

  established(link: Link, now: number): void {
    const { ports, schedule, counters, keepAliveMs, owner } = this.#parts
    counters.registered[link.direction]++
    this.#shares.add(link.handle, link.remote)
    const release = (): Promise<void> => owner.release(session)
    const session = new Session(link, { ...ports, schedule, release })
    const guest: Guest = { session, link, isAdmitted: false, isJudged: false, asking: new AbortController() }
    this.#guests.set(link.handle, guest)
    link.read(session, now)
    link.keepAlive(keepAliveMs)
    this.#judge(guest)
  }

  lost(handle: ConnectionHandle, reason: Closing): void {
    const guest = this.#guests.get(handle)
    this.#forget(handle)
    if (guest === undefined) return
    this.#parts.counters.closed[guest.link.direction]++
    guest.isJudged = true
    guest.asking.abort()
    guest.session.lost(reason)
    const { direction } = guest.link
    if (!guest.isAdmitted) this.#parts.owner.failed(handle, handshakeFailure(reason, direction), reason)
  }

  failed(handle: ConnectionHandle, failure: HandshakeFailure, reason: Closing): void {
    this.#forget(handle)
    this.#parts.owner.failed(handle, failure, reason)
  }

  #forget(handle: ConnectionHandle): void {
    this.#named.delete(handle)
    this.#guests.delete(handle)
    this.#shares.remove(handle)
  }

  // ── who may be here ──

  #judge(guest: Guest): void {
    const { judge, ports } = this.#parts
    if (judge.kind === 'known') return this.#decide(guest, judge.accepts(guest.session.peer))
    ports.timers.soon(() => void this.#ask(guest, judge.verify))
  }

  async #ask(guest: Guest, verify: VerifyFunction): Promise<void> {
    const { schedule, ports, limits } = this.#parts
    if (guest.isJudged) return
    const late = schedule.once(ports.clock.now() + limits.verifyTimeoutMs, () => this.#decide(guest, false))
    let accepted = false
    try {
      const answer: unknown = await verify(guest.session.peer, { signal: guest.asking.signal })
      accepted = answer === true
    } catch {
      // A throw is a refusal.
    }
    schedule.clear(late)
    this.#decide(guest, accepted)
  }

  /** Once for each guest: what comes later comes too late. */
  #decide(guest: Guest, accepted: boolean): void {
    if (guest.isJudged) return
    guest.isJudged = true
    guest.isAdmitted = accepted && this.#parts.owner.admitted(guest.session, guest.link)
    if (guest.isAdmitted) return
    guest.asking.abort()
    const { code, reason } = accepted ? NO_ROOM : UNTRUSTED
    guest.link.reject(code, reason, this.#parts.ports.clock.now())
  }
}
