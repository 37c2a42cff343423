// As much of QPACK (RFC 9204) as a request and its answer need when neither end lets the other use a dynamic table.
import { huffmanDecoded } from './huffman.ts'

const utf8 = new TextEncoder()

/** Entries of the static table that requests here name. */
const METHODS = new Map([
  [17, 'GET'],
  [20, 'POST'],
  [21, 'PUT'],
])
const NAMES = new Map([
  [0, ':authority'],
  [1, ':path'],
  [15, ':method'],
])
/** No dynamic table: required insert count and base are 0. */
const PREFIX = [0, 0]
const STATUS_200 = 0xc0 | 25

/** The header section of a request. */
export const requestSection = (method: 'GET' | 'POST', path: string): Uint8Array =>
  Uint8Array.from([
    ...PREFIX,
    0xc0 | (method === 'GET' ? 17 : 20),
    0xc0 | 23, // :scheme https
    ...literal(0, 'localhost'),
    ...literal(1, path),
  ])

/** The header section of an answer of status 200. */
export const answerSection = (): Uint8Array => Uint8Array.from([...PREFIX, STATUS_200])

/** Whether a header section begins with status 200. */
export const isOk = (section: Uint8Array): boolean => section[2] === STATUS_200

/** A field whose name is in the static table. */
const literal = (index: number, value: string): number[] => {
  const bytes = utf8.encode(value)
  return [0x50 | index, bytes.length, ...bytes]
}

/** The method and path of a request's header section; null when it cannot be read. */
export const readRequest = (section: Uint8Array): { method: string; path: string } | null => {
  const fields = new Map<string, string>()
  const reader = { bytes: section, at: PREFIX.length }
  while (reader.at < section.length) {
    const first = section[reader.at] ?? 0
    if ((first & 0xc0) === 0xc0) {
      const method = METHODS.get(integer(reader, 6))
      if (method !== undefined) fields.set(':method', method)
    } else if ((first & 0xc0) === 0x40) {
      const name = NAMES.get(integer(reader, 4)) ?? ''
      fields.set(name, string(reader, 7) ?? '')
    } else if ((first & 0xe0) === 0x20) {
      const name = string(reader, 3) ?? ''
      fields.set(name, string(reader, 7) ?? '')
    } else {
      return null
    }
  }
  const [method, path] = [fields.get(':method'), fields.get(':path')]
  return method === undefined || path === undefined ? null : { method, path }
}

interface Cursor {
  readonly bytes: Uint8Array
  at: number
}

/** An integer with a prefix of so many bits (RFC 7541 section 5.1). */
const integer = (reader: Cursor, bits: number): number => {
  const most = 2 ** bits - 1
  let value = (reader.bytes[reader.at++] ?? 0) & most
  if (value < most) return value
  for (let shift = 1; ; shift *= 128) {
    const byte = reader.bytes[reader.at++] ?? 0
    value += (byte & 0x7f) * shift
    if (byte < 0x80) return value
  }
}

/** A string whose length has a prefix of so many bits, before which a bit says whether it is Huffman-coded. */
const string = (reader: Cursor, bits: number): string | null => {
  const isHuffman = ((reader.bytes[reader.at] ?? 0) & (1 << bits)) !== 0
  const length = integer(reader, bits)
  const bytes = reader.bytes.subarray(reader.at, (reader.at += length))
  return isHuffman ? huffmanDecoded(bytes) : new TextDecoder().decode(bytes)
}
