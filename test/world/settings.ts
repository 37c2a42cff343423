// What the programs that simulate networks are told on the command line.
import { parseArgs } from 'node:util'
import { parseChoice } from '../../src/world/faults/schedule.ts'
import type { RunOptions } from '../../src/world/nodes/network-run.ts'
import { PLANTS, type PlantName } from './plants.ts'

/** What to simulate. */
export interface Settings {
  readonly run: RunOptions
  readonly real: boolean
  readonly plant: PlantName | null
  readonly trace: string | null
  readonly forMs: number
  readonly seedsMax: number
}

const HOUR_MS = 3_600_000

/** Reads the arguments; throws what is wrong with them. */
export const settingsOf = (args: readonly string[]): Settings => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      hosts: { type: 'string' },
      hours: { type: 'string' },
      faults: { type: 'string', default: 'all' },
      'fault-every': { type: 'string' },
      trace: { type: 'string' },
      real: { type: 'boolean', default: false },
      plant: { type: 'string' },
      for: { type: 'string', default: '10m' },
      seeds: { type: 'string' },
    },
  })
  const choice = parseChoice(values.faults)
  if (choice === null)
    throw new Error(`--faults ${values.faults}: all, none, kinds such as loss,crash or numbers such as 3,7`)
  const plant = PLANTS.find(({ name }) => name === values.plant)?.name ?? null
  if (values.plant !== undefined && plant === null) throw new Error(`there is no plant called ${values.plant}`)
  const [hosts, hours, every] = [values.hosts, values.hours, values['fault-every']]
  return {
    run: {
      seed: number('--seed', values.seed ?? String(Math.floor(Math.random() * 1e9))),
      choice,
      ...(hosts === undefined ? {} : { hosts: number('--hosts', hosts) }),
      ...(hours === undefined ? {} : { ms: number('--hours', hours) * HOUR_MS }),
      ...(every === undefined ? {} : { faultEveryMs: number('--fault-every', every) * 1000 }),
    },
    real: values.real,
    plant,
    trace: values.trace ?? null,
    forMs: duration(values.for),
    seedsMax: values.seeds === undefined ? Infinity : number('--seeds', values.seeds),
  }
}

/** The command that repeats a run with some of its faults. */
export const commandOf = ({ run, real, plant }: Settings, faults: string): string => {
  const { seed, hosts, ms, faultEveryMs } = run
  const parts = [
    `--seed ${seed}`,
    hosts === undefined ? null : `--hosts ${hosts}`,
    ms === undefined ? null : `--hours ${ms / HOUR_MS}`,
    faultEveryMs === undefined ? null : `--fault-every ${faultEveryMs / 1000}`,
    `--faults ${faults}`,
    real ? '--real' : null,
    plant === null ? null : `--plant ${plant}`,
  ]
  return `npm run world -- ${parts.filter((part) => part !== null).join(' ')}`
}

const number = (name: string, text: string): number => {
  const value = Number(text)
  if (text !== '' && Number.isFinite(value) && value >= 0) return value
  throw new Error(`${name} ${text} is no number`)
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: HOUR_MS }

const duration = (text: string): number => {
  const match = /^(\d+)([smh])$/.exec(text)
  if (match === null) throw new Error(`--for ${text}: a time such as 30s, 10m or 1h`)
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? 0)
}
