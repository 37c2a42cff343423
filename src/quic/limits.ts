// Every limit of this entry: one literal with the default, its unit and its reason; one check; then frozen. docs/quic.md lists them.
import { SallyportError } from '../core/errors.ts'
import { growthBudget } from '../core/quic/flow-control.ts'
import { mtuMaxFrom } from '../core/quic/path-mtu.ts'
import { TRANSPORT_DEFAULTS, type TransportSettings } from '../core/quic/settings.ts'

/** Limits of one listener, or of one session that was dialled; whole numbers above 0. Times in milliseconds, sizes in bytes. */
export interface QuicLimits {
  readonly connectionsMax: number
  readonly backlogMax: number
  readonly halfOpenInMax: number
  readonly halfOpenOutMax: number
  readonly closedLinksMax: number
  readonly handshakeTimeoutMs: number
  readonly verifyTimeoutMs: number
  readonly closeTimeoutMs: number
  readonly bidirectionalStreams: number
  readonly unidirectionalStreams: number
  readonly ownBidirectionalStreams: number
  readonly sessionBytesInitial: number
  readonly sessionBytesMax: number
  readonly streamBytesInitial: number
  readonly streamBytesMax: number
  readonly windowGrowthBytes: number
  readonly datagramsHeldMax: number
  readonly datagramBytesHeldMax: number
  readonly mtuMax: number
  readonly loopbackMtuMax: number
}

/** The defaults. */
export const QUIC_LIMITS: QuicLimits = Object.freeze({
  /** Half-open ones included. */
  connectionsMax: 10_000,
  /** Sessions that nobody has accepted; the next is refused. */
  backlogMax: 512,
  halfOpenInMax: 1024,
  /** A name has a few addresses, each dialled a little after the one before. */
  halfOpenOutMax: 8,
  /** Closing ones, which belong to nobody any more; the oldest is forgotten for the next. */
  closedLinksMax: 1024,
  /** From the first datagram; three losses in a row take 7 s. */
  handshakeTimeoutMs: 10_000,
  /** What a `verify` function may take. */
  verifyTimeoutMs: 10_000,
  /** For the last datagrams to leave. */
  closeTimeoutMs: 1000,
  /** Streams the peer may have open at once. */
  bidirectionalStreams: 100,
  unidirectionalStreams: 100,
  /** Bidirectional streams of ours at once, whatever the peer allows: their answers are granted credit too. */
  ownBidirectionalStreams: 100,
  /**
   * What the peer may send on all streams before it is read: at first, and when the reader keeps up. Half of the first is shared by all
   * the streams there may be: 14 KB each, as much as a first flight brings.
   */
  sessionBytesInitial: 8 * 1024 * 1024,
  sessionBytesMax: 16 * 1024 * 1024,
  /** The same of one stream, as long as it is read; before that it is a share of half of the session's. */
  streamBytesInitial: 256 * 1024,
  streamBytesMax: 6 * 1024 * 1024,
  /** All windows of one endpoint together may grow by this. */
  windowGrowthBytes: 256 * 1024 * 1024,
  /** Datagrams that wait to be taken, and as many that wait to be sent: then the oldest is dropped. */
  datagramsHeldMax: 1024,
  datagramBytesHeldMax: 1024 * 1024,
  /** The largest datagram a path is tried with over IPv4, 20 less over IPv6: what Ethernet carries, since we cannot forbid fragments. */
  mtuMax: 1472,
  /** To 127.0.0.0/8 and ::1, which carry 65,507; larger ones were slower. */
  loopbackMtuMax: 16_384,
})

/** The defaults with some changed, frozen; throws ARGUMENT_INVALID for what is no limit or no whole number above 0. */
export const quicLimitsOf = (changes: Partial<QuicLimits> = {}): QuicLimits => {
  const limits: Record<string, number> = { ...QUIC_LIMITS }
  for (const [name, value] of Object.entries(changes)) {
    if (!(name in QUIC_LIMITS)) throw new SallyportError('ARGUMENT_INVALID', `there is no limit called ${name}`)
    if (value === undefined) continue
    if (!Number.isSafeInteger(value) || value <= 0) {
      throw new SallyportError('ARGUMENT_INVALID', `the limit ${name} is ${String(value)}, not a whole number above 0`)
    }
    limits[name] = value
  }
  return Object.freeze(limits as unknown as QuicLimits)
}

/** What an application chooses besides. */
export type Chosen = Pick<TransportSettings, 'idleTimeoutMs' | 'congestion'> & { readonly datagrams: boolean }

/** Whatever fits a packet (RFC 9221 section 3). */
const DATAGRAM_FRAME_BYTES_MAX = 65_535

/** What connections grant and promise under these limits. */
export const settingsOf = (limits: QuicLimits, { datagrams, ...chosen }: Chosen): TransportSettings => ({
  ...TRANSPORT_DEFAULTS,
  ...chosen,
  datagrams: datagrams
    ? {
        frameBytesMax: DATAGRAM_FRAME_BYTES_MAX,
        heldMax: limits.datagramsHeldMax,
        heldBytesMax: limits.datagramBytesHeldMax,
      }
    : null,
  dataBytes: {
    initial: limits.sessionBytesInitial,
    max: Math.max(limits.sessionBytesInitial, limits.sessionBytesMax),
  },
  streamBytes: {
    initial: limits.streamBytesInitial,
    max: Math.max(limits.streamBytesInitial, limits.streamBytesMax),
  },
  bidirectionalStreams: limits.bidirectionalStreams,
  unidirectionalStreams: limits.unidirectionalStreams,
  requestStreams: limits.ownBidirectionalStreams,
  growth: growthBudget(limits.windowGrowthBytes),
  // No stream of an application goes before others, so nothing is kept back for one.
  reservedBytes: 0,
  mtuMax: mtuMaxFrom(limits),
})
