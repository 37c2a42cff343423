// What is left at one level of a room, of all or of one shard, beside what is reserved for those who have their turn.
import { Holdings } from './holders.ts'
import type { Fit } from './intake.ts'

/** What a level is of, as it stands. */
export interface LevelParts {
  readonly bytesMax: number
  /** Bytes that are taken. */
  readonly taken: () => number
  /** Bytes that are reserved for turns. */
  readonly reserved: () => number
  /** Whether, and how easily, so many bytes more would fit if nothing were reserved. */
  readonly fit: (bytes: number) => Exclude<Fit, 'never'>
}

/** One level. */
export class Level {
  /** What unfinished stays hold here. */
  readonly held = new Holdings()
  readonly #parts: LevelParts

  constructor(parts: LevelParts) {
    this.#parts = parts
  }

  /** Bytes that are neither taken nor reserved. */
  get left(): number {
    return this.#untaken - this.#parts.reserved()
  }

  /** What one more region would find if all here held theirs. */
  get part(): number {
    return this.held.part(this.#untaken)
  }

  /** Beside what is reserved for turns there are parts to spare, or it is scarce. */
  fit(bytes: number): Exclude<Fit, 'never'> {
    const fit = this.#parts.fit(bytes)
    if (fit !== 'easily' || this.#parts.reserved() === 0) return fit
    return bytes <= this.spare ? fit : 'scarcely'
  }

  /** Bytes without which everybody's part is left; negative where it is not left with them. */
  get spare(): number {
    return this.left - this.part
  }

  get #untaken(): number {
    return this.#parts.bytesMax - this.#parts.taken()
  }
}
