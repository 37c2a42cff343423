// A network over loopback that lives for a while under churn and load, and must not change for it: flat memory, flat counts of handles,
// timers and listeners, no difference that the reconciler finds, events that alternate, accepted = registered = reading.
//   npm run soak -- [--for 10m] [--every 5s] [--nodes 10] [--churn 2s] [--seed N] [--json]
// It prints a line for each look and a verdict, and exits 1 naming each promise that was not kept. --plant leaks on purpose, for tests.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { systemPorts } from '../../src/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { CHURN, ChurningNetwork } from './churning-network.ts'
import { Load } from './load.ts'
import { leak, type Plant, PLANTS } from './plants.ts'
import { listenersOf, look, type Sample } from './samples.ts'
import { type Findings, verdictOf } from './verdict.ts'

interface Options {
  readonly forMs: number
  readonly everyMs: number
  readonly churnMs: number
  readonly nodes: number
  readonly seed: number
  readonly json: boolean
  readonly plants: readonly Plant[]
}

const NODES_MIN = 8
/** A run lasts until it says something, looks enough and every kind of churn, but only so much longer than it was told. */
const LOOKS_MIN = 20
const LONGER_MS = 60_000
/** What is going on when the time is up may go on for so long; then it is cancelled. */
const GRACE_MS = 3000
/** Members that are gone and not replaced yet; the others stay enough to hold every chunk. */
const REPLACED_AT_ONCE = 3

const soak = async (options: Options, tell: (line: string) => void): Promise<Findings> => {
  await opened([process.stdout, process.stderr])
  const before = process.getActiveResourcesInfo()
  const root = await mkdtemp(join(tmpdir(), 'sallyport-soak-'))
  const ports = await systemPorts()
  const stopping = new AbortController()
  const { signal } = stopping
  const random = new SeededRandom(options.seed)
  const network = await ChurningNetwork.start(options.nodes, { root, ports, signal })
  const load = new Load(network, { random, root, signal })
  // One while nobody goes: a lookup that meets someone who is gone takes ten seconds, a short run's whole half.
  await load.transfer()
  const samples: Sample[] = []
  let stop: NodeJS.Timeout | undefined
  const begun = performance.now()
  const over = (): boolean => {
    const elapsed = performance.now() - begun
    const told = samples.length >= LOOKS_MIN && Object.values(network.churned).every((count) => count > 0)
    return elapsed >= options.forMs && (told || elapsed >= options.forMs + LONGER_MS)
  }
  try {
    await Promise.all([
      load.run(over),
      churn(network, { random, everyMs: options.churnMs, over }),
      watch(options, over, async () => {
        network.check()
        for (const plant of options.plants) leak(plant, { signal, wrongs: network.wrongs })
        const sample = await look(begun, signal)
        samples.push(sample)
        tell(lineOf(sample, load))
      }).then(() => {
        stop = setTimeout(() => stopping.abort(), GRACE_MS)
      }),
    ])
  } finally {
    clearTimeout(stop)
    await network.close()
    await ports.close()
    await rm(root, { recursive: true, force: true })
  }
  const { wrongs, churned, eventsHeard } = network
  const { requests, uploads, downloads, corrupt } = load
  const leftOver = await leftOpen(before)
  if (listenersOf(signal) > 0) leftOver.push('listeners of the signal')
  return { samples, wrongs, churned, eventsHeard, requests, uploads, downloads, corrupt, leftOver }
}

/** One member after another goes, each kind of going in its turn; who comes in its place may still be joining when the next goes. */
const churn = async (
  network: ChurningNetwork,
  { random, everyMs, over }: { random: SeededRandom; everyMs: number; over: () => boolean },
): Promise<void> => {
  const replacing = new Set<Promise<void>>()
  for (let turn = 0; ; turn++) {
    await sleep(everyMs)
    if (over()) break
    const { members } = network
    const replaced = network.churn(CHURN[turn % CHURN.length]!, members[random.below(members.length)]!)
    const replacement = replaced.finally(() => replacing.delete(replacement))
    replacing.add(replacement)
    if (replacing.size >= REPLACED_AT_ONCE) await Promise.race(replacing)
  }
  await Promise.all(replacing)
}

const watch = async (options: Options, over: () => boolean, act: () => Promise<void>): Promise<void> => {
  while (!over()) {
    await sleep(options.everyMs)
    await act()
  }
}

/** The process's own streams are opened by whoever looks at them first, a worker perhaps; they are no leak of anybody's. */
const opened = async (streams: readonly NodeJS.WriteStream[]): Promise<void> => {
  for (const stream of streams) await new Promise<void>((resolve) => stream.write('', () => resolve()))
}

/** What is still open a moment after everything was closed: sockets end in the next turn of the event loop. */
const leftOpen = async (before: readonly string[]): Promise<string[]> => {
  await sleep(200)
  const left = process.getActiveResourcesInfo()
  for (const kind of before) {
    const at = left.indexOf(kind)
    if (at >= 0) left.splice(at, 1)
  }
  return left
}

const lineOf = ({ atMs, heap, buffers, handles, timers, listeners, files }: Sample, load: Load): string =>
  [
    `${(atMs / 1000).toFixed(1).padStart(7)} s`,
    `heap ${(heap / 1e6).toFixed(1).padStart(6)} MB, buffers ${(buffers / 1e6).toFixed(1).padStart(5)} MB`,
    `handles ${handles}, timers ${timers}, listeners ${listeners}, files ${files}`,
    `requests ${load.requests.done}, uploads ${load.uploads.done}, downloads ${load.downloads.done}`,
  ].join('  ')

// ── the command line ──

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }

const duration = (text: string): number => {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? []
  if (count === undefined) throw new TypeError(`${text} is no duration such as 10m, 15s or 500ms`)
  return Number(count) * (UNITS[unit] ?? NaN)
}

const optionsOf = (words: readonly string[]): Options => {
  const { values } = parseArgs({
    args: words.filter((word) => word !== '--'),
    options: {
      for: { type: 'string', default: '10m' },
      every: { type: 'string', default: '5s' },
      churn: { type: 'string', default: '2s' },
      nodes: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      json: { type: 'boolean', default: false },
      plant: { type: 'string', multiple: true, default: [] },
    },
  })
  const nodes = Number(values.nodes)
  if (!Number.isInteger(nodes) || nodes < NODES_MIN) throw new TypeError(`--nodes is a number from ${NODES_MIN} on`)
  const plants = PLANTS.filter((name) => values.plant.includes(name))
  if (plants.length !== values.plant.length) throw new TypeError(`--plant is one of ${PLANTS.join(', ')}`)
  return {
    forMs: duration(values.for),
    everyMs: duration(values.every),
    churnMs: duration(values.churn),
    nodes,
    seed: Number(values.seed),
    json: values.json,
    plants,
  }
}

const options = optionsOf(process.argv.slice(2))
const tell = (line: string): void => {
  if (!options.json) console.log(line)
}
tell(`${options.nodes} nodes, seed ${options.seed}`)
const findings = await soak(options, tell)
const verdict = verdictOf(findings)
if (options.json) console.log(JSON.stringify({ seed: options.seed, ...verdict, ...findings }))
for (const { quantity, mean, growth, allowed } of verdict.trends) {
  tell(
    `${quantity}: ${Math.round(growth)} over the second half at a mean of ${Math.round(mean)}, ${Math.round(allowed)} allowed`,
  )
}
const { churned, requests, uploads, downloads, eventsHeard } = findings
tell(JSON.stringify({ churned, eventsHeard, requests, uploads, downloads }))
for (const aim of verdict.missed) tell(`missed: ${aim}`)
tell(verdict.missed.length === 0 ? 'every promise was kept' : `${verdict.missed.length} promises were not kept`)
process.exit(verdict.missed.length === 0 ? 0 : 1)
