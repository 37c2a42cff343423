// What sessions and listeners are made of, checked: a mistake in an option is told before anything is sent.
import { type Address, addressOf } from '../core/address.ts'
import { SallyportError } from '../core/errors.ts'
import type { GateOptions } from '../core/gate/options.ts'
import type { CongestionName } from '../core/quic/congestion.ts'
import type { CloseReason } from '../core/quic/outputs.ts'
import { ALPN_BYTES_MAX } from '../core/tls/terms.ts'
import type { Identity, Names, NetworkPorts } from '../io/ports.ts'
import type { CertificateFiles, GroupName, SuiteName } from './credentials.ts'
import type { Chosen, QuicLimits } from './limits.ts'
import type { Verify } from './peer.ts'
import type { QlogOptions } from './qlog.ts'
import type { SessionCache } from './session-cache.ts'

/** What can be given up. */
export interface AbortOptions {
  readonly signal?: AbortSignal
}

/** Whatever this entry needs of the world. */
export type QuicPorts = NetworkPorts & {
  readonly names: Names
}

/** Options of both ends. */
export interface QuicOptions {
  /** Our ML-DSA-65 key, shown to whoever takes raw public keys. */
  readonly identity?: Identity
  /** Our X.509 certificate, shown to whoever takes those. */
  readonly certificate?: CertificateFiles
  /** Cipher suites, best first. Default: all three. */
  readonly suites?: readonly SuiteName[]
  /** Key exchange groups, best first. Default: x25519mlkem768, mlkem768, x25519, secp256r1. */
  readonly groups?: readonly GroupName[]
  /** Application protocols (RFC 7301), best first: printable ASCII, 240 characters in all, one more counted for each name. */
  readonly alpn: readonly string[]
  /** A session that hears nothing for so long is over, in milliseconds; the smaller of both ends' counts. Default 30,000. */
  readonly idleTimeoutMs?: number
  /** When nothing was sent for so long, something is, so that neither end takes the session for idle. Default: nothing is. */
  readonly keepAliveMs?: number
  /**
   * Told each secret as a line of a key log, which packet analysers read (the format of SSLKEYLOGFILE). Whoever has the lines can read the
   * session. Default: nobody is told.
   */
  readonly keyLog?: (line: string) => void
  /** Writes a qlog of each connection, which qvis draws. Default: none is written, and none costs anything. */
  readonly qlog?: QlogOptions
  /** What decides how much may be in flight. Default `cubic`. */
  readonly congestion?: CongestionName
  /** Whether datagrams (RFC 9221) are sent and taken, which both ends have to want. Default false. */
  readonly datagrams?: boolean
  readonly limits?: Partial<QuicLimits>
  /** The world. Default: this machine. */
  readonly ports?: QuicPorts
}

/** Options of `connect`. */
export interface ConnectOptions extends QuicOptions, AbortOptions {
  /** A name or an IP address. */
  readonly host: string
  readonly port: number
  /**
   * Sessions that may be come back to: with one of them the handshake needs no signature. Whoever watches both can tell that they are of one
   * client. Default: every session begins as a stranger's.
   */
  readonly sessions?: SessionCache
  /** Who the server has to be. Required. */
  readonly verify: Verify
  /** Whether the session moves to the address that its server would rather be spoken to at (RFC 9000 section 9.6), if it names one. Default true. */
  readonly preferredAddress?: boolean
  /** The IP address and port that is sent from. Default: any. */
  readonly local?: { readonly host?: string; readonly port?: number }
}

/** Options of `listen`. */
export interface ListenOptions extends QuicOptions, AbortOptions {
  /** A name or an IP address of this machine. Default: all of them, of both families. */
  readonly host?: string
  /** Default 0: any free one. */
  readonly port?: number
  /** Who may connect: clients have to say who they are, unless it is `anyone`, who is not asked. Required. */
  readonly verify: Verify | 'anyone'
  /**
   * Addresses of this machine that clients shall move to when their handshake is done (RFC 9000 section 9.6), at most one of each family:
   * that of one server, where all servers share the address they are found at. Default: none.
   */
  readonly preferredAddress?: readonly { readonly host: string; readonly port: number }[]
  /** Settings of the gate, by which strangers are let in; docs/limits.md lists them. */
  readonly gate?: Partial<GateOptions>
}

/** With what a session is closed. */
export interface CloseOptions {
  /** The application's code. Default 0. */
  readonly code?: number
  /** For the peer's logs: at most 256 printable ASCII characters. Default none. */
  readonly reason?: string
}

/** Why a session ended; `ours` says which end decided. */
export type Closing = CloseReason

const REASON = /^[ -~]{0,256}$/
const IDLE_MS = 30_000
const CONGESTION_NAMES: readonly CongestionName[] = ['cubic', 'new-reno']
const PROTOCOL = /^[!-~]+$/

/** The checked parts of the options of both ends; throws ARGUMENT_INVALID. */
export const checkCommon = ({
  alpn,
  idleTimeoutMs = IDLE_MS,
  keepAliveMs,
  congestion = 'cubic',
  datagrams = false,
}: QuicOptions): Chosen => {
  if (!Array.isArray(alpn) || alpn.length === 0 || !alpn.every((name) => PROTOCOL.test(String(name)))) {
    throw invalid('"alpn" is a list of application protocols, such as [\'hq-interop\']')
  }
  if (alpn.reduce((sum, name) => sum + 1 + String(name).length, 0) > ALPN_BYTES_MAX) {
    throw invalid(`the names in "alpn" and one for each are more than ${ALPN_BYTES_MAX} characters`)
  }
  for (const [name, ms] of Object.entries({ idleTimeoutMs, keepAliveMs: keepAliveMs ?? 1 })) {
    if (!(ms > 0 && ms <= Number.MAX_SAFE_INTEGER))
      throw invalid(`"${name}" is ${String(ms)}, not a number of milliseconds above 0`)
  }
  if (!CONGESTION_NAMES.includes(congestion)) throw invalid(`"congestion" is one of ${CONGESTION_NAMES.join(', ')}`)
  if (typeof datagrams !== 'boolean') throw invalid('"datagrams" is true or false')
  return { idleTimeoutMs, congestion, datagrams }
}

/** A port, checked; 0 only where `orAny` says so. */
export const checkPort = (port: number, orAny: boolean): number => {
  if (addressOf('0.0.0.0', port) !== null && (port > 0 || orAny)) return port
  throw invalid(`${String(port)} is no port`)
}

/** A close, checked; throws ARGUMENT_INVALID. */
export const checkClose = ({ code = 0, reason = '' }: CloseOptions): { code: number; reason: string } => {
  if (!REASON.test(reason)) throw invalid('the reason of a close is at most 256 printable ASCII characters')
  return { code: checkCode(code), reason }
}

/** An application's code, which QUIC writes as an integer of up to 62 bits. */
export const checkCode = (code: number): number => {
  if (Number.isSafeInteger(code) && code >= 0) return code
  throw invalid(`the code ${String(code)} is no whole number from 0`)
}

/** Addresses of a host given by name or number, one port for all. */
export const resolved = async (names: Names, host: string, port: number): Promise<readonly Address[]> => {
  const literal = addressOf(host, port)
  if (literal !== null) return [literal]
  return (await names.resolve(host)).map((ip) => ({ ...ip, port }))
}

const invalid = (message: string): SallyportError => new SallyportError('ARGUMENT_INVALID', message)
