// What leaves an endpoint: once a turn, links with something to send take turns, a few datagrams each, until the turn's budget is
// spent or every buffer is with the system. What is left goes in the next turn, or when a buffer comes back.
import type { Address } from '../core/address.ts'
import type { Counters } from '../core/counters.ts'
import { INITIAL_DATAGRAM_BYTES } from '../core/quic/packet.ts'
import type { Clock, Timers, UdpSocket } from '../io/ports.ts'
import type { Link } from './link.ts'
import { SendPool } from './send-pool.ts'

/** Datagrams of one turn: some 2 ms of work, so that datagrams are read in between. */
const DATAGRAMS_PER_TURN = 256

/** What is said without a connection fits this. */
const ANSWER_BYTES_MAX = 1200

/** Datagrams of one link before another has its turn. */
const DATAGRAMS_IN_A_ROW = 16

/** What an outbox is made of; `quiet` hears of each link that has sent all it had. */
export interface OutboxParts {
  readonly clock: Clock
  readonly timers: Timers
  readonly counters: Counters
  readonly quiet: (link: Link) => void
  /** A socket that a link uses besides its own, or null when it is gone. */
  readonly socketAt: (family: 4 | 6, number: number) => UdpSocket | null
}

/** The links of one endpoint that may have something to send. Bounded by its links. */
export class Outbox {
  readonly #parts: OutboxParts
  readonly #links = new Set<Link>()
  readonly #pool = new SendPool()
  #scheduled = false
  #onIdle: (() => void)[] = []

  constructor(parts: OutboxParts) {
    this.#parts = parts
  }

  /** A link may have something to send: it is asked at the end of the turn. */
  add(link: Link): void {
    this.#links.add(link)
    this.#schedule()
  }

  remove(link: Link): void {
    this.#links.delete(link)
  }

  /** Sends one datagram of no connection; dropped when every buffer is out. */
  answer(socket: UdpSocket, to: Address, write: (into: Uint8Array) => number): void {
    const buffer = this.#pool.take(ANSWER_BYTES_MAX)
    if (buffer === null) return
    this.#send(buffer, { length: write(buffer), socket, to })
  }

  /** Resolves when nothing is waiting and every datagram is with the system. */
  idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  get #isIdle(): boolean {
    return this.#links.size === 0 && this.#pool.out === 0
  }

  #schedule(): void {
    if (this.#scheduled || this.#pool.empty) return
    this.#scheduled = true
    this.#parts.timers.soon(() => this.#flush())
  }

  #flush(): void {
    this.#scheduled = false
    const now = this.#parts.clock.now()
    let budget = DATAGRAMS_PER_TURN
    for (const link of this.#links) {
      if (budget <= 0 || this.#pool.empty) break
      this.#links.delete(link)
      const sent = this.#drain(link, Math.min(budget, DATAGRAMS_IN_A_ROW), now)
      budget -= sent.datagrams
      // A set visits what is added while it is visited: the link comes again after all others.
      if (sent.more) this.#links.add(link)
      else this.#parts.quiet(link)
    }
    if (this.#links.size > 0) this.#schedule()
    else this.#tellIdle()
  }

  #drain(link: Link, max: number, now: number): { datagrams: number; more: boolean } {
    for (let datagrams = 0; datagrams < max; datagrams++) {
      const buffer = this.#pool.take(
        link.state.kind === 'half-open' ? INITIAL_DATAGRAM_BYTES : link.connection.datagramBytes,
      )
      if (buffer === null) return { datagrams, more: true }
      const length = link.connection.transmit(buffer, now)
      if (length === 0) {
        this.#pool.give(buffer)
        return { datagrams, more: false }
      }
      const { remote: to, local } = link.connection.destination
      const socket = local === link.local ? link.socket : this.#parts.socketAt(to.family, local)
      // Where a socket is gone, its datagrams are lost.
      if (socket === null) this.#pool.give(buffer)
      else this.#send(buffer, { length, socket, to })
    }
    return { datagrams: max, more: true }
  }

  #send(buffer: Uint8Array, datagram: { length: number; socket: UdpSocket; to: Address }): void {
    const { counters } = this.#parts
    counters.udpDatagramsSent++
    counters.udpBytesSent += datagram.length
    datagram.socket.send(buffer.subarray(0, datagram.length), datagram.to, () => {
      this.#pool.give(buffer)
      if (this.#links.size > 0) this.#schedule()
      else this.#tellIdle()
    })
  }

  #tellIdle(): void {
    if (this.#isIdle) for (const resolve of this.#onIdle.splice(0)) resolve()
  }
}
