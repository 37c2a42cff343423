// npm run world -- --seed N [--hosts 50] [--hours 1] [--faults all|none|kinds|numbers] [--fault-every 15] [--trace FILE] [--real] [--plant NAME]
// Simulates one network; exits 1 when something was found that must never be, and prints the smallest command that repeats it.
import { closeSync, openSync, writeSync } from 'node:fs'
import { realCryptography } from '../../src/world/cryptography.ts'
import { runNetwork } from '../../src/world/nodes/network-run.ts'
import { investigate } from './investigate.ts'
import { planted } from './plants.ts'
import { commit, outcomeText, strikesText } from './report.ts'
import { settingsOf } from './settings.ts'

const settings = settingsOf(process.argv.slice(2))
const { run, real, plant, trace } = settings
console.log(`seed ${run.seed}, commit ${commit()}${plant === null ? '' : `, planted: ${plant}`}`)
const file = trace === null ? null : openSync(trace, 'w')
const sink = file === null ? {} : { trace: (line: string) => void writeSync(file, `${line}\n`) }
const options = { ...run, ...(real ? { cryptography: await realCryptography() } : {}) }
const unplant = plant === null ? () => {} : planted(plant)
const began = performance.now()
const outcome = await runNetwork({ ...options, ...sink })
const seconds = (performance.now() - began) / 1000
if (file !== null) closeSync(file)
console.log(`how often each kind of fault struck:\n${strikesText(outcome.strikes)}`)
console.log(outcomeText(outcome))
console.log(
  `speed       ${(outcome.virtualMs / 1000 / seconds).toFixed(1)} times real time, ${Math.round(outcome.datagrams.sent / seconds)} datagrams/s`,
)
if (outcome.finding !== null) {
  console.log(await investigate(settings, options, outcome))
  process.exitCode = 1
}
unplant()
