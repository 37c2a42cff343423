// The line between one node and the network, which can be slow and can be cut: how nodes of a test network are made to be slow, to fall
// silent and to die without a goodbye, in a process they share with others.
import type { Address, Ports, Udp, UdpEvents, UdpSocket } from '../index.ts'

/** How late a slow line is, each way: a round trip to the other side of the world. */
const SLOW_MS = 150

/** One node's line; `ports` leads over it. */
export class Line {
  readonly #delayMs: number
  #cut = false

  constructor({ slow }: { readonly slow: boolean }) {
    this.#delayMs = slow ? SLOW_MS : 0
  }

  /** Nothing is heard or said any more, and nobody is told. */
  cut(): void {
    this.#cut = true
  }

  /** The world of the node at the end of this line. */
  ports(ports: Ports): Ports {
    return { ...ports, udp: this.#udp(ports.udp) }
  }

  #udp(udp: Udp): Udp {
    return {
      bind: async (local, on) => {
        const socket = await udp.bind(local, {
          datagram: (bytes, from) => this.#later(() => this.#heard(on, bytes, from)),
          failed: (error) => on.failed(error),
        })
        return this.#socket(socket)
      },
    }
  }

  #socket(socket: UdpSocket): UdpSocket {
    return {
      local: socket.local,
      send: (bytes, to, sent) =>
        this.#later(() => {
          if (this.#cut) setImmediate(sent)
          else socket.send(bytes, to, sent)
        }),
      kernelDrops: () => socket.kernelDrops(),
      close: () => socket.close(),
    }
  }

  #heard(on: UdpEvents, bytes: Uint8Array, from: Address): void {
    if (!this.#cut) on.datagram(bytes, from)
  }

  /** Timers of one length run in the order in which they were set, so nothing overtakes. */
  #later(act: () => void): void {
    if (this.#delayMs === 0) act()
    else setTimeout(act, this.#delayMs)
  }
}
