// A download as a state machine: the root of the data maps first, then the chunks they list and the maps on the way, a few at a time, each
// verified before it is written at the places it belongs. Finished means that every byte was verified and written; anything else is a
// failure. In ascending order nothing is written before all that comes before it, so that a stream is never wrong, only cut short.
//
//   chunk:     looking ─► fetching ─► opening ─► ready ─► writing ─► (done)
//                            ▲───────────┘ wrong bytes
//   download:  map ─► chunks and maps ─► finished          and from anywhere ─► failed
import type { ErrorCode } from '../errors.ts'
import { chunkAddressOf, idBytes } from '../ids.ts'
import type { ChunkAddress, PeerId } from '../ids.ts'
import type { Work, WorkDone } from '../ports.ts'
import { CONVERGENT_CONTEXT, PLAINTEXT_BYTES_MAX, SEAL_BYTES, isStoredSize } from './chunk.ts'
import { readingOrder } from './closeness.ts'
import type { Candidate } from './closeness.ts'
import { Concurrency } from './concurrency.ts'
import { FETCH_LIMITS, Fetch } from './fetch.ts'
import type { FetchLimits, GetFailure } from './fetch.ts'
import type { Link } from './link.ts'
import { MapWalk } from './map-walk.ts'
import type { WalkStep, WriteOrder } from './map-walk.ts'
import type { PlacedChunk } from './placed-chunks.ts'

/** Bounds of a download. */
export interface DownloadLimits extends FetchLimits {
  /**
   * Chunks between being asked for and being written, at first, and within which bounds as they come well or badly (`Concurrency`): 4 MiB each,
   * twice that while one is being opened.
   */
  readonly chunksFirst: number
  readonly chunksMin: number
  readonly chunksMax: number
  /** A lookup that takes longer found nobody. */
  readonly lookupTimeoutMs: number
}

/** The defaults of `DownloadLimits`. */
export const DOWNLOAD_LIMITS: DownloadLimits = Object.freeze({
  ...FETCH_LIMITS,
  chunksFirst: 3,
  chunksMin: 1,
  chunksMax: 6,
  lookupTimeoutMs: 30_000,
})

/** What a peer said to chunk-get, or what became of asking it. */
export type GetAnswer = { readonly kind: 'payload'; readonly bytes: Uint8Array } | GetFailure

/** What a download amounted to; `asked` are the peers asked for a chunk, each once, in the order they were first asked. */
export interface DownloadResult {
  readonly bytes: number
  readonly chunks: number
  readonly asked: readonly PeerId[]
}

/** What the driver is to do next, in order. */
export type DownloadOutput =
  /** Find the peers closest to `address` and hand them to `found`. */
  | { readonly kind: 'lookup'; readonly address: ChunkAddress }
  | {
      readonly kind: 'get'
      readonly request: number
      readonly peer: PeerId
      readonly address: ChunkAddress
      readonly timeoutMs: number
    }
  /** The answer to that request is not wanted any more. */
  | { readonly kind: 'cancel'; readonly request: number }
  | { readonly kind: 'work'; readonly work: Work }
  /** Write verified bytes at that place of the file and call `written` with the same id. */
  | { readonly kind: 'write-piece'; readonly id: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'progress'; readonly bytes: number; readonly of: number; readonly chunks: number }
  | ({ readonly kind: 'finished' } & DownloadResult)
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string }

type ChunkState =
  | { readonly state: 'looking'; readonly deadline: number }
  | { readonly state: 'fetching'; readonly fetch: Fetch }
  | { readonly state: 'opening'; readonly fetch: Fetch }
  /** Verified, and waiting for its turn to be written. */
  | { readonly state: 'ready'; readonly bytes: Uint8Array }
  | { readonly state: 'writing'; readonly bytes: Uint8Array; readonly place: number }

interface ChunkInFlight {
  readonly address: ChunkAddress
  readonly contentHash: Uint8Array
  /** Null for a data map, whose own size nobody said. */
  readonly chunk: PlacedChunk | null
  at: ChunkState
}

interface Request {
  readonly id: number
  readonly begunAt: number
  /** Chunks in flight when it began, its own included. */
  readonly beside: number
}

/** How a download is done. */
export interface DownloadOptions {
  /** Default: any. */
  readonly order?: WriteOrder
  readonly limits?: Partial<DownloadLimits>
}

/** One download; give it inputs with `now`, drain `poll` after each. */
export class Download {
  readonly #limits: DownloadLimits
  readonly #order: WriteOrder
  readonly #walk: MapWalk
  readonly #gets: Concurrency
  #ended = false
  /** By id, in order of birth. Bounded by chunksMax. */
  readonly #inFlight = new Map<number, ChunkInFlight>()
  /** Which chunk each request in progress is for, and how it began. Bounded by chunksMax times 2. */
  readonly #requests = new Map<number, Request>()
  /** Bounded by the peers that lookups find: CLOSEST_ASKED for each chunk. */
  readonly #asked = new Set<PeerId>()
  /** Drained after each input, which adds at most a few for each chunk in flight. */
  readonly #outputs: DownloadOutput[] = []
  #nextId = 0
  #nextRequest = 0
  #bytesWritten = 0
  #chunksWritten = 0

  constructor(link: Link, now: number, options: DownloadOptions = {}) {
    this.#limits = Object.freeze({ ...DOWNLOAD_LIMITS, ...options.limits })
    this.#order = options.order ?? 'any'
    const { chunksMin: least, chunksFirst: first, chunksMax: most, hedgeMs } = this.#limits
    // What is slower than the hedge is asked for twice, which must not be what slow links are met with.
    this.#gets = new Concurrency({
      least: Math.min(least, most),
      first: Math.min(first, most),
      most,
      timeoutMs: 2 * hedgeMs,
    })
    this.#walk = new MapWalk({ address: idBytes(link.address), contentHash: link.contentHash }, this.#order)
    this.#pump(now)
  }

  /** The next thing to do, or null. */
  poll(): DownloadOutput | null {
    return this.#outputs.shift() ?? null
  }

  /** Plaintext bytes that are held in memory or being fetched; a data map counts as 4 MiB. */
  get bytesHeld(): number {
    let held = 0
    for (const { chunk } of this.#inFlight.values()) held += chunk?.entry.size ?? PLAINTEXT_BYTES_MAX
    return held
  }

  /** The peers a lookup found, in any order, none when it failed. */
  found(address: ChunkAddress, candidates: readonly Candidate[], now: number): void {
    if (this.#ended) return
    for (const chunk of this.#inFlight.values()) {
      if (chunk.at.state === 'looking' && chunk.address === address) this.#fetch(chunk, candidates, now)
    }
    this.#pump(now)
  }

  /** The answer to a request, or what became of it. A payload is given away. */
  answered(request: number, answer: GetAnswer, now: number): void {
    const known = this.#requests.get(request)
    if (known === undefined || this.#ended) return
    const { id } = known
    this.#requests.delete(request)
    this.#learn(known, answer, now)
    const chunk = this.#inFlight.get(id)
    if (chunk?.at.state !== 'fetching') return
    if (answer.kind !== 'payload') chunk.at.fetch.failed(request, answer, now)
    else if (!isPossible(chunk, answer.bytes)) chunk.at.fetch.failed(request, { kind: 'wrong' }, now)
    else this.#open(id, chunk, chunk.at.fetch, request, answer.bytes)
    this.#pump(now)
  }

  /** A result of work asked for. */
  done(work: WorkDone, now: number): void {
    const chunk = this.#inFlight.get(work.id)
    if (chunk?.at.state !== 'opening' || this.#ended) return
    if (work.kind !== 'open-chunk') {
      this.#fail('INTERNAL', `a chunk was not opened: ${work.kind === 'failed' ? work.reason : work.kind}`)
    } else if (work.plaintext === null || !isWanted(chunk, work.plaintext)) {
      chunk.at.fetch.wrong()
      chunk.at = { state: 'fetching', fetch: chunk.at.fetch }
    } else if (chunk.chunk === null) {
      this.#readMap(work.id, work.plaintext)
    } else {
      chunk.at = { state: 'ready', bytes: work.plaintext }
    }
    this.#pump(now)
  }

  /** The bytes of a `write-piece` are in the file. */
  written(id: number, now: number): void {
    const chunk = this.#inFlight.get(id)
    if (chunk?.at.state !== 'writing' || chunk.chunk === null || this.#ended) return
    const { bytes, place } = chunk.at
    this.#bytesWritten += bytes.length
    this.#chunksWritten++
    const of = this.#walk.file?.size ?? 0
    this.#outputs.push({ kind: 'progress', bytes: this.#bytesWritten, of, chunks: this.#chunksWritten })
    if (place + 1 < chunk.chunk.offsets.length) this.#write(id, chunk, bytes, place + 1)
    else this.#inFlight.delete(id)
    this.#pump(now)
  }

  /** When `timeout` is to be called; Infinity: not at all. */
  timerAt(now: number): number {
    let time = Infinity
    if (this.#ended) return time
    for (const { at } of this.#inFlight.values()) {
      if (at.state === 'looking') time = Math.min(time, at.deadline)
      if (at.state === 'fetching') time = Math.min(time, at.fetch.timerAt(now))
    }
    return time
  }

  /** Time has passed: what is late is given up. */
  timeout(now: number): void {
    if (this.#ended) return
    for (const chunk of this.#inFlight.values()) {
      const at = chunk.at
      if (at.state === 'looking' && at.deadline <= now) this.#fetch(chunk, [], now)
      if (at.state === 'fetching') this.#expire(at.fetch.expire(now), now)
    }
    this.#pump(now)
  }

  #want(step: WalkStep, now: number): void {
    const chunk = step.kind === 'chunk' ? step.chunk : null
    const { address, contentHash } = step.kind === 'chunk' ? step.chunk.entry : step
    const at: ChunkState = { state: 'looking', deadline: now + this.#limits.lookupTimeoutMs }
    this.#inFlight.set(this.#nextId++, { address: chunkAddressOf(address), contentHash, chunk, at })
    this.#outputs.push({ kind: 'lookup', address: chunkAddressOf(address) })
  }

  #fetch(chunk: ChunkInFlight, candidates: readonly Candidate[], now: number): void {
    chunk.at = { state: 'fetching', fetch: new Fetch(readingOrder(chunk.address, candidates), this.#limits, now) }
  }

  #open(id: number, chunk: ChunkInFlight, fetch: Fetch, request: number, stored: Uint8Array): void {
    this.#cancel(fetch.taken(request)?.cancel ?? [])
    chunk.at = { state: 'opening', fetch }
    const context = chunk.chunk === null ? CONVERGENT_CONTEXT : (this.#walk.file?.context ?? CONVERGENT_CONTEXT)
    const { contentHash } = chunk
    const work: Work = { id, kind: 'open-chunk', stored, address: idBytes(chunk.address), contentHash, context }
    this.#outputs.push({ kind: 'work', work })
  }

  #readMap(id: number, plaintext: Uint8Array): void {
    const root = this.#walk.file === null
    this.#inFlight.delete(id)
    if (this.#walk.read(plaintext)) return
    this.#fail('CHUNK_CORRUPT', root ? 'the link does not name a data map' : 'a data map lists what is none')
  }

  #write(id: number, chunk: ChunkInFlight, bytes: Uint8Array, place: number): void {
    chunk.at = { state: 'writing', bytes, place }
    const offset = chunk.chunk?.offsets[place] ?? 0
    this.#outputs.push({ kind: 'write-piece', id, offset, bytes })
  }

  /** Starts everything there is room for. */
  #pump(now: number): void {
    if (this.#ended) return
    for (const chunk of this.#inFlight.values()) {
      if (chunk.at.state !== 'fetching' || !chunk.at.fetch.exhausted(now)) continue
      return this.#failFetch(chunk.address, chunk.at.fetch)
    }
    this.#writeReady()
    while (this.#inFlight.size < this.#gets.limit) {
      const step = this.#walk.next()
      if (step === null) break
      this.#want(step, now)
    }
    if (this.#inFlight.size === 0 && this.#walk.done) return this.#finish()
    for (const [id, chunk] of this.#inFlight) this.#ask(id, chunk, now)
  }

  /** What is verified is written: in ascending order only the oldest, which comes first in the file. */
  #writeReady(): void {
    for (const [id, chunk] of this.#inFlight) {
      if (chunk.at.state === 'ready') this.#write(id, chunk, chunk.at.bytes, 0)
      if (this.#order === 'ascending') return
    }
  }

  #ask(id: number, chunk: ChunkInFlight, now: number): void {
    while (chunk.at.state === 'fetching') {
      const request = this.#nextRequest
      const asked = chunk.at.fetch.begin(request, now)
      if (asked === null) return
      this.#nextRequest++
      this.#requests.set(request, { id, begunAt: now, beside: this.#inFlight.size })
      this.#asked.add(asked.peer)
      this.#outputs.push({ kind: 'get', request, address: chunk.address, ...asked })
    }
  }

  /** How a get went says whether there should be more of them at once; a peer that has nothing says nothing about that. */
  #learn({ begunAt, beside }: Request, answer: GetAnswer, now: number): void {
    const circumstances = { begunAt, inProgress: beside, now }
    if (answer.kind === 'payload') this.#gets.ended({ kind: 'done', tookMs: now - begunAt }, circumstances)
    if (answer.kind === 'busy') this.#gets.ended({ kind: 'trouble' }, circumstances)
  }

  /** Gives up requests that are late. */
  #expire(late: readonly number[], now: number): void {
    for (const number of late) {
      const request = this.#requests.get(number)
      if (request === undefined) continue
      this.#gets.ended({ kind: 'trouble' }, { begunAt: request.begunAt, inProgress: request.beside, now })
    }
    this.#cancel(late)
  }

  #finish(): void {
    this.#ended = true
    const [bytes, chunks] = [this.#bytesWritten, this.#chunksWritten]
    this.#outputs.push({ kind: 'finished', bytes, chunks, asked: [...this.#asked] })
  }

  #failFetch(address: ChunkAddress, fetch: Fetch): void {
    const complaints = fetch.complaints()
    const why = complaints === '' ? 'no peer was found' : complaints
    this.#fail(fetch.gaveWrongBytes() ? 'CHUNK_CORRUPT' : 'CHUNK_NOT_FOUND', `no peer gave chunk ${address}: ${why}`)
  }

  #fail(code: ErrorCode, detail: string): void {
    this.#cancel([...this.#requests.keys()])
    this.#ended = true
    this.#inFlight.clear()
    this.#outputs.push({ kind: 'failed', code, detail })
  }

  #cancel(requests: readonly number[]): void {
    for (const request of requests) {
      if (this.#requests.delete(request)) this.#outputs.push({ kind: 'cancel', request })
    }
  }
}

/** Whether a payload can be the chunk: its length is known before it is hashed. */
const isPossible = ({ chunk }: ChunkInFlight, stored: Uint8Array): boolean =>
  chunk === null ? isStoredSize(stored.length) : stored.length === chunk.entry.size + SEAL_BYTES

const isWanted = ({ chunk }: ChunkInFlight, plaintext: Uint8Array): boolean =>
  chunk === null || plaintext.length === chunk.entry.size
