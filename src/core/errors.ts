// The one error class of the public API. Code inside returns its expected outcomes; only the public edge throws these.

/** Every code a SallyportError can carry; `docs/errors.md` gives the meaning and the remedy of each. */
export const ERROR_CODES = [
  'ADDRESS_INVALID',
  'ARGUMENT_INVALID',
  'AUTHENTICATION_MISSING',
  'BAD_RESPONSE',
  'BIND_FAILED',
  'BOOTSTRAP_UNREACHABLE',
  'CANCELLED',
  'CHUNK_CORRUPT',
  'CHUNK_NOT_FOUND',
  'CLOSED',
  'CONNECTION_LOST',
  'CONNECTION_REFUSED',
  'DATA_DIR_IN_USE',
  'DIAL_SELF',
  'DIAL_TIMEOUT',
  'DIAL_TOO_SOON',
  'DIRECTORY_UNFIT',
  'DIRECTORY_UNSAFE',
  'FILE_CHANGED',
  'FILE_EXISTS',
  'FILE_NOT_FOUND',
  'FLOOD_FAILED',
  'HANDSHAKE_FAILED',
  'IDENTITY_DAMAGED',
  'IDENTITY_MISMATCH',
  'IDENTITY_TIMEOUT',
  'INTERNAL',
  'IO_FAILED',
  'LINK_INVALID',
  'MIGRATION_FAILED',
  'NAME_NOT_FOUND',
  'NAME_UNRESOLVED',
  'NOT_CONNECTED',
  'NOT_ENOUGH_HOLDERS',
  'NO_ADDRESS',
  'NO_SPACE',
  'PEER_BUSY',
  'PEER_UNTRUSTED',
  'REQUEST_REFUSED',
  'REQUEST_TIMEOUT',
  'REQUEST_UNSUPPORTED',
  'RESET_BY_PEER',
  'RUNTIME_UNSUPPORTED',
  'TESTNET_FAILED',
  'TOO_LARGE',
  'WINDOW_UNREACHABLE',
] as const

/** One of the codes of `ERROR_CODES`. */
export type ErrorCode = (typeof ERROR_CODES)[number]

/** How far a request or message of ours had come; `docs/errors.md` says of each what the peer may have seen of it. */
export const SEND_STAGES = ['no-peer', 'open', 'write', 'acknowledge', 'answer'] as const

/** One of `SEND_STAGES`. */
export type SendStage = (typeof SEND_STAGES)[number]

/** What the public API throws: match on `code`, never on `message`. `cause` is the underlying error, when there is one. */
export class SallyportError extends Error {
  override readonly name = 'SallyportError'
  readonly code: ErrorCode
  #retryAfterMs: number | null = null
  #stage: SendStage | null = null
  #peerCode: number | null = null

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }

  /** An error that passes by itself: the same may succeed after so many milliseconds, or null when nobody said after how many. */
  static later(code: ErrorCode, message: string, retryAfterMs: number | null): SallyportError {
    const error = new SallyportError(code, message)
    error.#retryAfterMs = retryAfterMs
    return error
  }

  /** An error that a peer's application caused, with the code it gave: it reset or stopped a stream, or closed the connection. */
  static byPeer(code: ErrorCode, message: string, peerCode: number): SallyportError {
    const error = new SallyportError(code, message)
    error.#peerCode = peerCode
    return error
  }

  /** The code that the peer's application gave; null where it gave none. */
  get peerCode(): number | null {
    return this.#peerCode
  }

  /** In how many milliseconds it is worth trying again, at most an hour where a peer said so; null where that is not known. A hint, not a promise. */
  get retryAfterMs(): number | null {
    return this.#retryAfterMs
  }

  /** How far a request or message had come when it failed; null for whatever else failed. */
  get stage(): SendStage | null {
    return this.#stage
  }

  /** The same failure, of a request or message that had come so far: an error of its own, since many calls can fail of one. */
  at(stage: SendStage): SallyportError {
    const error = new SallyportError(this.code, this.message, this.cause)
    error.#stage = stage
    error.#retryAfterMs = this.#retryAfterMs
    error.#peerCode = this.#peerCode
    return error
  }

  /** The error itself when it is one of ours; a file or network error by its system code; otherwise INTERNAL. Never throws. */
  static from(unknown: unknown): SallyportError {
    if (unknown instanceof SallyportError) return unknown
    try {
      return read(unknown)
    } catch {
      // What is thrown may be anything: an object without a text, or one whose properties throw themselves.
      return new SallyportError('INTERNAL', 'something failed that cannot be told', unknown)
    }
  }
}

const read = (unknown: unknown): SallyportError => {
  const message = unknown instanceof Error ? unknown.message : String(unknown)
  const system = systemCode(unknown)
  if (system !== null) return new SallyportError(SYSTEM_CODES[system] ?? 'IO_FAILED', message, unknown)
  return new SallyportError(nameOf(unknown) === 'AbortError' ? 'CANCELLED' : 'INTERNAL', message, unknown)
}

const SYSTEM_CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'FILE_NOT_FOUND',
  EEXIST: 'FILE_EXISTS',
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EADDRINUSE: 'BIND_FAILED',
  EADDRNOTAVAIL: 'BIND_FAILED',
}

const systemCode = (unknown: unknown): string | null => {
  if (typeof unknown !== 'object' || unknown === null || !('code' in unknown)) return null
  return typeof unknown.code === 'string' && /^E[A-Z0-9]+$/.test(unknown.code) ? unknown.code : null
}

const nameOf = (unknown: unknown): string => (unknown instanceof Error ? unknown.name : '')
