// Those who wait for the same thing, networks (/24, /48) in turn and each network in the order it came, so that one that sends many waits
// for itself. What belongs to one flight comes out together: a handshake that begins is not kept waiting by others for its other half,
// and nothing of it stays behind that could begin it again when it is long over.
import type { Address } from '../core/address.ts'
import { Source } from '../core/gate/source.ts'

/** Something that waits, and which first flight it is of: whatever is of the same one names it alike. */
export interface OfFlight {
  readonly from: Address
  readonly flight: string
}

/** A network of which fewer wait may use the last half of the room. */
const NETWORK_FEW = 8

/** Of one flight: two datagrams, and both once more. */
const FLIGHT_MAX = 4

/** What waits of one network. */
interface Network<Waiting> {
  /** The one that came first is first. Bounded by the room. */
  readonly flights: Map<string, Waiting[]>
  waiting: number
}

/** A waiting room for `max` at most. */
export class WaitingRoom<Waiting extends OfFlight> {
  readonly #max: number
  /** The one whose turn is next is first. Bounded by `#max`, all together. */
  readonly #networks = new Map<string, Network<Waiting>>()
  #size = 0

  constructor(max: number) {
    this.#max = max
  }

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  /** Lets one in; false when there is no room for it. */
  enter(waiting: Waiting): boolean {
    const key = new Source(waiting.from).key('network')
    const network = this.#networks.get(key) ?? { flights: new Map<string, Waiting[]>(), waiting: 0 }
    if (this.#size >= (network.waiting < NETWORK_FEW ? this.#max : this.#max / 2)) return false
    const flight = network.flights.get(waiting.flight) ?? []
    if (flight.length >= FLIGHT_MAX) return false
    flight.push(waiting)
    if (flight.length === 1) network.flights.set(waiting.flight, flight)
    if (++network.waiting === 1) this.#networks.set(key, network)
    this.#size++
    return true
  }

  /** The first flight of the network whose turn it is, or nothing; that network's next turn comes after those of the others. */
  next(): readonly Waiting[] {
    const [first] = this.#networks
    if (first === undefined) return []
    const [key, network] = first
    const [oldest] = network.flights
    if (oldest === undefined) return []
    const [name, flight] = oldest
    network.flights.delete(name)
    network.waiting -= flight.length
    this.#networks.delete(key)
    if (network.waiting > 0) this.#networks.set(key, network)
    this.#size -= flight.length
    return flight
  }
}
