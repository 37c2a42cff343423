// The heads of CBOR items (RFC 8949 section 3) in their shortest form, for structures of one fixed shape that are written and read head
// by head: data maps and manifests of directories.
import type { Reader, Writer } from '../bytes.ts'

export const UNSIGNED = 0
export const BYTES = 2
export const ARRAY = 4
export const MAP = 5

/** How an argument of each length is announced, and the least value that needs that length. */
const LENGTHS: readonly { readonly info: number; readonly size: number; readonly least: number }[] = [
  { info: 24, size: 1, least: 24 },
  { info: 25, size: 2, least: 0x100 },
  { info: 26, size: 4, least: 0x1_0000 },
  { info: 27, size: 8, least: 0x1_0000_0000 },
]

/** Writes a head. */
export const writeHead = (writer: Writer, major: number, value: number): void => {
  const length = LENGTHS.findLast((length) => value >= length.least)
  writer.u8((major << 5) | (length === undefined ? value : length.info))
  if (length !== undefined) writer.uint(value, length.size)
}

/** Writes unsigned integers one after another. */
export const writeNumbers = (writer: Writer, ...values: readonly number[]): void => {
  for (const value of values) writeHead(writer, UNSIGNED, value)
}

/** Writes a byte string. */
export const writeBytes = (writer: Writer, value: Uint8Array): void => {
  writeHead(writer, BYTES, value.length)
  writer.put(value)
}

/** The argument of a head of that major type in its shortest form, or -1. */
export const readHead = (reader: Reader, major: number): number => {
  const first = reader.u8()
  if (reader.failed || first >> 5 !== major) return -1
  const info = first & 31
  if (info < 24) return info
  const length = LENGTHS[info - 24]
  if (length === undefined) return -1
  const value = length.size === 8 ? reader.u32() * 0x1_0000_0000 + reader.u32() : reader.uint(length.size)
  return reader.failed || value < length.least || value > Number.MAX_SAFE_INTEGER ? -1 : value
}

/** Whether exactly these unsigned integers come next. */
export const readNumbers = (reader: Reader, ...values: readonly number[]): boolean =>
  values.every((value) => readHead(reader, UNSIGNED) === value)
