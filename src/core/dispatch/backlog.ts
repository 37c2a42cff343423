// What messages that have ended hold together while they wait for their handlers. They cannot be refused any more, so it is before they
// are taken from their streams that there must not be too many: those of one protocol whose handlers hang would fill the room of all.
import { assert } from '../assert.ts'

/** Bytes of messages that were charged whole. Bounded by `bytesMax`, and what had room for its rest when it ended. */
export class Backlog {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Whether so many bytes more may wait. Where nothing does, anything may. */
  free(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax
  }

  /** So many bytes more wait, or fewer. */
  add(bytes: number): void {
    this.#bytes += bytes
    assert(this.#bytes >= 0, 'no more is handled than waited')
  }
}
