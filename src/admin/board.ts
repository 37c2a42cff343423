// What the admin's thread knows of the node: the last reading, how old it is, and the connections of the last whole round.
import type { ConnectionReading } from '../index.ts'
import { History } from './history.ts'
import { type Clocks, Pulse } from './pulse.ts'
import type { Reading, ToAdmin } from './reading.ts'

/** Connections of one round: where more begin in a second than are read in one, a round would never end. */
const ROUND_MAX = 50_000

/** See the head of this file. */
export class Board {
  readonly history = new History()
  readonly pulse: Pulse
  readonly #clocks: Clocks
  #reading: Reading | null = null
  #number = 0
  /** Bounded by ROUND_MAX and a page, as what comes for the next round is. */
  #connections: readonly ConnectionReading[] = []
  #roundAt: number
  #coming: ConnectionReading[] = []

  constructor(clocks: Clocks) {
    this.#clocks = clocks
    this.#roundAt = clocks.now()
    this.pulse = new Pulse({ name: 'node', joining: 'is joining its network' }, clocks)
  }

  take(message: ToAdmin): void {
    switch (message.kind) {
      case 'reading':
        this.#reading = message.reading
        this.pulse.heard()
        this.#number++
        this.history.add(message.reading.metrics, this.#clocks.now(), this.#clocks.wall())
        return
      case 'page':
        this.#coming.push(...message.connections)
        if (!message.last && this.#coming.length < ROUND_MAX) return
        this.#connections = this.#coming
        this.#coming = []
        this.#roundAt = this.#clocks.now()
        return
      case 'joined':
      case 'closing':
        this.pulse.enter(message.kind)
    }
  }

  /** Null until the first has come. */
  get reading(): Reading | null {
    return this.#reading
  }

  /** Counts readings: what was made of one is good until the next. */
  get number(): number {
    return this.#number
  }

  /** The connections of the last whole round, and how old that is. */
  get connections(): { readonly all: readonly ConnectionReading[]; readonly ageMs: number } {
    return { all: this.#connections, ageMs: this.#clocks.now() - this.#roundAt }
  }
}
