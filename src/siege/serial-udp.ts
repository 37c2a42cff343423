// A double of the acceptance, for control experiments: a UDP port that lets a node see one handshake at a time, as an accept loop that
// awaits each handshake does. Whoever comes while another's handshake is going on waits in a queue; a handshake is over when its source
// sends its first short-header packet, which needs the final keys, or when its time is up. With silent clients it must fail.
import type { Address, Ports, UdpEvents } from '../index.ts'

/** How long one handshake may hold up all others: as long as a node gives a handshake. */
const HANDSHAKE_MS = 10_000
/** Datagrams kept for one waiting source: a first flight and its repetitions. */
const WAITING_DATAGRAMS_MAX = 16
/** Sources that wait; what comes beyond is dropped, as by a full backlog. */
const WAITING_SOURCES_MAX = 10_000

interface Waiting {
  readonly from: Address
  /** Bounded by WAITING_DATAGRAMS_MAX. */
  readonly datagrams: Uint8Array[]
}

/** The same ports with a serial UDP; everything a socket sends goes out unhindered. */
export const serialPorts = (ports: Ports): Ports => ({
  ...ports,
  udp: { bind: (local, on) => ports.udp.bind(local, new SerialAcceptance(ports, on)) },
})

class SerialAcceptance implements UdpEvents {
  readonly #ports: Ports
  readonly #on: UdpEvents
  /** Sources whose handshake is over. Bounded by the clients of a siege. */
  readonly #done = new Set<string>()
  /** In order of arrival; the first is the one being served. Bounded by WAITING_SOURCES_MAX. */
  readonly #queue = new Map<string, Waiting>()

  constructor(ports: Ports, on: UdpEvents) {
    this.#ports = ports
    this.#on = on
  }

  datagram(bytes: Uint8Array, from: Address): void {
    const source = `${from.ip} ${from.port}`
    if (this.#done.has(source)) return this.#on.datagram(bytes, from)
    if (this.#served() !== source) return this.#wait(source, bytes, from)
    const over = isShortHeader(bytes)
    this.#on.datagram(bytes, from)
    if (over) this.#finish(source)
  }

  failed(error: unknown): void {
    this.#on.failed(error)
  }

  #served(): string | undefined {
    return this.#queue.keys().next().value
  }

  #wait(source: string, bytes: Uint8Array, from: Address): void {
    const waiting = this.#queue.get(source)
    if (waiting !== undefined) {
      if (waiting.datagrams.length < WAITING_DATAGRAMS_MAX) waiting.datagrams.push(bytes)
    } else if (this.#queue.size < WAITING_SOURCES_MAX) {
      this.#queue.set(source, { from, datagrams: [bytes] })
      if (this.#queue.size === 1) this.#serve()
    }
  }

  #serve(): void {
    const next = this.#queue.entries().next().value
    if (next === undefined) return
    const [source, { from, datagrams }] = next
    for (const bytes of datagrams.splice(0)) this.#on.datagram(bytes, from)
    this.#ports.timers.at(this.#ports.clock.now() + HANDSHAKE_MS, () => this.#finish(source))
  }

  #finish(source: string): void {
    this.#done.add(source)
    const wasServed = this.#served() === source
    this.#queue.delete(source)
    if (wasServed) this.#serve()
  }
}

/** Whether a datagram begins with a packet that is neither Initial, Handshake, Retry nor 0-RTT (RFC 9000 section 17.3). */
const isShortHeader = (bytes: Uint8Array): boolean => ((bytes[0] ?? 0x80) & 0x80) === 0
