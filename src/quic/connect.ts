// Begins a session. A name may have several addresses: the next is tried when one has failed or has said nothing for a moment, and the
// first whose handshake finishes is the one.
import { type Address, addressOf, addressText } from '../core/address.ts'
import { toHex } from '../core/bytes.ts'
import type { HandshakeFailure } from '../core/counters.ts'
import { SallyportError } from '../core/errors.ts'
import type { ConnectionHandle, PeerId } from '../core/ids.ts'
import { CRYPTO_ERROR } from '../core/quic/transport-error.ts'
import { dialError } from '../node/close-reasons.ts'
import type { Link } from '../node/link.ts'
import { cancelled, unlessAborted } from './abort.ts'
import { type Credentials, credentialsOf, handshakeOf, insightOf } from './credentials.ts'
import { Engine, type EngineParts, leasePorts } from './engine.ts'
import { quicLimitsOf } from './limits.ts'
import { checkCommon, checkPort, type Closing, type ConnectOptions, type QuicPorts, resolved } from './options.ts'
import { trustOf } from './peer.ts'
import type { ReceptionOwner } from './reception.ts'
import type { Session } from './session.ts'

/** What whoever forgot is told. */
const REMEDY =
  "say it with verify: { keys: [peerId] } or { fingerprints: [sha256] } to pin the server's key, { authorities: 'bundled' } for " +
  'certificates as browsers trust them, or verify: (peer) => …'

/** How long one address is waited for before the next is tried beside it (RFC 8305 recommends this). */
const ATTEMPT_MS = 250

/** Addresses of one name that are tried. */
const ATTEMPTS_MAX = 4

/**
 * Connects to a server; resolves when its handshake finished and it was verified. Rejects with AUTHENTICATION_MISSING, ARGUMENT_INVALID,
 * NAME_NOT_FOUND, NAME_UNRESOLVED, BIND_FAILED, DIAL_TIMEOUT, CONNECTION_REFUSED, HANDSHAKE_FAILED, PEER_UNTRUSTED or CANCELLED.
 */
export const connect = async (options: ConnectOptions): Promise<Session> => {
  const chosen = checkCommon(options)
  const port = checkPort(options.port, false)
  const { alpn, signal, keepAliveMs = null, preferredAddress: followsPreferred = true } = options
  const limits = quicLimitsOf(options.limits)
  if (signal?.aborted === true) throw cancelled(signal)
  const lease = await leasePorts(options.ports)
  try {
    // Neither server_name nor certificates have the dot that ends a name in the DNS (RFC 6066 section 3).
    const host = options.host.replace(/\.$/, '')
    const credentials = credentialsOf(options)
    const trust = trustOf(options.verify, { remedy: REMEDY, host }, lease.ports.crypto)
    const handshake = handshakeOf(options, { credentials, trust, client: 'not-asked', host })
    const returning = returningOf(options, credentials, lease.ports)
    const addresses = await unlessAborted(resolved(lease.ports.names, host, port), signal)
    const common = {
      lease,
      credentials,
      handshake,
      judge: trust.judge,
      alpn,
      limits,
      chosen,
      keepAliveMs,
      followsPreferred,
      dialsOnly: true,
      gate: {},
      ...insightOf(options),
      ...returning,
    }
    return await new Dialling(addresses.slice(0, ATTEMPTS_MAX), trust.only, common).run(options)
  } catch (error) {
    await lease.release()
    throw SallyportError.from(error)
  }
}

/** A ticket is for whoever verifies in the same way, and shows the same of itself. */
const returningOf = (
  { sessions, host, port, verify }: ConnectOptions,
  { identity, certificate }: Credentials,
  { clock, crypto }: QuicPorts,
): Pick<EngineParts, 'returning'> => {
  if (sessions === undefined) return {}
  const shown = `${identity?.peerId ?? ''} ${certificate?.key.name ?? ''}`
  // A list may be changed later, and those of authorities are long.
  const said = (): string => toHex(crypto.hash('sha256', new TextEncoder().encode(JSON.stringify(verify))))
  const place = { host, port, trusted: typeof verify === 'function' ? verify : said(), shown }
  return {
    returning: {
      take: () => sessions.take(place, clock.now()),
      keep: (session) => sessions.keep(place, session, clock.now()),
      tokens: sessions.tokens,
    },
  }
}

/** One call of `connect`. */
class Dialling implements ReceptionOwner {
  readonly #addresses: readonly Address[]
  readonly #engine: Engine
  readonly #only: PeerId | null
  readonly #outcome = Promise.withResolvers<Session>()
  /** Handshakes in progress. Bounded by ATTEMPTS_MAX. */
  readonly #underway = new Map<ConnectionHandle, Address>()
  #next = 0
  #session: Session | null = null
  #failure: SallyportError

  constructor(addresses: readonly Address[], only: PeerId | null, common: Omit<EngineParts, 'owner'>) {
    this.#addresses = addresses
    this.#engine = new Engine({ ...common, owner: this })
    this.#only = only
    this.#failure = new SallyportError('NAME_NOT_FOUND', 'the name has no address')
  }

  async run({ local, signal }: ConnectOptions): Promise<Session> {
    try {
      await this.#bind(local ?? {})
      this.#tryNext()
      return await unlessAborted(this.#outcome.promise, signal)
    } catch (error) {
      await this.#engine.close({ code: 0, reason: '' })
      throw error
    }
  }

  // ── what the reception tells ──

  admitted(session: Session, link: Link): boolean {
    if (this.#session !== null) return false
    this.#session = session
    this.#underway.delete(link.handle)
    for (const handle of this.#underway.keys()) this.#engine.link(handle)?.withdraw(this.#engine.ports.clock.now())
    this.#outcome.resolve(session)
    return true
  }

  failed(handle: ConnectionHandle, failure: HandshakeFailure, reason: Closing): void {
    const address = this.#underway.get(handle)
    if (address === undefined) return
    this.#underway.delete(handle)
    this.#failure = failureOf(failure, reason, addressText(address))
    this.#tryNext()
  }

  /** The session alone held the whole engine. */
  release(session: Session): Promise<void> {
    return session === this.#session ? this.#engine.close({ code: 0, reason: '' }) : Promise.resolve()
  }

  /** Binds a socket of each family that is dialled; a machine without one of them dials the others. */
  async #bind({ host, port = 0 }: NonNullable<ConnectOptions['local']>): Promise<void> {
    const families = new Set(this.#addresses.map(({ family }) => family))
    let failure: unknown = null
    for (const family of families) {
      const place = addressOf(host ?? (family === 4 ? '0.0.0.0' : '::'), checkPort(port, true))
      if (place === null) throw new SallyportError('ARGUMENT_INVALID', `${String(host)} is no IP address to send from`)
      if (place.family !== family) continue
      try {
        await this.#engine.bind(place)
      } catch (error) {
        failure = error
      }
    }
    if (this.#engine.locals.length === 0) throw failure ?? this.#failure
  }

  #tryNext(): void {
    if (this.#session !== null) return
    const address = this.#addresses[this.#next]
    if (address === undefined) {
      if (this.#underway.size === 0) this.#outcome.reject(this.#failure)
      return
    }
    this.#next++
    const dialled = this.#engine.dial(address, this.#only)
    if (dialled.kind === 'refused') {
      this.#failure = new SallyportError(
        'CONNECTION_REFUSED',
        `${addressText(address)} was not dialled: ${dialled.reason}`,
      )
      return this.#tryNext()
    }
    this.#underway.set(dialled.handle, address)
    if (this.#next === this.#addresses.length) return
    const { schedule, ports } = this.#engine
    schedule.once(ports.clock.now() + ATTEMPT_MS, () => this.#tryNext())
  }
}

/** Alerts about the server's certificate, as we send them (RFC 8446 section 6.2): bad, unsupported, expired, unknown, or of no known authority. */
const ABOUT_CERTIFICATES: ReadonlySet<number> = new Set([42, 43, 44, 45, 46, 48].map((alert) => CRYPTO_ERROR + alert))

const failureOf = (failure: HandshakeFailure, reason: Closing, address: string): SallyportError => {
  if (reason.kind !== 'transport' || !ABOUT_CERTIFICATES.has(reason.code)) return dialError(failure, reason, address)
  const { ours, reason: why } = reason
  if (!ours) return new SallyportError('CONNECTION_REFUSED', `${address} does not accept who we are`)
  return new SallyportError('PEER_UNTRUSTED', `the server at ${address} is not one that "verify" accepts: ${why}`)
}
