// npm run lab [-- --full] [--minutes 60] [--hosts 48] [--paths sallyport,inline] [--seed 1] [--within 120m] [--anew] [--set chunkMs=0]
// Replays the incident under each accept path, each in a process of its own, writes lab/report, and prints the verdict last; exits 1 when it
// does not hold. What was broken off goes on where it was.
import { availableParallelism } from 'node:os'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Replaying, replayAll } from './crew.ts'
import { writeReport } from './report.ts'
import { changed, FULL, type IncidentSettings, isPath, PATHS, SHORT } from './settings.ts'
import { verdictOf } from './verdict.ts'

const REPORT = join(import.meta.dirname, '../../../lab/report')

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    minutes: { type: 'string' },
    hosts: { type: 'string' },
    seed: { type: 'string' },
    paths: { type: 'string', default: PATHS.join(',') },
    within: { type: 'string', default: '120m' },
    anew: { type: 'boolean', default: false },
    set: { type: 'string', multiple: true, default: [] },
  },
})

const settingsOf = (): IncidentSettings => {
  const { full, minutes, hosts, seed, set } = values
  const chosen = changed(full ? FULL : SHORT, set)
  const ms = minutes === undefined ? chosen.ms : Number(minutes) * 60_000
  return {
    ...chosen,
    ms,
    periodMs: Math.min(chosen.periodMs, ms),
    ...(hosts === undefined ? {} : { hosts: Number(hosts) }),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
  }
}

/** Minutes of real time, `120m`. */
const withinMs = Number(values.within.replace(/m$/, '')) * 60_000
const paths = values.paths.split(',').filter(isPath)
const settings = settingsOf()
if (!(withinMs > 0 && settings.ms > 0 && settings.hosts > 0 && paths.length > 0)) {
  throw new Error('usage: see the head of src/lab/incident/main.ts')
}
const atOnce = Math.min(paths.length, availableParallelism())
const replaying: Replaying = {
  settings,
  directory: join(REPORT, 'replays'),
  withinMs: (withinMs * atOnce) / paths.length,
}
if (values.anew) rmSync(replaying.directory, { recursive: true, force: true })
const replays = await replayAll(paths, replaying, atOnce)
writeReport(REPORT, replays)
const { text, holds } = verdictOf(replays)
console.log(text)
if (!holds) process.exitCode = 1
