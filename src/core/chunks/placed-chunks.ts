// The chunks a data map of level 0 lists, with the places of the file they belong to: equal ones fetched once.
import { sameBytes, toHex } from '../bytes.ts'
import type { ChunkEntry } from './chunk.ts'
import type { DataMap } from './data-map.ts'

/** One chunk of a file and the places it belongs to, in ascending order. */
export interface PlacedChunk {
  readonly entry: ChunkEntry
  /** Bounded by the entries of one map. */
  readonly offsets: number[]
}

/** The distinct chunks of a map that begins at `offset` of its file, in order of first use; null when one address is given two meanings. */
export const distinctChunks = (map: DataMap, offset: number): PlacedChunk[] | null => {
  const chunks = new Map<string, PlacedChunk>()
  let at = offset
  for (const entry of map.entries) {
    const key = toHex(entry.address)
    const known = chunks.get(key)
    if (known === undefined) chunks.set(key, { entry, offsets: [at] })
    else if (!isSame(known.entry, entry)) return null
    else known.offsets.push(at)
    at += entry.size
  }
  return [...chunks.values()]
}

/** The chunks of a map in the file's order, a run of equal ones as one: for whoever cannot go back to an earlier place. */
export const chunkRuns = (map: DataMap, offset: number): PlacedChunk[] => {
  const runs: PlacedChunk[] = []
  let at = offset
  for (const entry of map.entries) {
    const last = runs.at(-1)
    if (last !== undefined && sameBytes(last.entry.address, entry.address) && isSame(last.entry, entry))
      last.offsets.push(at)
    else runs.push({ entry, offsets: [at] })
    at += entry.size
  }
  return runs
}

const isSame = (a: ChunkEntry, b: ChunkEntry): boolean => a.size === b.size && sameBytes(a.contentHash, b.contentHash)
