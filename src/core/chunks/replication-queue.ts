// Copies that are to be made of chunks held here, each at one peer: they wait for their turn, the peer is asked again about all of its own
// when what is known of it is old, and a few at a time are sent, one a peer.
//
//   waiting ─► confirming ─► waiting, fresh ─► sending ─► over
//      └───────── fresh ───────────────────────┘ └► busy: waiting again
import type { ChunkAddress, PeerId } from '../ids.ts'
import { HAS_ADDRESSES_MAX } from '../messages/chunks.ts'
import type { PutAnswer } from './placement.ts'
import type { ReplicationLimits } from './replication-limits.ts'

/** A chunk, and who is to have it as well. */
export interface Copy {
  readonly address: ChunkAddress
  readonly peer: PeerId
}

interface Queued extends Copy {
  /** Not to be made before. */
  dueAt: number
  /** When the peer last said that it lacks the chunk. */
  toldAt: number
  busy: number
  state: { readonly kind: 'waiting' } | { readonly kind: 'confirming' | 'sending'; readonly request: number }
}

/** A question or a copy that is to be sent off. */
export interface Begun {
  readonly kind: 'has' | 'put'
  readonly peer: PeerId
  /** One, of a copy. */
  readonly addresses: readonly ChunkAddress[]
}

const WAITING = { kind: 'waiting' } as const

/** A busy peer is left alone at least this long, and at most BUSY_MAX_MS, whatever it says. */
const BUSY_MIN_MS = 50
const BUSY_MAX_MS = 10_000

/** Whether a peer has a chunk after such an answer. */
export const isReplicated = (answer: PutAnswer): answer is Extract<PutAnswer, { kind: 'held' | 'stored' }> =>
  answer.kind === 'held' || answer.kind === 'stored'

/** The copies of one node. Bounded by its replication: by `checksMax` chunks and the group of each. */
export class ReplicationQueue {
  readonly #limits: ReplicationLimits
  readonly #copies = new Set<Queued>()
  /** Those that are asked about together, or the one that is sent, by request. Bounded by `putsMax`. */
  readonly #open = new Map<number, readonly Queued[]>()
  /** No copy is due before; -Infinity where that is not known. */
  #idleUntil = Infinity

  constructor(limits: ReplicationLimits) {
    this.#limits = limits
  }

  /** Questions and copies on their way. */
  get inProgress(): number {
    return this.#open.size
  }

  /** A peer lacks a chunk; `rank` others are nearer to it than we are, and go first. */
  add(copy: Copy, { rank, now }: { readonly rank: number; readonly now: number }): void {
    const dueAt = now + rank * this.#limits.staggerMs
    this.#copies.add({ ...copy, dueAt, toldAt: now, busy: 0, state: WAITING })
    this.#idleUntil = Math.min(this.#idleUntil, dueAt)
  }

  /** What is to be asked or sent next, under the number `request`; null when nothing is for now. */
  begin(request: number, now: number): Begun | null {
    if (this.#open.size >= this.#limits.putsMax || now < this.#idleUntil) return null
    const peers = new Set([...this.#open.values()].map(([first]) => first?.peer))
    let idleUntil = Infinity
    for (const queued of this.#copies) {
      if (peers.has(queued.peer)) continue
      if (queued.dueAt > now) {
        idleUntil = Math.min(idleUntil, queued.dueAt)
        continue
      }
      if (this.#isFresh(queued, now)) return this.#send(queued, request)
      return this.#confirm(queued.peer, request, now)
    }
    this.#idleUntil = idleUntil
    return null
  }

  /** The answer to a question, a bit for each copy; returns those that it ends: all of them, when nobody answered. */
  confirmed(request: number, held: readonly boolean[] | null, now: number): readonly Copy[] {
    const asked = this.#take(request, 'confirming') ?? []
    for (const queued of asked) queued.state = WAITING
    const ended = asked.filter((_, at) => held?.[at] !== false)
    for (const queued of asked) {
      if (ended.includes(queued)) this.#copies.delete(queued)
      else queued.toldAt = now
    }
    return ended
  }

  /** The answer to what was sent; returns the copy when that ends it. */
  answered(request: number, answer: PutAnswer, now: number): Copy | null {
    const [queued] = this.#take(request, 'sending') ?? []
    if (queued === undefined) return null
    queued.state = WAITING
    if (answer.kind !== 'busy' || ++queued.busy > this.#limits.busyMax) {
      this.#copies.delete(queued)
      return queued
    }
    queued.dueAt = now + Math.min(Math.max(answer.retryAfterMs, BUSY_MIN_MS), BUSY_MAX_MS)
    return null
  }

  /** When `begin` may have something new without an input; Infinity: never. */
  timerAt(): number {
    return this.#open.size >= this.#limits.putsMax ? Infinity : this.#idleUntil
  }

  #isFresh({ toldAt }: Queued, now: number): boolean {
    return now - toldAt <= this.#limits.freshMs
  }

  #send(queued: Queued, request: number): Begun {
    queued.state = { kind: 'sending', request }
    this.#open.set(request, [queued])
    return { kind: 'put', peer: queued.peer, addresses: [queued.address] }
  }

  /** Asks about all that is due at a peer and old. */
  #confirm(peer: PeerId, request: number, now: number): Begun {
    const asked: Queued[] = []
    for (const queued of this.#copies) {
      if (queued.peer !== peer || queued.dueAt > now || this.#isFresh(queued, now)) continue
      queued.state = { kind: 'confirming', request }
      if (asked.push(queued) >= HAS_ADDRESSES_MAX) break
    }
    this.#open.set(request, asked)
    return { kind: 'has', peer, addresses: asked.map(({ address }) => address) }
  }

  #take(request: number, kind: 'confirming' | 'sending'): readonly Queued[] | null {
    const open = this.#open.get(request)
    if (open?.[0]?.state.kind !== kind) return null
    this.#open.delete(request)
    // Another copy may have waited for this one's peer.
    this.#idleUntil = -Infinity
    return open
  }
}
