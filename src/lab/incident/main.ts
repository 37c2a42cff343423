// npm run lab [-- --minutes 25] [-- --hosts 48] [-- --paths sallyport,inline] [-- --seed 1]
// Replays the incident under each accept path, writes lab/report/index.html, and prints the verdict last; exits 1 when it does not hold.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Incident } from './incident.ts'
import { pageOf, periodText, type Replay, verdictOf } from './report.ts'
import { PATHS, SHORT } from './settings.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: String(SHORT.ms / 60_000) },
    hosts: { type: 'string', default: String(SHORT.hosts) },
    seed: { type: 'string', default: String(SHORT.seed) },
    paths: { type: 'string', default: PATHS.join(',') },
  },
})
const wanted = values.paths.split(',')
const settings = {
  ...SHORT,
  ms: Number(values.minutes) * 60_000,
  hosts: Number(values.hosts),
  seed: Number(values.seed),
}
const replays: Replay[] = []
for (const path of PATHS.filter((name) => wanted.includes(name))) {
  const incident = new Incident(path, settings)
  await incident.run((period) => console.log(periodText(path, incident.periods.length, period)))
  replays.push({ path, periods: incident.periods })
}
const { text, holds } = verdictOf(replays)
const directory = join(import.meta.dirname, '../../../lab/report')
mkdirSync(directory, { recursive: true })
writeFileSync(join(directory, 'index.html'), pageOf(replays, text))
console.log(text)
if (!holds) process.exitCode = 1
