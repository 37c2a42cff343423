// How many of something may go on at once under one key: handlers of one protocol, or of one peer, or bytes in their hands. Whoever hangs
// takes the places of its own key only.
import { assert } from '../assert.ts'

/** Places taken, by key. Bounded by those who take places and by `perKeyMax` for each key. */
export class Places<Key> {
  readonly #perKeyMax: number
  readonly #taken = new Map<Key, number>()

  constructor(perKeyMax: number) {
    this.#perKeyMax = perKeyMax
  }

  /** Places taken under one key. */
  of(key: Key): number {
    return this.#taken.get(key) ?? 0
  }

  /** Whether one more, or so many, may go on under the key. Where nothing does, anything may. */
  free(key: Key, count = 1): boolean {
    const taken = this.of(key)
    return taken === 0 || taken + count <= this.#perKeyMax
  }

  /** Takes a place, or so many; only while they are `free`. */
  take(key: Key, count = 1): void {
    assert(this.free(key, count), 'a place is taken only when one is free')
    this.#taken.set(key, this.of(key) + count)
  }

  /** Gives as many places back. */
  give(key: Key, count = 1): void {
    const left = this.of(key) - count
    assert(left >= 0, 'no more places are given back than were taken')
    if (left === 0) this.#taken.delete(key)
    else this.#taken.set(key, left)
  }
}
