// The Udp port of one virtual process: its sockets at its host's place in the network, and the system's receive buffer before each.
import type { Address } from '../core/address.ts'
import type { Udp, UdpEvents, UdpSocket } from '../io/ports.ts'
import type { Costs } from './costs.ts'
import type { Held } from './held.ts'
import type { Network } from './network.ts'
import type { Nic } from './nic.ts'
import type { Processor } from './processor.ts'

/** What a receive buffer holds, and what a datagram takes in it beside its bytes: 3,640 of a burst of 4,000 were kept by a real one. */
const BUFFER_BYTES = 8_000_000
const OVERHEAD_BYTES = 768

/** What a socket works with. */
export interface SocketParts {
  readonly network: Network
  readonly nic: Nic
  readonly processor: Processor
  readonly costs: Costs
  readonly held: Held
}

/** The sockets of one process; `end` takes them all away, as the end of a process does. */
export class VirtualUdp implements Udp {
  readonly #parts: SocketParts
  /** Bounded by what is bound. */
  readonly #sockets = new Set<VirtualSocket>()

  constructor(parts: SocketParts) {
    this.#parts = parts
  }

  async bind(local: Address, on: UdpEvents): Promise<UdpSocket> {
    const forget = (socket: VirtualSocket): void => void this.#sockets.delete(socket)
    const socket = new VirtualSocket(this.#parts, { local: this.#parts.nic.place(local), on, forget })
    this.#sockets.add(socket)
    this.#parts.nic.add(socket)
    this.#parts.held.sockets++
    return socket
  }

  end(): void {
    for (const socket of this.#sockets) socket.shut()
  }
}

/** One bound socket. */
export class VirtualSocket implements UdpSocket {
  readonly local: Address
  readonly #parts: SocketParts
  readonly #on: UdpEvents
  readonly #forget: (socket: VirtualSocket) => void
  #open = true
  #bufferedBytes = 0
  #drops = 0

  constructor(
    parts: SocketParts,
    own: { readonly local: Address; readonly on: UdpEvents; readonly forget: (socket: VirtualSocket) => void },
  ) {
    this.local = own.local
    this.#parts = parts
    this.#on = own.on
    this.#forget = own.forget
  }

  send(bytes: Uint8Array, to: Address, sent: () => void): void {
    const { network, nic, processor, costs } = this.#parts
    processor.charge(costs.datagramSent)
    const source = nic.sourceOf(this.local, to)
    if (this.#open) network.carry({ nic, source, to, bytes: bytes.slice(), at: processor.now })
    processor.sent(sent)
  }

  kernelDrops(): number {
    return this.#drops
  }

  async close(): Promise<void> {
    this.shut()
  }

  /** Used by the network: a datagram has come to the system, which keeps it until the process takes it; its memory goes along. */
  deliver(bytes: Uint8Array, from: Address): boolean {
    const { processor, costs } = this.#parts
    const taken = bytes.length + OVERHEAD_BYTES
    if (this.#bufferedBytes + taken > BUFFER_BYTES) {
      this.#drops++
      return false
    }
    this.#bufferedBytes += taken
    processor.interrupt(() => {
      this.#bufferedBytes -= taken
      if (!this.#open) return
      processor.charge(costs.datagramReceived)
      this.#on.datagram(bytes, from)
    })
    return true
  }

  /** Closes without waiting; again, nothing. */
  shut(): void {
    if (!this.#open) return
    this.#open = false
    this.#parts.nic.remove(this)
    this.#parts.held.sockets--
    this.#forget(this)
  }
}
