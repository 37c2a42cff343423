// A data map lists a file's chunks in order. It is the CBOR map { 1 version, 2 size, 3 context, 4 level, 5 [[address, hash, size] …] }
// in its one deterministic form (RFC 8949 section 4.2.1), sealed and stored as a chunk itself. It has one level for now, so it must
// fit one chunk. The form is fixed, so it is read and written head by head: a stranger's map is checked before anything is allocated
// for it, and a large one costs a tenth of what a general decoder takes.
import { Reader, Writer, toHex } from '../bytes.ts'
import { ID_BYTES } from '../ids.ts'
import { PLAINTEXT_BYTES_MAX } from './chunk.ts'
import type { ChunkEntry } from './chunk.ts'

/** A file's chunks in order; `size` is the sum of theirs. `context` (32 bytes) opens the chunks it lists, not the map itself. */
export interface DataMap {
  readonly size: number
  readonly context: Uint8Array
  /** Bounded by ENTRIES_MAX. */
  readonly entries: readonly ChunkEntry[]
}

const VERSION = 1
const LEVEL = 0
/** Array head, two byte strings of 32 with their heads, and a size of up to 5 bytes. */
const ENTRY_BYTES = 1 + 2 * (2 + ID_BYTES) + 5
/** Everything but the entries, with every integer at its longest. */
const FRAME_BYTES = 64

/** Entries of a data map that fits one chunk whatever their sizes: 56,678. */
export const ENTRIES_MAX = Math.floor((PLAINTEXT_BYTES_MAX - FRAME_BYTES) / ENTRY_BYTES)

const UNSIGNED = 0
const BYTES = 2
const ARRAY = 4
const MAP = 5

/** The CBOR bytes of a data map, at most 4 MiB. */
export const encodeDataMap = (map: DataMap): Uint8Array => {
  const writer = new Writer(new Uint8Array(FRAME_BYTES + map.entries.length * ENTRY_BYTES))
  head(writer, MAP, 5)
  numbers(writer, 1, VERSION, 2, map.size, 3)
  bytes(writer, map.context)
  numbers(writer, 4, LEVEL, 5)
  head(writer, ARRAY, map.entries.length)
  for (const entry of map.entries) {
    head(writer, ARRAY, 3)
    bytes(writer, entry.address)
    bytes(writer, entry.contentHash)
    numbers(writer, entry.size)
  }
  return writer.written()
}

/** What a data map says, as views of `plaintext`; null unless it is exactly what `encodeDataMap` writes and its sums are right. */
export const decodeDataMap = (plaintext: Uint8Array): DataMap | null => {
  const reader = new Reader(plaintext)
  if (readHead(reader, MAP) !== 5) return null
  if (!expect(reader, 1, VERSION, 2)) return null
  const size = readHead(reader, UNSIGNED)
  if (!expect(reader, 3)) return null
  const context = readBytes(reader)
  if (!expect(reader, 4, LEVEL, 5)) return null
  const count = readHead(reader, ARRAY)
  if (size < 0 || context === null || count < 0 || count > ENTRIES_MAX) return null
  const entries = readEntries(reader, count)
  if (entries === null || reader.failed || reader.remaining > 0 || sumOf(entries) !== size) return null
  return { size, context, entries }
}

/** One chunk of a file and every place it belongs, in ascending order. */
export interface PlacedChunk {
  readonly entry: ChunkEntry
  /** Bounded by ENTRIES_MAX over a whole file. */
  readonly offsets: number[]
}

/** The distinct chunks of a map in order of first use, or null when one address is given two meanings. */
export const distinctChunks = (map: DataMap): PlacedChunk[] | null => {
  const chunks = new Map<string, PlacedChunk>()
  let offset = 0
  for (const entry of map.entries) {
    const key = toHex(entry.address)
    const known = chunks.get(key)
    if (known === undefined) chunks.set(key, { entry, offsets: [offset] })
    else if (known.entry.size !== entry.size || toHex(known.entry.contentHash) !== toHex(entry.contentHash)) return null
    else known.offsets.push(offset)
    offset += entry.size
  }
  return [...chunks.values()]
}

const readEntries = (reader: Reader, count: number): ChunkEntry[] | null => {
  const entries: ChunkEntry[] = []
  for (let i = 0; i < count; i++) {
    if (readHead(reader, ARRAY) !== 3) return null
    const address = readBytes(reader)
    const contentHash = readBytes(reader)
    const size = readHead(reader, UNSIGNED)
    if (address === null || contentHash === null || size < 1 || size > PLAINTEXT_BYTES_MAX) return null
    entries.push({ address, contentHash, size })
  }
  return entries
}

const sumOf = (entries: readonly ChunkEntry[]): number => entries.reduce((sum, entry) => sum + entry.size, 0)

const expect = (reader: Reader, ...values: readonly number[]): boolean =>
  values.every((value) => readHead(reader, UNSIGNED) === value)

const numbers = (writer: Writer, ...values: readonly number[]): void => {
  for (const value of values) head(writer, UNSIGNED, value)
}

const bytes = (writer: Writer, value: Uint8Array): void => {
  head(writer, BYTES, value.length)
  writer.put(value)
}

const readBytes = (reader: Reader): Uint8Array | null =>
  readHead(reader, BYTES) === ID_BYTES && reader.remaining >= ID_BYTES ? reader.take(ID_BYTES) : null

/** How an argument of each length is announced, and the least value that needs that length. */
const LENGTHS: readonly { readonly info: number; readonly size: number; readonly least: number }[] = [
  { info: 24, size: 1, least: 24 },
  { info: 25, size: 2, least: 0x100 },
  { info: 26, size: 4, least: 0x1_0000 },
  { info: 27, size: 8, least: 0x1_0000_0000 },
]

const head = (writer: Writer, major: number, value: number): void => {
  const length = LENGTHS.findLast((length) => value >= length.least)
  writer.u8((major << 5) | (length === undefined ? value : length.info))
  if (length !== undefined) writer.uint(value, length.size)
}

/** The argument of a head of that major type in its shortest form, or -1. */
const readHead = (reader: Reader, major: number): number => {
  const first = reader.u8()
  if (reader.failed || first >> 5 !== major) return -1
  const info = first & 31
  if (info < 24) return info
  const length = LENGTHS[info - 24]
  if (length === undefined) return -1
  const value = length.size === 8 ? reader.u32() * 0x1_0000_0000 + reader.u32() : reader.uint(length.size)
  return reader.failed || value < length.least || value > Number.MAX_SAFE_INTEGER ? -1 : value
}
