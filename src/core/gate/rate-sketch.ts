// How much each of any number of prefixes has had lately, in fixed memory: a count-min sketch (Cormode and Muthukrishnan) with
// conservative update (Estan and Varghese), whose cells hold times instead of counts, as in budget.ts, so that they run out by
// themselves. Prefixes that share a cell only ever make each other look busier; only a prefix that shares all its cells with busy ones
// is taken for busy, and nobody outside can choose such cells.
import { assert } from '../assert.ts'
import { aheadMaxMs, type Rate, stepMs } from './budget.ts'
import type { KeyedHash } from './keyed-hash.ts'

/** Cells a prefix has, one a row. With a tenth of all cells busy, one prefix in 10,000 is mistaken for a busy one. */
const ROWS = 4

/** 4 × 1,024 times are 32 KiB. */
const CELLS_PER_ROW = 1024

/** As many as there are in the 16 bits of the hash that a row has. */
const CELLS_PER_ROW_MAX = 65_536

/** Grants by prefix at one rate for each. */
export class RateSketch {
  readonly #hash: KeyedHash
  readonly #cellsPerRow: number
  readonly #stepMs: number
  readonly #aheadMaxMs: number
  readonly #owedMaxMs: number
  /** ROWS × CELLS_PER_ROW. Empty until the first charge: a node nobody asks pays for nothing. */
  #cells = new Float64Array(0)
  readonly #at = new Int32Array(ROWS)

  /** `cellsPerRow`: some ten times the prefixes that are busy at the same time. */
  constructor(rate: Rate, hash: KeyedHash, cellsPerRow = CELLS_PER_ROW) {
    assert(cellsPerRow <= CELLS_PER_ROW_MAX, 'a row has no more cells than its part of the hash can name')
    this.#hash = hash
    this.#cellsPerRow = cellsPerRow
    this.#stepMs = stepMs(rate)
    this.#aheadMaxMs = aheadMaxMs(rate)
    this.#owedMaxMs = rate.owedMaxMs ?? Infinity
  }

  /** Bytes held, however many prefixes were charged. */
  get bytes(): number {
    return this.#cells.byteLength
  }

  /** Whether a prefix may have one more now. Changes nothing. */
  admits(prefix: Uint8Array, now: number): boolean {
    return this.#cells.length === 0 || this.#spentUntil(prefix) - now <= this.#aheadMaxMs
  }

  /** How much of what a prefix was charged has not run out yet. */
  owed(prefix: Uint8Array, now: number): number {
    return this.#cells.length === 0 ? 0 : Math.max(0, Math.ceil((this.#spentUntil(prefix) - now) / this.#stepMs))
  }

  /** Charges one, or any positive number, to a prefix. */
  charge(prefix: Uint8Array, now: number, count = 1): void {
    if (this.#cells.length === 0) this.#cells = new Float64Array(ROWS * this.#cellsPerRow).fill(-Infinity)
    const until = Math.min(now + this.#owedMaxMs, Math.max(this.#spentUntil(prefix), now) + count * this.#stepMs)
    for (const at of this.#at) this.#cells[at] = Math.max(this.#cells[at] ?? 0, until)
  }

  /** The least of the prefix's cells, which `#at` then names. */
  #spentUntil(prefix: Uint8Array): number {
    const [low, high] = this.#hash.digest(prefix)
    let least = Infinity
    for (let row = 0; row < ROWS; row++) {
      const bits = row < 2 ? low : high
      const part = (bits >>> (row % 2 === 0 ? 0 : 16)) & 0xffff
      const at = row * this.#cellsPerRow + (part % this.#cellsPerRow)
      this.#at[row] = at
      least = Math.min(least, this.#cells[at] ?? 0)
    }
    return least
  }
}
