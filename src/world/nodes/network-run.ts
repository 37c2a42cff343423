// A whole network's life: hosts start and join, work and suffer what a seed's schedule says; then most are healed, a few are gone for good,
// and the rest must make progress, have everything that was acknowledged, and leave nothing behind when they close.
//
//   0 ──start──► joining ──faults──► healed ──progress demanded──► closed
import { parseAddress } from '../../core/address.ts'
import type { Cryptography } from '../cryptography.ts'
import type { FaultKind } from '../faults/fault.ts'
import { Faults } from '../faults/faults.ts'
import { type Choice, chosen, scheduleOf, type ScheduleOptions } from '../faults/schedule.ts'
import type { Network } from '../network.ts'
import type { TraceSink } from '../trace.ts'
import { World } from '../world.ts'
import { type Finding, Findings } from './findings.ts'
import { addSeen, type Member, type Seen } from './member.ts'
import { demandProgress } from './progress.ts'
import type { Stranger } from './stranger.ts'
import { settle } from './settlers.ts'
import { type CallCounts, Workload } from './workload.ts'

/** What is simulated. */
export interface RunOptions {
  readonly seed: number
  /** Default 50; at least 8. */
  readonly hosts?: number
  /** Virtual milliseconds until healing is over. Default one hour. */
  readonly ms?: number
  /** Default: all faults of the seed. */
  readonly choice?: Choice
  /** A fault begins this often on average. Default 15 s. */
  readonly faultEveryMs?: number
  /** A call begins this often on average. Default: one a second for every 20 hosts. */
  readonly callEveryMs?: number
  readonly cryptography?: Cryptography
  readonly trace?: TraceSink
}

/** What came of it. */
export interface Outcome {
  readonly finding: Finding | null
  /** The same for two runs of the same options. */
  readonly hash: string
  readonly strikes: Readonly<Record<FaultKind, number>>
  /** The numbers of the faults that were chosen. */
  readonly faults: readonly number[]
  readonly calls: CallCounts
  readonly datagrams: Network['counts']
  /** Of all nodes together. */
  readonly totals: Seen
  readonly virtualMs: number
  readonly happenings: number
}

const HOSTS = 50
const HOUR_MS = 3_600_000

/** All have been started by then, or within a sixth of a short run. */
const STARTED_MS = 60_000

/** Healing and calm at the end take this long, or a third of a short run. */
const CALM_MS = 240_000

/** Members are looked at one after another; each comes round this often. */
const CHECK_EVERY_MS = 2000

/** A stranger comes this often. */
const HAUNT_EVERY_MS = 7000

/** Runs a network; a finding ends it. */
export const runNetwork = async (options: RunOptions): Promise<Outcome> => {
  const { seed, hosts = HOSTS, ms = HOUR_MS, choice = { kind: 'all' }, cryptography, trace } = options
  const world = new World({
    seed,
    ...(cryptography === undefined ? {} : { cryptography }),
    ...(trace === undefined ? {} : { trace }),
  })
  const findings = new Findings(() => world.now)
  const { startedMs, calmMs } = spansOf(ms)
  const { members, strangers } = await settle({ world, findings, hosts, startedMs })
  const faults = chosen(scheduleOf({ seed, ...scheduleSpan(options) }), choice)
  const restart = (host: Member['host']): void => members.find((member) => member.host === host)?.start()
  const striking = new Faults(faults, { world, hosts: members.map(({ host }) => host), restart })
  const callEveryMs = options.callEveryMs ?? 20_000 / hosts
  const workload = new Workload({ world, members, findings, everyMs: callEveryMs })
  watch(world, members, workload)
  const haunting = haunt({ world, members, strangers })
  let done = false
  const live = async (): Promise<void> => {
    await world.sleep(startedMs)
    workload.start()
    await world.sleep(ms - calmMs - startedMs)
    striking.heal()
    haunting.cancel()
    await demandProgress({ world, members, strangers, workload, findings, calmMs })
  }
  const lived = live().then(
    () => (done = true),
    (error: unknown) => findings.add('the script comes to its end', 'script', String(error)),
  )
  try {
    await world.timeline.play(Infinity, () => done || findings.first !== null)
    if (!done && findings.first === null)
      findings.add('the script comes to its end', 'script', 'nothing is left to happen')
    if (done) await lived
  } catch (error) {
    findings.add('nothing throws', 'world', error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  return {
    finding: findings.first,
    hash: world.trace.hash,
    strikes: striking.strikes,
    faults: faults.map(({ number }) => number),
    calls: workload.counts,
    datagrams: world.network.counts,
    totals: totalsOf(members),
    virtualMs: world.now,
    happenings: world.timeline.steps,
  }
}

/** Over what the schedule of a run extends. */
export const scheduleSpan = ({
  hosts = HOSTS,
  ms = HOUR_MS,
  faultEveryMs = 15_000,
}: Omit<RunOptions, 'seed'>): Omit<ScheduleOptions, 'seed'> => {
  const { startedMs, calmMs } = spansOf(ms)
  return { hosts, fromMs: startedMs, toMs: ms - calmMs, everyMs: faultEveryMs }
}

const spansOf = (ms: number): { startedMs: number; calmMs: number } => ({
  startedMs: Math.min(STARTED_MS, ms / 6),
  calmMs: Math.min(CALM_MS, ms / 3),
})

/** One member is looked at at a time, so that a large network is not looked at all at once. */
const watch = (world: World, members: readonly Member[], workload: Workload): void => {
  let turn = 0
  const look = (): void => {
    members[turn++ % members.length]?.check()
    workload.check()
    world.timeline.at(world.now + CHECK_EVERY_MS / members.length, look)
  }
  world.timeline.at(world.now + CHECK_EVERY_MS, look)
}

/** Now and then a stranger finishes a handshake with somebody and says nothing. */
const haunt = (parts: {
  readonly world: World
  readonly members: readonly Member[]
  readonly strangers: readonly Stranger[]
}): { cancel: () => void } => {
  const { world, members, strangers } = parts
  const random = world.random('strangers')
  const nodes = members.filter(({ kind }) => kind === 'node')
  let on = true
  const next = (): void => {
    if (!on) return
    const address = parseAddress(random.pick(nodes).address)?.address
    if (address !== undefined) random.pick(strangers).dial(address)
    world.timeline.at(world.now + HAUNT_EVERY_MS, next)
  }
  next()
  return { cancel: () => void (on = false) }
}

const totalsOf = (members: readonly Member[]): Seen =>
  members.map(({ seen }) => seen).reduce(addSeen, { judged: 0, accepted: 0, identified: 0, events: 0 })
