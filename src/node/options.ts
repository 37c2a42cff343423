// Every limit of a node's transport: one literal with the default, its unit and its reason; one check; then frozen.
import { SallyportError } from '../core/errors.ts'

/** Limits of one node; numbers above 0. Times in milliseconds, sizes in bytes. */
export interface Limits {
  readonly connectionsMax: number
  readonly connectionsPerPeerMax: number
  readonly halfOpenInMax: number
  readonly halfOpenOutMax: number
  readonly closedLinksMax: number
  readonly handshakeTimeoutMs: number
  readonly identityTimeoutMs: number
  readonly dialTimeoutMs: number
  readonly dialPauseMs: number
  readonly dialPauseMsMax: number
  readonly unansweredDialsMax: number
  readonly requestTimeoutMs: number
  readonly handlerTimeoutMs: number
  readonly stallTimeoutMs: number
  readonly idleAfterMs: number
  readonly goAwayMs: number
  readonly goAwayLingerMs: number
  readonly keepAliveDiallerMs: number
  readonly keepAliveAcceptorMs: number
  readonly closeGraceMs: number
  readonly messageBytesMax: number
  readonly inboundBytesPerPeerMax: number
  readonly inboundBytesPerShardMax: number
  readonly inboundBytesMax: number
  readonly answerBytesPerPeerMax: number
  readonly answerBytesMax: number
  readonly roomFullMs: number
  readonly tasksMax: number
  readonly handlersPerProtocolMax: number
  readonly handlersPerPeerMax: number
  readonly eventsMax: number
  readonly mtuMax: number
  readonly loopbackMtuMax: number
}

/** Those that an endpoint and its gate go by, whatever is said over its connections. */
export type EndpointLimits = Pick<
  Limits,
  'connectionsMax' | 'halfOpenInMax' | 'halfOpenOutMax' | 'closedLinksMax' | 'handshakeTimeoutMs'
>

/** The defaults. */
export const LIMITS: Limits = Object.freeze({
  /** Half-open ones included; a connection takes some 50 KB. */
  connectionsMax: 10_000,
  /** Two that crossed, a newer one beside each. */
  connectionsPerPeerMax: 4,
  halfOpenInMax: 1024,
  halfOpenOutMax: 256,
  /** Closing or draining ones, which belong to nobody any more; the oldest is forgotten for the next. */
  closedLinksMax: 1024,
  /** From the first datagram; three losses in a row take 7 s. */
  handshakeTimeoutMs: 10_000,
  /** From the end of the handshake: HELLO and HELLO_ACK are two small messages. */
  identityTimeoutMs: 5000,
  /** Handshake and identity together. */
  dialTimeoutMs: 12_000,
  /** An address that failed is left alone for so long: a person who tries again by hand does not notice. */
  dialPauseMs: 1000,
  /** After failures in a row at the most; each doubles it. */
  dialPauseMsMax: 30_000,
  /** To one host in a minute. A victim gets some eight datagrams of each, and a LAN's server may have as many nodes. */
  unansweredDialsMax: 100,
  /** What a request or message may take when its caller does not say. */
  requestTimeoutMs: 30_000,
  /** After this a handler's request is answered busy, so that one that never returns holds nothing for ever. */
  handlerTimeoutMs: 60_000,
  /** An inbound stream that brings nothing for so long is reset. */
  stallTimeoutMs: 30_000,
  /** A connection that nobody holds goes away after so long without a request. */
  idleAfterMs: 60_000,
  /** A connection that goes away ends after this at the latest. */
  goAwayMs: 30_000,
  /** It stays at least this long, more than a round trip: a request on its way is still served. */
  goAwayLingerMs: 1000,
  /** The dialler of a connection that is kept, or in use, sends something this often: three times within the idle timeout. */
  keepAliveDiallerMs: 10_000,
  /** The acceptor only when the dialler does not: once within the idle timeout. */
  keepAliveAcceptorMs: 25_000,
  /** Requests in progress are given this long when a node closes. */
  closeGraceMs: 2000,
  /** Header and payload of one message. */
  messageBytesMax: 5 * 1024 * 1024,
  /** Four of the largest messages. */
  inboundBytesPerPeerMax: 20 * 1024 * 1024,
  /** A quarter of all: so many can a peer and those who share its shard, a sixteenth of all peers, take from the others. */
  inboundBytesPerShardMax: 40 * 1024 * 1024,
  /** Thirty-two of the largest messages. */
  inboundBytesMax: 160 * 1024 * 1024,
  /** Answers a peer has not acknowledged: eight of the largest, so that a download of many chunks is not held up. */
  answerBytesPerPeerMax: 40 * 1024 * 1024,
  /** Fifty of the largest, whoever they are for. */
  answerBytesMax: 256 * 1024 * 1024,
  /** A host may hold what one peer may for so long at once; a chunk at 100 KB/s takes four fifths of that. */
  roomFullMs: 5000,
  /** Handlers running at once. */
  tasksMax: 4096,
  /** Of one protocol: one whose handlers hang, on a disk say, leaves places for three others. */
  handlersPerProtocolMax: 1024,
  /** For one peer: more than twice the requests it may have open on one connection. */
  handlersPerPeerMax: 256,
  /** Events one subscriber may be behind. */
  eventsMax: 1024,
  /** The largest datagram a path is tried with over IPv4, 20 less over IPv6: what Ethernet carries, since we cannot forbid fragments. */
  mtuMax: 1472,
  /** To 127.0.0.0/8 and ::1, whose interface carries 65,507: a twelfth of the packets and their seals. Larger ones were slower. */
  loopbackMtuMax: 16_384,
})

/** The defaults with some changed, frozen; throws ARGUMENT_INVALID for what is no limit or no positive number. */
export const limitsOf = (changes: Partial<Limits> = {}): Limits => {
  const limits = { ...LIMITS, ...withoutUndefined(changes) }
  for (const [name, value] of Object.entries(limits)) {
    if (!(name in LIMITS)) throw new SallyportError('ARGUMENT_INVALID', `there is no limit called ${name}`)
    if (typeof value === 'number' && value > 0) continue
    throw new SallyportError('ARGUMENT_INVALID', `the limit ${name} is ${String(value)}, not a number above 0`)
  }
  return Object.freeze(limits)
}

const withoutUndefined = (changes: Partial<Limits>): Partial<Limits> =>
  Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
