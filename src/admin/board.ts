// What the admin's thread knows of the node: the last reading, how old it is, and the connections of the last whole round. That nothing
// comes any more tells something too: the node's event loop stands still.
import type { ConnectionReading } from '../index.ts'
import { History } from './history.ts'
import type { Reading, ToAdmin } from './reading.ts'

/** Without a reading for so long, in milliseconds, a node does not work: ten in a row did not come. */
export const DEAD_AFTER_MS = 10_000

/** And for so long it is not to be sent anything new. */
export const UNREADY_AFTER_MS = 5000

/** Connections of one round: where more begin in a second than are read in one, a round would never end. */
const ROUND_MAX = 50_000

/** How a node is, in one word and a sentence. */
export interface Condition {
  readonly isWell: boolean
  readonly text: string
}

/** The clocks of a board, in milliseconds: a monotonic one, and the one on the wall. */
export interface BoardClocks {
  now(): number
  wall(): number
}

/** See the head of this file. */
export class Board {
  readonly history = new History()
  readonly #clocks: BoardClocks
  readonly #since: number
  #reading: Reading | null = null
  #readAt: number
  #number = 0
  /** Bounded by ROUND_MAX and a page, as what comes for the next round is. */
  #connections: readonly ConnectionReading[] = []
  #roundAt: number
  #coming: ConnectionReading[] = []
  #stage: 'joining' | 'joined' | 'closing' = 'joining'

  constructor(clocks: BoardClocks) {
    this.#clocks = clocks
    this.#since = this.#readAt = this.#roundAt = clocks.now()
  }

  take(message: ToAdmin): void {
    switch (message.kind) {
      case 'reading':
        this.#reading = message.reading
        this.#readAt = this.#clocks.now()
        this.#number++
        this.history.add(message.reading.metrics, this.#readAt, this.#clocks.wall())
        return
      case 'page':
        this.#coming.push(...message.connections)
        if (!message.last && this.#coming.length < ROUND_MAX) return
        this.#connections = this.#coming
        this.#coming = []
        this.#roundAt = this.#clocks.now()
        return
      case 'joined':
        if (this.#stage === 'joining') this.#stage = 'joined'
        return
      case 'closing':
        this.#stage = 'closing'
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

  /** Milliseconds since the last reading, or since there could have been one. */
  get ageMs(): number {
    return this.#clocks.now() - this.#readAt
  }

  /** Milliseconds since this side began. */
  get upMs(): number {
    return this.#clocks.now() - this.#since
  }

  /** The connections of the last whole round, and how old that is. */
  get connections(): { readonly all: readonly ConnectionReading[]; readonly ageMs: number } {
    return { all: this.#connections, ageMs: this.#clocks.now() - this.#roundAt }
  }

  /** Whether the node works at all: if not, it is to be started anew. */
  get health(): Condition {
    return this.ageMs < DEAD_AFTER_MS ? WELL : { isWell: false, text: silence(this.ageMs) }
  }

  /** Whether it is to be used. */
  get readiness(): Condition {
    if (this.#stage === 'closing') return { isWell: false, text: 'the node is closing' }
    if (this.#reading === null) return { isWell: false, text: 'the node has not answered yet' }
    if (this.ageMs >= UNREADY_AFTER_MS) return { isWell: false, text: silence(this.ageMs) }
    return this.#stage === 'joining' ? { isWell: false, text: 'the node is joining its network' } : WELL
  }
}

const WELL: Condition = { isWell: true, text: 'ok' }

const silence = (ms: number): string => `the node has not answered for ${Math.floor(ms / 1000)} s`
