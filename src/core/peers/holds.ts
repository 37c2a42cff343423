// Which peers are to be kept though no request passes: those somebody holds. Several holders of one peer are counted.
import type { PeerId } from '../ids.ts'

/** At most this many peers are kept alive by one node, so that a network of n nodes does not drift to n² connections. */
export const HELD_PEERS_MAX = 64

/** Held peers and how often each is held. Bounded by HELD_PEERS_MAX peers. */
export class Holds {
  readonly #counts = new Map<PeerId, number>()

  has(peerId: PeerId): boolean {
    return this.#counts.has(peerId)
  }

  get size(): number {
    return this.#counts.size
  }

  /** Holds a peer once more; false when too many others are held. */
  add(peerId: PeerId): boolean {
    const count = this.#counts.get(peerId) ?? 0
    if (count === 0 && this.#counts.size >= HELD_PEERS_MAX) return false
    this.#counts.set(peerId, count + 1)
    return true
  }

  /** Takes one hold back; true when it was the last. */
  remove(peerId: PeerId): boolean {
    const count = this.#counts.get(peerId) ?? 0
    if (count > 1) this.#counts.set(peerId, count - 1)
    return count === 1 && this.#counts.delete(peerId)
  }
}
