// Those who wait for the same thing, networks (/24, /48) in turn and each network in the order it came, so that one that sends many waits
// for itself.
import type { Address } from '../core/address.ts'
import { Source } from '../core/gate/source.ts'

/** A network of which fewer wait may use the last half of the room. */
const NETWORK_FEW = 8

/** A waiting room for `max` at most. */
export class WaitingRoom<Waiting extends { readonly from: Address }> {
  readonly #max: number
  /** By network, the one whose turn is next first. Bounded by `#max`, all together. */
  readonly #networks = new Map<string, Waiting[]>()
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
    const queue = this.#networks.get(key) ?? []
    if (this.#size >= (queue.length < NETWORK_FEW ? this.#max : this.#max / 2)) return false
    queue.push(waiting)
    if (queue.length === 1) this.#networks.set(key, queue)
    this.#size++
    return true
  }

  /** The first of the network whose turn it is; that network's next turn comes after those of the others. */
  next(): Waiting | null {
    const [first] = this.#networks
    if (first === undefined) return null
    const [key, queue] = first
    const next = queue.shift() ?? null
    this.#networks.delete(key)
    if (queue.length > 0) this.#networks.set(key, queue)
    this.#size--
    return next
  }
}
