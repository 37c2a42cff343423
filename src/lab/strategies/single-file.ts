// A task that registers connections one after another: it takes the next one only when it is done with the one before, and it waits for
// the locks with that one in its hands.
import type { Link } from '../../node/link.ts'
import type { LockedMaps } from './locked-maps.ts'

/** One task and the queue before it. */
export class SingleFile {
  readonly #maps: LockedMaps
  readonly #waited: (ms: number) => void
  /** Bounded by who puts in. */
  readonly #queue: Link[] = []
  #busy = false
  #looping = false

  /** `waited` is told for each connection how long the task stood before the locks. */
  constructor(maps: LockedMaps, waited: (ms: number) => void = () => {}) {
    this.#maps = maps
    this.#waited = waited
  }

  /** Connections that the task has not taken up. */
  get length(): number {
    return this.#queue.length
  }

  put(link: Link, now: number): void {
    this.#queue.push(link)
    this.#loop(now)
  }

  #loop(now: number): void {
    if (this.#looping) return
    this.#looping = true
    while (!this.#busy) {
      const link = this.#queue.shift()
      if (link === undefined) break
      this.#busy = true
      this.#maps.register(link, now, (at) => {
        this.#waited(at - now)
        this.#busy = false
        this.#loop(at)
      })
    }
    this.#looping = false
  }
}
