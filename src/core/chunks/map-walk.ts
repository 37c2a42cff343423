// The walk through a file's data maps, depth first, so that its chunks come in order: one map is read at a time, and of each level
// one is open. A map must be of the level below the one that lists it, of the size and context it was listed with, and not empty, so a
// walk goes down LEVEL_MAX steps at most and every step brings bytes: maps that lead in a circle, or nowhere, cannot be made.
import { sameBytes } from '../bytes.ts'
import type { ChunkEntry } from './chunk.ts'
import { decodeDataMap } from './data-map.ts'
import type { DataMap } from './data-map.ts'
import { chunkRuns, distinctChunks } from './placed-chunks.ts'
import type { PlacedChunk } from './placed-chunks.ts'

/** In which order chunks are written: in any, equal ones once, or from the beginning to the end. */
export type WriteOrder = 'any' | 'ascending'

/** What is to be fetched next. */
export type WalkStep =
  /** A map; its plaintext is to be given to `read` before anything else comes. */
  | { readonly kind: 'map'; readonly address: Uint8Array; readonly contentHash: Uint8Array }
  | { readonly kind: 'chunk'; readonly chunk: PlacedChunk }

type Frame =
  | { readonly kind: 'maps'; readonly level: number; readonly entries: readonly ChunkEntry[]; next: number }
  | { readonly kind: 'chunks'; readonly chunks: readonly PlacedChunk[]; next: number }

/** See the head of this file. */
export class MapWalk {
  readonly #order: WriteOrder
  /** What the map asked for must be; null for the root. */
  #expected: { readonly level: number; readonly size: number } | null = null
  #asked: 'not yet' | 'asked' | 'read' = 'not yet'
  #root: { readonly address: Uint8Array; readonly contentHash: Uint8Array }
  #file: { readonly size: number; readonly context: Uint8Array } | null = null
  /** From the root down. Bounded by LEVEL_MAX + 1. */
  readonly #frames: Frame[] = []
  /** Where the chunks of the next map of level 0 begin. */
  #offset = 0

  constructor(root: { readonly address: Uint8Array; readonly contentHash: Uint8Array }, order: WriteOrder) {
    this.#root = root
    this.#order = order
  }

  /** The file's size, and what its chunks are opened with; null until the root was read. */
  get file(): { readonly size: number; readonly context: Uint8Array } | null {
    return this.#file
  }

  /** Whether every step was given and every map read. */
  get done(): boolean {
    return this.#asked === 'read' && this.#frames.length === 0
  }

  /** The next step; null while a map is to be read first, and at the end. */
  next(): WalkStep | null {
    if (this.#asked === 'asked') return null
    if (this.#asked === 'not yet') {
      this.#asked = 'asked'
      return { kind: 'map', ...this.#root }
    }
    const frame = this.#frames.at(-1)
    if (frame === undefined) return null
    const step = this.#stepOf(frame)
    if (frame.next >= (frame.kind === 'maps' ? frame.entries : frame.chunks).length) this.#frames.pop()
    return step
  }

  /** Takes the map asked for; false when it is none, or not the one that belongs there. */
  read(plaintext: Uint8Array): boolean {
    const map = decodeDataMap(plaintext)
    if (map === null || !this.#fits(map)) return false
    this.#asked = 'read'
    this.#file ??= { size: map.size, context: map.context.slice() }
    if (map.entries.length === 0) return true
    if (map.level > 0) {
      this.#frames.push({ kind: 'maps', level: map.level, entries: map.entries, next: 0 })
      return true
    }
    const chunks = this.#order === 'any' ? distinctChunks(map, this.#offset) : chunkRuns(map, this.#offset)
    if (chunks === null) return false
    this.#offset += map.size
    this.#frames.push({ kind: 'chunks', chunks, next: 0 })
    return true
  }

  #stepOf(frame: Frame): WalkStep | null {
    if (frame.kind === 'chunks') {
      const chunk = frame.chunks[frame.next++]
      return chunk === undefined ? null : { kind: 'chunk', chunk }
    }
    const entry = frame.entries[frame.next++]
    if (entry === undefined) return null
    this.#expected = { level: frame.level - 1, size: entry.size }
    this.#asked = 'asked'
    return { kind: 'map', address: entry.address, contentHash: entry.contentHash }
  }

  #fits(map: DataMap): boolean {
    if (this.#file === null || this.#expected === null) return true
    const { level, size } = this.#expected
    return map.level === level && map.size === size && sameBytes(map.context, this.#file.context)
  }
}
