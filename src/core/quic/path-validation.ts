// Proves that whoever is at the other end of a path receives what is sent there (RFC 9000 section 8.2): a challenge that cannot be guessed
// is repeated, ever more rarely, until it is answered or given up. An answer to a datagram of full size proves the path's size as well.
import type { Random } from '../ports.ts'

/** Bytes of a challenge. */
const CHALLENGE_BYTES = 8

/** Challenges of one validation, any of which may be answered: seven times twice as long is longer than the time there is. */
const CHALLENGES_MAX = 8

/** How long to wait for an answer before the next challenge, doubled each time, and how long in all. Milliseconds. */
export interface Patience {
  readonly firstMs: number
  readonly allMs: number
}

/** One validation of one path. */
export class PathValidation {
  readonly #challenges: { readonly data: Uint8Array; isFull: boolean }[] = []
  readonly abandonAt: number
  #waitMs: number
  #nextAt = Infinity
  /** A challenge is to be sent. */
  owed = true

  constructor(patience: Patience, now: number) {
    this.#waitMs = patience.firstMs
    this.abandonAt = now + patience.allMs
  }

  /** Challenges that were asked. */
  get asked(): number {
    return this.#challenges.length
  }

  /** The data of the challenge that is sent now. */
  draw(random: Random): Uint8Array {
    const data = new Uint8Array(CHALLENGE_BYTES)
    random.fill(data)
    this.#challenges.push({ data, isFull: false })
    return data
  }

  /** The last challenge left; `isFull` says in a datagram of 1,200 bytes or more. */
  sent(isFull: boolean, now: number): void {
    const last = this.#challenges.at(-1)
    if (last !== undefined) last.isFull = isFull
    this.owed = false
    this.#nextAt = this.#challenges.length < CHALLENGES_MAX ? now + this.#waitMs : Infinity
    this.#waitMs *= 2
  }

  /** Whether an answer is one to a challenge of ours, and if so whether to a full one. */
  answered(data: Uint8Array): 'full' | 'small' | null {
    const found = this.#challenges.find((challenge) => challenge.data.every((byte, i) => byte === data[i]))
    return found === undefined ? null : found.isFull ? 'full' : 'small'
  }

  /** When the next challenge is due, or all is given up. */
  get timerAt(): number {
    return this.owed ? this.abandonAt : Math.min(this.#nextAt, this.abandonAt)
  }

  timeout(now: number): void {
    if (now >= this.#nextAt) this.owed = true
  }
}
