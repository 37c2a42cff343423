import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PLAINTEXT_BYTES_MAX } from '../../../src/core/chunks/chunk.ts'
import { pieceCount } from '../../../src/core/chunks/cutter.ts'
import { decodeDataMap } from '../../../src/core/chunks/data-map.ts'
import { parseLink } from '../../../src/core/chunks/link.ts'
import type { UploadLimits } from '../../../src/core/chunks/upload-outputs.ts'
import { Upload } from '../../../src/core/chunks/upload.ts'
import { chunkAddressOf } from '../../../src/core/ids.ts'
import type { ChunkAddress } from '../../../src/core/ids.ts'
import { Play, sha } from './played-upload.ts'
import type { Manner, Scene } from './played-upload.ts'

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
  assert.deepEqual(rest, { kind: 'finished', bytes: 20_000_000, chunks: 5, holders: 7, stored: 42, resumed: 0 })
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
