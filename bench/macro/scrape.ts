// What it costs a besieged node to be watched: honest newcomers dial a node that silent ones besiege, once while nobody asks its admin
// server and once while somebody asks for metrics and snapshot without a pause, in pairs in alternating order. `--check` exits 1 where the
// median of the ratios of p99 is above the aim.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { commit, machine, median } from './report.ts'

/** The p99 of honest newcomers may be so many times as long. */
const AIM = 1.1

const BIN = join(import.meta.dirname, '../../bin/sallyport.js')

const { values: flags } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5' },
    /** Seconds of each of a run's two measurements. */
    seconds: { type: 'string', default: '15' },
    silent: { type: 'string', default: '64' },
    check: { type: 'boolean', default: false },
  },
})

interface Listening {
  readonly addresses: readonly string[]
  readonly admin: string
}

interface Run {
  readonly clients: number
  readonly p99: number
  readonly answers: number
}

const started = async (data: string): Promise<{ child: ChildProcess; listening: Listening }> => {
  const words = [
    'start',
    '--log-level',
    'warn',
    '--json',
    '--listen',
    '/ip4/127.0.0.1/udp/0/quic-v1',
    '--data',
    data,
    '--admin',
    '127.0.0.1:0',
  ]
  const child = spawn(process.execPath, [BIN, ...words], { stdio: ['ignore', 'pipe', 'ignore'] })
  for await (const line of createInterface(child.stdout)) return { child, listening: JSON.parse(line) as Listening }
  throw new Error('the node did not start')
}

const besieged = async (address: string): Promise<{ clients: number; p99: number }> => {
  const siege = ['--silent', flags.silent, '--clients', '1', '--probe', '50ms', '--for', `${flags.seconds}s`, '--json']
  const child = spawn(process.execPath, [BIN, 'flood', address, ...siege], { stdio: ['ignore', 'pipe', 'ignore'] })
  let last = ''
  for await (const line of createInterface(child.stdout)) last = line
  const { probe } = JSON.parse(last) as { probe: { loaded: { clients: number; p99: number } } }
  return probe.loaded
}

/** Asks without a pause until told to stop; how many answers there were. */
const asking = async (admin: string, until: { over: boolean }): Promise<number> => {
  let answers = 0
  while (!until.over) {
    for (const path of ['/metrics', '/snapshot', '/history']) await (await fetch(admin + path)).arrayBuffer()
    answers += 3
  }
  return answers
}

const measured = async (isAsked: boolean): Promise<Run> => {
  const data = mkdtempSync(join(tmpdir(), 'sallyport-scrape-'))
  const { child, listening } = await started(data)
  const until = { over: false }
  const asked = isAsked ? asking(listening.admin, until) : Promise.resolve(0)
  try {
    const { clients, p99 } = await besieged(listening.addresses[0] ?? '')
    until.over = true
    return { clients, p99, answers: await asked }
  } finally {
    until.over = true
    child.kill('SIGKILL')
    rmSync(data, { recursive: true, force: true })
  }
}

const ratios: number[] = []
console.log(`${machine()}, ${commit()}: ${flags.silent} silent, an honest newcomer every 50 ms`)
for (let pair = 0; pair < Number(flags.pairs); pair++) {
  const order = pair % 2 === 0 ? [false, true] : [true, false]
  const runs = new Map<boolean, Run>()
  for (const isAsked of order) runs.set(isAsked, await measured(isAsked))
  const [quiet, watched] = [runs.get(false), runs.get(true)]
  if (quiet === undefined || watched === undefined) continue
  ratios.push(watched.p99 / quiet.p99)
  console.log(
    `p99 ${quiet.p99.toFixed(1)} ms unwatched (${quiet.clients}), ${watched.p99.toFixed(1)} ms watched (${watched.clients}, ${watched.answers} answers): ${(watched.p99 / quiet.p99).toFixed(2)}`,
  )
}
console.log(`median ${median(ratios).toFixed(2)}, aim ${AIM}`)
if (flags.check && median(ratios) > AIM) {
  console.error(`missed: watched, newcomers wait ${median(ratios).toFixed(2)} times as long, not ${AIM}`)
  process.exitCode = 1
}
