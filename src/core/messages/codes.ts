// The numbers of the protocol (docs/protocol.md): close codes, response statuses, stream codes, protocol names and size limits.

/** The protocol's version, sent in HELLO and part of the ALPN name. */
export const PROTOCOL_VERSION = 1

/** The ALPN name of version 1. */
export const ALPN = 'sallyport/1'

/** Application close codes, in CONNECTION_CLOSE of type 0x1d and as the reason of GOAWAY. */
export const CLOSE = {
  noError: 0,
  shutdown: 1,
  duplicate: 2,
  idle: 3,
  identityTimeout: 4,
  badMessage: 5,
  overloaded: 6,
  refused: 7,
  versionUnsupported: 8,
} as const

/** One of the close codes. */
export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE]

/** The name of a close code. */
export type CloseName = keyof typeof CLOSE

/** All of them, in the order of their codes. */
export const CLOSE_NAMES = Object.keys(CLOSE) as readonly CloseName[]

/** What a close code is called. */
export const closeName = (code: CloseCode): CloseName => CLOSE_NAMES.find((name) => CLOSE[name] === code) ?? 'noError'

/** The status of a response. */
export const STATUS = {
  ok: 0,
  unsupported: 1,
  /** With a reason. */
  refused: 2,
  absent: 3,
  /** With `retryAfterMs`. */
  busy: 4,
  badRequest: 5,
} as const

/** One of the known statuses; on the wire any small number may stand, and what is not known is treated as refused. */
export type Status = (typeof STATUS)[keyof typeof STATUS]

/** Codes of RESET_STREAM and STOP_SENDING. */
export const STREAM = {
  cancelled: 0x10,
  unsupported: 0x11,
  busy: 0x12,
  tooLarge: 0x13,
  deadline: 0x14,
} as const

/** Names of the protocols that requests and messages are addressed to. */
export const PROTOCOL = {
  findNode: '/sallyport/find-node/1',
  chunkPut: '/sallyport/chunk-put/1',
  chunkGet: '/sallyport/chunk-get/1',
  chunkHas: '/sallyport/chunk-has/1',
} as const

/** Bytes of a request, response or message header at most, its length not counted. */
export const HEADER_BYTES_MAX = 4096

/** Bytes of a control message at most, its length not counted. */
export const CONTROL_BYTES_MAX = 16_384

/** Bytes of a whole request, response or message at most, header and payload. */
export const MESSAGE_BYTES_MAX = 5 * 1024 * 1024

/** Addresses of one peer in a message at most. */
export const ADDRESSES_MAX = 8
