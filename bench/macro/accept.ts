// How fast a node takes in connections, what one costs it, and what handshakes that are begun and left do to that: clients in one process,
// the node in another, on loopback, each client a node of its own, made beforehand, that dials, is identified and has a few bytes echoed.
// `--peers` measures js-libp2p, hyperdht and iroh beside it in the same run, once `npm ci --prefix bench/peers` has installed them;
// `--write` puts tables and plot into bench/README.md; `--check` exits 1 naming each missed aim.
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { missedAims } from './accept/aims.ts'
import type { Run } from './accept/aims.ts'
import { introduce, measure } from './accept/cell.ts'
import type { Case, Measured } from './accept/cell.ts'
import type { Introduction } from './accept/child.ts'
import { handshakeFloorMs } from './accept/floor.ts'
import { plotOf } from './accept/plot.ts'
import { summarise } from './accept/summary.ts'
import { tablesOf } from './accept/table.ts'
import { commit, machine } from './report.ts'

const OURS = 'sallyport.ts'
const PEERS = ['libp2p-tcp.mjs', 'libp2p-quic.mjs', 'hyperdht.mjs', 'iroh.mjs']
const PICTURE = '![Connections per second, server CPU and memory of each, as bars](accept.svg)'
const INSTALL = 'npm ci --prefix bench/peers'

const { values: flags } = parseArgs({
  options: {
    connections: { type: 'string', default: '300' },
    'at-once': { type: 'string', default: '32' },
    silent: { type: 'string', default: '0,20,200' },
    rounds: { type: 'string', default: '5' },
    /** Connections in each step of the slope of memory. */
    step: { type: 'string', default: '60' },
    /** Seconds after which a case is over, whoever is connected by then. */
    deadline: { type: 'string', default: '6' },
    /** Only adapters with this in their names. */
    only: { type: 'string', default: '' },
    peers: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
})
const connections = Number(flags.connections)
const rounds = Number(flags.rounds)
const load = {
  connections,
  atOnce: Number(flags['at-once']),
  memoryStep: Number(flags.step),
  deadlineMs: 1e3 * Number(flags.deadline),
}

/** Somebody to measure, or the reason why not. */
interface Entry {
  readonly adapter: string
  readonly peer: Introduction
  readonly error: Error | null
}

const enter = async (adapter: string): Promise<Entry> => {
  try {
    return { adapter, peer: await introduce(adapter), error: null }
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown))
    const title = adapter.replace(/\.\w+$/, '')
    return { adapter, peer: { title, identity: '–', version: '', setups: [{ key: '', title: 'not here' }] }, error }
  }
}

const entries: Entry[] = []
for (const adapter of flags.peers ? [OURS, ...PEERS] : [OURS])
  if (adapter.includes(flags.only)) entries.push(await enter(adapter))

const cases = flags.silent.split(',').flatMap((silent) =>
  entries.flatMap(({ adapter, peer }) =>
    // Memory is a matter of the connections, not of the limits: one setup of each shows it.
    peer.setups.map(({ key }, n): Case => ({
      adapter,
      setup: key,
      silent: Number(silent),
      memory: n === 0 && silent === '0',
    })),
  ),
)
const results = new Map(cases.map((each) => [each, [] as (Measured | Error)[]]))
const entryOf = ({ adapter }: Case): Entry => entries.find((entry) => entry.adapter === adapter)!

const once = async (which: Case): Promise<Measured | Error> => {
  const { error } = entryOf(which)
  if (error !== null) return error
  try {
    return await measure(which, load)
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(String(thrown))
  }
}

const tell = ({ adapter, setup, silent }: Case, result: Measured | Error): void => {
  const name = `${adapter.replace(/\.\w+$/, '')} ${setup}, ${silent} silent`.padEnd(34)
  if (result instanceof Error) return console.log(`  ${name} ${result.message.split('\n')[0]}`)
  const { connected, ms, serverCpuMs, failure } = result
  const figures = `${((1e3 * connected) / ms).toFixed(0)}/s, ${(serverCpuMs / connected).toFixed(2)} ms of server CPU each`
  console.log(
    `  ${name} ${connected} of ${connections}${connected === 0 ? '' : `: ${figures}`}${failure === null ? '' : ` (${failure})`}`,
  )
}

const begun = performance.now()
const minutes = (): string => `${((performance.now() - begun) / 60e3).toFixed(1)} min`
const where = `${machine()}, ${commit()}: ${connections} connections, ${load.atOnce} dials at once, median (range) of ${rounds} rounds in rotated order`
console.log(where)
const floorMs = handshakeFloorMs()
for (let round = 0; round < rounds; round++) {
  console.log(`round ${round + 1}, after ${minutes()}`)
  const turn = Math.floor((round * cases.length) / rounds)
  for (const which of [...cases.slice(turn), ...cases.slice(0, turn)]) {
    const result = await once(which)
    results.get(which)?.push(result)
    tell(which, result)
  }
}
const summaries = cases.map((which) =>
  summarise({ case: which, peer: entryOf(which).peer, results: results.get(which) ?? [] }, connections),
)
const run: Run = { connections, floorMs, summaries }
console.log(`\n${tablesOf(run)}\n\nmeasured in ${minutes()}`)
if (!flags.peers)
  console.log(`Ours alone: \`${INSTALL}\` and \`npm run bench:accept -- --peers\` measure others beside it.`)

if (flags.write) {
  const readme = new URL('../README.md', import.meta.url)
  const [begin, end] = ['<!-- accept: written by --write -->', '<!-- accept: end -->']
  const [before, rest = ''] = (await readFile(readme, 'utf8')).split(begin)
  const [, after = ''] = rest.split(end)
  await writeFile(readme, `${before}${begin}\n${where}.\n\n${tablesOf(run)}\n\n${PICTURE}\n${end}${after}`)
  await writeFile(new URL('../accept.svg', import.meta.url), plotOf(run))
}

const missed = missedAims(run)
if (flags.check && missed.length > 0) {
  console.error(`missed aims:\n${missed.join('\n')}`)
  process.exitCode = 1
}
