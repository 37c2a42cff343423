import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { PLAINTEXT_BYTES_MAX } from '../../../src/core/chunks/chunk.ts'
import type { Candidate } from '../../../src/core/chunks/closeness.ts'
import { pieceCount } from '../../../src/core/chunks/cutter.ts'
import { decodeDataMap } from '../../../src/core/chunks/data-map.ts'
import { parseLink } from '../../../src/core/chunks/link.ts'
import type { PutAnswer } from '../../../src/core/chunks/placement.ts'
import { UPLOAD_LIMITS } from '../../../src/core/chunks/upload-outputs.ts'
import type { UploadLimits, UploadOutput } from '../../../src/core/chunks/upload-outputs.ts'
import { Upload } from '../../../src/core/chunks/upload.ts'
import { chunkAddressOf, peerIdOf } from '../../../src/core/ids.ts'
import type { ChunkAddress, PeerId } from '../../../src/core/ids.ts'
import type { Work, WorkDone } from '../../../src/core/ports.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { Agenda } from './agenda.ts'

type Manner = 'good' | 'dead' | 'refusing' | 'failing' | 'busy' | 'slow' | 'lying'

interface Peer {
  readonly id: PeerId
  readonly manner: Manner
  readonly holds: Set<ChunkAddress>
  puts: number
}

interface Scene {
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
  readonly limits?: Partial<UploadLimits>
}

const sha = (bytes: Uint8Array): Uint8Array => Uint8Array.from(createHash('sha256').update(bytes).digest())
const ALL = new Uint8Array(PLAINTEXT_BYTES_MAX)

/** Plays a whole upload against peers of given manners; checks the bounds after every input. */
class Play {
  readonly random: SeededRandom
  readonly agenda: Agenda
  readonly peers: Peer[]
  readonly upload: Upload
  readonly sealed = new Set<ChunkAddress>()
  readonly progress: number[] = []
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
    this.upload = new Upload({ size, allowFewer: scene.allowFewer ?? false, limits: this.limits }, 0)
    this.#drain()
    for (let steps = 0; this.end === null; steps++) {
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

  #seal(work: Work): WorkDone {
    assert.ok(work.kind === 'seal-chunk')
    const isMap = work.id < 0
    if (isMap) this.map = Uint8Array.from(work.plaintext)
    const content = this.scene.content?.(work.id) ?? work.id
    const stored = isMap ? sha(work.plaintext) : new Uint8Array([1, content])
    const address = sha(stored)
    this.sealed.add(chunkAddressOf(address))
    if (isMap) this.maps.set(chunkAddressOf(address), Uint8Array.from(work.plaintext))
    return { id: work.id, kind: 'seal-chunk', stored, address, contentHash: sha(address) }
  }
}

const manner = fc.constantFrom<Manner[]>('good', 'dead', 'refusing', 'failing', 'busy', 'slow', 'lying')
const scene = fc.record({
  seed: fc.nat(),
  manners: fc.array(manner, { maxLength: 30, size: 'max' }),
  size: fc.integer({ min: 0, max: 9 * PLAINTEXT_BYTES_MAX }),
  diversity: fc.boolean(),
  allowFewer: fc.boolean(),
  stream: fc.boolean(),
  limits: fc.constantFrom<Partial<UploadLimits>[]>(
    {},
    { piecesMax: 8, putsMax: 5, putsPerPeerMax: 2, asksMax: 3 },
    { mapEntriesMax: 2 },
    { mapEntriesMax: 3, piecesMax: 9 },
  ),
})

test('a finished upload has a quorum of distinct holders for every chunk, whatever its peers do; another one has failed', () => {
  fc.assert(
    fc.property(scene, (scene) => {
      const play = new Play(scene)
      const end = play.end
      if (end?.kind === 'failed') {
        assert.equal(end.code, 'NOT_ENOUGH_HOLDERS')
        assert.match(end.detail, /^found \d of [14] holders needed for chunk [0-9a-f]{64}/)
        return
      }
      assert.ok(end !== null)
      const holders = [...play.sealed].map((address) => play.holders(address))
      assert.ok(Math.min(...holders) >= end.holders)
      assert.ok(end.holders >= (scene.allowFewer ? 1 : 4))
      assert.equal(end.chunks, pieceCount(scene.size))
      assert.equal(end.bytes, scene.size)
    }),
    { numRuns: 300 },
  )
})

test('an upload succeeds when enough of the close peers answer, however the others behave', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.array(manner, { maxLength: 13 }),
      fc.array(fc.nat(), { maxLength: 7 }),
      (seed, bad, places) => {
        const manners: Manner[] = [...bad]
        for (let i = 0; i < 7; i++) manners.splice((places[i] ?? 0) % (manners.length + 1), 0, 'good')
        const play = new Play({ seed, manners, size: 2 * PLAINTEXT_BYTES_MAX + 1 })
        assert.equal(play.end?.kind, 'finished')
      },
    ),
  )
})

test('twelve good peers hold 20 MB as 5 chunks with 7 holders each, and the link leads to a map of them', () => {
  const play = new Play({ seed: 1, manners: Array<Manner>(12).fill('good'), size: 20_000_000 })
  assert.ok(play.end?.kind === 'finished')
  const { link, ...rest } = play.end
  assert.deepEqual(rest, { kind: 'finished', bytes: 20_000_000, chunks: 5, holders: 7, stored: 42 })
  assert.deepEqual(
    [...play.sealed].map((address) => play.holders(address)),
    [7, 7, 7, 7, 7, 7],
  )
  assert.ok(play.map !== null)
  assert.equal(parseLink(link)?.address, chunkAddressOf(sha(sha(play.map))))
  const map = decodeDataMap(play.map)
  assert.equal(map?.size, 20_000_000)
  assert.equal(map.entries.length, 5)
  assert.deepEqual(play.progress.at(-1), 20_000_000)
})

test('uploading the same file again sends no byte and stores nothing', () => {
  const scene: Scene = { seed: 2, manners: Array<Manner>(12).fill('good'), size: 20_000_000 }
  const first = new Play(scene)
  const again = new Play({ ...scene, seed: 3 }, first.peers)
  assert.ok(first.end?.kind === 'finished' && again.end?.kind === 'finished')
  assert.deepEqual(again.end, { ...first.end, stored: 0 })
  assert.equal(again.bytesPut, 0)
})

test('equal chunks inside one file are put once', () => {
  const scene: Scene = {
    seed: 4,
    manners: Array<Manner>(9).fill('good'),
    size: 40 * PLAINTEXT_BYTES_MAX,
    content: () => 7,
  }
  const play = new Play(scene)
  assert.ok(play.end?.kind === 'finished')
  assert.equal(play.end.chunks, 40)
  assert.equal(play.end.stored, 14)
  assert.equal(
    play.peers.reduce((sum, { puts }) => sum + puts, 0),
    14,
  )
})

test('an empty file is a map without entries', () => {
  const play = new Play({ seed: 5, manners: Array<Manner>(9).fill('good'), size: 0 })
  assert.ok(play.end?.kind === 'finished' && play.map !== null)
  assert.deepEqual(decodeDataMap(play.map)?.entries, [])
  assert.equal(play.end.chunks, 0)
  assert.equal(play.end.holders, 7)
})

test('three holders are not enough, and are taken only when fewer are allowed', () => {
  const scene: Scene = { seed: 6, manners: ['good', 'good', 'good'], size: 1000 }
  const strict = new Play(scene)
  assert.ok(strict.end?.kind === 'failed')
  assert.equal(strict.end.code, 'NOT_ENOUGH_HOLDERS')
  assert.match(strict.end.detail, /found 3 of 4/)
  const lenient = new Play({ ...scene, allowFewer: true })
  assert.ok(lenient.end?.kind === 'finished')
  assert.equal(lenient.end.holders, 3)
})

test('with diversity at most two holders of a chunk lie in one network', () => {
  fc.assert(
    fc.property(fc.nat(), fc.array(manner, { minLength: 8, maxLength: 24 }), (seed, manners) => {
      const play = new Play({ seed, manners, size: 100, diversity: true })
      for (const address of play.sealed) {
        const networks = play.peers.flatMap(({ holds }, i) => (holds.has(address) ? [i >> 2] : []))
        for (const network of networks) {
          const within = networks.filter((other) => other === network).length
          // Slow ones may store after they were given up.
          if (!manners.includes('slow')) assert.ok(within <= 2)
        }
      }
    }),
  )
})

test('a piece that comes back short means that the file changed', () => {
  const scene: Scene = { seed: 7, manners: Array<Manner>(9).fill('good'), size: 20_000_000, short: 3 }
  const play = new Play(scene)
  assert.ok(play.end?.kind === 'failed')
  assert.equal(play.end.code, 'FILE_CHANGED')
})

/** The sizes and contents of all chunks that maps list, from the root down; the maps must be all there are. */
const listed = (play: Play, root: ChunkAddress): { addresses: ChunkAddress[]; sizes: number[]; levels: number } => {
  const seen = new Set<ChunkAddress>()
  const [addresses, sizes]: [ChunkAddress[], number[]] = [[], []]
  const visit = (address: ChunkAddress, size: number | null): number => {
    const map = decodeDataMap(play.maps.get(address) ?? new Uint8Array(0))
    assert.ok(map !== null && (size === null || map.size === size))
    seen.add(address)
    for (const entry of map.entries) {
      if (map.level > 0) visit(chunkAddressOf(entry.address), entry.size)
      else {
        addresses.push(chunkAddressOf(entry.address))
        sizes.push(entry.size)
      }
    }
    return map.level + 1
  }
  const levels = visit(root, null)
  assert.deepEqual(seen, new Set(play.maps.keys()))
  return { addresses, sizes, levels }
}

test('a file of more chunks than a map lists has maps of several levels, all of them placed, whether its size is known or not', () => {
  const limits = { mapEntriesMax: 3, piecesMax: 5 }
  for (const stream of [false, true]) {
    for (const [pieces, levels] of [
      [3, 1],
      [4, 2],
      [9, 2],
      [10, 3],
      [28, 4],
      [81, 4],
    ] as const) {
      const size = pieces * PLAINTEXT_BYTES_MAX - (stream && pieces % 2 === 0 ? 0 : 5)
      const play = new Play({ seed: pieces, manners: Array<Manner>(9).fill('good'), size, limits, stream })
      assert.ok(play.end?.kind === 'finished')
      assert.deepEqual([play.end.bytes, play.end.chunks], [size, pieces])
      const all = listed(play, parseLink(play.end.link)?.address ?? assert.fail())
      assert.equal(all.levels, levels, `${pieces} pieces`)
      const pieceAddress = (_: number, index: number): ChunkAddress => chunkAddressOf(sha(new Uint8Array([1, index])))
      assert.deepEqual(
        all.addresses,
        Array.from({ length: pieces }, (_, index) => pieceAddress(0, index)),
      )
      assert.equal(
        all.sizes.reduce((sum, one) => sum + one, 0),
        size,
      )
      for (const address of play.sealed) assert.equal(play.holders(address), 7)
    }
  }
})

test('a file of more chunks than maps of four levels list is too large', () => {
  const limits = { mapEntriesMax: 2 }
  const scene: Scene = { seed: 8, manners: Array<Manner>(9).fill('good'), size: 16 * PLAINTEXT_BYTES_MAX, limits }
  assert.equal(new Play(scene).end?.kind, 'finished')
  const play = new Play({ ...scene, size: scene.size + 1 })
  assert.ok(play.end?.kind === 'failed')
  assert.equal(play.end.code, 'TOO_LARGE')
})

test('a stream that ends at once is an empty file', () => {
  const play = new Play({ seed: 9, manners: Array<Manner>(9).fill('good'), size: 0, stream: true })
  assert.ok(play.end?.kind === 'finished' && play.map !== null)
  assert.deepEqual(decodeDataMap(play.map)?.entries, [])
})

test('work that fails is a failure of the upload', () => {
  const upload = new Upload({ size: 10 }, 0)
  assert.equal(upload.poll()?.kind, 'read-piece')
  upload.piece(0, new Uint8Array(10), 1)
  assert.equal(upload.poll()?.kind, 'work')
  upload.done({ id: 0, kind: 'failed', reason: 'too much work is waiting' }, 2)
  const end = upload.poll()
  assert.ok(end?.kind === 'failed')
  assert.equal(end.code, 'INTERNAL')
})
