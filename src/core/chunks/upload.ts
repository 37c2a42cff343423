// An upload as a state machine: pieces are read, sealed and placed, a few at a time; the data map goes last the same way. Finished
// means that every chunk, the map included, is held by the quorum; anything else is a failure, never a smaller quorum.
//
//   piece:   reading ─► sealing ─► looking ─► placing ─► (settled)
//   upload:  pieces ─► map ─► finished          and from anywhere ─► failed
import type { ErrorCode } from '../errors.ts'
import { chunkAddressOf } from '../ids.ts'
import type { ChunkAddress, PeerId } from '../ids.ts'
import type { Work, WorkDone } from '../ports.ts'
import { CONVERGENT_CONTEXT } from './chunk.ts'
import type { ChunkEntry } from './chunk.ts'
import { nearestFirst } from './closeness.ts'
import type { Candidate } from './closeness.ts'
import { FILE_BYTES_MAX, pieceAt, pieceCount } from './cutter.ts'
import { encodeDataMap } from './data-map.ts'
import { formatLink } from './link.ts'
import { Placement } from './placement.ts'
import type { PutAnswer } from './placement.ts'
import { UPLOAD_LIMITS } from './upload-outputs.ts'
import type { UploadLimits, UploadOptions, UploadOutput } from './upload-outputs.ts'

interface Sealed {
  readonly address: ChunkAddress
  readonly bytes: Uint8Array
}

type PieceState =
  | { readonly state: 'reading' }
  | { readonly state: 'sealing' }
  | { readonly state: 'looking'; readonly sealed: Sealed; readonly deadline: number }
  | { readonly state: 'placing'; readonly sealed: Sealed; readonly placement: Placement }

interface PieceInFlight {
  readonly size: number
  at: PieceState
}

/** One upload; give it inputs with `now`, drain `poll` after each. */
export class Upload {
  readonly #size: number
  readonly #count: number
  readonly #quorum: number
  readonly #limits: UploadLimits
  #state: 'pieces' | 'map' | 'ended' = 'pieces'
  /** By index, in order of birth; the data map's index is the number of pieces. Bounded by piecesMax. */
  readonly #inFlight = new Map<number, PieceInFlight>()
  /** By index. Bounded by ENTRIES_MAX. */
  readonly #entries: ChunkEntry[] = []
  /** Chunks placed or being placed, so that equal ones are placed once. Bounded by ENTRIES_MAX + 1. */
  readonly #known = new Set<ChunkAddress>()
  /** Whom each request in progress went to. Bounded by putsMax + asksMax. */
  readonly #requests = new Map<number, { kind: 'has' | 'put'; peer: PeerId; piece: number }>()
  /** Drained after each input, which adds at most a few for each piece and request in flight. */
  readonly #outputs: UploadOutput[] = []
  #nextPiece = 0
  #nextRequest = 0
  #mapHash: Uint8Array = CONVERGENT_CONTEXT
  #bytesSettled = 0
  #chunksSettled = 0
  #holders = Infinity
  #stored = 0

  constructor(options: UploadOptions, now: number) {
    this.#limits = Object.freeze({ ...UPLOAD_LIMITS, ...options.limits })
    this.#size = options.size
    this.#count = pieceCount(options.size)
    this.#quorum = options.allowFewer === true ? 1 : this.#limits.quorum
    if (options.size > FILE_BYTES_MAX) this.#fail('TOO_LARGE', `a file may have ${FILE_BYTES_MAX} bytes at most`)
    else this.#pump(now)
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

  /** The bytes of a piece, given away; fewer than asked for mean that the file changed. */
  piece(index: number, bytes: Uint8Array, now: number): void {
    const piece = this.#inFlight.get(index)
    if (piece?.at.state !== 'reading' || this.#state === 'ended') return
    if (bytes.length !== piece.size) return this.#fail('FILE_CHANGED', 'the file became shorter while it was read')
    this.#seal(index, piece, bytes)
    this.#pump(now)
  }

  /** A result of work asked for. */
  done(work: WorkDone, now: number): void {
    const piece = this.#inFlight.get(work.id)
    if (piece?.at.state !== 'sealing' || this.#state === 'ended') return
    if (work.kind !== 'seal-chunk') return this.#fail('INTERNAL', `a chunk was not sealed: ${failureOf(work)}`)
    const address = chunkAddressOf(work.address)
    if (this.#state === 'map') this.#mapHash = work.contentHash
    else this.#entries[work.id] = { address: work.address, contentHash: work.contentHash, size: piece.size }
    if (this.#known.has(address)) {
      this.#settle(work.id, piece)
    } else {
      this.#known.add(address)
      const sealed = { address, bytes: work.stored }
      piece.at = { state: 'looking', sealed, deadline: now + this.#limits.lookupTimeoutMs }
      this.#outputs.push({ kind: 'lookup', address })
    }
    this.#pump(now)
  }

  /** The peers a lookup found, in any order, none when it failed. */
  found(address: ChunkAddress, candidates: readonly Candidate[], now: number): void {
    if (this.#state === 'ended') return
    for (const piece of this.#inFlight.values()) {
      if (piece.at.state === 'looking' && piece.at.sealed.address === address) this.#place(piece, candidates, now)
    }
    this.#pump(now)
  }

  /** The answer to a request, or what became of it. */
  answered(request: number, answer: PutAnswer, now: number): void {
    const known = this.#requests.get(request)
    if (known === undefined || this.#state === 'ended') return
    this.#requests.delete(request)
    const at = this.#inFlight.get(known.piece)?.at
    if (at?.state === 'placing') at.placement.answered(request, answer, now)
    this.#pump(now)
  }

  /** When `timeout` is to be called; Infinity: not at all. */
  timerAt(): number {
    if (this.#state === 'ended') return Infinity
    let time = Infinity
    for (const { at } of this.#inFlight.values()) {
      if (at.state === 'looking') time = Math.min(time, at.deadline)
      if (at.state === 'placing') time = Math.min(time, at.placement.timerAt())
    }
    return time
  }

  /** Time has passed: what is late is given up. */
  timeout(now: number): void {
    if (this.#state === 'ended') return
    for (const piece of this.#inFlight.values()) {
      const at = piece.at
      if (at.state === 'placing') this.#cancel(at.placement.expire(now))
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
    while (this.#state !== 'ended' && this.#settlePlaced(now));
    if (this.#state === 'pieces') this.#readMore()
    if (this.#state !== 'ended') this.#ask(now)
  }

  #readMore(): void {
    while (this.#nextPiece < this.#count && this.#inFlight.size < this.#limits.piecesMax) {
      const piece = pieceAt(this.#size, this.#nextPiece++)
      this.#inFlight.set(piece.index, { size: piece.size, at: { state: 'reading' } })
      this.#outputs.push({ kind: 'read-piece', ...piece })
    }
    if (this.#nextPiece === this.#count && this.#inFlight.size === 0) this.#sealMap()
  }

  #sealMap(): void {
    this.#state = 'map'
    const bytes = encodeDataMap({ size: this.#size, context: CONVERGENT_CONTEXT, entries: this.#entries })
    const piece: PieceInFlight = { size: bytes.length, at: { state: 'sealing' } }
    this.#inFlight.set(this.#count, piece)
    this.#seal(this.#count, piece, bytes)
  }

  #seal(index: number, piece: PieceInFlight, plaintext: Uint8Array): void {
    piece.at = { state: 'sealing' }
    const work: Work = { id: index, kind: 'seal-chunk', plaintext, context: CONVERGENT_CONTEXT }
    this.#outputs.push({ kind: 'work', work })
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
        this.#requests.set(request, { kind: asked.kind, peer: asked.peer, piece: index })
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
      : total < this.#limits.putsMax && same < this.#limits.putsPerPeerMax
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
      this.#settle(index, piece)
      return true
    }
    return false
  }

  #settle(index: number, piece: PieceInFlight): void {
    const address = 'sealed' in piece.at ? piece.at.sealed.address : null
    this.#inFlight.delete(index)
    if (this.#state === 'map') {
      if (address !== null) this.#finish(address)
      else this.#fail('INTERNAL', 'the data map is one of the chunks it lists')
      return
    }
    this.#bytesSettled += piece.size
    this.#chunksSettled++
    this.#outputs.push({
      kind: 'progress',
      bytes: this.#bytesSettled,
      chunks: this.#chunksSettled,
      stored: this.#stored,
    })
  }

  #finish(address: ChunkAddress): void {
    this.#state = 'ended'
    this.#outputs.push({
      kind: 'finished',
      link: formatLink({ address, contentHash: this.#mapHash }),
      bytes: this.#size,
      chunks: this.#count,
      holders: this.#holders,
      stored: this.#stored,
    })
  }

  #failPlacing(address: ChunkAddress, found: number, complaints: string): void {
    const why = complaints === '' ? '' : ` (${complaints})`
    this.#fail('NOT_ENOUGH_HOLDERS', `found ${found} of ${this.#quorum} holders needed for chunk ${address}${why}`)
  }

  #fail(code: ErrorCode, detail: string): void {
    this.#cancel([...this.#requests.keys()])
    this.#state = 'ended'
    this.#inFlight.clear()
    this.#outputs.push({ kind: 'failed', code, detail })
  }

  #cancel(requests: readonly number[]): void {
    for (const request of requests) {
      if (this.#requests.delete(request)) this.#outputs.push({ kind: 'cancel', request })
    }
  }
}

const failureOf = (work: WorkDone): string => (work.kind === 'failed' ? work.reason : `a result of kind ${work.kind}`)
