// Mutations of bytes as plain data: a seed draws edits, edits are applied to whatever bytes stand there. An edit is four numbers taken modulo
// what it meets, so that it means something for any bytes, can be written into a corpus, and still does nearly the same when what it is
// applied to has changed.
import { Writer } from '../../src/core/bytes.ts'
import type { SeededRandom } from './seeded-random.ts'

/** What an edit does; the comment of each case of `apply` says how. */
const OPERATIONS = [
  'flip',
  'set',
  'cut',
  'grow',
  'remove',
  'repeat',
  'swap',
  'splice',
  'varint',
  'length',
  'count',
] as const

export type Edit = {
  readonly op: (typeof OPERATIONS)[number]
  /** Where, modulo the length. */
  readonly at: number
  /** How many bytes, or how wide an integer. */
  readonly size: number
  /** What is put there. */
  readonly value: number
}

/** Bytes at which decoders change their minds. */
const BYTES = [0, 1, 2, 3, 4, 7, 8, 0x0f, 0x10, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xf4, 0xfe, 0xff]

/** Integers at which something changes: ends of encodings, of counts of streams, of what a number holds. */
export const EDGES = [
  0, 1, 2, 3, 4, 19, 20, 21, 63, 64, 127, 128, 255, 256, 1199, 1200, 16_383, 16_384, 65_535, 65_536,
  2 ** 24 - 1, 2 ** 30 - 1, 2 ** 30, 2 ** 32 - 1, 2 ** 53 - 2, 2 ** 53 - 1, 2 ** 60,
] // prettier-ignore

/** Copied or inserted at once at most. */
const PIECE_MAX = 64

/** Draws one edit; one in two is near the beginning, where headers are. */
const drawEdit = (random: SeededRandom): Edit => ({
  op: random.pick(OPERATIONS),
  at: random.below(2) === 0 ? random.below(32) : random.below(65_536),
  size: random.below(4) === 0 ? random.below(PIECE_MAX) : random.below(8),
  value: random.below(65_536),
})

/** One to six edits, mostly one or two. */
export const drawEdits = (random: SeededRandom): readonly Edit[] =>
  Array.from({ length: 1 + Math.floor(6 * random.fraction() ** 3) }, () => drawEdit(random))

/** The bytes with all edits applied in turn, at most `max` of them; `donors` are what pieces are taken from. The given bytes stay. */
export const mutated = (
  bytes: Uint8Array,
  edits: readonly Edit[],
  { donors = [bytes], max = 65_507 }: { readonly donors?: readonly Uint8Array[]; readonly max?: number } = {},
): Uint8Array => {
  let result = Uint8Array.from(bytes)
  for (const edit of edits) result = apply(result, edit, donors).slice(0, max)
  return result
}

const apply = (bytes: Uint8Array<ArrayBuffer>, edit: Edit, donors: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const { op, size, value } = edit
  const at = edit.at % Math.max(1, bytes.length)
  switch (op) {
    case 'flip': // one bit
      if (bytes.length > 0) bytes[at]! ^= 1 << (value & 7)
      return bytes
    case 'set': // a byte of BYTES, or any
      if (bytes.length > 0) bytes[at] = size % 2 === 0 ? BYTES[value % BYTES.length]! : value & 0xff
      return bytes
    case 'cut': // the end is lost
      return bytes.slice(0, at)
    case 'grow': // a run of one byte comes in
      return replaced(bytes, { at, removed: 0 }, new Uint8Array(size).fill(value & 0xff))
    case 'remove': // a piece is lost
      return replaced(bytes, { at, removed: size }, EMPTY)
    case 'repeat': // a piece comes twice
      return replaced(bytes, { at, removed: 0 }, bytes.slice(at, at + size))
    case 'swap': // two neighbouring pieces change places
      return replaced(bytes, { at, removed: size }, EMPTY, bytes.slice(at, at + size))
    case 'splice': {
      // a piece of another input stands here
      const donor = donors[value % donors.length] ?? EMPTY
      const from = donor.length === 0 ? 0 : (value * 31 + edit.at) % donor.length
      return replaced(bytes, { at, removed: value % 2 === 0 ? size : 0 }, donor.slice(from, from + Math.max(size, 1)))
    }
    case 'varint': // an integer at its edge, as QUIC writes it, in place of the one that stands here or of `size` bytes
      return replaced(
        bytes,
        { at, removed: 1 << ((bytes[at] ?? 0) >> 6) },
        varintOf(EDGES[value % EDGES.length]!, size),
      )
    case 'length': // a length of one, two or three bytes says a little too much or too little
      return nudged(bytes, { at, width: 1 + (size % 3), by: (value % 9) - 4 })
    case 'count': {
      // an integer of fixed width at its edge
      const writer = new Writer()
      writer.uint(EDGES[value % EDGES.length]!, 1 + (size % 8))
      return replaced(bytes, { at, removed: 1 + (size % 8) }, writer.written())
    }
  }
}

const EMPTY = new Uint8Array(0)

/** Takes `removed` bytes out at `at`, puts `piece` there and `after` behind as many more. */
const replaced = (
  bytes: Uint8Array,
  { at, removed }: { at: number; removed: number },
  piece: Uint8Array,
  after = EMPTY,
): Uint8Array<ArrayBuffer> => {
  const rest = bytes.subarray(Math.min(bytes.length, at + removed))
  const step = Math.min(rest.length, after.length)
  return new Uint8Array(
    Buffer.concat([bytes.subarray(0, at), piece, rest.subarray(0, step), after, rest.subarray(step)]),
  )
}

/** An integer in its shortest form or, for every other `size`, in all eight bytes. */
const varintOf = (value: number, size: number): Uint8Array => {
  const writer = new Writer()
  if (size % 2 === 0) writer.varint(value, 8)
  else writer.varint(value)
  return writer.written()
}

const nudged = (
  bytes: Uint8Array<ArrayBuffer>,
  { at, width, by }: { at: number; width: number; by: number },
): Uint8Array<ArrayBuffer> => {
  let carry = by
  for (let i = Math.min(bytes.length, at + width) - 1; i >= at; i--) {
    const sum = bytes[i]! + carry
    bytes[i] = sum & 0xff
    carry = sum >> 8
  }
  return bytes
}
