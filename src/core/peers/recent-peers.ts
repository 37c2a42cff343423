// Peers of whom something was learnt a moment ago that will be over soon: that they said goodbye, that one end wanted to part, that they did not
// answer. Who is remembered anew is so from then on.
import type { PeerId } from '../ids.ts'

/** For so long others may still tell of a peer that has left; a dial after that finds out by itself. */
export const LEFT_MS = 30_000

/** Leavers remembered; the first is forgotten for the next. */
export const LEAVERS_MAX = 1024

/** See the head of this file. Bounded by `max`: the first is forgotten for the next. */
export class RecentPeers {
  readonly #ms: number
  readonly #max: number
  /** Until when, the first to leave first. */
  readonly #until = new Map<PeerId, number>()

  constructor({ ms, max }: { readonly ms: number; readonly max: number } = { ms: LEFT_MS, max: LEAVERS_MAX }) {
    this.#ms = ms
    this.#max = max
  }

  remember(peerId: PeerId, now: number): void {
    this.#until.delete(peerId)
    this.#until.set(peerId, now + this.#ms)
    const [first] = this.#until.keys()
    if (first !== undefined && this.#until.size > this.#max) this.#until.delete(first)
  }

  /** It was heard: whatever was learnt before is over. */
  forget(peerId: PeerId): void {
    this.#until.delete(peerId)
  }

  has(peerId: PeerId, now: number): boolean {
    return (this.#until.get(peerId) ?? -Infinity) > now
  }
}
