// An upload as a state machine: pieces are read, sealed and placed, a few at a time, and so are the data maps as they become full; the
// root goes last. Finished means that every chunk, the maps included, is held by the quorum; anything else is a failure, never a smaller
// quorum.
//
//   piece:   reading ─► sealing ─► looking ─► placing ─► (settled)         a map begins with sealing
//               └─► comparing ─┴─► (settled: as an earlier upload placed it)
//   upload:  pieces and maps ─► root ─► finished          and from anywhere ─► failed
import { sameBytes } from '../bytes.ts'
import type { ErrorCode } from '../errors.ts'
import { chunkAddressOf } from '../ids.ts'
import type { ChunkAddress, PeerId } from '../ids.ts'
import type { WorkDone } from '../ports.ts'
import { CONVERGENT_CONTEXT, PLAINTEXT_BYTES_MAX } from './chunk.ts'
import type { ChunkEntry } from './chunk.ts'
import { nearestFirst } from './closeness.ts'
import { Concurrency } from './concurrency.ts'
import type { Candidate } from './closeness.ts'
import { pieceAt, pieceCount } from './cutter.ts'
import type { Piece } from './cutter.ts'
import { encodeDataMap } from './data-map.ts'
import { formatLink } from './link.ts'
import type { Link } from './link.ts'
import { MapBuilder } from './map-builder.ts'
import type { SealedMap } from './map-builder.ts'
import { Placement } from './placement.ts'
import type { PutAnswer } from './placement.ts'
import { Resumption } from './resumption.ts'
import { UPLOAD_LIMITS } from './upload-outputs.ts'
import type { UploadLimits, UploadOptions, UploadOutput } from './upload-outputs.ts'
import type { PlacedRecord } from './upload-record.ts'

interface Sealed {
  readonly address: ChunkAddress
  readonly bytes: Uint8Array
}

type PieceState =
  | { readonly state: 'reading' }
  | { readonly state: 'comparing'; readonly record: PlacedRecord }
  | { readonly state: 'sealing' }
  | { readonly state: 'looking'; readonly sealed: Sealed; readonly deadline: number }
  | { readonly state: 'placing'; readonly sealed: Sealed; readonly placement: Placement }

interface PieceInFlight {
  readonly kind: 'chunk' | 'map'
  size: number
  /** Of a chunk that is sealed. */
  entry: ChunkEntry | null
  at: PieceState
}

/** Puts at once that make another piece in flight worth its memory. */
const PUTS_PER_PIECE = 4

interface Request {
  readonly kind: 'has' | 'put'
  readonly peer: PeerId
  readonly piece: number
  readonly begunAt: number
  /** Puts in progress when it began, itself included. */
  readonly beside: number
}

/**
 * Chunks remembered, so that equal ones are placed once: those of some 270 GB. One that comes again after so many others is asked for at
 * its holders, which costs no byte.
 */
const KNOWN_MAX = 65_536

/** One upload; give it inputs with `now`, drain `poll` after each. */
export class Upload {
  readonly #size: number | null
  readonly #kind: Link['kind']
  readonly #context: Uint8Array
  readonly #quorum: number
  readonly #limits: UploadLimits
  readonly #maps: MapBuilder
  #ended = false
  /** Chunks by their index, maps by negative numbers; in order of birth. Bounded by piecesMax and the maps they fill. */
  readonly #inFlight = new Map<number, PieceInFlight>()
  /** Pieces of the file; null until a stream has ended. */
  #count: number | null
  #bytesRead = 0
  /** Chunks placed or being placed, the oldest first. Bounded by KNOWN_MAX. */
  readonly #known = new Set<ChunkAddress>()
  /** Whom each request in progress went to, and when. Bounded by putsMax + asksMax. */
  readonly #requests = new Map<number, Request>()
  readonly #puts: Concurrency
  /** Drained after each input, which adds at most a few for each piece and request in flight. */
  readonly #outputs: UploadOutput[] = []
  readonly #resumption: Resumption
  #resumed = 0
  #nextPiece = 0
  #nextMap = -1
  #nextRequest = 0
  #bytesSettled = 0
  #chunksSettled = 0
  #holders = Infinity
  #stored = 0

  constructor(options: UploadOptions, now: number) {
    this.#limits = Object.freeze({ ...UPLOAD_LIMITS, ...options.limits })
    this.#size = options.size
    this.#kind = options.kind ?? 'file'
    this.#count = options.size === null ? null : pieceCount(options.size)
    const { putsMin: least, putsFirst: first, putsMax: most, sendTimeoutMs: timeoutMs } = this.#limits
    this.#puts = new Concurrency({ least: Math.min(least, most), first: Math.min(first, most), most, timeoutMs })
    this.#context = options.context ?? CONVERGENT_CONTEXT
    this.#maps = new MapBuilder(this.#context, this.#limits.mapEntriesMax)
    const quorum = options.allowFewer === true ? 1 : this.#limits.quorum
    const { size, resumed = [] } = options
    this.#resumption = new Resumption(resumed, { sizeAt: (index) => pieceSize(size, index), quorum })
    this.#quorum = quorum
    this.#pump(now)
  }

  /** The next thing to do, or null. */
  poll(): UploadOutput | null {
    return this.#outputs.shift() ?? null
  }

  /** File bytes that are held in memory or being read. */
  get bytesHeld(): number {
    let held = 0
    for (const piece of this.#inFlight.values()) held += piece.size
    return held
  }

  /** The bytes of a piece, given away; fewer than asked for are the end of a stream, and mean that a file changed. */
  piece(index: number, bytes: Uint8Array, now: number): void {
    const piece = this.#inFlight.get(index)
    if (piece?.at.state !== 'reading' || this.#ended) return
    if (bytes.length !== piece.size && this.#size !== null)
      return this.#fail('FILE_CHANGED', 'the file became shorter while it was read')
    if (bytes.length < piece.size) this.#count = bytes.length > 0 ? index + 1 : index
    piece.size = bytes.length
    this.#bytesRead += bytes.length
    const record = this.#resumption.record(index)
    if (record !== null) this.#compare(index, piece, record, bytes)
    else if (bytes.length > 0) this.#seal(index, piece, bytes)
    else this.#inFlight.delete(index)
    this.#pump(now)
  }

  /** A result of work asked for. */
  done(work: WorkDone, now: number): void {
    const piece = this.#inFlight.get(work.id)
    if (piece === undefined || this.#ended) return
    if (piece.at.state === 'comparing') this.#compared(work, piece, piece.at.record)
    else if (piece.at.state === 'sealing') this.#sealed(work, piece, now)
    this.#pump(now)
  }

  #sealed(work: WorkDone, piece: PieceInFlight, now: number): void {
    if (work.kind !== 'seal-chunk') return this.#fail('INTERNAL', `a chunk was not sealed: ${failureOf(work)}`)
    const address = chunkAddressOf(work.address)
    const { contentHash } = work
    if (piece.kind === 'map') this.#maps.sealed({ address: work.address, contentHash })
    else this.#maps.add(work.id, (piece.entry = { address: work.address, contentHash, size: piece.size }))
    if (this.#known.has(address)) {
      this.#settle(work.id, piece)
    } else {
      this.#remember(address)
      const sealed = { address, bytes: work.stored }
      piece.at = { state: 'looking', sealed, deadline: now + this.#limits.lookupTimeoutMs }
      this.#outputs.push({ kind: 'lookup', address })
    }
  }

  /** The same content is sealed to the same chunk, which was placed; any other goes the ordinary way. */
  #compared(work: WorkDone, piece: PieceInFlight, { entry, holders }: PlacedRecord): void {
    if (work.kind !== 'hash-chunk') return this.#fail('INTERNAL', `a chunk was not hashed: ${failureOf(work)}`)
    if (!sameBytes(work.address, entry.contentHash)) return this.#seal(work.id, piece, work.stored)
    this.#maps.add(work.id, entry)
    this.#remember(chunkAddressOf(entry.address))
    this.#holders = Math.min(this.#holders, holders.length)
    this.#resumed++
    this.#outputs.push({ kind: 'release', bytes: work.stored })
    this.#settle(work.id, piece)
  }

  /** The peers a lookup found, in any order, none when it failed. */
  found(address: ChunkAddress, candidates: readonly Candidate[], now: number): void {
    if (this.#ended) return
    for (const piece of this.#inFlight.values()) {
      if (piece.at.state === 'looking' && piece.at.sealed.address === address) this.#place(piece, candidates, now)
    }
    this.#pump(now)
  }

  /** The answer to a request, or what became of it. */
  answered(request: number, answer: PutAnswer, now: number): void {
    const known = this.#requests.get(request)
    if (known === undefined || this.#ended) return
    this.#requests.delete(request)
    this.#learn(known, answer, now)
    const at = this.#inFlight.get(known.piece)?.at
    if (at?.state === 'placing') at.placement.answered(request, answer, now)
    this.#pump(now)
  }

  /** When `timeout` is to be called; Infinity: not at all. */
  timerAt(): number {
    if (this.#ended) return Infinity
    let time = Infinity
    for (const { at } of this.#inFlight.values()) {
      if (at.state === 'looking') time = Math.min(time, at.deadline)
      if (at.state === 'placing') time = Math.min(time, at.placement.timerAt())
    }
    return time
  }

  /** Time has passed: what is late is given up. */
  timeout(now: number): void {
    if (this.#ended) return
    for (const piece of this.#inFlight.values()) {
      const at = piece.at
      if (at.state === 'placing') this.#expire(at.placement.expire(now), now)
      if (at.state === 'looking' && at.deadline <= now) this.#place(piece, [], now)
    }
    this.#pump(now)
  }

  #place(piece: PieceInFlight, candidates: readonly Candidate[], now: number): void {
    if (piece.at.state !== 'looking') return
    const sealed = piece.at.sealed
    const placement = new Placement(nearestFirst(sealed.address, candidates), this.#limits, now)
    piece.at = { state: 'placing', sealed, placement }
  }

  /** Starts everything there is room for, until nothing changes. */
  #pump(now: number): void {
    while (!this.#ended && this.#settlePlaced(now));
    if (this.#ended) return
    if (this.#count !== null) this.#maps.finish(this.#count)
    this.#sealMap()
    this.#readMore()
    if (this.#maps.root !== null && this.#inFlight.size === 0) this.#finish(this.#maps.root)
    else if (this.#maps.overflown) this.#fail('TOO_LARGE', 'the file has more chunks than data maps can list')
    else this.#ask(now)
  }

  #readMore(): void {
    while (this.#inFlight.size < this.#piecesAtOnce && !this.#maps.busy) {
      const piece = this.#nextToRead()
      if (piece === null) return
      if (piece.index === this.#nextPiece) this.#nextPiece++
      this.#inFlight.set(piece.index, { kind: 'chunk', size: piece.size, entry: null, at: { state: 'reading' } })
      this.#outputs.push({ kind: 'read-piece', ...piece })
    }
  }

  /** As many as the puts can be busy with: on a slow link a piece that waits for its turn would run out of time. */
  get #piecesAtOnce(): number {
    return Math.min(this.#limits.piecesMax, 1 + Math.ceil(this.#puts.limit / PUTS_PER_PIECE))
  }

  /** Of a stream one piece is read at a time, since only the end of it says whether there is another. */
  #nextToRead(): Piece | null {
    if (this.#size !== null) return this.#nextOfFile(this.#size)
    const index = this.#nextPiece
    const reading = [...this.#inFlight.values()].some(({ at }) => at.state === 'reading')
    return reading || this.#count !== null ? null : { index, offset: this.#bytesRead, size: PLAINTEXT_BYTES_MAX }
  }

  /** What an interrupted upload placed last comes first, and nothing beside it. */
  #nextOfFile(size: number): Piece | null {
    const { first, witness } = this.#resumption
    if (first !== null) return this.#inFlight.has(first) ? null : pieceAt(size, first)
    if (this.#nextPiece === witness) this.#nextPiece++
    return this.#nextPiece < pieceCount(size) ? pieceAt(size, this.#nextPiece) : null
  }

  #compare(id: number, piece: PieceInFlight, record: PlacedRecord, bytes: Uint8Array): void {
    piece.at = { state: 'comparing', record }
    this.#outputs.push({ kind: 'work', work: { id, kind: 'hash-chunk', stored: bytes } })
  }

  #sealMap(): void {
    const map = this.#maps.due()
    if (map === null) return
    const bytes = encodeDataMap(map)
    const piece: PieceInFlight = { kind: 'map', size: bytes.length, entry: null, at: { state: 'sealing' } }
    this.#inFlight.set(this.#nextMap, piece)
    this.#seal(this.#nextMap--, piece, bytes)
  }

  #seal(id: number, piece: PieceInFlight, plaintext: Uint8Array): void {
    piece.at = { state: 'sealing' }
    const context = piece.kind === 'map' ? CONVERGENT_CONTEXT : this.#context
    this.#outputs.push({ kind: 'work', work: { id, kind: 'seal-chunk', plaintext, context } })
  }

  #remember(address: ChunkAddress): void {
    this.#known.add(address)
    const oldest = this.#known.values().next().value
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest)
  }

  /** Oldest piece first, so that pieces finish in turn and not all at the end. */
  #ask(now: number): void {
    for (const [index, { at }] of this.#inFlight) {
      if (at.state !== 'placing') continue
      const { sealed, placement } = at
      for (;;) {
        const request = this.#nextRequest
        const asked = placement.begin(request, now, this.#allowed)
        if (asked === null) break
        this.#nextRequest++
        const beside = 1 + this.#putting()
        this.#requests.set(request, { kind: asked.kind, peer: asked.peer, piece: index, begunAt: now, beside })
        const address = sealed.address
        this.#outputs.push(
          asked.kind === 'put'
            ? { ...asked, kind: 'put', request, address, bytes: sealed.bytes }
            : { ...asked, kind: 'has', request, address },
        )
      }
    }
  }

  readonly #allowed = (kind: 'has' | 'put', peer: PeerId): boolean => {
    let total = 0
    let same = 0
    for (const request of this.#requests.values()) {
      if (request.kind !== kind) continue
      total++
      if (request.peer === peer) same++
    }
    return kind === 'has'
      ? total < this.#limits.asksMax
      : total < this.#puts.limit && same < this.#limits.putsPerPeerMax
  }

  #putting(): number {
    let puts = 0
    for (const { kind } of this.#requests.values()) if (kind === 'put') puts++
    return puts
  }

  /** How a put went says whether there should be more of them at once. A peer that failed or refused says nothing about that. */
  #learn({ kind, begunAt, beside }: Request, answer: PutAnswer, now: number): void {
    if (kind !== 'put') return
    const circumstances = { begunAt, inProgress: beside, now }
    if (answer.kind === 'stored') this.#puts.ended({ kind: 'done', tookMs: now - begunAt }, circumstances)
    if (answer.kind === 'busy') this.#puts.ended({ kind: 'trouble' }, circumstances)
  }

  /** Gives up requests that are late. */
  #expire(late: readonly number[], now: number): void {
    for (const number of late) {
      const request = this.#requests.get(number)
      if (request?.kind !== 'put') continue
      this.#puts.ended({ kind: 'trouble' }, { begunAt: request.begunAt, inProgress: request.beside, now })
    }
    this.#cancel(late)
  }

  /** Settles the first piece that is done with; true when there was one. */
  #settlePlaced(now: number): boolean {
    for (const [index, piece] of this.#inFlight) {
      if (piece.at.state !== 'placing') continue
      const { placement, sealed } = piece.at
      const placed = placement.settled(now)
      if (placed === null) continue
      this.#cancel(placement.requests())
      if (placed.holders < this.#quorum) {
        this.#failPlacing(sealed.address, placed.holders, placement.complaints())
        return false
      }
      this.#holders = Math.min(this.#holders, placed.holders)
      this.#stored += placed.stored
      this.#tellPlaced(index, piece, placement)
      this.#outputs.push({ kind: 'release', bytes: sealed.bytes })
      this.#settle(index, piece)
      return true
    }
    return false
  }

  #tellPlaced(index: number, { kind, entry }: PieceInFlight, placement: Placement): void {
    if (kind === 'map' || entry === null) return
    this.#resumption.placed(index, placement.holders('before'))
    this.#outputs.push({ kind: 'placed', index, entry, holders: placement.holders() })
  }

  #settle(id: number, piece: PieceInFlight): void {
    this.#inFlight.delete(id)
    if (piece.kind === 'map') return
    this.#bytesSettled += piece.size
    this.#chunksSettled++
    this.#outputs.push({
      kind: 'progress',
      bytes: this.#bytesSettled,
      chunks: this.#chunksSettled,
      stored: this.#stored,
    })
  }

  #finish({ address, contentHash }: SealedMap): void {
    this.#ended = true
    this.#outputs.push({
      kind: 'finished',
      link: formatLink({ kind: this.#kind, address: chunkAddressOf(address), contentHash }),
      bytes: this.#bytesRead,
      chunks: this.#chunksSettled,
      holders: this.#holders,
      stored: this.#stored,
      resumed: this.#resumed,
    })
  }

  #failPlacing(address: ChunkAddress, found: number, complaints: string): void {
    const why = complaints === '' ? '' : ` (${complaints})`
    this.#fail('NOT_ENOUGH_HOLDERS', `found ${found} of ${this.#quorum} holders needed for chunk ${address}${why}`)
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

const pieceSize = (size: number | null, index: number): number | null =>
  size !== null && index < pieceCount(size) ? pieceAt(size, index).size : null

const failureOf = (work: WorkDone): string => (work.kind === 'failed' ? work.reason : `a result of kind ${work.kind}`)
