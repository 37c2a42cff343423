// TLS vectors (RFC 8446 section 3.4) over core/bytes: lists behind a length, read strictly. Every loop here consumes at least one
// byte a turn or fails the reader, so it is bounded by the message it reads.
import { assert } from '../assert.ts'
import { fromHex, Reader, Writer } from '../bytes.ts'

/** A reader of the next vector, whose length takes `size` bytes; failed when the outer reader does not hold it. */
export const vectorReader = (reader: Reader, size: number): Reader => {
  const body = reader.take(reader.uint(size))
  const inner = new Reader(body)
  inner.failed = reader.failed
  return inner
}

/** The bytes of the next vector, whose length takes `size` bytes, as a view. */
export const vectorBytes = (reader: Reader, size: number): Uint8Array => reader.take(reader.uint(size))

/** Every item of the next vector; the outer reader fails when an item does. */
export const vectorItems = <T>(reader: Reader, size: number, item: (items: Reader) => T): readonly T[] => {
  const inner = vectorReader(reader, size)
  const items: T[] = []
  while (inner.remaining > 0 && !inner.failed) items.push(item(inner))
  if (inner.failed) reader.failed = true
  return items
}

/** What `decode` reads of `bytes`, or null when it ran past the end or left bytes over. */
export const decodeWhole = <T>(bytes: Uint8Array, decode: (reader: Reader) => T): T | null => {
  const reader = new Reader(bytes)
  const value = decode(reader)
  return reader.failed || reader.remaining > 0 ? null : value
}

/** Where everything is written first; null while somebody writes. */
let draft: Writer | null = new Writer()

/** The bytes that `write` writes, in memory of their own. */
export const encode = (write: (writer: Writer) => void): Uint8Array => {
  const writer = draft ?? new Writer()
  draft = null
  writer.at = 0
  try {
    write(writer)
    return writer.written().slice()
  } finally {
    draft = writer
  }
}

/** The bytes of a constant that an RFC gives in hexadecimal. */
export const hexBytes = (digits: string): Uint8Array => {
  const bytes = fromHex(digits)
  assert(bytes !== null, 'a constant is an even number of hexadecimal digits')
  return bytes
}
