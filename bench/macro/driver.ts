// Drives one QUIC connection over one socket, with nothing around it: what `node/endpoint.ts` does for many connections, reduced to what a
// measurement of QUIC itself needs.
import type { ConnectionOutput } from '../../src/core/quic/outputs.ts'
import type { QuicConnection } from '../../src/core/quic/connection.ts'
import type { WorkDone } from '../../src/core/ports.ts'
import type { Address, Identity, Ports } from '../../src/index.ts'
import type { Timer, UdpSocket } from '../../src/io/ports.ts'

/** Datagrams sent in one turn before those received are looked at again. */
const BURST = 32
/** Datagrams handed to the socket and not yet gone. */
const UNSENT_MAX = 256

/** What a driver is made of; `output` hears everything but work. */
export interface DriverParts {
  readonly connection: QuicConnection
  readonly socket: UdpSocket
  readonly ports: Ports
  readonly identity: Identity
  /** The largest datagram it may send. */
  readonly datagramBytes: number
  readonly output: (output: ConnectionOutput) => void
}

/** One connection that is being driven. */
export class Driver {
  readonly #parts: DriverParts
  /** Bounded by UNSENT_MAX. */
  readonly #buffers: Uint8Array[] = []
  #unsent = 0
  #timer: Timer | null = null
  #timerAt = Infinity
  #flushing = false

  constructor(parts: DriverParts) {
    this.#parts = parts
  }

  receive(bytes: Uint8Array, from: Address): void {
    this.#parts.connection.receive(bytes, from, this.#now())
    this.drive()
  }

  /** Drains the outputs, and sends what there is to send at the end of the turn. */
  drive(): void {
    const { connection, ports, identity, output } = this.#parts
    for (let next = connection.poll(); next !== null; next = connection.poll()) {
      if (next.kind === 'work') {
        const done = (result: WorkDone): void => {
          connection.done(result, this.#now())
          this.drive()
        }
        ports.workers.run({ work: next.work, identity, done })
      } else output(next)
    }
    if (this.#flushing) return
    this.#flushing = true
    ports.timers.soon(() => this.#flush())
  }

  stop(): void {
    this.#timer?.cancel()
    this.#parts.connection.abandon()
  }

  #flush(): void {
    this.#flushing = false
    const { connection, socket, datagramBytes } = this.#parts
    for (let n = 0; n < BURST && this.#unsent < UNSENT_MAX; n++) {
      const buffer = this.#buffers.pop() ?? new Uint8Array(datagramBytes)
      const size = connection.transmit(buffer, this.#now())
      if (size === 0) {
        this.#buffers.push(buffer)
        this.#arm()
        return
      }
      this.#unsent++
      socket.send(buffer.subarray(0, size), connection.destination.remote, () => this.#sent(buffer))
    }
    this.drive()
  }

  #sent(buffer: Uint8Array): void {
    this.#buffers.push(buffer)
    if (this.#unsent-- === UNSENT_MAX) this.drive()
  }

  #arm(): void {
    const at = this.#parts.connection.timerAt()
    if (at === this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = at === Infinity ? null : this.#parts.ports.timers.at(at, () => this.#timeout())
  }

  #timeout(): void {
    this.#timerAt = Infinity
    this.#parts.connection.timeout(this.#now())
    this.drive()
  }

  #now(): number {
    return this.#parts.ports.clock.now()
  }
}
