// A network in memory: UDP sockets of many hosts, joined by links that delay, lose, repeat and reorder datagrams as a seed says.
// A datagram is copied when it is sent and again when it arrives, as by a kernel.
import { addressText, type Address } from '../../src/core/address.ts'
import { SallyportError } from '../../src/core/errors.ts'
import type { Udp, UdpEvents, UdpSocket } from '../../src/io/ports.ts'
import type { FakeClock } from './fake-clock.ts'
import type { SeededRandom } from './seeded-random.ts'

/** What happens to datagrams on their way; rates between 0 and 1. May be changed at any time. */
export interface Weather {
  latencyMs: number
  /** Added evenly between 0 and this: datagrams overtake each other. */
  jitterMs: number
  loss: number
  duplication: number
}

/** One host's addresses; what is left out the host has not, and cannot bind. Loopback every host has for itself. */
export interface Host {
  readonly ip4?: string
  readonly ip6?: string
}

/** Sees each datagram as it is sent; `drop` loses it. May change `bytes` in place. */
export type Tap = (bytes: Uint8Array, from: Address, to: Address) => 'pass' | 'drop'

const FIRST_FREE_PORT = 49_152
const PORT_MAX = 65_535
const DATAGRAM_MAX = 65_507

/** Datagrams under way at once, all links together; more are lost and counted, as by a full buffer. */
const UNDERWAY_MAX = 50_000

/** A network of hosts on one fake clock. */
export class MemoryNetwork {
  readonly weather: Weather
  tap: Tap = () => 'pass'
  /** Cumulative, of all links. `lost` by weather or tap, `unreachable` without a receiver, `overflowed` above the bound. */
  readonly counts = { sent: 0, bytes: 0, delivered: 0, lost: 0, duplicated: 0, unreachable: 0, overflowed: 0 }
  readonly #clock: FakeClock
  readonly #random: SeededRandom
  /** By host and address text; bounded by the ports there are. */
  readonly #sockets = new Map<string, MemorySocket>()
  #underway = 0
  #hosts = 0

  constructor(clock: FakeClock, random: SeededRandom, weather: Partial<Weather> = {}) {
    this.#clock = clock
    this.#random = random
    this.weather = { latencyMs: 5, jitterMs: 0, loss: 0, duplication: 0, ...weather }
  }

  /** The Udp port of a new host. */
  host(host: Host = {}): Udp {
    const name = ++this.#hosts
    return {
      bind: async (local, on) => {
        const socket = new MemorySocket(this, { host, name, local: this.#place(local, host, name), on })
        this.#sockets.set(socket.key, socket)
        return socket
      },
    }
  }

  /** Used by sockets. */
  carry(bytes: Uint8Array, from: MemorySocket, to: Address): void {
    const source = from.sourceFor(to)
    this.counts.sent++
    this.counts.bytes += bytes.length
    const copy = Uint8Array.from(bytes)
    const unsendable = bytes.length > DATAGRAM_MAX || source === null || source.family !== to.family
    if (unsendable || this.tap(copy, source, to) === 'drop' || this.#random.fraction() < this.weather.loss) {
      this.counts.lost++
      return
    }
    this.#schedule(copy, { name: from.name, source, to })
    if (this.#random.fraction() >= this.weather.duplication) return
    this.counts.duplicated++
    this.#schedule(copy, { name: from.name, source, to })
  }

  /** Used by sockets. */
  forget(socket: MemorySocket): void {
    this.#sockets.delete(socket.key)
  }

  later(run: () => void): void {
    this.#clock.soon(run)
  }

  #schedule(bytes: Uint8Array, way: Way): void {
    if (this.#underway >= UNDERWAY_MAX) {
      this.counts.overflowed++
      return
    }
    this.#underway++
    const delay = this.weather.latencyMs + this.#random.fraction() * this.weather.jitterMs
    this.#clock.at(this.#clock.now() + delay, () => {
      this.#underway--
      this.#arrive(bytes, way)
    })
  }

  #arrive(bytes: Uint8Array, { name, source, to }: Way): void {
    const receiver = this.#receiver(name, to)
    if (receiver === null) {
      this.counts.unreachable++
      return
    }
    this.counts.delivered++
    receiver.on.datagram(Uint8Array.from(bytes), source)
  }

  /** Loopback stays within the sender's host; elsewhere the host that has the address, bound to it or to all of its own. */
  #receiver(sender: number, to: Address): MemorySocket | null {
    for (const socket of this.#sockets.values()) {
      if (socket.local.port !== to.port || socket.local.family !== to.family) continue
      if (isLoopback(to.ip) ? socket.name !== sender : !owns(socket.host, to.ip)) continue
      if (socket.local.ip === to.ip || isUnspecified(socket.local.ip)) return socket
    }
    return null
  }

  #place(local: Address, host: Host, name: number): Address {
    if (!isUnspecified(local.ip) && !isLoopback(local.ip) && !owns(host, local.ip)) {
      throw refused(local, 'the host has no such address')
    }
    if (local.port !== 0) {
      if (this.#taken(local, name)) throw refused(local, 'the address is in use')
      return local
    }
    for (let port = FIRST_FREE_PORT; port <= PORT_MAX; port++) {
      if (!this.#taken({ ...local, port }, name)) return { ...local, port }
    }
    throw refused(local, 'no port is free')
  }

  #taken(local: Address, name: number): boolean {
    return this.#sockets.has(keyOf(name, local))
  }
}

interface Way {
  readonly name: number
  readonly source: Address
  readonly to: Address
}

class MemorySocket implements UdpSocket {
  readonly host: Host
  readonly name: number
  readonly local: Address
  readonly on: UdpEvents
  readonly key: string
  readonly #network: MemoryNetwork
  #closed = false

  constructor(network: MemoryNetwork, made: { host: Host; name: number; local: Address; on: UdpEvents }) {
    this.#network = network
    this.host = made.host
    this.name = made.name
    this.local = made.local
    this.on = made.on
    this.key = keyOf(made.name, made.local)
  }

  send(bytes: Uint8Array, to: Address, sent: () => void): void {
    if (!this.#closed) this.#network.carry(bytes, this, to)
    this.#network.later(sent)
  }

  kernelDrops(): number | null {
    return 0
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#network.forget(this)
  }

  /** The address a receiver sees; null when this host has none that reaches it. */
  sourceFor(to: Address): Address | null {
    if (!isUnspecified(this.local.ip)) return this.local
    const ip = isLoopback(to.ip) ? loopbackOf(this.local) : this.local.family === 4 ? this.host.ip4 : this.host.ip6
    return ip === undefined ? null : { ...this.local, ip }
  }
}

const keyOf = (name: number, local: Address): string => `${name} ${addressText(local)}`
const isUnspecified = (ip: string): boolean => ip === '0.0.0.0' || ip === '::'
const isLoopback = (ip: string): boolean => ip === '::1' || ip.startsWith('127.')
const loopbackOf = (local: Address): string => (local.family === 4 ? '127.0.0.1' : '::1')
const owns = (host: Host, ip: string): boolean => host.ip4 === ip || host.ip6 === ip

const refused = (local: Address, why: string): SallyportError =>
  new SallyportError('BIND_FAILED', `cannot listen on ${addressText(local)}: ${why}`)
