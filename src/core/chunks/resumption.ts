// What an interrupted upload of the same file had done, and whether it is believed. The chunk recorded last goes first, the ordinary
// way: when one of the peers that took it then still holds it, this is the same network, and the other chunks recorded are not
// asked about again, if only their content is what was recorded. Otherwise nothing is believed, and every chunk goes the ordinary way, as does
// one that fewer peers took than the upload is to have: an earlier one may have been content with less.
//
//   asking ─► believed
//      └────► not believed
import type { PeerId } from '../ids.ts'
import { HOLDERS_RECORDED } from './upload-record.ts'
import type { PlacedRecord } from './upload-record.ts'

/** What a record is held against: the size that a piece of the file has, or null, and how many holders each chunk is to have. */
interface Wanted {
  readonly sizeAt: (index: number) => number | null
  readonly quorum: number
}

/** See the head of this file. */
export class Resumption {
  /** By index; of a chunk recorded twice the later counts. Bounded by RECORD_FILE_BYTES_MAX. */
  readonly #records: ReadonlyMap<number, PlacedRecord>
  readonly #witness: PlacedRecord | null
  #state: 'asking' | 'believed' | 'not believed'

  /** Of records beyond the file, of another size than their piece has, or of too few holders, none counts. */
  constructor(placed: readonly PlacedRecord[], { sizeAt, quorum }: Wanted) {
    const enough = Math.min(quorum, HOLDERS_RECORDED)
    const fitting = placed.filter(
      ({ index, entry, holders }) => sizeAt(index) === entry.size && holders.length >= enough,
    )
    this.#records = new Map(fitting.map((record) => [record.index, record]))
    this.#witness = fitting.at(-1) ?? null
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
  record(index: number): PlacedRecord | null {
    return this.#state === 'believed' ? (this.#records.get(index) ?? null) : null
  }
}
