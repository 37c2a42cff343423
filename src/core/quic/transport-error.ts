// Transport error codes (RFC 9000 section 20.1) and the violation a codec or a part reports instead of throwing.

export const NO_ERROR = 0x00
export const INTERNAL_ERROR = 0x01
export const CONNECTION_REFUSED = 0x02
export const FLOW_CONTROL_ERROR = 0x03
export const STREAM_LIMIT_ERROR = 0x04
export const STREAM_STATE_ERROR = 0x05
export const FINAL_SIZE_ERROR = 0x06
export const FRAME_ENCODING_ERROR = 0x07
export const TRANSPORT_PARAMETER_ERROR = 0x08
export const CONNECTION_ID_LIMIT_ERROR = 0x09
export const PROTOCOL_VIOLATION = 0x0a
export const INVALID_TOKEN = 0x0b
export const APPLICATION_ERROR = 0x0c
export const CRYPTO_BUFFER_EXCEEDED = 0x0d
export const KEY_UPDATE_ERROR = 0x0e
export const AEAD_LIMIT_REACHED = 0x0f
/** A TLS alert is carried as this plus the alert's number (RFC 9001 section 4.8). */
export const CRYPTO_ERROR = 0x0100

/** A breach of the protocol by the peer: the connection closes with this transport error code; the text is for logs. */
export interface Violation {
  readonly code: number
  readonly reason: string
}

/** Builds a violation. */
export const violation = (code: number, reason: string): Violation => ({ code, reason })
