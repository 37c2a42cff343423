import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode } from 'cborg'
import fc from 'fast-check'
import { PLAINTEXT_BYTES_MAX } from '../../../src/core/chunks/chunk.ts'
import type { ChunkEntry } from '../../../src/core/chunks/chunk.ts'
import { pieceAt, pieceCount } from '../../../src/core/chunks/cutter.ts'
import { LEVEL_MAX, decodeDataMap, encodeDataMap, entriesMax } from '../../../src/core/chunks/data-map.ts'
import type { DataMap } from '../../../src/core/chunks/data-map.ts'
import { chunkRuns, distinctChunks } from '../../../src/core/chunks/placed-chunks.ts'

const id = fc.uint8Array({ minLength: 32, maxLength: 32 })
const entryOf = (level: number): fc.Arbitrary<ChunkEntry> => {
  const size = fc.integer({ min: 1, max: level === 0 ? PLAINTEXT_BYTES_MAX : 2 ** 44 })
  return fc.record({ address: id, contentHash: id, size }).map((entry) => ({ ...entry }))
}
const dataMap = fc.integer({ min: 0, max: LEVEL_MAX }).chain((level) =>
  fc
    .record({ context: id, entries: fc.array(entryOf(level), { minLength: Math.min(level, 1), maxLength: 30 }) })
    .map(({ context, entries }): DataMap => ({
      size: entries.reduce((sum, { size }) => sum + size, 0),
      context,
      level,
      entries,
    })),
)

const asCbor = (map: DataMap, level = map.level): Map<number, unknown> =>
  new Map<number, unknown>([
    [1, 1],
    [2, map.size],
    [3, map.context],
    [4, level],
    [5, map.entries.map(({ address, contentHash, size }) => [address, contentHash, size])],
  ])

test('a data map that was written is read as the same', () => {
  fc.assert(fc.property(dataMap, (map) => assert.deepEqual(decodeDataMap(encodeDataMap(map)), map)))
})

test('a data map is the CBOR that a general encoder writes', () => {
  fc.assert(
    fc.property(dataMap, (map) => {
      const bytes = encodeDataMap(map)
      assert.deepEqual(bytes, Uint8Array.from(encode(asCbor(map))))
      assert.deepEqual(decode(bytes, { useMaps: true }), asCbor(map))
    }),
  )
})

test('garbage and altered maps are refused or read as another map in its one form, and never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => assert.equal(decodeDataMap(bytes), null)))
  fc.assert(
    fc.property(dataMap, fc.nat(), fc.integer({ min: 1, max: 255 }), (map, place, change) => {
      const bytes = encodeDataMap(map)
      bytes[place % bytes.length]! ^= change
      const read = decodeDataMap(bytes)
      if (read !== null) assert.deepEqual(encodeDataMap(read), bytes)
    }),
  )
})

test('a map cut short, with bytes behind it, too deep or with wrong sums is refused', () => {
  fc.assert(
    fc.property(dataMap, fc.nat(), (map, cut) => {
      const bytes = encodeDataMap(map)
      assert.equal(decodeDataMap(bytes.subarray(0, cut % bytes.length)), null)
      assert.equal(decodeDataMap(Uint8Array.from([...bytes, 0])), null)
      assert.equal(decodeDataMap(encode(asCbor(map, LEVEL_MAX + 1))), null)
      assert.equal(decodeDataMap(encodeDataMap({ ...map, level: 1, size: 0, entries: [] })), null)
      assert.equal(decodeDataMap(encodeDataMap({ ...map, size: map.size + 1 })), null)
    }),
  )
})

test('a count of entries that the bytes cannot hold costs nothing', () => {
  const bytes = encode(asCbor({ size: 0, context: new Uint8Array(32), level: 0, entries: [] }))
  const claimed = Uint8Array.from([...bytes.subarray(0, -1), 0x9a, 0xff, 0xff, 0xff, 0xff])
  assert.equal(decodeDataMap(claimed), null)
})

test('the largest map of each level fits one chunk, and one entry more is refused', () => {
  for (const [level, size] of [PLAINTEXT_BYTES_MAX, 2 ** 37, 2 ** 37].entries()) {
    const entry = { address: new Uint8Array(32), contentHash: new Uint8Array(32), size }
    const full = Array.from({ length: entriesMax(level) }, () => entry)
    const of = (entries: readonly ChunkEntry[]): Uint8Array =>
      encodeDataMap({ size: entries.length * size, context: new Uint8Array(32), level, entries })
    const bytes = of(full)
    assert.ok(bytes.length <= PLAINTEXT_BYTES_MAX)
    assert.ok(bytes.length > PLAINTEXT_BYTES_MAX - 256)
    assert.equal(decodeDataMap(bytes)?.entries.length, full.length)
    assert.equal(decodeDataMap(of([...full, entry])), null)
  }
})

test('an entry of a chunk is no larger than a chunk, and one of a map may be', () => {
  const entry = { address: new Uint8Array(32), contentHash: new Uint8Array(32), size: PLAINTEXT_BYTES_MAX + 1 }
  const map = { size: entry.size, context: new Uint8Array(32), level: 0, entries: [entry] }
  assert.equal(decodeDataMap(encodeDataMap(map)), null)
  assert.notEqual(decodeDataMap(encodeDataMap({ ...map, level: 1 })), null)
})

test('equal chunks are one chunk with every place it belongs to', () => {
  const one = { address: new Uint8Array(32).fill(1), contentHash: new Uint8Array(32).fill(3), size: 10 }
  const two = { address: new Uint8Array(32).fill(2), contentHash: new Uint8Array(32).fill(4), size: 5 }
  const map = { size: 35, context: new Uint8Array(32), level: 0, entries: [one, two, one, one] }
  const chunks = distinctChunks(map, 100)
  assert.deepEqual(
    chunks?.map(({ offsets }) => offsets),
    [[100, 115, 125], [110]],
  )
  assert.equal(distinctChunks({ ...map, entries: [one, { ...one, size: 5 }] }, 0), null)
  assert.equal(distinctChunks({ ...map, entries: [one, { ...one, contentHash: two.contentHash }] }, 0), null)
  assert.deepEqual(
    chunkRuns(map, 100).map(({ offsets }) => offsets),
    [[100], [110], [115, 125]],
  )
  assert.equal(chunkRuns({ ...map, entries: [one, { ...one, size: 5 }] }, 0).length, 2)
})

test('pieces cover a file without gaps; 20 MB are 5 pieces and nothing is none', () => {
  assert.equal(pieceCount(20_000_000), 5)
  assert.equal(pieceCount(0), 0)
  assert.equal(pieceCount(1), 1)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 * PLAINTEXT_BYTES_MAX }), (size) => {
      let at = 0
      for (let i = 0; i < pieceCount(size); i++) {
        const piece = pieceAt(size, i)
        assert.equal(piece.offset, at)
        assert.ok(piece.size > 0 && piece.size <= PLAINTEXT_BYTES_MAX)
        at += piece.size
      }
      assert.equal(at, size)
    }),
  )
})
