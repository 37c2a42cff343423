// Whether what is watched is alive, and to be used: told by when something last came from it, and by what it said it is about to do. That nothing
// comes any more tells something too: its event loop stands still.

/** Without a reading for so long, in milliseconds, it does not work: ten in a row did not come. */
export const DEAD_AFTER_MS = 10_000

/** And for so long it is not to be sent anything new. */
export const UNREADY_AFTER_MS = 5000

/** How it is, in one word and a sentence. */
export interface Condition {
  readonly isWell: boolean
  readonly text: string
}

/** Clocks in milliseconds: a monotonic one, and the one on the wall. */
export interface Clocks {
  now(): number
  wall(): number
}

/** What is watched, in words. */
export interface Subject {
  readonly name: string
  /** What it does until it is to be used. */
  readonly joining: string
}

/** See the head of this file. */
export class Pulse {
  readonly #subject: Subject
  readonly #clocks: Clocks
  readonly #since: number
  #heardAt: number
  #wasHeard = false
  #stage: 'joining' | 'joined' | 'closing' = 'joining'

  constructor(subject: Subject, clocks: Clocks) {
    this.#subject = subject
    this.#clocks = clocks
    this.#since = this.#heardAt = clocks.now()
  }

  /** A reading came. */
  heard(): void {
    this.#heardAt = this.#clocks.now()
    this.#wasHeard = true
  }

  /** It is to be used from now on, or not any more. */
  enter(stage: 'joined' | 'closing'): void {
    if (this.#stage !== 'closing') this.#stage = stage
  }

  /** Milliseconds since the last reading, or since there could have been one. */
  get ageMs(): number {
    return this.#clocks.now() - this.#heardAt
  }

  /** Milliseconds since this side began. */
  get upMs(): number {
    return this.#clocks.now() - this.#since
  }

  /** Whether it works at all: if not, it is to be started anew. */
  get health(): Condition {
    return this.ageMs < DEAD_AFTER_MS ? WELL : this.#silence
  }

  /** Whether it is to be used. */
  get readiness(): Condition {
    const { name, joining } = this.#subject
    if (this.#stage === 'closing') return { isWell: false, text: `the ${name} is closing` }
    if (!this.#wasHeard) return { isWell: false, text: `the ${name} has not answered yet` }
    if (this.ageMs >= UNREADY_AFTER_MS) return this.#silence
    return this.#stage === 'joining' ? { isWell: false, text: `the ${name} ${joining}` } : WELL
  }

  get #silence(): Condition {
    return { isWell: false, text: `the ${this.#subject.name} has not answered for ${Math.floor(this.ageMs / 1000)} s` }
  }
}

const WELL: Condition = { isWell: true, text: 'ok' }
