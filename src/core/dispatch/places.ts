// How many of something may go on at once under one key: handlers of one protocol, or of one peer. Whoever hangs takes the places of its
// own key only.
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

  /** Whether one more may go on under the key. */
  free(key: Key): boolean {
    return this.of(key) < this.#perKeyMax
  }

  /** Takes a place; only while one is `free`. */
  take(key: Key): void {
    assert(this.free(key), 'a place is taken only when one is free')
    this.#taken.set(key, this.of(key) + 1)
  }

  /** Gives a place back. */
  give(key: Key): void {
    const left = this.of(key) - 1
    assert(left >= 0, 'no more places are given back than were taken')
    if (left === 0) this.#taken.delete(key)
    else this.#taken.set(key, left)
  }
}
