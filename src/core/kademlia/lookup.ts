// One iterative lookup: ask the nearest peers we know for nearer ones, until the k nearest have answered or nobody nearer is known.
//
//   new ──poll──► waiting ──patience──► late ──deadline──► lost
//                    └───────────┬────────┴──────────────────┘
//                       answered │ failed
//                                ▼
//                        answered or failed
//
// At most `parallel` peers are waited for at a time; when that many answers in a row brought nobody nearer, up to k are, to come to an
// end. A late peer no longer takes a place, and holds up the end only while too few have answered; a lost one never does. Records are
// claims: a peer counts only once it has answered itself.
import type { Address } from '../address.ts'
import { assert } from '../assert.ts'
import type { PeerId } from '../ids.ts'
import type { Ip } from '../ip.ts'
import type { Id } from './distance.ts'
import { compareDistance } from './distance.ts'
import type { Diversity } from './diversity.ts'
import { Crowd, DIVERSITY_OFF } from './diversity.ts'
import { K } from './table.ts'

/** A peer that may be asked, and where it is said to be. */
export interface Candidate {
  readonly peerId: PeerId
  readonly addresses: readonly Address[]
}

/** How a lookup is run; `LOOKUP_DEFAULTS` has the usual values. */
export interface LookupOptions {
  readonly parallel: number
  readonly results: number
  /** From being asked until the peer's place is given to another, in milliseconds. */
  readonly patienceMs: number
  /** From being asked until the end is no longer held up for the peer, in milliseconds; when `enough` have answered, `patienceMs` is. */
  readonly deadlineMs: number
  /** With so many answers one dead peer is not worth the wait: there are others. */
  readonly enough: number
  /** Candidates kept at most; the farthest that were not asked give way. */
  readonly candidatesMax: number
  /** Peers asked at most. */
  readonly queriesMax: number
  readonly diversity: Diversity
}

/**
 * α 3 and k 20; a lookup among millions asks fewer than a hundred, so 200 stops only those who lead us on. Seven are enough because so many
 * hold a chunk.
 */
export const LOOKUP_DEFAULTS: LookupOptions = Object.freeze({
  parallel: 3,
  results: K,
  patienceMs: 1500,
  deadlineMs: 6000,
  enough: 7,
  candidatesMax: 200,
  queriesMax: 200,
  diversity: DIVERSITY_OFF,
})

/** What a lookup wants: a peer asked, or to be over. The result is nearest first and without ourselves. */
export type LookupOutput =
  | { readonly kind: 'query'; readonly peer: Candidate }
  | { readonly kind: 'done'; readonly peers: readonly PeerId[] }

type State =
  | { readonly kind: 'new' | 'lost' | 'failed' }
  /** `until`: when patience, or the deadline, ends. */
  | { readonly kind: 'waiting' | 'late'; readonly until: number }
  | { readonly kind: 'answered'; readonly ip: Ip }

interface Contact {
  readonly peer: Candidate
  state: State
}

/** See the head of this file. */
export class Lookup {
  readonly target: Id
  readonly #self: PeerId
  readonly #options: LookupOptions
  /** Nearest first. Bounded by candidatesMax and, beyond it, by queriesMax: those that were asked stay. */
  readonly #contacts: Contact[] = []
  readonly #known = new Map<PeerId, Contact>()
  #waiting = 0
  #asked = 0
  /** Answers in a row that brought nobody nearer than all who were known. */
  #fruitless = 0
  #done = false

  /** `known`: where to begin; the nearest `results` of them are taken. */
  constructor(
    goal: { readonly target: Id; readonly self: PeerId },
    known: readonly Candidate[],
    options: Partial<LookupOptions> = {},
  ) {
    this.target = goal.target
    this.#self = goal.self
    this.#options = Object.freeze({ ...LOOKUP_DEFAULTS, ...options })
    const nearest = [...known].sort((a, b) => compareDistance(goal.target, a.peerId, b.peerId))
    for (const peer of nearest.slice(0, this.#options.results)) this.#learn(peer)
  }

  /** Whether the result is final. */
  get done(): boolean {
    return this.#done
  }

  /** How many peers are being waited for. */
  get waiting(): number {
    return this.#waiting
  }

  /** How many peers were asked so far. */
  get asked(): number {
    return this.#asked
  }

  /** The next thing to do now; null: wait for an answer, a failure or `timerAt`. `done` is given once. */
  poll(now: number): LookupOutput | null {
    if (this.#done) return null
    this.#expire(now)
    const next = this.#next()
    if (next === 'wait') return null
    if (next !== 'done') return this.#ask(next, now)
    this.#done = true
    return { kind: 'done', peers: this.result() }
  }

  /** When a peer becomes late or lost, or Infinity. */
  timerAt(): number {
    let at = Infinity
    for (const { state } of this.#contacts) if (isPending(state)) at = Math.min(at, state.until)
    return this.#done ? Infinity : at
  }

  /** A peer answered from `ip` with these records. Whether it was being asked: answers nobody waits for change nothing. */
  answered(peerId: PeerId, ip: Ip, records: readonly Candidate[]): boolean {
    if (!this.#settle(peerId, { kind: 'answered', ip })) return false
    let progress = false
    for (const record of records.slice(0, K)) if (this.#learn(record)) progress = true
    this.#fruitless = progress ? 0 : this.#fruitless + 1
    return true
  }

  /** A peer could not be reached or gave no proper answer. Whether it was being asked. */
  failed(peerId: PeerId): boolean {
    return this.#settle(peerId, { kind: 'failed' })
  }

  /** The nearest who answered so far, within the limits of diversity, nearest first. */
  result(): readonly PeerId[] {
    const crowd = new Crowd(this.#options.diversity)
    const peers: PeerId[] = []
    for (const { peer, state } of this.#contacts) {
      if (state.kind !== 'answered' || !crowd.admits(state.ip)) continue
      crowd.add(state.ip)
      peers.push(peer.peerId)
      if (peers.length === this.#options.results) break
    }
    return peers
  }

  /** Asserts what must hold between any two calls. */
  checkInvariants(): void {
    const waiting = this.#contacts.filter(({ state }) => state.kind === 'waiting').length
    assert(waiting === this.#waiting, 'waiting counts the contacts that wait')
    assert(this.#known.size === this.#contacts.length, 'each contact is known once')
    assert(this.#asked <= this.#options.queriesMax, 'no more are asked than may be')
    assert(this.#contacts.length <= this.#options.candidatesMax + this.#asked, 'contacts are bounded')
    for (const [i, { peer }] of this.#contacts.entries()) {
      const next = this.#contacts[i + 1]
      assert(peer.peerId !== this.#self, 'we do not ask ourselves')
      if (next !== undefined)
        assert(compareDistance(this.target, peer.peerId, next.peer.peerId) < 0, 'contacts are ordered')
    }
  }

  #capacity(): number {
    const { parallel, results } = this.#options
    return this.#fruitless < parallel ? parallel : Math.max(parallel, results)
  }

  /** Walks outwards from the target until there is somebody to ask or enough have answered. */
  #next(): Contact | 'wait' | 'done' {
    const { diversity, results, queriesMax, enough } = this.#options
    const crowd = new Crowd(diversity)
    const seen = { answered: 0, waiting: false, late: false }
    for (const contact of this.#contacts) {
      const { state, peer } = contact
      if (state.kind === 'waiting' || state.kind === 'late') seen[state.kind] = true
      if (state.kind === 'answered' && crowd.admits(state.ip)) {
        crowd.add(state.ip)
        // Beyond somebody who is still being asked nothing is final.
        if (++seen.answered >= results) break
      }
      if (state.kind !== 'new' || !fits(crowd, peer)) continue
      if (this.#asked >= queriesMax) break
      return this.#waiting < this.#capacity() ? contact : 'wait'
    }
    const isHeldUp = seen.waiting || (seen.late && seen.answered < Math.min(enough, results))
    return isHeldUp ? 'wait' : 'done'
  }

  #ask(contact: Contact, now: number): LookupOutput {
    contact.state = { kind: 'waiting', until: now + this.#options.patienceMs }
    this.#waiting++
    this.#asked++
    return { kind: 'query', peer: contact.peer }
  }

  #expire(now: number): void {
    const { patienceMs, deadlineMs } = this.#options
    for (const contact of this.#contacts) {
      const { state } = contact
      if (!isPending(state) || state.until > now) continue
      if (state.kind === 'waiting') this.#waiting--
      const until = state.kind === 'waiting' ? state.until - patienceMs + deadlineMs : now
      contact.state = until > now ? { kind: 'late', until } : { kind: 'lost' }
    }
  }

  #settle(peerId: PeerId, state: State): boolean {
    const contact = this.#done ? undefined : this.#known.get(peerId)
    if (contact === undefined || !(isPending(contact.state) || contact.state.kind === 'lost')) return false
    if (contact.state.kind === 'waiting') this.#waiting--
    contact.state = state
    return true
  }

  /** Whether that is progress: somebody nearer than all before, or anybody while fewer are known than are wanted. */
  #learn(peer: Candidate): boolean {
    if (peer.peerId === this.#self || this.#known.has(peer.peerId)) return false
    const contact: Contact = { peer, state: { kind: 'new' } }
    const place = this.#place(peer.peerId)
    this.#contacts.splice(place, 0, contact)
    this.#known.set(peer.peerId, contact)
    if (this.#contacts.length > this.#options.candidatesMax) this.#forgetFarthest()
    return place === 0 || this.#contacts.length <= this.#options.results
  }

  #forgetFarthest(): void {
    const at = this.#contacts.findLastIndex(({ state }) => state.kind === 'new')
    const [gone] = at === -1 ? [] : this.#contacts.splice(at, 1)
    if (gone !== undefined) this.#known.delete(gone.peer.peerId)
  }

  /** Where a peer stands among the contacts, by bisection. */
  #place(peerId: PeerId): number {
    let [low, high] = [0, this.#contacts.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.#contacts[middle]
      if (other !== undefined && compareDistance(this.target, other.peer.peerId, peerId) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

type Pending = Extract<State, { kind: 'waiting' | 'late' }>

const isPending = (state: State): state is Pending => state.kind === 'waiting' || state.kind === 'late'

/** Whether a peer may still count when it answers from one of the places it is said to be at; unknown places may. */
const fits = (crowd: Crowd, peer: Candidate): boolean =>
  peer.addresses.length === 0 || peer.addresses.some((address) => crowd.admits(address))
