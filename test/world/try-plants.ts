// npm run world:plants [-- --write] [-- --seeds 1000] [-- --only NAME]
// Plants each bug and tries seeds until one finds it; --write puts the table into docs/simulation.md. Exits 1 when one was not found.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runNetwork } from '../../src/world/nodes/network-run.ts'
import { PLANTS, type Plant } from './plants.ts'
import { SMALL } from './small.ts'

const PAGE = join(import.meta.dirname, '../../docs/simulation.md')
const BEGIN = '<!-- plants: written by npm run world:plants -- --write -->'
const END = '<!-- plants: end -->'

interface Caught {
  readonly plant: Plant
  readonly seeds: number
  readonly rule: string | null
}

const hunt = async (plant: Plant, seedsMax: number): Promise<Caught> => {
  const unplant = plant.plant()
  try {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const { finding } = await runNetwork({ ...SMALL, seed })
      if (finding !== null) return { plant, seeds: seed, rule: finding.rule }
    }
    return { plant, seeds: seedsMax, rule: null }
  } finally {
    unplant()
  }
}

const rowOf = ({ plant, seeds, rule }: Caught): string =>
  `| ${plant.cause} | ${plant.defect} | ${rule === null ? `not within ${seeds}` : seeds} | ${rule ?? '–'} |`

const { values } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '1000' },
    only: { type: 'string' },
  },
})
const rows: string[] = []
for (const plant of PLANTS.filter(({ name }) => values.only === undefined || name === values.only)) {
  const caught = await hunt(plant, Number(values.seeds))
  rows.push(rowOf(caught))
  console.log(rowOf(caught))
  if (caught.rule === null) process.exitCode = 1
}
if (values.write) {
  const table = [
    '| cause | the planted defect | seeds until it was found | broken rule |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n')
  const page = readFileSync(PAGE, 'utf8')
  const [before = '', rest = ''] = page.split(BEGIN)
  writeFileSync(PAGE, `${before}${BEGIN}\n${table}\n${END}${rest.split(END)[1] ?? ''}`)
}
