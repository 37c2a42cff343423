// Sessions that others begin. The gate says who may begin one: strangers have to show that they receive what is sent to them, hosts and
// networks have rates and shares, handshakes have deadlines (docs/limits.md).
import { type Address, addressOf, classify } from '../core/address.ts'
import { SallyportError } from '../core/errors.ts'
import { resetSecretAt } from '../io/identity.ts'
import { cancelled, unlessAborted } from './abort.ts'
import { Engine, type EngineStats, leasePorts } from './engine.ts'
import { credentialsOf, handshakeOf, insightOf } from './credentials.ts'
import { Inbox } from './inbox.ts'
import { type QuicLimits, quicLimitsOf } from './limits.ts'
import {
  type AbortOptions,
  checkClose,
  checkCommon,
  checkPort,
  type CloseOptions,
  type ListenOptions,
  type QuicPorts,
  resolved,
} from './options.ts'
import { ANYONE, type Trust, trustOf } from './peer.ts'
import type { Session } from './session.ts'

/** What whoever forgot is told. */
const REMEDY =
  "say it with verify: 'anyone' to take whoever connects, verify: { keys: [peerId, …] }, or verify: (peer) => …"

const NO_CREDENTIALS =
  'a server shows who it is: identity: await generateIdentity(), or certificate: { chain, key } as PEM'

/** What listens, and gives sessions as they come. */
export class Listener implements AsyncDisposable, AsyncIterable<Session> {
  readonly #engine: Engine
  readonly #sessions: Inbox<Session>

  /** @internal */
  constructor(engine: Engine, sessions: Inbox<Session>) {
    this.#engine = engine
    this.#sessions = sessions
  }

  /** Where it listens, with real ports: one address of each family it has, and then those that clients shall move to. */
  get addresses(): readonly Address[] {
    return this.#engine.locals
  }

  /** The port it listens at. */
  get port(): number {
    return this.addresses[0]?.port ?? 0
  }

  /** How much of everything there was and is; docs/metrics.md describes the counters. */
  get stats(): EngineStats {
    return this.#engine.stats
  }

  /** The next session whose peer was verified; null when the listener is closed. */
  accept(options: AbortOptions = {}): Promise<Session | null> {
    return this.#sessions.take(options)
  }

  [Symbol.asyncIterator](): AsyncIterator<Session> {
    return this.#sessions[Symbol.asyncIterator]()
  }

  /** Ends every session, with this code and reason, and listens no more. Idempotent, and bounded in time. */
  close(options: CloseOptions = {}): Promise<void> {
    const closing = this.#engine.close(checkClose(options))
    this.#sessions.clear()
    this.#sessions.close()
    return closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Listens for QUIC; resolves when it does. Rejects with AUTHENTICATION_MISSING, ARGUMENT_INVALID, NAME_NOT_FOUND, NAME_UNRESOLVED, BIND_FAILED or
 * CANCELLED.
 */
export const listen = async (options: ListenOptions): Promise<Listener> => {
  const { alpn, host, signal, gate = {}, keepAliveMs = null } = options
  const limits = quicLimitsOf(options.limits)
  const chosen = checkCommon(options)
  const port = checkPort(options.port ?? 0, true)
  const preferred = preferredOf(options)
  const credentials = credentialsOf(options)
  const key = credentials.identity ?? credentials.certificate?.key
  if (key === undefined) throw new SallyportError('ARGUMENT_INVALID', NO_CREDENTIALS)
  const lease = await leasePorts(options.ports)
  try {
    const { verify } = options
    const { crypto, names } = lease.ports
    const trust = verify === 'anyone' ? ANYONE : trustOf(verify, { remedy: REMEDY, host: null }, crypto)
    const client = verify === 'anyone' ? 'not-asked' : 'required'
    const handshake = handshakeOf(options, { credentials, trust: knownClients(trust), client, host: null })
    const sessions = new Inbox<Session>()
    const owner = ownerOf(sessions, limits)
    const common = {
      lease,
      credentials,
      handshake,
      alpn,
      limits,
      chosen,
      keepAliveMs,
      gate,
      ...insightOf(options),
    }
    // Where any port will do nobody comes back to it after a restart: then one is drawn.
    const secret = port === 0 ? {} : { resetSecret: resetSecretAt(key, `${host ?? ''} ${port}`) }
    const engine = new Engine({ ...common, ...secret, judge: knownClients(trust).judge, owner })
    try {
      await unlessAborted(bindAll(engine, { names, host, port }), signal)
      for (const place of preferred) await engine.prefer(place)
      if (signal?.aborted === true) throw cancelled(signal)
      return new Listener(engine, sessions)
    } catch (error) {
      await engine.close({ code: 0, reason: '' })
      throw error
    }
  } catch (error) {
    await lease.release()
    throw SallyportError.from(error)
  }
}

/** Where clients shall move to, checked. */
const preferredOf = ({ preferredAddress = [] }: ListenOptions): readonly Address[] => {
  const places = preferredAddress.map(({ host, port }) => addressOf(host, checkPort(port, true)))
  const isEach = new Set(places.map((place) => place?.family)).size === places.length
  if (isEach && places.every((place) => place !== null && classify(place) !== 'unspecified')) {
    return places.filter((place) => place !== null)
  }
  throw new SallyportError(
    'ARGUMENT_INVALID',
    '"preferredAddress" is a list of IP addresses and ports, one of each family',
  )
}

const ownerOf = (
  sessions: Inbox<Session>,
  { backlogMax }: QuicLimits,
): ConstructorParameters<typeof Engine>[0]['owner'] => ({
  admitted: (session) => {
    if (sessions.size >= backlogMax) return false
    sessions.put(session)
    return true
  },
  failed: () => {},
  // Nobody is given a session that is over already.
  release: async (session) => void sessions.withdraw(session),
})

/** Binds a socket of each family that the host has; without a host, of each that this machine has. */
const bindAll = async (
  engine: Engine,
  {
    names,
    host,
    port,
  }: { readonly names: QuicPorts['names']; readonly host: string | undefined; readonly port: number },
): Promise<void> => {
  const places = host === undefined ? EVERYWHERE.map((ip) => ({ ...ip, port })) : await resolved(names, host, port)
  let bound: Address | null = null
  for (const place of places) {
    if (engine.locals.some(({ family }) => family === place.family)) continue
    try {
      bound = await engine.bind({ ...place, port: bound?.port ?? port })
    } catch (error) {
      // A machine without one of the families does without.
      if (bound === null || host !== undefined) throw error
    }
  }
}

/** A server expects no one client from the start: the one key that is right is compared when it is known. */
const knownClients = (trust: Trust): Trust => {
  const { only } = trust
  if (only === null) return trust
  return { ...trust, only: null, judge: { accepts: (peer) => peer.kind === 'raw-public-key' && peer.peerId === only } }
}

const EVERYWHERE = [
  { family: 4, ip: '0.0.0.0' },
  { family: 6, ip: '::' },
] as const
