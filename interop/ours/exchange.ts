// The exchange of README.md: what a request is answered with, and how requests and answers are written on streams, either as HTTP/0.9
// or as a little HTTP/3 (RFC 9114).
import { createHash } from 'node:crypto'
import { Reader, Writer } from '../../src/core/bytes.ts'
import { pattern } from '../pattern.ts'
import type { Alpn } from '../peer.ts'
import { answerSection, isOk, readRequest, requestSection } from './qpack.ts'

/** What is asked for. */
export interface Request {
  readonly method: 'GET' | 'PUT'
  /** Such as /1000 or /close/43. */
  readonly path: string
  readonly body: Uint8Array
}

/** What comes of a request: bytes, or the end of the connection. */
export type Answer =
  | { readonly kind: 'body'; readonly body: Uint8Array }
  | { readonly kind: 'close'; readonly code: number }
  | { readonly kind: 'unknown' }

/** The answer to a request. */
export const answerTo = ({ method, path, body }: Request): Answer => {
  if (method === 'PUT') return { kind: 'body', body: utf8.encode(digestOf(body)) }
  const [, close, number] = /^\/(close\/)?(\d{1,9})$/.exec(path) ?? []
  if (number === undefined) return { kind: 'unknown' }
  if (close !== undefined) return { kind: 'close', code: Number(number) }
  return { kind: 'body', body: pattern(Number(number)) }
}

/** The SHA-256 in hexadecimal digits. */
export const digestOf = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex')

/** How an exchange is written on its stream. */
export interface Dialect {
  /** What is written on a unidirectional stream of our own before anything else; null for no such stream. */
  readonly opening: Uint8Array | null
  /** The application code of a content end. */
  readonly noError: number
  readonly request: (request: Request) => Uint8Array
  /** Null: it cannot be read. */
  readonly readRequest: (bytes: Uint8Array) => Request | null
  readonly answer: (body: Uint8Array) => Uint8Array
  readonly readAnswer: (bytes: Uint8Array) => Uint8Array | null
}

/** The dialect that goes by an application protocol. */
export const dialectOf = (alpn: Alpn): Dialect => (alpn === 'h3' ? HTTP_3 : HTTP_0_9)

const utf8 = new TextEncoder()
const EMPTY = new Uint8Array(0)

const HTTP_0_9: Dialect = {
  opening: null,
  noError: 0,
  request: ({ method, path, body }) => Buffer.concat([utf8.encode(`${method} ${path}\r\n`), body]),
  readRequest: (bytes) => {
    const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf('\r\n')
    const [method, path] = new TextDecoder().decode(bytes.subarray(0, Math.max(end, 0))).split(' ')
    if ((method !== 'GET' && method !== 'PUT') || path === undefined) return null
    return { method, path, body: bytes.subarray(end + 2) }
  },
  answer: (body) => body,
  readAnswer: (bytes) => bytes,
}

/** Frame types of HTTP/3. */
const DATA = 0
const HEADERS = 1
const SETTINGS = 4
/** Type of a control stream. */
const CONTROL = 0
const ENDING = '.bin'

const HTTP_3: Dialect = {
  opening: Uint8Array.of(CONTROL, SETTINGS, 0),
  noError: 0x100,
  request: ({ method, path, body }) => {
    const headers = frame(HEADERS, requestSection(method === 'GET' ? 'GET' : 'POST', path + ENDING))
    return body.length === 0 ? headers : Buffer.concat([headers, frame(DATA, body)])
  },
  readRequest: (bytes) => {
    const read = readFrames(bytes)
    const asked = read === null ? null : readRequest(read.headers)
    if (read === null || asked === null) return null
    const path = asked.path.endsWith(ENDING) ? asked.path.slice(0, -ENDING.length) : asked.path
    return { method: asked.method === 'GET' ? 'GET' : 'PUT', path, body: read.body }
  },
  answer: (body) => Buffer.concat([frame(HEADERS, answerSection()), frame(DATA, body)]),
  readAnswer: (bytes) => {
    const read = readFrames(bytes)
    return read !== null && isOk(read.headers) ? read.body : null
  },
}

const frame = (type: number, content: Uint8Array): Uint8Array => {
  const head = new Writer(new Uint8Array(16))
  head.varint(type)
  head.varint(content.length)
  return Buffer.concat([head.written(), content])
}

/** The first header section and all data; other frames are skipped, as they have to be. */
const readFrames = (bytes: Uint8Array): { headers: Uint8Array; body: Uint8Array } | null => {
  const reader = new Reader(bytes)
  let headers = EMPTY
  const data: Uint8Array[] = []
  while (reader.remaining > 0) {
    const type = reader.varint()
    const content = reader.take(reader.varint())
    if (reader.failed) return null
    if (type === HEADERS && headers.length === 0) headers = Uint8Array.from(content)
    if (type === DATA) data.push(content)
  }
  return headers.length === 0 ? null : { headers, body: Buffer.concat(data) }
}
