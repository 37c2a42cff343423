// Fetching one chunk: peers are asked in order, one at a time; when one is slow the next is asked beside it. A peer that fails, has
// nothing or gave wrong bytes is out; a busy one is asked again later. The first payload ends the other requests; should it prove
// wrong, the next peer is asked.
//
//   waiting ─► asking ─► (payload: taken) ─► out when it proves wrong
//      ▲  ▲       ├─► pausing ─► waiting
//      │  └───────┘ (another was faster)
//      └ out: absent, failed, silent, wrong, busy too often
import { unreachable } from '../assert.ts'
import type { PeerId } from '../ids.ts'

/** What became of asking a peer for a chunk, its payload aside. */
export type GetFailure =
  | { readonly kind: 'absent' }
  /** It gave bytes that cannot be the chunk. */
  | { readonly kind: 'wrong' }
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  | { readonly kind: 'failed'; readonly reason: string }

/** Deadlines and bounds of fetching a chunk; times in milliseconds. */
export interface FetchLimits {
  /** A chunk-get that takes longer has failed: 4 MiB at 35 kB/s. */
  readonly getTimeoutMs: number
  /** A chunk-get that takes longer is not waited for alone any more. */
  readonly hedgeMs: number
  /** From the birth of the fetch. */
  readonly fetchTimeoutMs: number
  /** Busy answers of one peer before it is out. */
  readonly busyMax: number
}

/** The defaults of `FetchLimits`. */
export const FETCH_LIMITS: FetchLimits = Object.freeze({
  getTimeoutMs: 120_000,
  hedgeMs: 20_000,
  fetchTimeoutMs: 600_000,
  busyMax: 8,
})

/** Requests for one chunk in progress at once. */
const ASKED_AT_ONCE = 2

/** A busy peer is left alone at least this long, and at most BUSY_MAX_MS, whatever it says. */
const BUSY_MIN_MS = 50
const BUSY_MAX_MS = 10_000

const WRONG_BYTES = 'wrong bytes'

type Seat =
  | { readonly state: 'waiting' }
  | { readonly state: 'asking'; readonly request: number; readonly since: number }
  | { readonly state: 'pausing'; readonly until: number }
  | { readonly state: 'out'; readonly reason: string }

interface Source {
  readonly peer: PeerId
  seat: Seat
  busy: number
}

/** The fetching of one chunk; requests in progress are known by the caller's numbers. */
export class Fetch {
  /** In the order they are asked; bounded by CLOSEST_ASKED. */
  readonly #sources: readonly Source[]
  readonly #limits: FetchLimits
  readonly #deadline: number
  /** Whether a payload was taken and is not yet known to be wrong. */
  #taken = false

  constructor(peers: readonly PeerId[], limits: FetchLimits, now: number) {
    this.#sources = peers.map((peer) => ({ peer, seat: { state: 'waiting' }, busy: 0 }))
    this.#limits = limits
    this.#deadline = now + limits.fetchTimeoutMs
  }

  /** Starts the next request, if one is due, under the number `request`. */
  begin(request: number, now: number): { readonly peer: PeerId; readonly timeoutMs: number } | null {
    if (this.#taken || now >= this.#deadline) return null
    const asking = this.#asking()
    if (asking.length >= ASKED_AT_ONCE || asking.some(({ since }) => now < since + this.#limits.hedgeMs)) return null
    const source = this.#sources.find(({ seat }) => seat.state === 'waiting')
    if (source === undefined) return null
    source.seat = { state: 'asking', request, since: now }
    return { peer: source.peer, timeoutMs: this.#limits.getTimeoutMs }
  }

  /** A request brought no payload; one that is not in progress any more changes nothing. */
  failed(request: number, failure: GetFailure, now: number): void {
    const source = this.#sourceOf(request)
    if (source !== undefined) source.seat = this.#seatAfter(source, failure, now)
  }

  /** A request brought a payload. Returns the other requests, for the driver to cancel; they may be made again. */
  taken(request: number): { readonly peer: PeerId; readonly cancel: readonly number[] } | null {
    const source = this.#sourceOf(request)
    if (source === undefined) return null
    this.#taken = true
    source.seat = { state: 'out', reason: WRONG_BYTES }
    const cancel = this.requests()
    for (const other of this.#sources) if (other.seat.state === 'asking') other.seat = { state: 'waiting' }
    return { peer: source.peer, cancel }
  }

  /** The payload taken was not the chunk. */
  wrong(): void {
    this.#taken = false
  }

  /** Ends pauses, and gives up requests past their deadline; returns their numbers, for the driver to cancel. */
  expire(now: number): number[] {
    const late: number[] = []
    for (const source of this.#sources) {
      const seat = source.seat
      if (seat.state === 'pausing' && seat.until <= now) source.seat = { state: 'waiting' }
      if (seat.state !== 'asking' || seat.since + this.#limits.getTimeoutMs > now) continue
      late.push(seat.request)
      source.seat = { state: 'out', reason: 'no answer in time' }
    }
    return late
  }

  /** The requests in progress. */
  requests(): number[] {
    return this.#asking().map(({ request }) => request)
  }

  /** When `expire`, `begin` or `exhausted` may have something new to say without an input; Infinity: never. */
  timerAt(now: number): number {
    if (this.#taken) return Infinity
    let at = this.#deadline
    for (const { seat } of this.#sources) {
      if (seat.state === 'pausing') at = Math.min(at, seat.until)
      if (seat.state !== 'asking') continue
      const hedgeAt = seat.since + this.#limits.hedgeMs
      at = Math.min(at, hedgeAt > now ? hedgeAt : seat.since + this.#limits.getTimeoutMs)
    }
    return at
  }

  /** Whether no peer is left that could still give the chunk. */
  exhausted(now: number): boolean {
    return !this.#taken && (now >= this.#deadline || this.#sources.every(({ seat }) => seat.state === 'out'))
  }

  /** What the peers that are out did, counted: `3 × absent, 1 × wrong bytes`. */
  complaints(): string {
    const counts = new Map<string, number>()
    for (const { seat } of this.#sources) {
      if (seat.state === 'out') counts.set(seat.reason, (counts.get(seat.reason) ?? 0) + 1)
    }
    return [...counts]
      .map(([reason, count]) => `${count} × ${reason}`)
      .join(', ')
      .slice(0, COMPLAINTS_MAX)
  }

  /** Whether a peer gave bytes that were not the chunk. */
  gaveWrongBytes(): boolean {
    return !this.#taken && this.#sources.some(({ seat }) => seat.state === 'out' && seat.reason === WRONG_BYTES)
  }

  #asking(): { readonly request: number; readonly since: number }[] {
    return this.#sources.map(({ seat }) => seat).filter((seat) => seat.state === 'asking')
  }

  #sourceOf(request: number): Source | undefined {
    return this.#sources.find(({ seat }) => seat.state === 'asking' && seat.request === request)
  }

  #seatAfter(source: Source, failure: GetFailure, now: number): Seat {
    switch (failure.kind) {
      case 'absent':
        return { state: 'out', reason: 'absent' }
      case 'wrong':
        return { state: 'out', reason: WRONG_BYTES }
      case 'failed':
        return { state: 'out', reason: failure.reason }
      case 'busy': {
        if (++source.busy > this.#limits.busyMax) return { state: 'out', reason: 'busy' }
        return { state: 'pausing', until: now + Math.min(Math.max(failure.retryAfterMs, BUSY_MIN_MS), BUSY_MAX_MS) }
      }
      default:
        return unreachable(failure)
    }
  }
}

/** Characters of all complaints together: a peer's words are shown, not believed. */
const COMPLAINTS_MAX = 200
