// The sockets of an endpoint, at most one of each family.
import type { Address } from '../core/address.ts'
import type { Counters } from '../core/counters.ts'
import { SallyportError } from '../core/errors.ts'
import type { Udp, UdpSocket } from '../io/ports.ts'

/** A datagram that arrived, and by which socket. */
export interface Arrival {
  readonly bytes: Uint8Array
  readonly from: Address
  readonly socket: UdpSocket
}

/** See the head of this file. */
export class Sockets {
  readonly #udp: Udp
  readonly #counters: Counters
  readonly #arrived: (arrival: Arrival) => void
  readonly #sockets = new Map<4 | 6, UdpSocket>()

  constructor(udp: Udp, counters: Counters, arrived: (arrival: Arrival) => void) {
    this.#udp = udp
    this.#counters = counters
    this.#arrived = arrived
  }

  /** Binds a socket; rejects with BIND_FAILED, or ARGUMENT_INVALID for a second one of a family. */
  async bind(local: Address): Promise<Address> {
    const { family } = local
    if (this.#sockets.has(family)) {
      throw new SallyportError('ARGUMENT_INVALID', `a node listens at one address of family ${family}`)
    }
    const socket = await this.#udp.bind(local, {
      datagram: (bytes, from) => this.#datagram(bytes, from, family),
      failed: () => this.#counters.udpErrors++,
    })
    this.#sockets.set(family, socket)
    return socket.local
  }

  /** The socket of a family, or null. */
  of(family: 4 | 6): UdpSocket | null {
    return this.#sockets.get(family) ?? null
  }

  /** Where they listen, with real ports. */
  get locals(): Address[] {
    return [...this.#sockets.values()].map((socket) => socket.local)
  }

  /** Datagrams the kernel dropped so far for want of room. */
  kernelDrops(): number {
    let drops = 0
    for (const socket of this.#sockets.values()) drops += socket.kernelDrops() ?? 0
    return drops
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sockets.values()].map((socket) => socket.close()))
  }

  #datagram(bytes: Uint8Array, from: Address, family: 4 | 6): void {
    const socket = this.#sockets.get(family)
    if (socket === undefined) return
    this.#counters.udpDatagramsReceived++
    this.#counters.udpBytesReceived += bytes.length
    this.#arrived({ bytes, from, socket })
  }
}
