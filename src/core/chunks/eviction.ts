// Which chunk goes when a holder is full and another is to come: of those it is not among the closest to any more, the farthest. Only a few
// are looked at for each that comes, in turn, so that a full node does not spend its time on looking.
import { isAmongClosest } from './closeness.ts'
import type { ChunkAddress, PeerId } from '../ids.ts'
import { compareDistance } from '../kademlia/distance.ts'

/** Chunks looked at for one that comes. */
export const LOOKED_AT = 64

/** What is known of the chunks held. */
export interface EvictionView {
  readonly self: PeerId
  /** Each call begins anew. */
  held(): Iterator<ChunkAddress>
  /** The peers known closest to an address, ourselves not among them. */
  closest(address: ChunkAddress): readonly PeerId[]
}

/** The order in which the chunks of one node would go. */
export class Eviction {
  readonly #view: EvictionView
  #cursor: Iterator<ChunkAddress> | null = null

  constructor(view: EvictionView) {
    this.#view = view
  }

  /** The next to go, or null when none of those looked at this time may. */
  next(): ChunkAddress | null {
    const { self } = this.#view
    let farthest: ChunkAddress | null = null
    for (let looked = 0; looked < LOOKED_AT; looked++) {
      this.#cursor ??= this.#view.held()
      const step = this.#cursor.next()
      if (step.done === true) {
        this.#cursor = null
        break
      }
      const address = step.value
      if (isAmongClosest(address, self, this.#view.closest(address))) continue
      if (farthest === null || compareDistance(self, address, farthest) > 0) farthest = address
    }
    return farthest
  }
}
