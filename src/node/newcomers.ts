// First flights, begun a few a turn. A turn of the event loop brings up to some dozens of datagrams, and a handshake costs more to begin
// than to go on with: were all begun as they come, a crowd would make every one of them late together. So those in progress go first,
// whatever arrives, and newcomers wait here, where the gate can see how long: in each network in the order they came, and the networks in
// turn, so that one that sends many waits for itself.
import type { Address } from '../core/address.ts'
import { FIRST_DATAGRAM_BYTES_MIN } from '../core/gate/gate.ts'
import { Source } from '../core/gate/source.ts'
import type { Header } from '../core/quic/packet.ts'
import type { Clock, Timers } from '../io/ports.ts'

/** What newcomers are made of. */
export interface NewcomersParts<Arrival> {
  readonly clock: Clock
  readonly timers: Timers
  /** Judges one; whether a handshake was begun for it, though its datagram may not have opened. */
  readonly begin: (arrival: Arrival) => boolean
  /** There is no room for one to wait, or it waited too long. */
  readonly turnAway: (arrival: Arrival) => void
}

/** Handshakes begun in one turn: about as much work as the rest of a busy turn. */
const BEGUN_PER_TURN = 2

/** Newcomers judged in one turn, when the gate refuses or drops them, which costs little. */
const JUDGED_PER_TURN = 64

/** Those that wait, 2 datagrams a handshake. The last half is for networks of which fewer than NETWORK_FEW wait. */
const WAITING_MAX = 4096
const NETWORK_FEW = 8

/**
 * Who waited longer is turned away: it has most likely sent again, and less than half of its time may be left. Diallers send again 1, 3 and 7 s
 * after the first time, so that within any 4 s each of them is here, and no turn is left unused while somebody wants one.
 */
const WAITING_MS_MAX = 4000

/** A larger first datagram, which no path outside a machine carries, does not wait: so 4,096 are 6 MB. */
const WAITING_BYTES_MAX = 1500

/** Newcomers of one endpoint. */
export class Newcomers<Arrival extends { readonly bytes: Uint8Array; readonly from: Address; readonly since: number }> {
  readonly #parts: NewcomersParts<Arrival>
  /** By network, the one whose turn is next first. Bounded by WAITING_MAX, all together. */
  readonly #networks = new Map<string, Arrival[]>()
  #waiting = 0
  #begun = 0
  #turnAhead = false

  constructor(parts: NewcomersParts<Arrival>) {
    this.#parts = parts
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** Takes one: at once while the turn has room, later when it has not. */
  arrived(arrival: Arrival): void {
    if (this.#waiting === 0 && this.#begun < BEGUN_PER_TURN) this.#begin(arrival)
    else if (!this.#wait(arrival)) return this.#parts.turnAway(arrival)
    this.#armTurn()
  }

  #meet(arrival: Arrival, now: number): void {
    if (now - arrival.since > WAITING_MS_MAX) this.#parts.turnAway(arrival)
    else this.#begin(arrival)
  }

  #begin(arrival: Arrival): void {
    if (this.#parts.begin(arrival)) this.#begun++
  }

  #wait(arrival: Arrival): boolean {
    const key = new Source(arrival.from).key('network')
    const queue = this.#networks.get(key) ?? []
    const room = queue.length < NETWORK_FEW ? WAITING_MAX : WAITING_MAX / 2
    if (this.#waiting >= room || arrival.bytes.length > WAITING_BYTES_MAX) return false
    queue.push(arrival)
    if (queue.length === 1) this.#networks.set(key, queue)
    this.#waiting++
    return true
  }

  #armTurn(): void {
    if (this.#turnAhead || (this.#begun === 0 && this.#waiting === 0)) return
    this.#turnAhead = true
    this.#parts.timers.soon(() => this.#turn())
  }

  #turn(): void {
    this.#turnAhead = false
    this.#begun = 0
    const now = this.#parts.clock.now()
    for (let judged = 0; judged < JUDGED_PER_TURN && this.#begun < BEGUN_PER_TURN; judged++) {
      const next = this.#next()
      if (next === null) break
      this.#meet(next, now)
    }
    this.#armTurn()
  }

  /** The first of the network whose turn it is; that network's next turn comes after those of the others. */
  #next(): Arrival | null {
    const [first] = this.#networks
    if (first === undefined) return null
    const [key, queue] = first
    const arrival = queue.shift() ?? null
    this.#networks.delete(key)
    if (queue.length > 0) this.#networks.set(key, queue)
    this.#waiting--
    return arrival
  }
}

/** What a handshake may begin with; the gate has more to say about it. */
export const isFirstFlight = (bytes: Uint8Array, header: Header | null): boolean =>
  header?.form === 'long' && header.type === 'initial' && bytes.length >= FIRST_DATAGRAM_BYTES_MIN
