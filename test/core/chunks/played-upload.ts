// A whole upload, played against peers of given manners, with the bounds checked after every input.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { PLAINTEXT_BYTES_MAX } from '../../../src/core/chunks/chunk.ts'
import type { Candidate } from '../../../src/core/chunks/closeness.ts'
import type { PutAnswer } from '../../../src/core/chunks/placement.ts'
import type { PlacedRecord } from '../../../src/core/chunks/upload-record.ts'
import { UPLOAD_LIMITS } from '../../../src/core/chunks/upload-outputs.ts'
import type { UploadLimits, UploadOutput } from '../../../src/core/chunks/upload-outputs.ts'
import { Upload } from '../../../src/core/chunks/upload.ts'
import { chunkAddressOf, peerIdOf } from '../../../src/core/ids.ts'
import type { ChunkAddress, PeerId } from '../../../src/core/ids.ts'
import type { Work, WorkDone } from '../../../src/core/ports.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { Agenda } from './agenda.ts'

export type Manner = 'good' | 'dead' | 'refusing' | 'failing' | 'busy' | 'slow' | 'lying'

export interface Peer {
  readonly id: PeerId
  readonly manner: Manner
  readonly holds: Set<ChunkAddress>
  puts: number
}

export interface Scene {
  readonly seed: number
  readonly manners: readonly Manner[]
  /** Bytes of the file. */
  readonly size: number
  /** The size is told by the end alone. */
  readonly stream?: boolean
  /** Which content each piece has: equal numbers, equal pieces. */
  readonly content?: (index: number) => number
  readonly diversity?: boolean
  readonly allowFewer?: boolean
  /** Pieces whose reading comes back short. */
  readonly short?: number
  /** What an earlier upload had placed. */
  readonly resumed?: readonly PlacedRecord[]
  /** The upload is left alone after so many chunks were placed. */
  readonly interruptAfter?: number
  readonly limits?: Partial<UploadLimits>
}

export const sha = (bytes: Uint8Array): Uint8Array => Uint8Array.from(createHash('sha256').update(bytes).digest())
const ALL = new Uint8Array(PLAINTEXT_BYTES_MAX)

/** Plays a whole upload against peers of given manners; checks the bounds after every input. */
export class Play {
  readonly random: SeededRandom
  readonly agenda: Agenda
  readonly peers: Peer[]
  readonly upload: Upload
  readonly sealed = new Set<ChunkAddress>()
  readonly progress: number[] = []
  readonly placed: PlacedRecord[] = []
  hashed = 0
  readonly scene: Scene
  readonly limits: UploadLimits
  map: Uint8Array | null = null
  end: Extract<UploadOutput, { kind: 'finished' | 'failed' }> | null = null
  /** Every map sealed, by its address. */
  readonly maps = new Map<ChunkAddress, Uint8Array>()
  bytesPut = 0
  #streamed = 0
  readonly #open = new Map<number, Peer>()
  readonly #putting = new Set<number>()
  readonly #sending = new Map<number, Uint8Array>()

  constructor(scene: Scene, peers?: Peer[]) {
    this.scene = scene
    this.limits = { ...UPLOAD_LIMITS, ...scene.limits }
    this.random = new SeededRandom(scene.seed)
    this.agenda = new Agenda(this.random)
    this.peers =
      peers ??
      scene.manners.map((manner) => {
        const id = new Uint8Array(32)
        this.random.fill(id)
        return { id: peerIdOf(id), manner, holds: new Set(), puts: 0 }
      })
    const size = scene.stream === true ? null : scene.size
    const { allowFewer = false, resumed = [], interruptAfter = Infinity } = scene
    this.upload = new Upload({ size, allowFewer, resumed, limits: this.limits }, 0)
    this.#drain()
    for (let steps = 0; this.end === null; steps++) {
      if (this.placed.length >= interruptAfter) return
      assert.ok(steps < 100_000, 'an upload comes to an end')
      assert.ok(this.agenda.step(this.upload), 'an upload that has not ended waits for something')
      this.#drain()
    }
    assert.equal(this.#open.size, 0, 'an ended upload has cancelled what it no longer wants')
    assert.equal(this.upload.timerAt(), Infinity)
  }

  holders(address: ChunkAddress): number {
    return this.peers.filter(({ holds }) => holds.has(address)).length
  }

  #drain(): void {
    for (let output = this.upload.poll(); output !== null; output = this.upload.poll()) this.#perform(output)
    // Maps are small here, and there may be as many as pieces fill.
    assert.ok(this.upload.bytesHeld <= this.limits.piecesMax * PLAINTEXT_BYTES_MAX + 10_000)
    assert.ok(this.#putting.size <= this.limits.putsMax)
    assert.ok(this.#open.size <= this.limits.putsMax + this.limits.asksMax)
    for (const peer of this.peers) {
      const puts = [...this.#putting].filter((request) => this.#open.get(request) === peer).length
      assert.ok(puts <= this.limits.putsPerPeerMax)
    }
  }

  #perform(output: UploadOutput): void {
    assert.equal(this.end, null, 'nothing follows the end')
    const { agenda, upload } = this
    switch (output.kind) {
      case 'read-piece': {
        const left = Math.min(output.size, this.scene.size - output.offset)
        const size = output.index === this.scene.short ? left - 1 : left
        if (this.scene.stream === true) assert.equal(output.offset, this.#streamed)
        this.#streamed += size
        return agenda.within(20, () => upload.piece(output.index, ALL.subarray(0, size), agenda.now))
      }
      case 'work':
        return agenda.within(20, () => upload.done(this.#seal(output.work), agenda.now))
      case 'lookup': {
        // Sometimes a lookup never comes back, and sometimes twice.
        const found = (): void => upload.found(output.address, this.#candidates(), agenda.now)
        if (this.random.below(50) === 0) agenda.within(200, found)
        return agenda.within(200, found)
      }
      case 'has':
      case 'put':
        return this.#ask(output)
      case 'cancel':
        this.#putting.delete(output.request)
        this.#sending.delete(output.request)
        return assert.ok(this.#open.delete(output.request), 'only what is in progress is cancelled')
      case 'placed':
        for (const id of output.holders)
          assert.ok(this.peers.some((peer) => peer.id === id && this.#holds(peer, output)))
        return void this.placed.push(output)
      case 'release':
        return assert.ok(![...this.#sending.values()].includes(output.bytes), 'nothing is released that is being sent')
      case 'progress':
        return void this.progress.push(output.bytes)
      case 'finished':
      case 'failed':
        this.end = output
        return undefined
      default:
        return assert.fail()
    }
  }

  #ask(output: Extract<UploadOutput, { kind: 'has' | 'put' }>): void {
    const peer = this.peers.find(({ id }) => id === output.peer)
    assert.ok(peer !== undefined)
    this.#open.set(output.request, peer)
    if (output.kind === 'put') {
      this.#putting.add(output.request)
      this.#sending.set(output.request, output.bytes)
      this.bytesPut += output.bytes.length
      peer.puts++
      assert.ok(this.sealed.has(output.address))
    }
    if (peer.manner === 'dead') return
    const delay = peer.manner === 'slow' ? output.timeoutMs * 1.5 : 300
    this.agenda.within(delay, () => {
      const answer = this.#answer(peer, output)
      const given = (): void => {
        this.#open.delete(output.request)
        this.#putting.delete(output.request)
        this.#sending.delete(output.request)
        this.upload.answered(output.request, answer, this.agenda.now)
      }
      given()
      // An answer may come twice, or after it was cancelled: neither counts.
      if (this.random.below(10) === 0) this.agenda.within(500, given)
    })
  }

  #answer(peer: Peer, output: Extract<UploadOutput, { kind: 'has' | 'put' }>): PutAnswer {
    if (peer.manner === 'refusing' && output.kind === 'put') return { kind: 'refused', reason: 'full' }
    if (peer.manner === 'failing') return { kind: 'failed', reason: 'CONNECTION_LOST' }
    if (peer.manner === 'busy' && this.random.below(3) > 0)
      return { kind: 'busy', retryAfterMs: this.random.below(400) }
    if (peer.manner === 'lying') return output.kind === 'has' ? { kind: 'stored' } : { kind: 'absent' }
    if (peer.holds.has(output.address)) return { kind: 'held' }
    if (output.kind === 'has') return { kind: 'absent' }
    peer.holds.add(output.address)
    return { kind: 'stored' }
  }

  #candidates(): Candidate[] {
    return this.peers.map(({ id }, i) => ({
      peer: id,
      network: this.scene.diversity === true ? `net ${i >> 2}` : null,
    }))
  }

  #holds(peer: Peer, { entry }: PlacedRecord): boolean {
    return peer.holds.has(chunkAddressOf(entry.address))
  }

  #seal(work: Work): WorkDone {
    const isMap = work.id < 0
    const content = this.scene.content?.(work.id) ?? work.id
    if (work.kind === 'hash-chunk') {
      this.hashed++
      return { ...work, address: sha(sha(new Uint8Array([1, content]))) }
    }
    assert.ok(work.kind === 'seal-chunk')
    if (isMap) this.map = Uint8Array.from(work.plaintext)
    const stored = isMap ? sha(work.plaintext) : new Uint8Array([1, content])
    const address = sha(stored)
    this.sealed.add(chunkAddressOf(address))
    if (isMap) this.maps.set(chunkAddressOf(address), Uint8Array.from(work.plaintext))
    return { id: work.id, kind: 'seal-chunk', stored, address, contentHash: sha(address) }
  }
}
