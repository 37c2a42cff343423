// `npm run siege`: the sieges that take longer than `npm test` can bear, as tables for docs/accept-path.md. With `-- --check` it exits 1
// and names each aim that was missed; `--quick` is the same on a small scale, `--only silence,crowds,crossing` a part of it, and
// `--acceptance serial` a control experiment, which must miss. `--kinds deaf,mute`, `--prefixes 64,512`
// and `--pairs 1` narrow the silences.
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { ACCEPTANCE_KINDS } from '../../src/siege/acceptances.ts'
import { SILENCES } from '../../src/siege/silence.ts'
import { CROSSING_HEADS, crossingSuite } from './crossing.ts'
import { CROWD_HEADS, honestSuite, lockoutSuite, stormSuite, vanishSuite } from './crowds.ts'
import { SILENCE_HEADS, silenceSuite } from './silence.ts'
import { tableOf } from './suite.ts'
import type { Finding } from './suite.ts'

const PARTS = ['crowds', 'crossing', 'silence'] as const

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: PARTS.join(',') },
    acceptance: { type: 'string', default: 'own' },
    kinds: { type: 'string', default: SILENCES.join(',') },
    prefixes: { type: 'string' },
    pairs: { type: 'string' },
  },
})

const acceptance = ACCEPTANCE_KINDS.find((kind) => kind === values.acceptance)
if (acceptance === undefined) throw new Error(`--acceptance is one of ${ACCEPTANCE_KINDS.join(', ')}`)

/** Half of the times `vanish` is before HELLO. */
const FULL = {
  honest: 1_000,
  silent: 1_000,
  peers: 500,
  vanish: 5_000,
  vanishing: 512,
  rounds: 1_000,
  victims: 8,
  forgedPerSecond: 600,
  silence: { silent: 512, honest: 100, samples: 500, pairs: 5 },
  prefixes: [1, 8, 64, 512],
}

const QUICK: typeof FULL = {
  honest: 200,
  silent: 200,
  peers: 100,
  vanish: 200,
  vanishing: 32,
  rounds: 100,
  victims: 4,
  forgedPerSecond: 400,
  silence: { silent: 128, honest: 20, samples: 100, pairs: 1 },
  prefixes: [1, 64],
}

/** Honest dials at a time: as many as this machine finishes well within the time a dial has. */
const AT_ONCE = 64

const scale = values.quick ? QUICK : FULL
const silence = { ...scale.silence, pairs: Number(values.pairs ?? scale.silence.pairs) }
const prefixCounts = values.prefixes?.split(',').map(Number) ?? scale.prefixes
const kinds = SILENCES.filter((kind) => values.kinds.split(',').includes(kind))

const SUITES: Readonly<Record<(typeof PARTS)[number], { heads: readonly string[]; runs: (() => Promise<Finding>)[] }>> =
  {
    crowds: {
      heads: CROWD_HEADS,
      runs: [
        () => honestSuite({ acceptance, honest: scale.honest, atOnce: AT_ONCE, silent: 0, prefixes: 1 }),
        () => honestSuite({ acceptance, honest: scale.honest, atOnce: AT_ONCE, silent: scale.silent, prefixes: 1 }),
        () => honestSuite({ acceptance, honest: scale.honest, atOnce: AT_ONCE, silent: scale.silent, prefixes: 512 }),
        () => stormSuite({ acceptance, peers: scale.peers }),
        () => vanishSuite({ acceptance, times: scale.vanish, clients: scale.vanishing, known: false }),
        () => vanishSuite({ acceptance, times: scale.vanish, clients: scale.vanishing, known: true }),
        () => lockoutSuite({ acceptance, victims: scale.victims, forgedPerSecond: scale.forgedPerSecond }),
      ],
    },
    crossing: { heads: CROSSING_HEADS, runs: [() => crossingSuite({ rounds: scale.rounds })] },
    silence: {
      heads: SILENCE_HEADS,
      runs: kinds.flatMap((kind) =>
        prefixCounts.map((prefixes) => () => silenceSuite({ acceptance, kind, prefixes, ...silence })),
      ),
    },
  }

const missed: string[] = []
const [cpu] = cpus()
console.log(`Node ${process.version}, ${availableParallelism()} cores of ${cpu?.model.trim() ?? 'an unknown kind'}\n`)
for (const part of PARTS.filter((name) => values.only.split(',').includes(name))) {
  const { heads, runs } = SUITES[part]
  const rows: (readonly string[])[] = []
  for (const run of runs) {
    const finding = await run()
    process.stderr.write(`${finding.cells.join(' | ')}\n`)
    rows.push(finding.cells)
    missed.push(...finding.missed)
  }
  console.log(`${tableOf(heads, rows)}\n`)
}
for (const aim of missed) console.log(`missed: ${aim}`)
if (values.check && missed.length > 0) process.exitCode = 1
