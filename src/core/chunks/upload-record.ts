// What is written down of an upload while it goes on, so that one that was interrupted can continue: which context its chunks are
// sealed with, and of each chunk that was placed its entry and some of its holders. Every part carries a checksum, so that a file that was cut
// short, or written to while the power went, ends with the last part that is whole.
//
//   header  "sallyport upload 1\n" ‖ context (32) ‖ begun (8, wall time in ms) ‖ check (8)
//   record  index (6) ‖ size (4) ‖ address (32) ‖ hash (32) ‖ holders (4 × 32, zeros for none) ‖ check (8)
import { Reader, Writer, ascii, concat, sameBytes } from '../bytes.ts'
import { ID_BYTES, idBytes, peerIdOf } from '../ids.ts'
import type { PeerId } from '../ids.ts'
import type { Crypto } from '../ports.ts'
import { PLAINTEXT_BYTES_MAX } from './chunk.ts'
import type { ChunkEntry } from './chunk.ts'

/** A chunk that was placed: its index in the file, its entry, and peers that held it then. */
export interface PlacedRecord {
  readonly index: number
  readonly entry: ChunkEntry
  /** HOLDERS_RECORDED are written down. */
  readonly holders: readonly PeerId[]
}

/** What an upload begins its record with. */
export interface UploadHeader {
  readonly context: Uint8Array
  /** Wall time in whole milliseconds. */
  readonly begunMs: number
}

/** What could be read of a record. */
export interface UploadRecord extends UploadHeader {
  readonly placed: readonly PlacedRecord[]
}

const MAGIC = ascii('sallyport upload 1\n')
/** Holders of a chunk that are written down at most. */
export const HOLDERS_RECORDED = 4
const CHECK_BYTES = 8
const TIME_BYTES = 8
/** Bytes of the header. */
export const HEADER_BYTES = MAGIC.length + ID_BYTES + TIME_BYTES + CHECK_BYTES
/** Bytes of each record. */
export const RECORD_BYTES = 6 + 4 + (2 + HOLDERS_RECORDED) * ID_BYTES + CHECK_BYTES

/** Bytes of a record file that are looked at: those of a file of 1 TB. */
export const RECORD_FILE_BYTES_MAX = HEADER_BYTES + 262_144 * RECORD_BYTES

const NOBODY = new Uint8Array(ID_BYTES)

/** The header's bytes. */
export const encodeUploadHeader = (crypto: Crypto, { context, begunMs }: UploadHeader): Uint8Array => {
  const writer = new Writer(new Uint8Array(HEADER_BYTES - CHECK_BYTES))
  writer.put(MAGIC)
  writer.put(context)
  writer.uint(begunMs, TIME_BYTES)
  return checked(crypto, writer.written(), MAGIC)
}

/** The bytes of one record of an upload with that context. */
export const encodePlacedRecord = (crypto: Crypto, context: Uint8Array, record: PlacedRecord): Uint8Array => {
  const writer = new Writer(new Uint8Array(RECORD_BYTES - CHECK_BYTES))
  writer.uint(record.index, 6)
  writer.uint(record.entry.size, 4)
  writer.put(record.entry.address)
  writer.put(record.entry.contentHash)
  for (let i = 0; i < HOLDERS_RECORDED; i++) {
    const holder = record.holders[i]
    writer.put(holder === undefined ? NOBODY : idBytes(holder))
  }
  return checked(crypto, writer.written(), context)
}

/** What a record file says, up to the first part that is not whole; null when not even its header is. Never throws. */
export const decodeUploadRecord = (crypto: Crypto, bytes: Uint8Array): UploadRecord | null => {
  const reader = new Reader(bytes.subarray(0, RECORD_FILE_BYTES_MAX))
  const header = takeChecked(crypto, reader, HEADER_BYTES, MAGIC)
  if (header === null || !sameBytes(header.take(MAGIC.length), MAGIC)) return null
  const context = header.take(ID_BYTES).slice()
  const begunMs = header.u32() * 2 ** 32 + header.u32()
  const placed: PlacedRecord[] = []
  for (;;) {
    const part = takeChecked(crypto, reader, RECORD_BYTES, context)
    const record = part === null ? null : readRecord(part)
    if (record === null) return { context, begunMs, placed }
    placed.push(record)
  }
}

const readRecord = (reader: Reader): PlacedRecord | null => {
  const index = reader.uint(6)
  const size = reader.u32()
  const entry = { address: reader.take(ID_BYTES).slice(), contentHash: reader.take(ID_BYTES).slice(), size }
  const holders = Array.from({ length: HOLDERS_RECORDED }, () => reader.take(ID_BYTES)).filter(
    (id) => !sameBytes(id, NOBODY),
  )
  if (reader.failed || size < 1 || size > PLAINTEXT_BYTES_MAX) return null
  return { index, entry, holders: holders.map(peerIdOf) }
}

const checked = (crypto: Crypto, part: Uint8Array, salt: Uint8Array): Uint8Array =>
  concat(part, checkOf(crypto, part, salt))

const takeChecked = (crypto: Crypto, reader: Reader, size: number, salt: Uint8Array): Reader | null => {
  if (reader.remaining < size) return null
  const part = reader.take(size - CHECK_BYTES)
  return sameBytes(reader.take(CHECK_BYTES), checkOf(crypto, part, salt)) ? new Reader(part) : null
}

/** The salt keeps records of one upload from being taken for another's. */
const checkOf = (crypto: Crypto, part: Uint8Array, salt: Uint8Array): Uint8Array =>
  crypto.hash('blake3', concat(salt, part)).subarray(0, CHECK_BYTES)
