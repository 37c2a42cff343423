// The sockets of an endpoint: one of each family, and others where connections move to, or are rather spoken to.
import type { Address } from '../core/address.ts'
import type { Counters } from '../core/counters.ts'
import { SallyportError } from '../core/errors.ts'
import type { Udp, UdpSocket } from '../io/ports.ts'

/** A datagram that arrived, by which socket, and the number of that among those of its family. */
export interface Arrival {
  readonly bytes: Uint8Array
  readonly from: Address
  readonly socket: UdpSocket
  readonly local: number
}

/** See the head of this file. */
export class Sockets {
  readonly #udp: Udp
  readonly #counters: Counters
  readonly #arrived: (arrival: Arrival) => void
  /** In the order in which they were bound; null where one was given back. Bounded by the calls of `bind` and `add`. */
  readonly #sockets: Readonly<Record<4 | 6, (UdpSocket | null)[]>> = { 4: [], 6: [] }
  #isClosed = false

  constructor(udp: Udp, counters: Counters, arrived: (arrival: Arrival) => void) {
    this.#udp = udp
    this.#counters = counters
    this.#arrived = arrived
  }

  /** Binds the socket of a family; rejects with BIND_FAILED, or ARGUMENT_INVALID for a second one. */
  async bind(local: Address): Promise<Address> {
    if (this.#sockets[local.family].length > 0) {
      throw new SallyportError('ARGUMENT_INVALID', `a node listens at one address of family ${local.family}`)
    }
    const { socket } = await this.#bind(local)
    return socket.local
  }

  /** Binds another socket of a family; rejects with BIND_FAILED. */
  async add(local: Address): Promise<{ readonly local: Address; readonly number: number }> {
    const { socket, number } = await this.#bind(local)
    return { local: socket.local, number }
  }

  /** Gives a socket back that is not used any more. */
  async release(family: 4 | 6, number: number): Promise<void> {
    const socket = this.at(family, number)
    this.#sockets[family][number] = null
    await socket?.close()
  }

  /** The socket of a family, by default the first; null where there is none. */
  at(family: 4 | 6, number = 0): UdpSocket | null {
    return this.#sockets[family][number] ?? null
  }

  /** Where they listen, with real ports: the first of each family, then the others. */
  get locals(): Address[] {
    const firsts = [this.at(4), this.at(6)].filter((socket) => socket !== null)
    const others = this.#all.filter((socket) => !firsts.includes(socket))
    return [...firsts, ...others].map((socket) => socket.local)
  }

  /** Datagrams the kernel dropped so far for want of room. */
  kernelDrops(): number {
    let drops = 0
    for (const socket of this.#all) drops += socket.kernelDrops() ?? 0
    return drops
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#all.map((socket) => socket.close()))
  }

  async #bind(local: Address): Promise<{ socket: UdpSocket; number: number }> {
    const own = this.#sockets[local.family]
    let number = -1
    const socket = await this.#udp.bind(local, {
      datagram: (bytes, from) => {
        if (number >= 0) this.#datagram({ bytes, from, socket, local: number })
      },
      failed: () => this.#counters.udpErrors++,
    })
    if (this.#isClosed) {
      await socket.close()
      throw new SallyportError('CLOSED', 'the endpoint was closed meanwhile')
    }
    number = own.push(socket) - 1
    return { socket, number }
  }

  get #all(): UdpSocket[] {
    return [...this.#sockets[4], ...this.#sockets[6]].filter((socket) => socket !== null)
  }

  #datagram(arrival: Arrival): void {
    this.#counters.udpDatagramsReceived++
    this.#counters.udpBytesReceived += arrival.bytes.length
    this.#arrived(arrival)
  }
}
