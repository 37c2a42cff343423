// Who said goodbye a moment ago, because its node shuts down, or whose connection one end ended because it wanted to. Only the peer itself can
// say so, over its authenticated connection, or we; until it is identified anew nobody needs to wait for a dial to it, or to dial it unasked.
import type { PeerId } from '../ids.ts'

/** For so long others may still tell of a peer that has left; a dial after that finds out by itself. */
export const LEFT_MS = 30_000

/** Leavers remembered; the first is forgotten for the next. */
export const LEAVERS_MAX = 1024

/** See the head of this file. Bounded by LEAVERS_MAX. */
export class Leavers {
  /** Until when, the first to leave first. */
  readonly #until = new Map<PeerId, number>()

  left(peerId: PeerId, now: number): void {
    this.#until.delete(peerId)
    this.#until.set(peerId, now + LEFT_MS)
    const [first] = this.#until.keys()
    if (first !== undefined && this.#until.size > LEAVERS_MAX) this.#until.delete(first)
  }

  /** It was identified: whatever it said before is over. */
  back(peerId: PeerId): void {
    this.#until.delete(peerId)
  }

  has(peerId: PeerId, now: number): boolean {
    return (this.#until.get(peerId) ?? -Infinity) > now
  }
}
