// A data map lists a file's chunks in order, or, at a level above 0, the maps of the level below that list them. It is the CBOR map
// { 1 version, 2 size, 3 context, 4 level, 5 [[address, hash, size] …] } in its one deterministic form (RFC 8949 section 4.2.1), sealed
// and stored as a chunk itself, so it must fit one. The form is fixed, so it is read and written head by head: a stranger's map is
// checked before anything is allocated for it, and a large one costs a tenth of what a general decoder takes.
import { Reader, Writer } from '../bytes.ts'
import { ID_BYTES } from '../ids.ts'
import { PLAINTEXT_BYTES_MAX } from './chunk.ts'
import type { ChunkEntry } from './chunk.ts'
import { ARRAY, BYTES, MAP, UNSIGNED, readHead, readNumbers, writeBytes, writeHead, writeNumbers } from './heads.ts'

/**
 * Part of a file, in order; `size` is the sum of its entries' sizes. At level 0 the entries are chunks of the file, above it maps of the level
 * below, whose `size` is that of the part they stand for. `context` (32 bytes) opens the file's chunks; maps are sealed convergently.
 */
export interface DataMap {
  readonly size: number
  readonly context: Uint8Array
  /** 0 to LEVEL_MAX. */
  readonly level: number
  /** Bounded by `entriesMax` of the level. */
  readonly entries: readonly ChunkEntry[]
}

/** Two full levels reach further than a size can say; two more are for maps of fewer entries than there is room for. */
export const LEVEL_MAX = 3

const VERSION = 1
/** Array head, two byte strings of 32 with their heads, and a size of up to 5 bytes, or 9 where it may be of more than a chunk. */
const entryBytes = (level: number): number => 1 + 2 * (2 + ID_BYTES) + (level === 0 ? 5 : 9)
/** Everything but the entries, with every integer at its longest. */
const FRAME_BYTES = 64

/** Entries of a data map that fits one chunk whatever their sizes: 56,678 at level 0, 53,772 above. */
export const entriesMax = (level: number): number => Math.floor((PLAINTEXT_BYTES_MAX - FRAME_BYTES) / entryBytes(level))

/** What an entry can stand for at most: a chunk, or above level 0 any part of a file. */
const entrySizeMax = (level: number): number => (level === 0 ? PLAINTEXT_BYTES_MAX : Number.MAX_SAFE_INTEGER)

/** The CBOR bytes of a data map, at most 4 MiB. */
export const encodeDataMap = (map: DataMap): Uint8Array => {
  const writer = new Writer(new Uint8Array(FRAME_BYTES + map.entries.length * entryBytes(map.level)))
  writeHead(writer, MAP, 5)
  writeNumbers(writer, 1, VERSION, 2, map.size, 3)
  writeBytes(writer, map.context)
  writeNumbers(writer, 4, map.level, 5)
  writeHead(writer, ARRAY, map.entries.length)
  for (const entry of map.entries) {
    writeHead(writer, ARRAY, 3)
    writeBytes(writer, entry.address)
    writeBytes(writer, entry.contentHash)
    writeNumbers(writer, entry.size)
  }
  // In memory of its own, so that it can be handed to a worker whole.
  return writer.written().slice()
}

/**
 * What a data map says, as views of `plaintext`; null unless it is exactly what `encodeDataMap` writes and its sums are right. One without
 * entries is an empty file's and of level 0.
 */
export const decodeDataMap = (plaintext: Uint8Array): DataMap | null => {
  const reader = new Reader(plaintext)
  if (readHead(reader, MAP) !== 5) return null
  if (!readNumbers(reader, 1, VERSION, 2)) return null
  const size = readHead(reader, UNSIGNED)
  if (!readNumbers(reader, 3)) return null
  const context = readBytes(reader)
  if (!readNumbers(reader, 4)) return null
  const level = readHead(reader, UNSIGNED)
  if (level < 0 || level > LEVEL_MAX || !readNumbers(reader, 5)) return null
  const count = readHead(reader, ARRAY)
  if (size < 0 || context === null || count < Math.min(level, 1) || count > entriesMax(level)) return null
  const entries = readEntries(reader, count, level)
  if (entries === null || reader.failed || reader.remaining > 0 || sumOf(entries) !== size) return null
  return { size, context, level, entries }
}

const readEntries = (reader: Reader, count: number, level: number): ChunkEntry[] | null => {
  const sizeMax = entrySizeMax(level)
  const entries: ChunkEntry[] = []
  for (let i = 0; i < count; i++) {
    if (readHead(reader, ARRAY) !== 3) return null
    const address = readBytes(reader)
    const contentHash = readBytes(reader)
    const size = readHead(reader, UNSIGNED)
    if (address === null || contentHash === null || size < 1 || size > sizeMax) return null
    entries.push({ address, contentHash, size })
  }
  return entries
}

const sumOf = (entries: readonly ChunkEntry[]): number => entries.reduce((sum, entry) => sum + entry.size, 0)

const readBytes = (reader: Reader): Uint8Array | null =>
  readHead(reader, BYTES) === ID_BYTES && reader.remaining >= ID_BYTES ? reader.take(ID_BYTES) : null
