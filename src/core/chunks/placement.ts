// Placing one sealed chunk at its holders. Candidates are seated nearest first until the wanted number sits; each is asked whether it
// has the chunk and sent the bytes only when it has not. One that fails or refuses gives its seat to the next closest.
//
//   waiting ─► asking ─► lacking ─► sending ─► holding
//                │  └──────────────────┼─────────┘      (has it already)
//                ├─► pausing ──────────┤                (busy: later again)
//                └─► out ◄─────────────┘                (failed, refused, silent, busy too often)
import { unreachable } from '../assert.ts'
import type { PeerId } from '../ids.ts'
import { HOLDERS_WANTED, networkHasRoom, QUORUM } from './closeness.ts'
import type { Candidate } from './closeness.ts'

/** What a peer said about one chunk, or what became of asking it. */
export type PutAnswer =
  /** It had the chunk before: to chunk-has, or to chunk-put. */
  | { readonly kind: 'held' }
  /** It stored what was sent. */
  | { readonly kind: 'stored' }
  /** It does not have the chunk; to chunk-has only. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  | { readonly kind: 'refused' | 'failed'; readonly reason: string }

/** Deadlines and bounds of placing a chunk; times in milliseconds, each counted from one moment and never restarted. */
export interface PlacementLimits {
  /** Seats: peers that shall hold the chunk. */
  readonly holders: number
  /** Holders at which the chunk is safe enough to stop waiting for the slow ones after a grace. */
  readonly quorum: number
  /** A chunk-has that takes longer has failed; covers a dial. */
  readonly askTimeoutMs: number
  /** A chunk-put that takes longer has failed: 4 MiB at 35 kB/s. */
  readonly sendTimeoutMs: number
  /**
   * The grace, from the moment the quorum holds the chunk: as long again as the quorum took, at least `graceMinMs` and at most `graceMs`. Who is
   * as fast as the others needs less, and one peer with a hanging disk must not decide how long an upload takes.
   */
  readonly graceMs: number
  readonly graceMinMs: number
  /** From the birth of the placement: after it only what is held counts. */
  readonly placeTimeoutMs: number
  /** Busy answers of one peer before its seat goes to another. */
  readonly busyMax: number
}

/** The defaults of `PlacementLimits`. */
export const PLACEMENT_LIMITS: PlacementLimits = Object.freeze({
  holders: HOLDERS_WANTED,
  quorum: QUORUM,
  askTimeoutMs: 15_000,
  sendTimeoutMs: 120_000,
  graceMs: 30_000,
  graceMinMs: 5000,
  placeTimeoutMs: 600_000,
  busyMax: 8,
})

/** A busy peer is left alone at least this long, and at most BUSY_MAX_MS, whatever it says. */
const BUSY_MIN_MS = 50
const BUSY_MAX_MS = 10_000

/** A request to make of one peer. */
export interface PlacementRequest {
  readonly kind: 'has' | 'put'
  readonly peer: PeerId
  readonly timeoutMs: number
}

/** How a chunk stands when nothing more is tried: distinct holders, and how many of them stored it newly. */
export interface Placed {
  readonly holders: number
  readonly stored: number
}

type Seat =
  | { readonly state: 'waiting' }
  | { readonly state: 'asking' | 'sending'; readonly request: number; readonly deadline: number }
  | { readonly state: 'lacking' }
  | { readonly state: 'pausing'; readonly until: number; readonly then: 'waiting' | 'lacking' }
  | { readonly state: 'holding'; readonly fresh: boolean }
  | { readonly state: 'out'; readonly reason: string }

interface Seated {
  readonly candidate: Candidate
  seat: Seat
  /** Whether it was chosen to hold the chunk: from then on it takes a seat until it is out. */
  chosen: boolean
  busy: number
}

/** The placing of one chunk; requests in progress are known by the caller's numbers. */
export class Placement {
  /** Nearest first; bounded by CLOSEST_ASKED. */
  readonly #peers: readonly Seated[]
  readonly #limits: PlacementLimits
  readonly #born: number
  readonly #deadline: number
  #graceEnds = Infinity

  /** `candidates` nearest first, each peer once. */
  constructor(candidates: readonly Candidate[], limits: PlacementLimits, now: number) {
    this.#peers = candidates.map((candidate) => ({ candidate, seat: { state: 'waiting' }, chosen: false, busy: 0 }))
    this.#limits = limits
    this.#born = now
    this.#deadline = now + limits.placeTimeoutMs
  }

  /** Starts the next request that `allowed` lets through, under the number `request`; null when there is none for now. */
  begin(
    request: number,
    now: number,
    allowed: (kind: 'has' | 'put', peer: PeerId) => boolean,
  ): PlacementRequest | null {
    if (this.settled(now) !== null) return null
    this.#choose()
    for (const seated of this.#peers) {
      const kind = seated.chosen ? dueRequest(seated.seat, now) : null
      const peer = seated.candidate.peer
      if (kind === null || !allowed(kind, peer)) continue
      const timeoutMs = kind === 'has' ? this.#limits.askTimeoutMs : this.#limits.sendTimeoutMs
      seated.seat = { state: kind === 'has' ? 'asking' : 'sending', request, deadline: now + timeoutMs }
      return { kind, peer, timeoutMs }
    }
    return null
  }

  /** Takes the answer to a request; one that is not in progress any more changes nothing. */
  answered(request: number, answer: PutAnswer, now: number): void {
    const seated = this.#peers.find((seated) => requestOf(seated.seat) === request)
    if (seated === undefined) return
    const asked = seated.seat.state === 'asking'
    seated.seat = this.#seatAfter(seated, answer, asked, now)
    if (this.#holding() >= this.#limits.quorum) this.#graceEnds = Math.min(this.#graceEnds, now + this.#graceMs(now))
  }

  /** Ends pauses, and gives up requests past their deadline; returns their numbers, for the driver to cancel. */
  expire(now: number): number[] {
    const late: number[] = []
    for (const seated of this.#peers) {
      const seat = seated.seat
      if (seat.state === 'pausing' && seat.until <= now) seated.seat = { state: seat.then }
      if ((seat.state !== 'asking' && seat.state !== 'sending') || seat.deadline > now) continue
      late.push(seat.request)
      seated.seat = { state: 'out', reason: 'no answer in time' }
    }
    return late
  }

  /** The requests in progress. */
  requests(): number[] {
    return this.#peers.map((seated) => requestOf(seated.seat)).filter((request) => request !== null)
  }

  /** When `expire`, `begin` or `settled` may have something new to say without an input; Infinity: never. */
  timerAt(): number {
    let at = Math.min(this.#deadline, this.#graceEnds)
    for (const { seat } of this.#peers) {
      if (seat.state === 'asking' || seat.state === 'sending') at = Math.min(at, seat.deadline)
      if (seat.state === 'pausing') at = Math.min(at, seat.until)
    }
    return at
  }

  /** The outcome, or null while something is still worth waiting for. */
  settled(now: number): Placed | null {
    this.#choose()
    const holders = this.#holding()
    const waiting = this.#peers.some(({ seat, chosen }) => chosen && seat.state !== 'holding' && seat.state !== 'out')
    if (waiting && holders < this.#limits.holders && now < this.#deadline && now < this.#graceEnds) return null
    const stored = this.#peers.filter(({ seat }) => seat.state === 'holding' && seat.fresh).length
    return { holders, stored }
  }

  /** The peers that hold the chunk, nearest first: all, or those that had it before. */
  holders(which: 'all' | 'before' = 'all'): PeerId[] {
    const holding = this.#peers.filter(({ seat }) => seat.state === 'holding' && (which === 'all' || !seat.fresh))
    return holding.map(({ candidate }) => candidate.peer)
  }

  /** Why peers did not hold the chunk, each reason once, in short. */
  complaints(): string {
    const reasons = this.#peers.map(({ seat }) => (seat.state === 'out' ? seat.reason : null))
    return [...new Set(reasons.filter((reason) => reason !== null))].join(', ').slice(0, COMPLAINTS_MAX)
  }

  /** Fills empty seats with the nearest waiting candidates whose network has room. */
  #choose(): void {
    const sitting = this.#peers.filter((seated) => seated.chosen && seated.seat.state !== 'out')
    for (const seated of this.#peers) {
      if (sitting.length >= this.#limits.holders) return
      const taken = sitting.map((other) => other.candidate.network)
      if (seated.chosen || !networkHasRoom(seated.candidate.network, taken)) continue
      seated.chosen = true
      sitting.push(seated)
    }
  }

  #graceMs(now: number): number {
    const { graceMs, graceMinMs } = this.#limits
    return Math.min(graceMs, Math.max(graceMinMs, now - this.#born))
  }

  #holding(): number {
    return this.#peers.filter(({ seat }) => seat.state === 'holding').length
  }

  #seatAfter(seated: Seated, answer: PutAnswer, asked: boolean, now: number): Seat {
    switch (answer.kind) {
      case 'held':
        return { state: 'holding', fresh: false }
      case 'stored':
        return asked ? { state: 'out', reason: 'a wrong answer' } : { state: 'holding', fresh: true }
      case 'absent':
        return asked ? { state: 'lacking' } : { state: 'out', reason: 'a wrong answer' }
      case 'busy': {
        if (++seated.busy > this.#limits.busyMax) return { state: 'out', reason: 'busy' }
        const pauseMs = Math.min(Math.max(answer.retryAfterMs, BUSY_MIN_MS), BUSY_MAX_MS)
        return { state: 'pausing', until: now + pauseMs, then: asked ? 'waiting' : 'lacking' }
      }
      case 'refused':
      case 'failed':
        return { state: 'out', reason: answer.reason }
      default:
        return unreachable(answer)
    }
  }
}

/** Characters of all complaints together: a peer's words are shown, not believed. */
const COMPLAINTS_MAX = 200

const requestOf = (seat: Seat): number | null =>
  seat.state === 'asking' || seat.state === 'sending' ? seat.request : null

const dueRequest = (seat: Seat, now: number): 'has' | 'put' | null => {
  const state = seat.state === 'pausing' && seat.until <= now ? seat.then : seat.state
  if (state === 'waiting') return 'has'
  return state === 'lacking' ? 'put' : null
}
