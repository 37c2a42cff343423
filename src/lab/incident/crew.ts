// Replays in processes of their own, a few at a time: what one of them takes of time and memory is none of another's.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { readReplay, type Replay } from './record.ts'
import type { IncidentSettings, Path } from './settings.ts'

/** What is replayed, where it is kept, and how much real time each path has. */
export interface Replaying {
  readonly settings: IncidentSettings
  readonly directory: string
  readonly withinMs: number
}

/** Replays each path; each in the order given begins when there is room. Rejects when one fails. */
export const replayAll = async (
  paths: readonly Path[],
  replaying: Replaying,
  atOnce: number,
): Promise<readonly Replay[]> => {
  const waiting = [...paths]
  const worker = async (): Promise<void> => {
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) await replayOne(path, replaying)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return paths.flatMap((path) => readReplay(fileOf(path, replaying), path, replaying.settings) ?? [])
}

/** One file a path and seed: another run's settings take its place. */
const fileOf = (path: Path, { directory, settings }: Replaying): string =>
  join(directory, `${path}-${settings.hosts}-${settings.seed}.json`)

const replayOne = (path: Path, replaying: Replaying): Promise<void> =>
  new Promise((resolve, reject) => {
    const { settings, withinMs } = replaying
    const args = [path, JSON.stringify(settings), fileOf(path, replaying), String(withinMs / 1000)]
    const child = spawn(process.execPath, [join(import.meta.dirname, 'child.ts'), ...args], { stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the replay of ${path} ended with ${code}`))))
  })
