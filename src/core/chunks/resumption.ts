// What an interrupted upload of the same file had done, and whether it is believed. The chunk recorded last goes first, the ordinary
// way: when one of the peers that took it then still holds it, this is the same network, and the other chunks recorded are not
// asked about again, if only their content is what was recorded. Otherwise nothing is believed, and every chunk goes the ordinary way.
//
//   asking ─► believed
//      └────► not believed
import type { PeerId } from '../ids.ts'
import type { ChunkEntry } from './chunk.ts'
import type { PlacedRecord } from './upload-record.ts'

/** See the head of this file. */
export class Resumption {
  /** By index; of a chunk recorded twice the later counts. Bounded by RECORD_FILE_BYTES_MAX. */
  readonly #entries: ReadonlyMap<number, ChunkEntry>
  readonly #witness: PlacedRecord | null
  #state: 'asking' | 'believed' | 'not believed'

  /** Of records beyond the file, or of another size than their piece has, none counts: `sizeAt` says the size, or null. */
  constructor(placed: readonly PlacedRecord[], sizeAt: (index: number) => number | null) {
    const fitting = placed.filter(({ index, entry }) => sizeAt(index) === entry.size)
    this.#entries = new Map(fitting.map(({ index, entry }) => [index, entry]))
    this.#witness = fitting.findLast(({ holders }) => holders.length > 0) ?? null
    this.#state = this.#witness === null ? 'not believed' : 'asking'
  }

  /** The piece that is to go first, and alone; null once it is known what to believe. */
  get first(): number | null {
    return this.#state === 'asking' ? (this.#witness?.index ?? null) : null
  }

  /** The piece that went first. */
  get witness(): number | null {
    return this.#witness?.index ?? null
  }

  /** A piece was placed: `held` are the peers that had it already. */
  placed(index: number, held: readonly PeerId[]): void {
    if (index !== this.first) return
    const known = this.#witness?.holders ?? []
    this.#state = held.some((peer) => known.includes(peer)) ? 'believed' : 'not believed'
  }

  /** What piece `index` is to be compared with, or null where nothing is believed of it. */
  entry(index: number): ChunkEntry | null {
    return this.#state === 'believed' ? (this.#entries.get(index) ?? null) : null
  }
}
