// What is kept of a replay in a file, from period to period: nothing measured is lost when a run is broken off. A world cannot be written
// down, so whoever goes on plays again what is there already, and must find the same trace.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { IncidentSettings, Path } from './settings.ts'
import type { Period } from './tally.ts'

/** One accept path's replay as far as it came. */
export interface Replay {
  readonly path: Path
  readonly settings: IncidentSettings
  readonly periods: readonly Period[]
  /** The trace at the end of each period. */
  readonly hashes: readonly string[]
  /** Seconds it took. */
  readonly seconds: number
  /** Whether it came to the end of its settings. */
  readonly isWhole: boolean
}

/** Reads a replay of a path and settings; null when there is none, or one of something else. */
export const readReplay = (file: string, path: Path, settings: IncidentSettings): Replay | null => {
  if (!existsSync(file)) return null
  const replay = JSON.parse(readFileSync(file, 'utf8'), numbersBack) as Replay
  return replay.path === path && JSON.stringify(replay.settings) === JSON.stringify(settings) ? replay : null
}

/** Writes a replay in the place of what was there. */
export const writeReplay = (file: string, replay: Replay): void => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, `${JSON.stringify(replay)}\n`)
  renameSync(`${file}.new`, file)
}

/** JSON has neither NaN, which is the median of nothing, nor Infinity, which is when nothing was seen. */
const numbersBack = (key: string, value: unknown): unknown => {
  if (value !== null || !key.endsWith('Ms')) return value
  return key === 'exchangeP99Ms' ? NaN : Infinity
}
