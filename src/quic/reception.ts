// What becomes of handshakes: whether a peer is wanted, said in the middle of its handshake, and a session that is read from the turn on in
// which that finished. A function that decides is asked in a turn of its own, so that no code of an application is between a datagram and a
// registration.
//
//   half-open ──proven──► judged, at once or when the function answers ──► established: session, admitted ──► lost
import { assert } from '../core/assert.ts'
import type { Counters, Direction, HandshakeFailure } from '../core/counters.ts'
import { type GateOptions, gateOptionsOf } from '../core/gate/options.ts'
import { type ShareView, Shares } from '../core/gate/shares.ts'
import { connectionHandle, type ConnectionHandle } from '../core/ids.ts'
import { CONNECTION_REFUSED } from '../core/quic/transport-error.ts'
import type { TlsPeer } from '../core/tls/session.ts'
import type { Acceptance, Moved, Crowd, Handles } from '../node/acceptance.ts'
import type { Link } from '../node/link.ts'
import type { Schedule } from '../node/schedule.ts'
import type { QuicLimits } from './limits.ts'
import type { MoreSockets } from './migrations.ts'
import type { Closing, QuicPorts } from './options.ts'
import { type Peer, peerOf, type Trust, type VerifyFunction } from './peer.ts'
import { type DatagramOutput, Session } from './session.ts'

/** What a reception is made of. */
export interface ReceptionParts {
  readonly ports: Pick<QuicPorts, 'clock' | 'timers' | 'crypto'>
  readonly schedule: Schedule
  readonly counters: Counters
  readonly limits: QuicLimits
  readonly gate: Partial<GateOptions>
  readonly keepAliveMs: number | null
  readonly judge: Trust['judge']
  readonly owner: ReceptionOwner
  /** The sockets of the endpoint. */
  readonly sockets: MoreSockets
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
}

/** What a peer is told whose session nobody has room for. */
const NO_ROOM = { code: CONNECTION_REFUSED, reason: '' } as const

/** The connections of one endpoint. Bounded by connectionsMax. */
export class Reception implements Acceptance, Handles, Crowd {
  readonly #parts: ReceptionParts
  readonly #shares: Shares
  readonly #named = new Set<ConnectionHandle>()
  readonly #guests = new Map<ConnectionHandle, Guest>()
  /** Handshakes that a function is asked about. */
  readonly #asked = new Map<ConnectionHandle, AbortController>()
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
    assert(link.shown !== null, 'an established connection has a peer')
    const release = (): Promise<void> => owner.release(session)
    const peer = peerOf(link.shown, ports.crypto)
    // The sockets of a listener are not one session's.
    const sockets = link.direction === 'outbound' ? this.#parts.sockets : null
    const session = new Session(link, { ...ports, schedule, sockets, release, peer })
    this.#guests.set(link.handle, { session, link })
    link.read(session, now)
    link.keepAlive(keepAliveMs)
    if (!owner.admitted(session, link)) return link.reject(NO_ROOM.code, NO_ROOM.reason, now)
    if (link.direction === 'inbound') link.giveTicket(now)
  }

  /** The peer has moved: it counts where it is, and goes where there are enough. */
  migrated(handle: ConnectionHandle, { remote, hasShare }: Moved): void {
    const guest = this.#guests.get(handle)
    if (this.#shares.move(handle, remote, hasShare)) guest?.session.migrated()
    else guest?.link.drop()
  }

  notMigrated(handle: ConnectionHandle, local: number): void {
    this.#guests.get(handle)?.session.notMigrated(local)
  }

  datagram(handle: ConnectionHandle, output: DatagramOutput): void {
    this.#guests.get(handle)?.session.datagram(output)
  }

  lost(handle: ConnectionHandle, reason: Closing): void {
    const guest = this.#guests.get(handle)
    this.#forget(handle)
    if (guest === undefined) return
    this.#parts.counters.closed[guest.link.direction]++
    guest.session.lost(reason)
  }

  failed(handle: ConnectionHandle, failure: HandshakeFailure, reason: Closing): void {
    this.#forget(handle)
    this.#parts.owner.failed(handle, failure, reason)
  }

  #forget(handle: ConnectionHandle): void {
    this.#named.delete(handle)
    this.#guests.delete(handle)
    this.#asked.get(handle)?.abort()
    this.#asked.delete(handle)
    this.#shares.remove(handle)
  }

  // ── who may be here ──

  /** A peer has proven who it is: is it wanted? */
  judge(link: Link, shown: TlsPeer): void {
    const { judge, ports } = this.#parts
    assert(judge !== null, 'only where somebody decides is anybody asked')
    const peer = peerOf(shown, ports.crypto)
    if ('accepts' in judge) return link.judged(judge.accepts(peer), ports.clock.now())
    const asking = new AbortController()
    this.#asked.set(link.handle, asking)
    // While it is asked, it is we who owe the next step.
    link.working++
    ports.timers.soon(() => void this.#ask({ link, peer, asking }, judge.verify))
  }

  async #ask({ link, peer, asking }: Question, verify: VerifyFunction): Promise<void> {
    const { schedule, ports, limits } = this.#parts
    const late = schedule.once(ports.clock.now() + limits.verifyTimeoutMs, () => this.#answer(link, false))
    let accepted = false
    try {
      const answer: unknown = asking.signal.aborted ? false : await verify(peer, { signal: asking.signal })
      accepted = answer === true
    } catch {
      // A throw is a refusal.
    }
    schedule.clear(late)
    this.#answer(link, accepted)
  }

  /** Once for each question: what comes later comes too late. */
  #answer(link: Link, accepted: boolean): void {
    const asking = this.#asked.get(link.handle)
    if (asking === undefined) return
    this.#asked.delete(link.handle)
    if (!accepted) asking.abort()
    link.working--
    link.judged(accepted, this.#parts.ports.clock.now())
  }
}

interface Question {
  readonly link: Link
  readonly peer: Peer
  readonly asking: AbortController
}
