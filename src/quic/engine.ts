// What drives the sessions of one listener, or one session that was dialled: the sockets, the gate, the connections, the clock.
import type { Address } from '../core/address.ts'
import { Counters } from '../core/counters.ts'
import type { GateOptions } from '../core/gate/options.ts'
import type { PeerId } from '../core/ids.ts'
import { systemNames } from '../io/names.ts'
import type { Identity } from '../io/ports.ts'
import { systemPorts } from '../io/system.ts'
import { type Dialled, Endpoint } from '../node/endpoint.ts'
import type { Link } from '../node/link.ts'
import { Schedule } from '../node/schedule.ts'
import { type QuicLimits, settingsOf } from './limits.ts'
import type { QuicPorts } from './options.ts'
import type { Judge } from './peer.ts'
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
  readonly identity: Identity
  readonly alpn: readonly string[]
  readonly limits: QuicLimits
  readonly idleTimeoutMs: number
  readonly keepAliveMs: number | null
  readonly gate: Partial<GateOptions>
  readonly judge: Judge
  readonly owner: ReceptionOwner
  readonly resetSecret?: Uint8Array
}

/** How much of everything there was and is. */
export interface EngineStats {
  readonly connections: number
  readonly halfOpen: Endpoint['halfOpen']
  readonly counters: ReturnType<Counters['snapshot']>
}

/** See the head of this file. */
export class Engine {
  readonly schedule: Schedule
  readonly ports: QuicPorts
  readonly #parts: EngineParts
  readonly #counters = new Counters()
  readonly #reception: Reception
  readonly #endpoint: Endpoint
  #closing: Promise<void> | null = null

  constructor(parts: EngineParts) {
    const { ports } = parts.lease
    this.#parts = parts
    this.ports = ports
    this.schedule = new Schedule(ports.clock, ports.timers)
    const counters = this.#counters
    this.#reception = new Reception({ ...parts, ports, schedule: this.schedule, counters })
    this.#endpoint = new Endpoint({
      ...parts,
      ports,
      schedule: this.schedule,
      counters,
      acceptance: this.#reception,
      handles: this.#reception,
      crowd: this.#reception,
      transports: settingsOf(parts.limits, parts.idleTimeoutMs),
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

  async #close(close: { readonly code: number; readonly reason: string }): Promise<void> {
    await this.#endpoint.close(close, this.#parts.limits.closeTimeoutMs)
    await this.#parts.lease.release()
  }
}
