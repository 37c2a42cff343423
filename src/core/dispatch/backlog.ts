// What messages that have ended hold together while they wait for their handlers. They cannot be refused any more, so it is before they
// are taken from their streams that there must not be too many: those of one protocol whose handlers hang would fill the room of all. Nor
// may a few peers whose handlers hang fill what is for all that wait: of that, too, others are left a part (holders.ts).
import { assert } from '../assert.ts'
import { Holdings } from './holders.ts'

/** Bytes of messages that were charged whole. Bounded by `bytesMax`, and what had room for its rest when it ended. */
export class Backlog {
  readonly #bytesMax: number
  readonly #held = new Holdings()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether so many bytes more of a place may wait beside what others of theirs may. Where nothing does, anything may. */
  free(path: readonly string[], bytes: number): boolean {
    const left = this.#bytesMax - this.#bytes - bytes
    return this.#bytes === 0 || (left >= 0 && this.#held.mayHold(path, bytes, left))
  }

  /** So many bytes of a place wait, until what is returned is called, once. */
  add(path: readonly string[], bytes: number): () => void {
    this.#change(path, bytes)
    let waits = true
    return () => {
      assert(waits, 'what waited is handled once')
      waits = false
      this.#change(path, -bytes)
    }
  }

  #change(path: readonly string[], bytes: number): void {
    this.#bytes += bytes
    this.#held.add(path, bytes)
  }
}
