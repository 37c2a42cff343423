// What drives the sessions of one listener, or one session that was dialled: the sockets, the gate, the connections, the clock.
import type { Address } from '../core/address.ts'
import { unreachable } from '../core/assert.ts'
import { Counters } from '../core/counters.ts'
import type { GateOptions } from '../core/gate/options.ts'
import type { PeerId } from '../core/ids.ts'
import type { QuicConfig } from '../core/quic/connection.ts'
import type { PreferredPlaces } from '../core/quic/preferred-address.ts'
import type { ResumableSession } from '../core/tls/pre-shared-key.ts'
import type { Resumption } from '../core/tls/session.ts'
import { systemNames } from '../io/names.ts'
import { systemPorts } from '../io/system.ts'
import { type Dialled, Endpoint } from '../node/endpoint.ts'
import type { MoreOutput } from '../node/endpoint-options.ts'
import type { GivenTokens } from '../node/given-tokens.ts'
import type { Link } from '../node/link.ts'
import { suitesTo } from '../node/link-config.ts'
import { Schedule } from '../node/schedule.ts'
import type { Credentials } from './credentials.ts'
import { type Chosen, type QuicLimits, settingsOf } from './limits.ts'
import type { MoreSockets } from './migrations.ts'
import type { QuicPorts } from './options.ts'
import type { Trust } from './peer.ts'
import { type QlogOptions, Qlogs } from './qlog.ts'
import { Reception, type ReceptionOwner } from './reception.ts'

/** The world, and how it is given back. */
export interface Lease {
  readonly ports: QuicPorts
  readonly release: () => Promise<void>
}

/** The given ports, which stay their owner's; by default this machine's. */
export const leasePorts = async (given: QuicPorts | undefined): Promise<Lease> => {
  if (given !== undefined) return { ports: given, release: async () => {} }
  const system = await systemPorts()
  return { ports: { ...system, names: systemNames }, release: () => system.close() }
}

/** What an engine is made of. */
export interface EngineParts {
  readonly lease: Lease
  readonly credentials: Credentials
  /** Suites, groups, what is shown and what is asked for. */
  readonly handshake: Partial<QuicConfig>
  readonly alpn: readonly string[]
  readonly limits: QuicLimits
  readonly chosen: Chosen
  readonly keepAliveMs: number | null
  readonly gate: Partial<GateOptions>
  readonly judge: Trust['judge']
  readonly owner: ReceptionOwner
  readonly resetSecret?: Uint8Array
  /** Whether a client goes where its server would rather be spoken to. */
  readonly followsPreferred?: boolean
  /** Whether it takes no session that others begin. */
  readonly dialsOnly?: boolean
  readonly keyLog?: (line: string) => void
  readonly qlog?: QlogOptions
  /** A client's earlier session with the server, where its next ticket goes, and the tokens for addresses. */
  readonly returning?: {
    take(): Resumption | null
    keep(session: ResumableSession): void
    readonly tokens: GivenTokens
  }
}

/** How much of everything there was and is. */
export interface EngineStats {
  readonly connections: number
  readonly halfOpen: Endpoint['halfOpen']
  readonly counters: ReturnType<Counters['snapshot']>
}

/** For those who insist on it: no suite here is faster for being weaker. */
const AES_256_GCM = 0x1302

/** See the head of this file. */
export class Engine {
  readonly schedule: Schedule
  readonly ports: QuicPorts
  readonly #parts: EngineParts
  readonly #counters = new Counters()
  readonly #reception: Reception
  readonly #endpoint: Endpoint
  readonly #qlogs: Qlogs | null
  #preferred: PreferredPlaces = { ip4: null, ip6: null }
  #closing: Promise<void> | null = null

  constructor(parts: EngineParts) {
    const { ports } = parts.lease
    this.#parts = parts
    this.ports = ports
    this.#qlogs = parts.qlog === undefined ? null : new Qlogs({ ...parts.qlog, clock: ports.clock })
    this.schedule = new Schedule(ports.clock, ports.timers)
    const counters = this.#counters
    const sockets: MoreSockets = {
      add: (local) => this.#endpoint.sockets.add(local),
      release: (family, number) => this.#endpoint.sockets.release(family, number),
    }
    this.#reception = new Reception({ ...parts, ports, schedule: this.schedule, counters, sockets })
    const { alpn, limits, gate, credentials, handshake } = parts
    const { identity, certificate } = credentials
    this.#endpoint = new Endpoint({
      ports,
      alpn,
      limits,
      gate,
      identity,
      ...(certificate === null ? {} : { certificateKey: certificate.key }),
      more: {
        config: ({ remote, role }) => ({
          suites: [...suitesTo(remote, ports.crypto), AES_256_GCM],
          ...handshake,
          ...(role === 'client' ? this.#asClient() : this.#asServer()),
          ...(this.#qlogs === null ? {} : { observer: this.#qlogs.observer(role) }),
        }),
        told: (link, output) => this.#told(link, output),
      },
      schedule: this.schedule,
      counters,
      acceptance: this.#reception,
      handles: this.#reception,
      crowd: this.#reception,
      dialsOnly: parts.dialsOnly ?? false,
      ...(parts.returning === undefined ? {} : { tokens: parts.returning.tokens }),
      transport: settingsOf(limits, parts.chosen),
      ...(parts.resetSecret === undefined ? {} : { resetSecret: parts.resetSecret }),
      // An application that falls silent does not say that it was never meant.
      inVain: () => false,
    })
  }

  get locals(): Address[] {
    return this.#endpoint.locals
  }

  get stats(): EngineStats {
    const counters = { ...this.#counters.snapshot(), kernelDrops: this.#endpoint.kernelDrops() }
    return { connections: this.#reception.size, halfOpen: this.#endpoint.halfOpen, counters }
  }

  bind(local: Address): Promise<Address> {
    return this.#endpoint.bind(local)
  }

  /** Binds another address that clients shall move to (RFC 9000 section 9.6), of whose family none was before. */
  async prefer(local: Address): Promise<void> {
    const bound = await this.#endpoint.sockets.add(local)
    this.#preferred = { ...this.#preferred, [local.family === 4 ? 'ip4' : 'ip6']: bound.local }
  }

  dial(remote: Address, only: PeerId | null): Dialled {
    return this.#endpoint.dial(remote, only)
  }

  link(handle: Parameters<Endpoint['link']>[0]): Link | null {
    return this.#endpoint.link(handle)
  }

  checkInvariants(): void {
    this.#endpoint.checkInvariants()
  }

  /** Ends every connection, tells the peers, and gives back sockets, timers and workers. Idempotent; never rejects. */
  close(close: { readonly code: number; readonly reason: string }): Promise<void> {
    this.#closing ??= this.#close(close)
    return this.#closing
  }

  #asClient(): Partial<QuicConfig> {
    const { returning = null, followsPreferred = false } = this.#parts
    return { ...resuming(returning), followsPreferred }
  }

  #asServer(): Partial<QuicConfig> {
    const { ip4, ip6 } = this.#preferred
    return ip4 === null && ip6 === null ? {} : { preferred: this.#preferred }
  }

  #told(link: Link, output: MoreOutput): void {
    switch (output.kind) {
      case 'judge':
        return this.#reception.judge(link, output.peer)
      case 'key-log':
        return logKey(this.#parts, output.line)
      case 'session':
        return this.#parts.returning?.keep(output.session)
      case 'migration-failed':
        return this.#reception.notMigrated(link.handle, output.local)
      case 'datagram-readable':
      case 'datagram-settled':
        return this.#reception.datagram(link.handle, output)
      default:
        unreachable(output)
    }
  }

  async #close(close: { readonly code: number; readonly reason: string }): Promise<void> {
    await this.#endpoint.close(close, this.#parts.limits.closeTimeoutMs)
    this.#qlogs?.close()
    await this.#parts.lease.release()
  }
}

const resuming = (
  returning: NonNullable<EngineParts['returning']> | null,
): Pick<QuicConfig, 'keepsSessions' | 'resume'> => {
  const resume = returning?.take() ?? null
  return { keepsSessions: returning !== null, ...(resume === null ? {} : { resume }) }
}

/** An application's log that fails is its own affair. */
const logKey = ({ keyLog }: EngineParts, line: string): void => {
  try {
    keyLog?.(line)
  } catch {
    // The session goes on.
  }
}
