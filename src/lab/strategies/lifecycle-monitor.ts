// A model of the connection lifecycle monitor as it was: for each connection that is registered it takes the lock of `peers`, sends
// this node's identity, and keeps the lock until the other end has acknowledged it. One peer that never does holds everybody's lock.
//
//   idle ──registered──► in line ──lock──► announcing ──acknowledged, lost, given up──► idle
import { addressText } from '../../core/address.ts'
import type { StreamId } from '../../core/ids.ts'
import type { AcceptanceParts } from '../../node/acceptance.ts'
import type { Link } from '../../node/link.ts'
import type { Due } from '../../node/schedule.ts'
import type { Figures } from './figures.ts'
import type { History } from './history.ts'
import type { WriteLock } from './write-lock.ts'

/** What the sender waited at most: 5 s and 4 ms for each of the announcement's kilobytes, of which it has one or two. */
const ANNOUNCE_WITHIN_MS = 5000 + 4 * 2
/** How often it looks whether the acknowledgement came. */
const LOOK_EVERY_MS = 5

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'in-line' }
  | { readonly kind: 'announcing'; readonly link: Link; readonly until: number }

/** The one monitor of a node. */
export class LifecycleMonitor implements Due {
  readonly #parts: AcceptanceParts
  readonly #peers: WriteLock
  readonly #figures: Figures
  readonly #history: History
  /** Registered and not announced to yet, in order. Bounded by the connections of the endpoint. */
  readonly #events: Link[] = []
  /** Where events came from, for ever. Bounded by nothing, as it was. */
  readonly #seen = new Set<string>()
  #state: State = { kind: 'idle' }

  constructor(
    parts: AcceptanceParts,
    own: { readonly peers: WriteLock; readonly figures: Figures; readonly history: History },
  ) {
    this.#parts = parts
    this.#peers = own.peers
    this.#figures = own.figures
    this.#history = own.history
  }

  registered(link: Link, now: number): void {
    if (this.#isSwallowed(link)) return void this.#figures.swallowed++
    this.#events.push(link)
    this.#next(now)
  }

  run(now: number): void {
    if (this.#state.kind !== 'announcing') return
    const { link, until } = this.#state
    if (this.#history.holdsAcrossSend && !this.#isHeard(link) && link.state.kind === 'established' && now < until) {
      return this.#parts.schedule.set(this, Math.min(until, now + LOOK_EVERY_MS))
    }
    this.#state = { kind: 'idle' }
    // It is in line again before it lets go: no one who came later is before it, and no one who came earlier behind.
    this.#next(now)
    this.#peers.release(now)
  }

  /** Who dials announces itself as part of its call, and needs no event for it. */
  #isSwallowed(link: Link): boolean {
    if (!this.#history.announcesOncePerAddress || link.direction === 'outbound') return false
    const place = addressText(link.remote)
    if (this.#seen.has(place)) return true
    this.#seen.add(place)
    return false
  }

  #isHeard(link: Link): boolean {
    return this.#history.heldUntil === 'identified'
      ? this.#parts.identified(link.handle)
      : link.unacknowledged(CONTROL_STREAM[link.direction]) === 0
  }

  #next(now: number): void {
    if (this.#state.kind !== 'idle') return
    const link = this.#events.shift()
    if (link === undefined) return
    this.#state = { kind: 'in-line' }
    this.#peers.take(now, (at) => {
      this.#state = { kind: 'announcing', link, until: at + ANNOUNCE_WITHIN_MS }
      // Registering says HELLO: it is the announcement.
      if (link.state.kind === 'established') this.#parts.own.established(link, at)
      this.run(at)
    })
  }
}

/** Ours on a connection: the first unidirectional stream of either side. */
const CONTROL_STREAM = { outbound: 2 as StreamId, inbound: 3 as StreamId }
