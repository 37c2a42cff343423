// Application close codes (docs/protocol.md): why a connection ends, told to the peer; the same codes stand in GOAWAY.

/** Code of CONNECTION_CLOSE (0x1d) and GOAWAY by name. */
export const CLOSE = {
  NO_ERROR: 0,
  SHUTDOWN: 1,
  DUPLICATE: 2,
  IDLE: 3,
  IDENTITY_TIMEOUT: 4,
  BAD_MESSAGE: 5,
  OVERLOADED: 6,
  REFUSED: 7,
  VERSION_UNSUPPORTED: 8,
} as const

/** One of the codes of `CLOSE`. */
export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE]

/** Codes of RESET_STREAM and STOP_SENDING by name. */
export const STREAM = { CANCELLED: 0x10, UNSUPPORTED: 0x11, BUSY: 0x12, TOO_LARGE: 0x13, DEADLINE: 0x14 } as const

/** One of the codes of `STREAM`. */
export type StreamCode = (typeof STREAM)[keyof typeof STREAM]
