// Keeping chunks at those who are to hold them while nodes come and go. Whenever the peers known here change, the chunks held here are
// gone through; of each whose close group is another than when it was last seen whole, the others in the group are asked whether they have it,
// many chunks in one question, and whoever does not is sent it. Everyone who holds a chunk does so, the nearest first and each of the others
// a little later than the one before, after asking again: mostly there is nothing left to send.
//
//   calm ──changed──► settling ──► sweeping ──► calm          (changes meanwhile: settling again)
//   a chunk: unlike its group ─► asked about ─► whole
//                                    └► lacking at a peer ─► waiting its turn ─► sent ─► whole, or tried again later
import { isReplicated, ReplicationQueue } from './replication-queue.ts'
import type { Copy } from './replication-queue.ts'
import { closeGroup } from './closeness.ts'
import type { Candidate } from './closeness.ts'
import type { ChunkAddress, PeerId } from '../ids.ts'
import { HAS_ADDRESSES_MAX } from '../messages/chunks.ts'
import type { PutAnswer } from './placement.ts'
import { REPLICATION_LIMITS } from './replication-limits.ts'
import type { ReplicationLimits } from './replication-limits.ts'
import { Unwilling } from './unwilling.ts'

/** What is known here; looked at, never changed. */
export interface ReplicationView {
  readonly self: PeerId
  /** The chunks held here; each call begins anew, and what changes meanwhile may be given or not. */
  held(): Iterator<ChunkAddress>
  has(address: ChunkAddress): boolean
  /** The peers known closest to an address, ourselves not among them: CLOSEST_ASKED where so many are known. */
  closest(address: ChunkAddress): readonly Candidate[]
}

/** What the driver does; each `has` and `put` is answered once, at its timeout at the latest. */
export type ReplicationOutput =
  | {
      readonly kind: 'has'
      readonly request: number
      readonly peer: PeerId
      readonly addresses: readonly ChunkAddress[]
      readonly timeoutMs: number
    }
  | {
      readonly kind: 'put'
      readonly request: number
      readonly peer: PeerId
      readonly address: ChunkAddress
      readonly timeoutMs: number
    }
  /** Get the chunk from one of these, nearest first, and hold it. */
  | {
      readonly kind: 'fetch'
      readonly request: number
      readonly peers: readonly PeerId[]
      readonly address: ChunkAddress
    }

/** How far the copies of the chunks held here are behind the peers known here. */
export interface ReplicationStatus {
  /** Chunks being asked about or not yet gone through since the last change, copies to be made, and chunks to be fetched; 0: all is well. */
  readonly lag: number
  /** Copies that others took from here. */
  readonly sent: number
  /** Chunks that were damaged here and fetched again. */
  readonly fetched: number
  /** Copies that could not be made; each is tried again. */
  readonly failed: number
}

interface Check {
  /** Of the group as it was when the questions were asked. */
  readonly group: number
  /** Peers that have not answered, or have not taken the chunk. */
  open: number
  failed: boolean
}

interface Asking {
  readonly peer: PeerId
  readonly addresses: readonly ChunkAddress[]
}

/** The replication of one node's chunks. */
export class Replication {
  readonly #view: ReplicationView
  readonly #limits: ReplicationLimits
  /** The close group at which a chunk was last seen whole, as a number. Bounded by the chunks held: what is gone goes in the next sweep. */
  readonly #whole = new Map<ChunkAddress, number>()
  /** Chunks that are not whole as far as is known. Bounded by `checksMax`. */
  readonly #checks = new Map<ChunkAddress, Check>()
  /** Questions that are still to be asked, by peer. Bounded by `checksMax` times the group. */
  readonly #questions = new Map<PeerId, ChunkAddress[]>()
  /** Bounded by `asksMax`. */
  readonly #asking = new Map<number, Asking>()
  readonly #queue: ReplicationQueue
  readonly #unwilling: Unwilling
  /** Damaged chunks to be fetched, and those being fetched. Bounded by `fetchesWaitingMax`, and `fetchesMax` of them. */
  readonly #missing = new Set<ChunkAddress>()
  readonly #fetching = new Map<number, ChunkAddress>()
  #sweep: Iterator<ChunkAddress> | null = null
  #sweepAt: number
  #stepAt = Infinity
  #recheck = true
  #recheckAt: number
  #requests = 0
  #sent = 0
  #fetched = 0
  #failed = 0

  constructor(view: ReplicationView, limits: Partial<ReplicationLimits>, now: number) {
    this.#view = view
    this.#limits = { ...REPLICATION_LIMITS, ...limits }
    this.#queue = new ReplicationQueue(this.#limits)
    const { unwillingMs: msMin, unwillingMsMax: msMax } = this.#limits
    this.#unwilling = new Unwilling({ msMin, msMax })
    this.#sweepAt = now + this.#limits.settleMs
    this.#recheckAt = now + this.#limits.recheckMs
  }

  get status(): ReplicationStatus {
    const pending = this.#sweep !== null || this.#sweepAt < Infinity ? 1 : 0
    const lag = pending + this.#checks.size + this.#missing.size + this.#fetching.size
    return { lag, sent: this.#sent, fetched: this.#fetched, failed: this.#failed }
  }

  /** Requests in progress. */
  get inProgress(): { readonly asks: number; readonly puts: number; readonly fetches: number } {
    return { asks: this.#asking.size, puts: this.#queue.inProgress, fetches: this.#fetching.size }
  }

  /** Somebody joined or left the peers known here. However many do, one sweep follows. */
  changed(now: number): void {
    this.#sweepAt = Math.min(this.#sweepAt, now + this.#limits.settleMs)
  }

  /** A chunk was found damaged here and removed. Beyond the bound it is left to the others who hold it. */
  damaged(address: ChunkAddress): void {
    this.#whole.delete(address)
    if ([...this.#fetching.values()].includes(address)) return
    if (this.#missing.size < this.#limits.fetchesWaitingMax) this.#missing.add(address)
  }

  /** The answer to a `has`: a bit for each address, or null when there was none that makes sense. */
  told(request: number, held: readonly boolean[] | null, now: number): void {
    const asking = this.#asking.get(request)
    if (asking === undefined) {
      const ended = this.#queue.confirmed(request, held, now)
      for (const copy of ended) this.#over(copy, held === null ? 'failed' : 'held', now)
      return
    }
    this.#asking.delete(request)
    if (held === null) this.#unwilling.add(asking.peer, now)
    for (const [at, address] of asking.addresses.entries()) {
      if (held?.[at] === false) this.#lacks(address, asking.peer, now)
      else this.#settle(address, held !== null, now)
    }
  }

  /** The answer to a `put`. */
  answered(request: number, answer: PutAnswer, now: number): void {
    const copy = this.#queue.answered(request, answer, now)
    if (copy === null) return
    this.#over(copy, isReplicated(answer) ? answer.kind : 'failed', now)
  }

  /** What became of a `fetch`; one that failed is left to the others who hold the chunk. */
  fetched(request: number, succeeded: boolean): void {
    if (this.#fetching.delete(request) && succeeded) this.#fetched++
  }

  /** What is to be done next; null when there is nothing for now. Ask again after every input. */
  poll(now: number): ReplicationOutput | null {
    return this.#fetch() ?? this.#ask() ?? this.#copy(now)
  }

  /** When `timeout` has something to do; Infinity: never. */
  timerAt(): number {
    const sweepAt = this.#sweep === null ? Math.min(this.#sweepAt, this.#recheckAt) : this.#stepAt
    return Math.min(sweepAt, this.#queue.timerAt())
  }

  /** Goes on with the sweep, or begins one. */
  timeout(now: number): void {
    if (this.#sweep === null && now >= Math.min(this.#sweepAt, this.#recheckAt)) this.#begin(now)
    if (this.#sweep !== null && now >= this.#stepAt) this.#step(this.#sweep, now)
  }

  #begin(now: number): void {
    if (now >= this.#recheckAt) {
      this.#recheck = true
      this.#recheckAt = now + this.#limits.recheckMs
    }
    this.#sweepAt = Infinity
    this.#sweep = this.#view.held()
    this.#stepAt = now
  }

  /** A sweep waits while enough is known that is to be done. */
  #step(sweep: Iterator<ChunkAddress>, now: number): void {
    this.#stepAt = now + this.#limits.stepMs
    for (let seen = 0; seen < this.#limits.chunksAStep; seen++) {
      if (this.#checks.size >= this.#limits.checksMax) return
      const next = sweep.next()
      if (next.done === true) return this.#swept()
      this.#look(next.value, now)
    }
  }

  #swept(): void {
    this.#sweep = null
    this.#stepAt = Infinity
    this.#recheck = false
    for (const address of this.#whole.keys()) if (!this.#view.has(address)) this.#whole.delete(address)
  }

  #look(address: ChunkAddress, now: number): void {
    if (this.#checks.has(address)) return
    const { others } = this.#group(address, now)
    const group = fingerprint(others)
    if (!this.#recheck && this.#whole.get(address) === group) return
    if (others.length === 0) return
    this.#checks.set(address, { group, open: others.length, failed: false })
    for (const peer of others) {
      const addresses = this.#questions.get(peer)
      if (addresses === undefined) this.#questions.set(peer, [address])
      else addresses.push(address)
    }
  }

  #group(address: ChunkAddress, now: number): { readonly others: readonly PeerId[]; readonly rank: number } {
    const willing = this.#view.closest(address).filter(({ peer }) => !this.#unwilling.has(peer, now))
    return closeGroup(address, this.#view.self, willing)
  }

  #fetch(): ReplicationOutput | null {
    if (this.#fetching.size >= this.#limits.fetchesMax) return null
    for (const address of this.#missing) {
      this.#missing.delete(address)
      const peers = this.#view.closest(address).map(({ peer }) => peer)
      if (this.#view.has(address) || peers.length === 0) continue
      const request = ++this.#requests
      this.#fetching.set(request, address)
      return { kind: 'fetch', request, peers, address }
    }
    return null
  }

  #ask(): ReplicationOutput | null {
    if (this.#asking.size >= this.#limits.asksMax) return null
    for (const [peer, all] of this.#questions) {
      if ([...this.#asking.values()].some((asking) => asking.peer === peer)) continue
      const addresses = all.splice(0, HAS_ADDRESSES_MAX)
      if (all.length === 0) this.#questions.delete(peer)
      const request = ++this.#requests
      this.#asking.set(request, { peer, addresses })
      return { kind: 'has', request, peer, addresses, timeoutMs: this.#limits.askTimeoutMs }
    }
    return null
  }

  #copy(now: number): ReplicationOutput | null {
    const begun = this.#queue.begin(this.#requests + 1, now)
    if (begun === null) return null
    const request = ++this.#requests
    const { kind, peer, addresses } = begun
    const [address] = addresses
    if (kind === 'has' || address === undefined) {
      return { kind: 'has', request, peer, addresses, timeoutMs: this.#limits.askTimeoutMs }
    }
    return { kind, request, peer, address, timeoutMs: this.#limits.sendTimeoutMs }
  }

  #lacks(address: ChunkAddress, peer: PeerId, now: number): void {
    if (!this.#view.has(address)) return this.#settle(address, true, now)
    const { others, rank } = this.#group(address, now)
    // Whoever left the group meanwhile is not to hold it any more.
    if (!others.includes(peer)) return this.#settle(address, false, now)
    this.#queue.add({ address, peer }, { rank, now })
  }

  #over({ address, peer }: Copy, how: 'held' | 'stored' | 'failed', now: number): void {
    if (how === 'stored') {
      this.#sent++
      this.#unwilling.delete(peer)
    }
    if (how === 'failed') {
      this.#failed++
      this.#unwilling.add(peer, now)
    }
    this.#settle(address, how !== 'failed', now)
  }

  /** One peer of a chunk's group has it, or it is known that it will not have it for now. */
  #settle(address: ChunkAddress, well: boolean, now: number): void {
    const check = this.#checks.get(address)
    if (check === undefined) return
    check.open--
    if (!well) check.failed = true
    if (check.open > 0) return
    this.#checks.delete(address)
    if (check.failed) this.#sweepAt = Math.min(this.#sweepAt, now + this.#limits.retryMs)
    else this.#whole.set(address, check.group)
  }
}

/** Two groups of the same number are taken for the same: of unlike groups one in four thousand million is, and until the next recheck. */
const fingerprint = (peers: readonly PeerId[]): number => {
  let hash = 0x811c9dc5
  for (const peer of peers) {
    for (let at = 0; at < FINGERPRINT_DIGITS; at++) hash = Math.imul(hash ^ peer.charCodeAt(at), 0x01000193)
  }
  return hash
}

/** Digits of an id that count: no two of a group share 16. */
const FINGERPRINT_DIGITS = 16
