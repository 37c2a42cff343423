// A host's place in the network: its addresses, its line, the sockets bound there, and the translator it is behind, if any.
import { type Address, addressText } from '../core/address.ts'
import { SallyportError } from '../core/errors.ts'
import type { Nat } from './nat.ts'
import type { Region } from './regions.ts'
import type { VirtualSocket } from './udp.ts'
import { Wire } from './wire.ts'

/** What a place is like; lines in megabits a second. */
export interface NicOptions {
  readonly name: string
  readonly region: Region
  /** What is left out the host has not, and cannot bind. Loopback every host has for itself. */
  readonly ip4?: string
  readonly ip6?: string
  readonly nat?: Nat
  readonly upMbps?: number
  readonly downMbps?: number
}

/** A line's queue holds so many milliseconds of it: neither none nor the seconds of a bloated one. */
const QUEUE_MS = 100

const FIRST_FREE_PORT = 49_152
const PORT_MAX = 65_535

/** A host's place in the network. */
export class Nic {
  readonly name: string
  readonly region: Region
  readonly ip4: string | null
  readonly ip6: string | null
  readonly nat: Nat | null
  readonly up: Wire
  readonly down: Wire
  /** Those of one port. Bounded by what is bound. */
  readonly #sockets = new Map<number, VirtualSocket[]>()

  /** @internal */
  constructor({ name, region, ip4, ip6, nat, upMbps = 1000, downMbps = 1000 }: NicOptions) {
    this.name = name
    this.region = region
    this.ip4 = ip4 ?? null
    this.ip6 = ip6 ?? null
    this.nat = nat ?? null
    this.up = new Wire(upMbps, (upMbps * 1000 * QUEUE_MS) / 8)
    this.down = new Wire(downMbps, (downMbps * 1000 * QUEUE_MS) / 8)
  }

  /** Where a socket is bound that wants to be at `local`; throws BIND_FAILED. @internal */
  place(local: Address): Address {
    if (!isUnspecified(local.ip) && !isLoopback(local.ip) && !this.#owns(local.ip)) {
      throw refused(local, 'the host has no such address')
    }
    if (local.port !== 0) {
      if (this.#taken(local)) throw refused(local, 'the address is in use')
      return local
    }
    for (let port = FIRST_FREE_PORT; port <= PORT_MAX; port++) {
      if (!this.#taken({ ...local, port })) return { ...local, port }
    }
    throw refused(local, 'no port is free')
  }

  /** @internal */
  add(socket: VirtualSocket): void {
    const { port } = socket.local
    this.#sockets.set(port, [...(this.#sockets.get(port) ?? []), socket])
  }

  /** @internal */
  remove(socket: VirtualSocket): void {
    const { port } = socket.local
    const others = (this.#sockets.get(port) ?? []).filter((other) => other !== socket)
    if (others.length === 0) this.#sockets.delete(port)
    else this.#sockets.set(port, others)
  }

  /** The socket a datagram is for, or null. @internal */
  receiver(to: Address): VirtualSocket | null {
    const sockets = this.#sockets.get(to.port)
    if (sockets === undefined) return null
    for (const socket of sockets) {
      const { family, ip } = socket.local
      if (family === to.family && (ip === to.ip || isUnspecified(ip))) return socket
    }
    return null
  }

  /** The address a receiver sees of a socket, before any translation; null when this host has none that reaches `to`. @internal */
  sourceOf(local: Address, to: Address): Address | null {
    if (local.family !== to.family) return null
    if (!isUnspecified(local.ip)) return local
    const ip = isLoopback(to.ip) ? loopbackOf(local) : local.family === 4 ? this.ip4 : this.ip6
    return ip === null ? null : { ...local, ip }
  }

  #owns(ip: string): boolean {
    return ip === this.ip4 || ip === this.ip6
  }

  #taken(local: Address): boolean {
    const sockets = this.#sockets.get(local.port) ?? []
    return sockets.some((socket) => socket.local.ip === local.ip && socket.local.family === local.family)
  }
}

/** Whether an address is the host's own, whichever host it is. */
export const isLoopback = (ip: string): boolean => ip === '::1' || ip.startsWith('127.')

const isUnspecified = (ip: string): boolean => ip === '0.0.0.0' || ip === '::'
const loopbackOf = (local: Address): string => (local.family === 4 ? '127.0.0.1' : '::1')

const refused = (local: Address, why: string): SallyportError =>
  new SallyportError('BIND_FAILED', `cannot listen on ${addressText(local)}: ${why}`)
