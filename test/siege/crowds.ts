// Sieges that are about numbers: many honest clients at once, peers that all come back at once, peers that vanish, and sources that are
// forged in the name of others.
import type { AcceptanceKind } from '../../src/siege/acceptances.ts'
import { NO_ATTACK } from '../../src/siege/attack.ts'
import type { WrittenIdentity } from '../../src/siege/crowd.ts'
import { timesOf } from '../../src/siege/fates.ts'
import type { Fate } from '../../src/siege/fates.ts'
import { generateIdentity } from '../../src/index.ts'
import { sampleOf } from '../../src/siege/sample.ts'
import { Siege } from '../../src/siege/siege.ts'
import { GATE_HEADS, differing, gateCells, unidentified, unsound } from './suite.ts'
import type { Finding } from './suite.ts'

/** The heads of a finding's cells. */
export const CROWD_HEADS = ['siege', 'identified', 'p50 ms', 'p99 ms', ...GATE_HEADS]

/** How long what nobody answers on may stay: before HELLO 5 s or, half-open, 10 s; afterwards the idle timeout of 30 s and its probes. */
const SETTLE_MS = { stranger: 20_000, known: 60_000 } as const
/** How long so many may take to vanish, each. */
const VANISH_MS = 100
/** Forged datagrams come for so long before a victim dials: long enough to spend its rate, if that could be. */
const FORGED_FIRST_MS = 2_000

/** So many honest clients, some at once, beside so many that are silent after the first flight. */
export const honestSuite = async (plan: {
  readonly acceptance: AcceptanceKind
  readonly honest: number
  readonly atOnce: number
  readonly silent: number
  readonly prefixes: number
}): Promise<Finding> => {
  const { acceptance, honest, atOnce, silent, prefixes } = plan
  await using siege = await open(acceptance)
  await siege.gather(honest)
  await siege.besiege({ ...NO_ATTACK, crowd: { 'half-open': silent }, prefixes })
  const fates = await siege.dial({ atOnce })
  const report = await siege.report()
  const { accepted } = report.counters
  const missed = [
    ...unidentified('honest clients', fates, honest),
    ...unsound(report),
    ...differing('accepted and connected', [accepted.inbound, await siege.connected()]),
  ]
  return {
    cells: [...cellsOf(`${honest} honest, ${silent} silent from ${prefixes}`, fates), ...gateCells(report.counters)],
    missed,
  }
}

/**
 * So many peers lose their process at once and dial again at once, with the same identities. Whoever does not get through dials again, as a
 * peer does: what counts is that all come back. How many needed more than one try is in the table.
 */
export const stormSuite = async (plan: {
  readonly acceptance: AcceptanceKind
  readonly peers: number
}): Promise<Finding> => {
  const { acceptance, peers } = plan
  await using siege = await open(acceptance)
  const identities: WrittenIdentity[] = []
  for (let n = 0; n < peers; n++) identities.push(await writtenIdentity())
  await siege.gather(peers, identities)
  const before = await siege.dial({ atOnce: 32 })
  await siege.crash(identities)
  const fates = await siege.dial({ triesMax: 4 })
  const again = fates.filter((fate) => fate.kind === 'identified' && fate.tries > 1).length
  const report = await siege.reportOnce((now) => now.connections === peers, 5_000)
  const { accepted, restarts } = report.counters
  const missed = [
    ...unidentified('peers', before, peers),
    ...unidentified('peers that came again', fates, peers),
    ...unsound(report),
    ...differing('restarts noticed and made', [restarts, peers]),
    ...(accepted.inbound >= 2 * peers ? [] : [`${accepted.inbound} accepted of ${2 * peers} dialled`]),
    ...differing('peers, connections and those who came again', [report.peers, report.connections, peers]),
  ]
  return {
    cells: [...cellsOf(`restart storm, ${peers} peers (${again} dialled again)`, fates), ...gateCells(report.counters)],
    missed,
  }
}

/** Clients that connect and are gone, so many times in all, `known` after HELLO or before it; an honest client comes meanwhile. */
export const vanishSuite = async (plan: {
  readonly acceptance: AcceptanceKind
  readonly times: number
  readonly clients: number
  readonly known: boolean
}): Promise<Finding> => {
  const { acceptance, times, clients, known } = plan
  await using siege = await open(acceptance)
  const crowd = { [known ? 'vanish-known' : 'vanish']: clients }
  await siege.besiege({ ...NO_ATTACK, crowd, prefixes: clients })
  const fates: Fate[] = []
  const deadline = performance.now() + 10_000 + times * VANISH_MS
  for (let finished = 0; finished < times && performance.now() < deadline;) {
    fates.push(...(await siege.probe({ everyMs: 100, count: 5 })))
    finished = (await siege.attackTotals()).finished
  }
  const { finished } = await siege.lift()
  const report = await siege.reportOnce(({ connections }) => connections === 0, SETTLE_MS[known ? 'known' : 'stranger'])
  const missed = [
    ...unidentified('honest clients', fates, fates.length),
    ...(finished >= times ? [] : [`${finished} of ${times} connected before they vanished`]),
    ...unsound(report),
    ...differing('connections, half-open ones, peers and none', [
      report.connections,
      report.halfOpenIn,
      report.peers,
      0,
    ]),
    ...differing('accepted and closed', [report.counters.accepted.inbound, report.counters.closed.inbound]),
  ]
  const name = `${finished} times connect and vanish ${known ? 'after' : 'before'} HELLO`
  return { cells: [...cellsOf(name, fates), ...gateCells(report.counters)], missed }
}

/** Sources forged in the name of the very prefixes that honest clients come from: nothing is charged to those, and they get in. */
export const lockoutSuite = async (plan: {
  readonly acceptance: AcceptanceKind
  readonly victims: number
  readonly forgedPerSecond: number
}): Promise<Finding> => {
  const { acceptance, victims, forgedPerSecond } = plan
  await using siege = await open(acceptance)
  await siege.besiege({
    ...NO_ATTACK,
    crowd: { 'half-open': 16 * victims },
    replaysPerSecond: forgedPerSecond,
    garbagePerSecond: forgedPerSecond,
    prefixes: victims,
    forged: true,
  })
  await siege.pause(FORGED_FIRST_MS)
  await siege.gather(victims)
  const fates = await siege.dial()
  const report = await siege.report()
  const { refused } = report.counters
  const missed = [
    ...unidentified('victims', fates, victims),
    ...unsound(report),
    ...differing('refusals for rate or share and none', [refused.rate + refused['share-full'], 0]),
  ]
  const name = `${victims} victims of ${2 * forgedPerSecond} forged datagrams a second`
  return { cells: [...cellsOf(name, fates), ...gateCells(report.counters)], missed }
}

const open = (acceptance: AcceptanceKind): Promise<Siege> =>
  Siege.open({ address: null, acceptance, spread: 'prefixes' })

const cellsOf = (name: string, fates: readonly Fate[]): string[] => {
  const sample = sampleOf(timesOf(fates))
  const times = sample === null ? ['–', '–'] : [sample.p50.toFixed(1), sample.p99.toFixed(1)]
  return [name, `${sample?.count ?? 0} of ${fates.length}`, ...times]
}

const writtenIdentity = async (): Promise<WrittenIdentity> => {
  const { peerId, publicKey, privateKey } = await generateIdentity()
  return [peerId, Buffer.from(publicKey).toString('base64'), Buffer.from(privateKey).toString('base64')]
}
