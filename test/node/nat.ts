// A NAT before one host, which maps it anew when a test says so.
import type { Address } from '../../src/core/address.ts'
import type { Udp, UdpEvents, UdpSocket } from '../../src/io/ports.ts'

/** A host behind a NAT: what it binds is seen elsewhere from the moment of `rebind` on. */
export class Nat {
  readonly udp: Udp
  #inner: UdpSocket | null = null
  #events: UdpEvents | null = null

  constructor(udp: Udp) {
    this.udp = {
      bind: async (local: Address, events: UdpEvents): Promise<UdpSocket> => {
        this.#events = events
        const first = (this.#inner = await udp.bind(local, events))
        return {
          local: first.local,
          send: (bytes, to, done) => this.#inner?.send(bytes, to, done),
          kernelDrops: () => null,
          close: async () => this.#inner?.close(),
        }
      },
    }
  }

  /** From now on the host is seen at `local`. */
  async rebind(udp: Udp, local: Address): Promise<void> {
    await this.#inner?.close()
    this.#inner = await udp.bind(local, this.#events!)
  }
}
