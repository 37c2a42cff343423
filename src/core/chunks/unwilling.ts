// Peers that refused a chunk or did not answer, each left alone for a while, and twice as long after each time in a row.
import type { PeerId } from '../ids.ts'

/** More are not remembered; the first is forgotten for the next. */
const PEERS_MAX = 256

interface Pause {
  readonly until: number
  readonly ms: number
}

/** See above. */
export class Unwilling {
  readonly #msMin: number
  readonly #msMax: number
  /** The last to fail last. Bounded by PEERS_MAX. */
  readonly #pauses = new Map<PeerId, Pause>()

  constructor({ msMin, msMax }: { readonly msMin: number; readonly msMax: number }) {
    this.#msMin = msMin
    this.#msMax = msMax
  }

  has(peer: PeerId, now: number): boolean {
    return (this.#pauses.get(peer)?.until ?? 0) > now
  }

  add(peer: PeerId, now: number): void {
    const before = this.#pauses.get(peer)
    // What fails during a pause began before it.
    if (before !== undefined && before.until > now) return
    const ms = before === undefined ? this.#msMin : Math.min(2 * before.ms, this.#msMax)
    this.#pauses.delete(peer)
    this.#pauses.set(peer, { until: now + ms, ms })
    const [first] = this.#pauses.keys()
    if (first !== undefined && this.#pauses.size > PEERS_MAX) this.#pauses.delete(first)
  }

  /** It took a chunk. */
  delete(peer: PeerId): void {
    this.#pauses.delete(peer)
  }
}
