// Why a connection ended, in the words of the counters and of the public errors.
import type { Direction, EndingKind, HandshakeFailure } from '../core/counters.ts'
import { SallyportError } from '../core/errors.ts'
import { CLOSE, type CloseCode } from '../core/messages/codes.ts'
import { retryAfterOf } from '../core/messages/retry-after.ts'
import type { CloseReason } from '../core/quic/outputs.ts'
import type { Link, LinkState } from './link.ts'
import { APPLICATION_ERROR, CONNECTION_REFUSED, CRYPTO_ERROR, NO_ERROR } from '../core/quic/transport-error.ts'

/** TLS alert certificate_unknown (RFC 8446 section 6.2): the peer is not the one that was wanted. */
const CERTIFICATE_UNKNOWN = 46

/** The counter a handshake that was begun in this direction and ended for this reason belongs to. */
export const handshakeFailure = (reason: CloseReason, direction: Direction): HandshakeFailure => {
  switch (reason.kind) {
    case 'idle':
      return 'deadline'
    case 'version':
      return 'version'
    case 'abandoned':
    case 'application':
      return 'cancelled'
    case 'stateless-reset':
      return 'transport'
    case 'transport':
      if (reason.code === CONNECTION_REFUSED) return 'refused'
      if (reason.code === NO_ERROR) return 'superseded'
      // What an application says before the handshake is done is not passed on (RFC 9000 section 10.2.3): the dialler gave up, or the
      // acceptor has another use for the slot.
      if (reason.code === APPLICATION_ERROR) return direction === 'outbound' && !reason.ours ? 'refused' : 'cancelled'
      if (reason.code === CRYPTO_ERROR + CERTIFICATE_UNKNOWN) return 'identity'
      return reason.code >= CRYPTO_ERROR ? 'tls' : 'transport'
  }
}

/** Who was heard for so long after its handshake did not begin in vain: when it falls silent, its network failed, or ours, or its power. */
const SETTLED_MS = 30_000

/**
 * Whether a peer at a validated address began what came to nothing: a handshake it did not finish in time, unless it was we who owed the next
 * step, or a connection on which it did not say who it was, or soon fell silent.
 */
export const cameToNothing = (link: Link, state: LinkState, inVain: (heardForMs: number) => boolean): boolean => {
  if (link.direction === 'outbound' || state.kind === 'closed') return false
  if (state.kind === 'half-open') return link.isValidated && state.failure === 'deadline' && link.working === 0
  return inVain(link.heardAt - state.since)
}

/** Whether a connection of a node that ended so, and was heard for so long after its handshake, was established in vain. */
export const inVain = (reason: CloseReason, heardForMs: number): boolean => {
  if (reason.kind === 'idle') return heardForMs < SETTLED_MS
  return reason.kind === 'application' && reason.ours && reason.code === CLOSE.identityTimeout
}

/** Whether the peer ended the connection because its node shuts down. */
export const isGoodbye = (reason: CloseReason): boolean =>
  reason.kind === 'application' && !reason.ours && reason.code === CLOSE.shutdown

/** Codes by which a peer says that it wants the connection no more, while it lives. */
const PARTINGS: readonly number[] = [CLOSE.noError, CLOSE.overloaded, CLOSE.refused]

/** Whether the peer ended the connection because it wanted to. */
export const isParting = (reason: CloseReason): boolean =>
  reason.kind === 'application' && !reason.ours && PARTINGS.includes(reason.code)

/** The counter an established connection that ended for this reason belongs to. */
export const endingOf = (reason: CloseReason): EndingKind => {
  switch (reason.kind) {
    case 'application':
      return reason.ours ? 'closed-here' : 'closed-by-peer'
    case 'transport':
      return reason.ours ? 'breach-found-here' : 'breach-found-by-peer'
    case 'idle':
    case 'stateless-reset':
      return reason.kind
    case 'abandoned':
    case 'version':
      return 'dropped'
  }
}

/** What a dialler is told of a handshake that failed; `address` is for the message. */
export const dialError = (failure: HandshakeFailure, reason: CloseReason, address: string): SallyportError => {
  switch (failure) {
    case 'deadline':
      return new SallyportError('DIAL_TIMEOUT', `${address} did not answer in time`)
    case 'refused':
    case 'displaced':
      return refusedError(reason, `${address} takes no connection now`)
    case 'identity':
      return new SallyportError('IDENTITY_MISMATCH', `another peer than the expected one answers at ${address}`)
    case 'cancelled':
    case 'superseded':
      return new SallyportError('CANCELLED', `the dial to ${address} was given up`)
    case 'version':
      return new SallyportError('HANDSHAKE_FAILED', `${address} speaks no QUIC version of ours`)
    case 'tls':
    case 'transport':
      return new SallyportError('HANDSHAKE_FAILED', `the handshake with ${address} failed: ${closeText(reason)}`)
  }
}

/** What a dialler is told of a connection that ended between its handshake and its identity. */
export const unidentifiedError = (reason: CloseReason, address: string): SallyportError => {
  if (reason.kind === 'application') {
    if (reason.code === CLOSE.identityTimeout) {
      return new SallyportError('IDENTITY_TIMEOUT', `${address} did not identify itself in time`)
    }
    if (reason.code === CLOSE.refused || reason.code === CLOSE.overloaded || reason.code === CLOSE.versionUnsupported) {
      return refusedError(reason, `the connection to ${address} was refused: ${closeText(reason)}`)
    }
  }
  return new SallyportError('CONNECTION_LOST', `the connection to ${address} ended: ${closeText(reason)}`)
}

/** With the time after which to come back, where the peer gave one. */
const refusedError = (reason: CloseReason, message: string): SallyportError =>
  SallyportError.later('CONNECTION_REFUSED', message, 'reason' in reason ? retryAfterOf(reason.reason) : null)

/** What calls on a connection that ended are told; `anew`: neither end wanted it to end, so that the peer may be dialled anew. */
export interface Loss {
  readonly error: SallyportError
  readonly anew: boolean
}

/** The loss of a connection that ended for this reason. */
export const lossOf = (reason: CloseReason): Loss => ({
  error: new SallyportError('CONNECTION_LOST', `the connection ended: ${closeText(reason)}`),
  anew: diedOf(reason),
})

/** Nothing more goes onto a connection that goes away; with these codes its peer is still there. */
export const goingAway = (code: CloseCode): Loss => ({
  error: new SallyportError('NOT_CONNECTED', 'the connection is going away'),
  anew: NEEDLESS.includes(code),
})

/** The connection was not needed, which it is now. */
const NEEDLESS: readonly number[] = [CLOSE.idle, CLOSE.duplicate]

const diedOf = (reason: CloseReason): boolean => {
  if (reason.kind === 'application') return !reason.ours && NEEDLESS.includes(reason.code)
  return reason.kind === 'idle' || reason.kind === 'stateless-reset' || reason.kind === 'abandoned'
}

/** One line for a log or a message. */
export const closeText = (reason: CloseReason): string => {
  switch (reason.kind) {
    case 'application':
    case 'transport': {
      const who = reason.ours ? 'closed here' : 'closed by the peer'
      return `${who}, ${reason.kind} code ${reason.code}${reason.reason === '' ? '' : ` (${reason.reason})`}`
    }
    case 'idle':
      return 'nothing was heard any more'
    case 'version':
      return 'no common version'
    case 'stateless-reset':
      return 'the peer has lost the connection'
    case 'abandoned':
      return 'dropped'
  }
}
