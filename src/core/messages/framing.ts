// Frames: a varint length and that many bytes of CBOR map. A control stream is a row of frames; every other stream is one frame, its
// header, and then raw payload to the end of the stream. Bytes may arrive cut anywhere.
import { concat, Reader, varintSize, Writer } from '../bytes.ts'
import type { CborMap } from './cbor.ts'
import { decodeMap, encodeMap } from './cbor.ts'
import { HEADER_BYTES_MAX } from './codes.ts'

/** A map as a frame: its length, then its encoding. */
export const encodeFrame = (map: CborMap): Uint8Array => {
  const body = encodeMap(map)
  const out = new Writer(new Uint8Array(varintSize(body.length) + body.length))
  out.varint(body.length)
  out.put(body)
  return out.bytes
}

/** What a frame reader found: a map, the need for more bytes, or bytes that are no frame. */
export type Frame =
  | { readonly kind: 'map'; readonly map: CborMap }
  | { readonly kind: 'more' }
  | { readonly kind: 'bad' }

const EMPTY = new Uint8Array(0)
const MORE: Frame = { kind: 'more' }
const BAD: Frame = { kind: 'bad' }

/** Takes bytes and gives frames; once `bad`, bad for good. Keeps at most one incomplete frame between calls. */
export class FrameReader {
  readonly #bytesMax: number
  /** Bounded by the length of one frame and what one `receive` brought. */
  #held: Uint8Array = EMPTY
  #bad = false

  /** `bytesMax`: the longest frame taken, its length not counted. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes in order. Call `next` until it says `more` before giving further ones; what is kept is copied. */
  receive(bytes: Uint8Array): void {
    if (!this.#bad) this.#held = this.#held.length === 0 ? bytes.slice() : concat(this.#held, bytes)
  }

  next(): Frame {
    if (this.#bad) return BAD
    const reader = new Reader(this.#held)
    const length = reader.varint()
    if (reader.failed) return MORE
    if (length === 0 || length > this.#bytesMax) return this.fail()
    const body = reader.take(length)
    if (reader.failed) return MORE
    const map = decodeMap(body)
    if (map === null) return this.fail()
    this.#held = reader.remaining === 0 ? EMPTY : this.#held.subarray(reader.at)
    return { kind: 'map', map }
  }

  /** What was received behind the last frame, handed over: the beginning of the payload. */
  rest(): Uint8Array {
    const rest = this.#held
    this.#held = EMPTY
    return rest
  }

  /** Makes the reader bad for good: what a frame said was malformed. */
  fail(): Frame {
    this.#bad = true
    this.#held = EMPTY
    return BAD
  }
}

/** What a stream's beginning holds so far: its header and the payload bytes that came with it, or not yet, or never. */
export type Heading<Header> =
  | { readonly kind: 'header'; readonly header: Header; readonly payload: Uint8Array }
  | { readonly kind: 'more' }
  | { readonly kind: 'bad' }

/** Reads the one header at the beginning of a stream; after `header` the rest of the stream is payload and not given to it. */
export class HeaderReader<Header> {
  readonly #frames = new FrameReader(HEADER_BYTES_MAX)
  readonly #decode: (map: CborMap) => Header | null

  constructor(decode: (map: CborMap) => Header | null) {
    this.#decode = decode
  }

  receive(bytes: Uint8Array): Heading<Header> {
    this.#frames.receive(bytes)
    const frame = this.#frames.next()
    if (frame.kind !== 'map') return frame
    const header = this.#decode(frame.map)
    return header === null ? BAD_HEADING : { kind: 'header', header, payload: this.#frames.rest() }
  }
}

const BAD_HEADING = { kind: 'bad' } as const
