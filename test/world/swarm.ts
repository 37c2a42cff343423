// npm run world:swarm -- --for 10m [--seed FIRST] [--seeds MOST] [--hosts 12] [--hours 0.08] [--plant NAME]
// Simulates one seed after the other until time is up; the first finding is shrunk, printed and exits 1.
import { FAULT_KINDS, type FaultKind } from '../../src/world/faults/fault.ts'
import { runNetwork } from '../../src/world/nodes/network-run.ts'
import { investigate } from './investigate.ts'
import { planted } from './plants.ts'
import { commit, outcomeText, strikesText } from './report.ts'
import { settingsOf } from './settings.ts'
import { SMALL } from './small.ts'

const settings = settingsOf(process.argv.slice(2))
const { forMs, seedsMax, plant } = settings
const first = settings.run.seed
console.log(`seeds from ${first} on, commit ${commit()}${plant === null ? '' : `, planted: ${plant}`}`)
const unplant = plant === null ? () => {} : planted(plant)
const strikes = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>
const began = performance.now()
let seeds = 0
let virtualMs = 0
while (performance.now() - began < forMs && seeds < seedsMax && process.exitCode === undefined) {
  const run = { ...SMALL, ...settings.run, seed: first + seeds++ }
  const outcome = await runNetwork(run)
  virtualMs += outcome.virtualMs
  for (const kind of FAULT_KINDS) strikes[kind] += outcome.strikes[kind]
  if (outcome.finding === null) continue
  console.log(`seed ${run.seed}, the ${seeds}th\n${outcomeText(outcome)}`)
  console.log(await investigate(settings, run, outcome))
  process.exitCode = 1
}
const never = FAULT_KINDS.filter((kind) => strikes[kind] === 0)
console.log(
  `${seeds} seeds, ${(virtualMs / 3_600_000).toFixed(1)} virtual hours\nhow often each kind of fault struck:\n${strikesText(strikes)}`,
)
if (never.length > 0) console.log(`never: ${never.join(', ')}`)
unplant()
