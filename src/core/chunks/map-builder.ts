// The data maps of a file, made while it is uploaded: chunks are put in order, and whenever a map is full it is due to be sealed and
// becomes one entry of the level above. What is left at the end is closed from below; the last map is the root, which the link names.
//
//   entries ─► level 0 ─► (full: sealed) ─► level 1 ─► …            finish: what is left ─► root
import { assert } from '../assert.ts'
import type { ChunkEntry } from './chunk.ts'
import { LEVEL_MAX, entriesMax } from './data-map.ts'
import type { DataMap } from './data-map.ts'

/** Where a sealed map is, and what its plaintext hashes to. */
export type SealedMap = Pick<ChunkEntry, 'address' | 'contentHash'>

/** Gives the maps of one file, one after another: each is to be answered with `sealed` before the next is due. */
export class MapBuilder {
  readonly #context: Uint8Array
  readonly #entriesMax: number
  /** By level, entries whose map is not closed yet. Bounded by LEVEL_MAX + 2 times the entries of a map. */
  readonly #open: ChunkEntry[][] = [[]]
  /** By index, chunks that wait for those before them, or for the map that is out. Bounded by what is in flight at once. */
  readonly #waiting = new Map<number, ChunkEntry>()
  #next = 0
  #count = Infinity
  #out: DataMap | null = null
  #root: SealedMap | null = null

  /** `most` entries a map, at least 2: fewer than there is room for, where more maps are wanted. */
  constructor(context: Uint8Array, most = Infinity) {
    assert(most >= 2, 'a map of one entry never ends')
    this.#context = context
    this.#entriesMax = most
  }

  /** The root's address once it is sealed. */
  get root(): SealedMap | null {
    return this.#root
  }

  /** Whether the file has more chunks than maps of LEVEL_MAX reach. */
  get overflown(): boolean {
    return this.#open.length > LEVEL_MAX + 1
  }

  /** Whether a map waits to be sealed: until then nothing more should be read. */
  get busy(): boolean {
    return this.#out !== null
  }

  /** A chunk of the file, by its index, once. */
  add(index: number, entry: ChunkEntry): void {
    assert(index >= this.#next && index < this.#count, 'a chunk lies inside its file and comes once')
    this.#waiting.set(index, entry)
  }

  /** The file has so many chunks. */
  finish(count: number): void {
    this.#count = count
  }

  /** A map that is to be sealed now, or null. */
  due(): DataMap | null {
    if (this.#out !== null || this.#root !== null || this.overflown) return null
    while (this.#out === null) {
      const entry = this.#waiting.get(this.#next)
      if (entry === undefined) break
      const full = this.#fullLevel()
      if (full !== null) {
        this.#out = this.#close(full)
      } else {
        this.#level(0).push(entry)
        this.#waiting.delete(this.#next++)
      }
    }
    if (this.#out === null && this.#next === this.#count) this.#out = this.#close(this.#lowestLeft())
    return this.#out
  }

  /** What the map that was due has become. */
  sealed(map: SealedMap): void {
    const out = this.#out
    assert(out !== null, 'a map is sealed that was due')
    this.#out = null
    if (this.#nothingLeft()) this.#root = map
    else this.#level(out.level + 1).push({ ...map, size: out.size })
  }

  /** The highest full level below which none is full: closing it makes room without skipping one. */
  #fullLevel(): number | null {
    if (!this.#isFull(0)) return null
    let level = 0
    while (this.#isFull(level + 1)) level++
    return level
  }

  #isFull(level: number): boolean {
    return (this.#open[level]?.length ?? 0) >= Math.min(this.#entriesMax, entriesMax(level))
  }

  /** The lowest level with entries; level 0 when there are none at all. */
  #lowestLeft(): number {
    // A full level above must be closed before one below adds to it.
    const lowest = Math.max(
      0,
      this.#open.findIndex((entries) => entries.length > 0),
    )
    let level = lowest
    while (level + 1 < this.#open.length && this.#isFull(level + 1)) level++
    return level
  }

  #close(level: number): DataMap {
    const entries = this.#level(level).splice(0)
    const size = entries.reduce((sum, entry) => sum + entry.size, 0)
    return { size, context: this.#context, level, entries }
  }

  #nothingLeft(): boolean {
    return this.#next === this.#count && this.#open.every((entries) => entries.length === 0)
  }

  #level(level: number): ChunkEntry[] {
    while (this.#open.length <= level) this.#open.push([])
    return this.#open[level] ?? []
  }
}
