// npm run lab:sweep [-- --minutes 30] [--hosts 24] [--seed 1] [--only outage]
// What the result depends on: the incident in little under the first historical path and under ours, with one assumption changed at a time.
// Writes lab/report/sweep.md and sweep.svg; what was measured before is not measured again.
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { barsOf } from './bars.ts'
import { replayAll } from './crew.ts'
import { changed, PATHS, SHORT } from './settings.ts'
import { summaryOf } from './verdict.ts'

const REPORT = join(import.meta.dirname, '../../../lab/report')

/** What is changed, by what it says; findings of the old node are nothing to ours. */
const VARIANTS: readonly { readonly name: string; readonly changes: readonly string[]; readonly ours: boolean }[] = [
  { name: 'as it was', changes: [], ours: true },
  { name: 'announced to each time [3]', changes: ['-announcesOncePerAddress'], ours: false },
  { name: 'no lock held across a send [1]', changes: ['-holdsAcrossSend'], ours: false },
  { name: 'senders stand in no line [1]', changes: ['-sendersStandInLine'], ours: false },
  { name: 'no shards [2]', changes: ['-hasShards'], ours: false },
  { name: 'neither 1 nor 3', changes: ['-announcesOncePerAddress', '-holdsAcrossSend'], ours: false },
  { name: 'held until identified', changes: ['heldUntil=identified'], ours: false },
  { name: 'outages half as often', changes: ['outageEveryMs=3600000'], ours: true },
  { name: 'outages twice as often', changes: ['outageEveryMs=900000'], ours: true },
  { name: 'hosts live four times as long', changes: ['lifeMs=7200000'], ours: true },
  { name: 'nobody silent', changes: ['silentShare=0'], ours: true },
  { name: 'twice as many silent', changes: ['silentShare=0.5'], ours: true },
  { name: 'nobody slow', changes: ['slowShare=0'], ours: true },
  { name: 'payload 1:16', changes: ['chunkBytes=65536'], ours: true },
  { name: 'a chunk takes no time by itself', changes: ['chunkMs=0'], ours: true },
]

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    hosts: { type: 'string', default: '24' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
  },
})
const base = {
  ...SHORT,
  ms: Number(values.minutes) * 60_000,
  hosts: Number(values.hosts),
  seed: Number(values.seed),
}
const rows: { name: string; path: string; first: number; last: number; timedOut: number }[] = []
for (const [place, { name, changes, ours }] of VARIANTS.entries()) {
  if (!name.includes(values.only)) continue
  const settings = changed(base, changes)
  const paths = PATHS.filter((path) => path === 'inline' || (ours && path === 'sallyport'))
  const replaying = { settings, directory: join(REPORT, 'sweep', String(place)), withinMs: Infinity }
  for (const replay of await replayAll(paths, replaying, Math.min(paths.length, availableParallelism()))) {
    rows.push({ name, ...summaryOf(replay) })
  }
}
const cells = (last: number): string => (Number.isFinite(last) ? `${last.toFixed(0)} s` : 'none ended')
mkdirSync(REPORT, { recursive: true })
writeFileSync(
  join(REPORT, 'sweep.md'),
  [
    '| assumption | path | upload at first | at last | identities of honest hosts lost |',
    '|---|---|---|---|---|',
    ...rows.map((row) => `| ${row.name} | ${row.path} | ${cells(row.first)} | ${cells(row.last)} | ${row.timedOut} |`),
    '',
  ].join('\n'),
)
const bars = rows.map(({ name, path, last }) => ({
  name: `${name}, ${path}`,
  value: last,
  colour: path === 'sallyport' ? '#087f5b' : '#c92a2a',
}))
writeFileSync(join(REPORT, 'sweep.svg'), `${barsOf('Upload in the last period, by what is assumed', 's', bars)}\n`)
