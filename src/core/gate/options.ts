// Every setting of the gate: one literal with the default, its unit and its reason; one check; then frozen. `docs/limits.md` says what
// each costs and what happens at it.
import { SallyportError } from '../errors.ts'
import { parsePrefix } from './prefix-lists.ts'

/** Settings of one node's gate. Times in milliseconds; numbers above 0 unless said. */
export interface GateOptions {
  readonly loopback: 'trusted' | 'as-outside'
  readonly allow: readonly string[]
  readonly deny: readonly string[]
  readonly ratePerSecond: number
  readonly rateBurst: number
  readonly rateWider: number
  readonly trustedPerSecond: number
  readonly strangersMax: number
  readonly strangersPerNetworkMax: number
  readonly strangerSignaturesPerSecond: number
  readonly retriesPerSecond: number
  readonly retriesPerNetworkPerSecond: number
  readonly answersPerSecond: number
  readonly resetsPerSecond: number
  readonly repeatWithinMs: number
  readonly reservedShare: number
  readonly silentAfterMs: number
  readonly connectionsPerHostMax: number
  readonly connectionsNetworkShare: number
  readonly dialReserve: number
  readonly lateMs: number
  readonly tooLateMs: number
  readonly retryAfterMs: number
}

/** The defaults. */
export const GATE_OPTIONS: GateOptions = Object.freeze({
  /**
   * Sources on this machine count as validated and have a rate and all slots of their own. `as-outside` for test networks and sieges, and
   * behind a forwarder on this machine, through which the whole world comes from 127.0.0.1.
   */
  loopback: 'trusted',
  /** Prefixes, such as `192.0.2.0/24`; where any is named, nobody else is let in. */
  allow: Object.freeze([]),
  /** Prefixes that are refused. Comes before `allow`. */
  deny: Object.freeze([]),
  /** Handshakes begun by one host (/32, /64) once it is validated. */
  ratePerSecond: 20,
  /** At once after a pause: a household or an office that comes back together. */
  rateBurst: 100,
  /** A /24, /56 or /48 may have so many times what a host may. */
  rateWider: 10,
  /** Handshakes begun from this machine: far above what can be signed, against a loop that went wrong. */
  trustedPerSecond: 10_000,
  /** Slots for sources that have not shown that they receive; a quarter of the inbound slots at most. */
  strangersMax: 64,
  /** Of those, in one /24 or /48: eight prefixes have to be forged to take all. */
  strangersPerNetworkMax: 8,
  /** Slots given to them in a second: each may cost a signature, and 50 of those are 7 % of a core. */
  strangerSignaturesPerSecond: 50,
  /** Retries sent, some 40 µs each: 8 % of a core. */
  retriesPerSecond: 2000,
  /** Half of them are kept for networks that had no more than this: one flooding host does not use up everybody's. */
  retriesPerNetworkPerSecond: 8,
  /** Refusals, INVALID_TOKEN and Version Negotiation together: keys and a seal each, some 160 µs, 8 % of a core. More are silent. */
  answersPerSecond: 500,
  /** Stateless resets. A restarted node tells its former peers with them, thousands at most. */
  resetsPerSecond: 200,
  /** The second datagram of a first flight follows at once; a client's first probe comes after a second. Below that. */
  repeatWithinMs: 500,
  /** Of the inbound slots, for holders of a NEW_TOKEN; at most a half. */
  reservedShare: 1 / 4,
  /** A half-open connection not heard of for so long may go though its prefix holds no two more: longer than two probes are apart. */
  silentAfterMs: 2000,
  /** Established and half-open connections of one host. */
  connectionsPerHostMax: 256,
  /** Of all connections, in one /24 or /48; at most 1. */
  connectionsNetworkShare: 1 / 16,
  /** Connections that only our own dials may add, so that whoever comes cannot keep us from going out; a quarter of all at most. */
  dialReserve: 256,
  /** Delay of the event loop or of signing from which on strangers have to come back with a Retry, and shares of the slots shrink. */
  lateMs: 50,
  /** From here on there is no new slot at all. */
  tooLateMs: 1000,
  /** What a refused newcomer is told when the connections are full: in this time some have idled out. */
  retryAfterMs: 5000,
})

/** The keys whose values are numbers. */
type NumberKey = { [K in keyof GateOptions]: GateOptions[K] extends number ? K : never }[keyof GateOptions]

/** What a number may be at most, where that is not anything. */
const AT_MOST: Partial<Record<NumberKey, number>> = { reservedShare: 1 / 2, connectionsNetworkShare: 1 }

/** The defaults with some changed, frozen; throws ARGUMENT_INVALID for what is no option or no value of it. */
export const gateOptionsOf = (changes: Partial<GateOptions> = {}): GateOptions => {
  const options: GateOptions = { ...GATE_OPTIONS, ...changes }
  for (const [key, value] of Object.entries(options)) check(key, value)
  if (options.tooLateMs <= options.lateMs) throw invalid('tooLateMs', options.tooLateMs)
  return Object.freeze(options)
}

const check = (key: string, value: unknown): void => {
  if (!(key in GATE_OPTIONS)) throw new SallyportError('ARGUMENT_INVALID', `the gate has no option called ${key}`)
  if (!isValid(key as keyof GateOptions, value)) throw invalid(key, value)
}

const isValid = (key: keyof GateOptions, value: unknown): boolean => {
  if (key === 'loopback') return value === 'trusted' || value === 'as-outside'
  if (key === 'allow' || key === 'deny') return Array.isArray(value) && value.every(isPrefix)
  return typeof value === 'number' && value > 0 && value <= (AT_MOST[key] ?? Infinity)
}

const isPrefix = (text: unknown): boolean => typeof text === 'string' && parsePrefix(text) !== null

const invalid = (key: string, value: unknown): SallyportError =>
  new SallyportError('ARGUMENT_INVALID', `the gate's option ${key} cannot be ${String(value)}`)
