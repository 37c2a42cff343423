import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { PLAINTEXT_BYTES_MAX } from '../../../src/core/chunks/chunk.ts'
import type { Candidate } from '../../../src/core/chunks/closeness.ts'
import type { ChunkEntry } from '../../../src/core/chunks/chunk.ts'
import { encodeDataMap } from '../../../src/core/chunks/data-map.ts'
import type { DataMap } from '../../../src/core/chunks/data-map.ts'
import { DOWNLOAD_LIMITS, Download } from '../../../src/core/chunks/download.ts'
import type { DownloadOutput, GetAnswer } from '../../../src/core/chunks/download.ts'
import { chunkAddressOf, peerIdOf } from '../../../src/core/ids.ts'
import type { ChunkAddress, PeerId } from '../../../src/core/ids.ts'
import { concat, sameBytes } from '../../../src/core/bytes.ts'
import type { Work, WorkDone } from '../../../src/core/ports.ts'
import type { WriteOrder } from '../../../src/core/chunks/map-walk.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { Agenda } from './agenda.ts'

type Manner = 'good' | 'dead' | 'empty' | 'corrupt' | 'longer' | 'failing' | 'busy' | 'slow'

const sha = (bytes: Uint8Array): Uint8Array => Uint8Array.from(createHash('sha256').update(bytes).digest())

/** Stands for sealing: 16 bytes more, and an address and a hash that follow from the content. */
const seal = (plaintext: Uint8Array): { stored: Uint8Array; address: Uint8Array; contentHash: Uint8Array } => {
  const stored = concat(plaintext, sha(plaintext).subarray(0, 16))
  return { stored, address: sha(stored), contentHash: sha(plaintext) }
}

interface Scene {
  readonly seed: number
  readonly manners: readonly Manner[]
  /** The file, cut into chunks of any size. */
  readonly pieces: readonly Uint8Array[]
  readonly diversity?: boolean
  readonly order?: WriteOrder
  /** Entries of one map; more make maps of several levels. */
  readonly fanOut?: number
  /** Changes a map before it is stored. */
  readonly forge?: (map: DataMap) => DataMap
}

const EMPTY_SCENE: Scene = { seed: 0, manners: [], pieces: [] }

/** Plays a whole download from peers of given manners, all of which have every chunk; checks the bounds after every input. */
class Play {
  readonly random: SeededRandom
  readonly agenda: Agenda
  readonly download: Download
  readonly peers: { readonly id: PeerId; readonly manner: Manner }[]
  readonly asked: PeerId[] = []
  readonly file: Uint8Array
  readonly written: Uint8Array
  end: Extract<DownloadOutput, { kind: 'finished' | 'failed' }> | null = null
  gets = 0
  readonly #stored = new Map<ChunkAddress, Uint8Array>()
  readonly #open = new Set<number>()
  readonly #diversity: boolean
  readonly #ascending: boolean
  #writtenTo = 0

  constructor(scene: Scene) {
    this.random = new SeededRandom(scene.seed)
    this.agenda = new Agenda(this.random)
    this.#diversity = scene.diversity ?? false
    this.peers = scene.manners.map((manner) => {
      const id = new Uint8Array(32)
      this.random.fill(id)
      return { id: peerIdOf(id), manner }
    })
    this.file = concat(...scene.pieces)
    this.written = new Uint8Array(this.file.length).fill(0xee)
    const entries = scene.pieces.map((piece) => ({ ...this.#store(piece), size: piece.length }))
    const root = this.#storeMaps(entries, scene)
    this.#ascending = scene.order === 'ascending'
    const { order = 'any' } = scene
    this.download = new Download(
      { kind: 'file', address: chunkAddressOf(root.address), contentHash: root.contentHash },
      0,
      { order },
    )
    this.#drain()
    for (let steps = 0; this.end === null; steps++) {
      assert.ok(steps < 100_000, 'a download comes to an end')
      assert.ok(this.agenda.step(this.download), 'a download that has not ended waits for something')
      this.#drain()
    }
    assert.equal(this.#open.size, 0, 'an ended download has cancelled what it no longer wants')
    assert.equal(this.download.timerAt(this.agenda.now), Infinity)
  }

  #storeMaps(entries: readonly ChunkEntry[], { fanOut = Infinity, forge }: Scene, level = 0): ChunkEntry {
    const parts = [0]
    for (let at = fanOut; at < entries.length; at += fanOut) parts.push(at)
    const maps = parts.map((at) => {
      const listed = entries.slice(at, at + fanOut)
      const size = listed.reduce((sum, entry) => sum + entry.size, 0)
      const map = { size, context: new Uint8Array(32), level, entries: listed }
      return { ...this.#store(encodeDataMap(forge?.(map) ?? map)), size }
    })
    return maps.length === 1
      ? maps[0]!
      : this.#storeMaps(maps, { ...EMPTY_SCENE, fanOut, ...(forge && { forge }) }, level + 1)
  }

  #store(plaintext: Uint8Array): { address: Uint8Array; contentHash: Uint8Array } {
    const { stored, address, contentHash } = seal(plaintext)
    this.#stored.set(chunkAddressOf(address), stored)
    return { address, contentHash }
  }

  /** Whether what was written is the beginning of the file, and nothing beyond it was touched. */
  isPrefix(): boolean {
    const { file, written } = this
    return written.every((byte, at) => byte === (at < this.#writtenTo ? file[at] : 0xee))
  }

  #drain(): void {
    for (let output = this.download.poll(); output !== null; output = this.download.poll()) this.#perform(output)
    assert.ok(this.download.bytesHeld <= DOWNLOAD_LIMITS.chunksMax * PLAINTEXT_BYTES_MAX)
    assert.ok(this.#open.size <= 2 * DOWNLOAD_LIMITS.chunksMax)
  }

  #perform(output: DownloadOutput): void {
    assert.equal(this.end, null, 'nothing follows the end')
    const { agenda, download } = this
    switch (output.kind) {
      case 'lookup':
        return agenda.within(200, () => download.found(output.address, this.#candidates(), agenda.now))
      case 'get':
        return this.#get(output)
      case 'cancel':
        return assert.ok(this.#open.delete(output.request), 'only what is in progress is cancelled')
      case 'work':
        return agenda.within(20, () => download.done(open(output.work), agenda.now))
      case 'write-piece':
        if (this.#ascending) assert.equal(output.offset, this.#writtenTo, 'a stream is written in order')
        this.#writtenTo = output.offset + output.bytes.length
        return agenda.within(20, () => {
          this.written.set(output.bytes, output.offset)
          download.written(output.id, agenda.now)
        })
      case 'progress':
        return assert.ok(output.bytes <= output.of)
      case 'finished':
      case 'failed':
        this.end = output
        return undefined
      default:
        return assert.fail()
    }
  }

  #get(output: Extract<DownloadOutput, { kind: 'get' }>): void {
    const peer = this.peers.find(({ id }) => id === output.peer)
    const stored = this.#stored.get(output.address)
    assert.ok(peer !== undefined && stored !== undefined)
    if (!this.asked.includes(peer.id)) this.asked.push(peer.id)
    this.#open.add(output.request)
    this.gets++
    if (peer.manner === 'dead') return
    this.agenda.within(peer.manner === 'slow' ? output.timeoutMs * 1.5 : 300, () => {
      const given = (): void => {
        const answer = this.#answer(peer.manner, Uint8Array.from(stored))
        this.#open.delete(output.request)
        this.download.answered(output.request, answer, this.agenda.now)
      }
      given()
      if (this.random.below(10) === 0) this.agenda.within(500, given)
    })
  }

  #answer(manner: Manner, bytes: Uint8Array): GetAnswer {
    switch (manner) {
      case 'empty':
        return { kind: 'absent' }
      case 'failing':
        return { kind: 'failed', reason: 'CONNECTION_LOST' }
      case 'busy':
        return this.random.below(3) > 0 ? { kind: 'busy', retryAfterMs: 100 } : { kind: 'payload', bytes }
      case 'longer':
        return { kind: 'payload', bytes: concat(bytes, new Uint8Array(1)) }
      case 'corrupt':
        bytes[this.random.below(bytes.length)]! ^= 1 + this.random.below(255)
        return { kind: 'payload', bytes }
      default:
        return { kind: 'payload', bytes }
    }
  }

  #candidates(): Candidate[] {
    return this.peers.map(({ id }, i) => ({ peer: id, network: this.#diversity ? `net ${i >> 2}` : null }))
  }
}

const open = (work: Work): WorkDone => {
  assert.ok(work.kind === 'open-chunk')
  const plaintext = work.stored.slice(0, -16)
  const genuine = sameBytes(sha(work.stored), work.address) && sameBytes(sha(plaintext), work.contentHash)
  return { id: work.id, kind: 'open-chunk', plaintext: genuine ? plaintext : null }
}

const manner = fc.constantFrom<Manner[]>('good', 'dead', 'empty', 'corrupt', 'longer', 'failing', 'busy', 'slow')
const piece = fc.uint8Array({ minLength: 1, maxLength: 40 })
const scene = fc.record({
  seed: fc.nat(),
  manners: fc.array(manner, { maxLength: 26, size: 'max' }),
  pieces: fc.array(piece, { maxLength: 12 }),
  diversity: fc.boolean(),
  order: fc.constantFrom<WriteOrder[]>('any', 'ascending'),
  fanOut: fc.constantFrom(Infinity, 3, 5),
})
const good = (count: number): Manner[] => Array<Manner>(count).fill('good')

test('a finished download is byte-identical, whatever its peers do; another one has failed', () => {
  fc.assert(
    fc.property(scene, (scene) => {
      const play = new Play(scene)
      const end = play.end
      assert.ok(end !== null)
      if (scene.order === 'ascending') assert.ok(play.isPrefix(), 'a stream is never wrong, only cut short')
      if (end.kind === 'failed') return assert.match(end.code, /^CHUNK_(NOT_FOUND|CORRUPT)$/)
      assert.deepEqual(play.written, play.file)
      assert.equal(end.bytes, play.file.length)
      assert.equal(end.chunks, scene.pieces.length)
      assert.deepEqual(end.asked, play.asked)
    }),
    { numRuns: 400 },
  )
})

test('one good peer among the 20 closest is enough', () => {
  fc.assert(
    fc.property(scene, fc.nat(), (scene, place) => {
      const manners = scene.manners.slice(0, 19)
      manners.splice(place % (manners.length + 1), 0, 'good')
      assert.equal(new Play({ ...scene, manners }).end?.kind, 'finished')
    }),
  )
})

test('good peers are asked for each chunk once, the nearest first', () => {
  const pieces = Array.from({ length: 10 }, (_, i) => new Uint8Array(9).fill(i))
  const play = new Play({ seed: 1, manners: good(10), pieces })
  assert.equal(play.end?.kind, 'finished')
  assert.equal(play.gets, 11)
})

test('equal chunks are fetched once and written at every place', () => {
  const zeros = new Uint8Array(1000)
  const pieces = [zeros, new Uint8Array([1, 2, 3]), ...Array<Uint8Array>(30).fill(zeros)]
  const play = new Play({ seed: 2, manners: good(7), pieces })
  assert.ok(play.end?.kind === 'finished')
  assert.equal(play.gets, 3)
  assert.equal(play.end.chunks, 32)
  assert.deepEqual(play.written, play.file)
})

test('in order, only a run of equal chunks is fetched once', () => {
  const zeros = new Uint8Array(1000)
  const pieces = [zeros, new Uint8Array([1, 2, 3]), ...Array<Uint8Array>(30).fill(zeros)]
  const play = new Play({ seed: 2, manners: good(7), pieces, order: 'ascending' })
  assert.ok(play.end?.kind === 'finished')
  assert.equal(play.gets, 4)
  assert.deepEqual([play.end.chunks, play.end.bytes], [32, 31_003])
  assert.deepEqual(play.written, play.file)
})

test('a file of four levels of maps comes back whole', () => {
  const pieces = Array.from({ length: 81 }, (_, i) => new Uint8Array(1 + (i % 7)).fill(i))
  for (const order of ['any', 'ascending'] as const) {
    const play = new Play({ seed: 7, manners: good(7), pieces, fanOut: 3, order })
    assert.ok(play.end?.kind === 'finished')
    assert.deepEqual(play.written, play.file)
    assert.equal(play.end.chunks, 81)
    assert.equal(play.gets, 81 + 27 + 9 + 3 + 1)
  }
})

test('maps nested deeper than four levels, of a wrong level, size or context, or empty, are corrupt', () => {
  const pieces = Array.from({ length: 9 }, (_, i) => new Uint8Array([i]))
  const forgeries: ((map: DataMap) => DataMap)[] = [
    (map) => (map.level === 1 ? { ...map, level: 2 } : map),
    (map) => (map.level === 0 ? { ...map, level: 1 } : map),
    (map) => (map.level === 0 ? { ...map, context: new Uint8Array(32).fill(map.entries[0]?.address[0] ?? 0) } : map),
    (map) => (map.level === 0 ? { ...map, size: 2, entries: map.entries.slice(0, 2) } : map),
    (map) => (map.level === 0 ? { ...map, size: 0, entries: [] } : map),
  ]
  for (const order of ['any', 'ascending'] as const) {
    for (const [i, forge] of forgeries.entries()) {
      const play = new Play({ seed: 5, manners: good(4), pieces, fanOut: 3, forge, order })
      assert.ok(play.end?.kind === 'failed', `forgery ${i}`)
      assert.equal(play.end.code, 'CHUNK_CORRUPT')
      assert.ok(order === 'any' || play.isPrefix())
    }
  }
  const deep = new Play({ seed: 5, manners: good(4), pieces: [...pieces, ...pieces], fanOut: 2 })
  assert.ok(deep.end?.kind === 'failed')
  assert.equal(deep.end.code, 'CHUNK_CORRUPT')
})

test('an empty file is finished with its map alone', () => {
  const play = new Play({ seed: 3, manners: good(3), pieces: [] })
  assert.ok(play.end?.kind === 'finished')
  assert.deepEqual([play.end.bytes, play.end.chunks, play.gets], [0, 0, 1])
})

test('peers that have nothing make the chunk not found, peers that give wrong bytes make it corrupt', () => {
  const pieces = [new Uint8Array([1])]
  const absent = new Play({ seed: 4, manners: Array<Manner>(9).fill('empty'), pieces })
  assert.ok(absent.end?.kind === 'failed')
  assert.equal(absent.end.code, 'CHUNK_NOT_FOUND')
  assert.match(absent.end.detail, /9 × absent/)
  const corrupt = new Play({ seed: 4, manners: ['empty', 'corrupt', 'dead'], pieces })
  assert.ok(corrupt.end?.kind === 'failed')
  assert.equal(corrupt.end.code, 'CHUNK_CORRUPT')
  const nobody = new Play({ seed: 4, manners: [], pieces })
  assert.ok(nobody.end?.kind === 'failed')
  assert.equal(nobody.end.code, 'CHUNK_NOT_FOUND')
})

test('a map that is none, or that says a wrong size, is corrupt', () => {
  const pieces = [new Uint8Array([1, 2, 3, 4]), new Uint8Array([5, 6, 7, 8])]
  const entries = (map: DataMap, sizes: readonly number[]): DataMap => ({
    ...map,
    entries: map.entries.map((entry, i) => ({ ...entry, size: sizes[i] ?? 0 })),
  })
  for (const forge of [
    (map: DataMap): DataMap => ({ ...map, size: 9 }),
    (map: DataMap): DataMap => entries(map, [3, 5]),
    (map: DataMap): DataMap => entries(map, [0, 8]),
  ]) {
    const play = new Play({ seed: 5, manners: good(4), pieces, forge })
    assert.ok(play.end?.kind === 'failed')
    assert.equal(play.end.code, 'CHUNK_CORRUPT')
  }
})

test('a peer that is silent does not hold up a chunk longer than the hedge', () => {
  const play = new Play({ seed: 6, manners: ['dead', 'good'], pieces: [new Uint8Array([1])] })
  assert.equal(play.end?.kind, 'finished')
  assert.ok(play.agenda.now < 2 * DOWNLOAD_LIMITS.hedgeMs + 5_000)
})
