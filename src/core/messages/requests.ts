// The headers of requests, responses and messages. Payload follows them to the end of the stream; protocols that need more than
// these few fields say it in their payload.
import { ID_BYTES } from '../ids.ts'
import type { CborMap } from './cbor.ts'
import { fieldMap, Fields, printable } from './fields.ts'
import { encodeFrame } from './framing.ts'

/** What a request is for. Which fields count is the protocol's affair. */
export interface RequestHeader {
  readonly protocol: string
  /** The 32 bytes a request is about: a PeerId or a chunk address. */
  readonly target: Uint8Array | null
  /** How many are wanted. */
  readonly count: number | null
}

/** How a request ended. */
export interface ResponseHeader {
  /** One of STATUS; a number not known is treated as refused. */
  readonly status: number
  /** Printable ASCII, at most 256 characters. */
  readonly reason: string | null
  readonly retryAfterMs: number | null
  /** How exactly it went well, in the protocol's own numbers. */
  readonly outcome: number | null
}

/** What a message is for. */
export interface MessageHeader {
  readonly protocol: string
}

const REQUEST = { protocol: 0, target: 1, count: 2 } as const
const RESPONSE = { status: 0, reason: 1, retryAfterMs: 2, outcome: 3 } as const
const MESSAGE = { protocol: 0 } as const

/** A request header as the frame that begins the stream. */
export const encodeRequestHeader = (header: RequestHeader): Uint8Array =>
  encodeFrame(
    fieldMap([
      [REQUEST.protocol, printable(header.protocol)],
      [REQUEST.target, header.target],
      [REQUEST.count, header.count],
    ]),
  )

/** The request header of a map, or null when it is malformed. For `HeaderReader`. */
export const decodeRequestHeader = (map: CborMap): RequestHeader | null => {
  const fields = new Fields(map)
  const header = {
    protocol: fields.text(REQUEST.protocol),
    target: fields.optionalBytes(REQUEST.target, ID_BYTES),
    count: fields.optionalUint(REQUEST.count),
  }
  return fields.failed ? null : header
}

/** A response header as the frame that begins the answering half. */
export const encodeResponseHeader = (header: ResponseHeader): Uint8Array =>
  encodeFrame(
    fieldMap([
      [RESPONSE.status, header.status],
      [RESPONSE.reason, header.reason === null ? null : printable(header.reason)],
      [RESPONSE.retryAfterMs, header.retryAfterMs],
      [RESPONSE.outcome, header.outcome],
    ]),
  )

/** The response header of a map, or null when it is malformed. For `HeaderReader`. */
export const decodeResponseHeader = (map: CborMap): ResponseHeader | null => {
  const fields = new Fields(map)
  const header = {
    status: fields.uint(RESPONSE.status),
    reason: fields.optionalText(RESPONSE.reason),
    retryAfterMs: fields.optionalUint(RESPONSE.retryAfterMs),
    outcome: fields.optionalUint(RESPONSE.outcome),
  }
  return fields.failed ? null : header
}

/** A message header as the frame that begins the stream. */
export const encodeMessageHeader = (header: MessageHeader): Uint8Array =>
  encodeFrame(fieldMap([[MESSAGE.protocol, printable(header.protocol)]]))

/** The message header of a map, or null when it is malformed. For `HeaderReader`. */
export const decodeMessageHeader = (map: CborMap): MessageHeader | null => {
  const fields = new Fields(map)
  const header = { protocol: fields.text(MESSAGE.protocol) }
  return fields.failed ? null : header
}
