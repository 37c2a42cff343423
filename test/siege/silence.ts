// One kind of silence from so many prefixes: every honest client of a fresh prefix is identified beside it, and what an honest probe
// notices of it is measured against the same probe without it, in pairs of alternating order.
import type { AcceptanceKind } from '../../src/siege/acceptances.ts'
import { NO_ATTACK } from '../../src/siege/attack.ts'
import type { AttemptKind } from '../../src/siege/attempt.ts'
import { timesOf } from '../../src/siege/fates.ts'
import type { Fate } from '../../src/siege/fates.ts'
import { median, sampleOf } from '../../src/siege/sample.ts'
import { Siege } from '../../src/siege/siege.ts'
import type { TargetReport } from '../../src/siege/target.ts'
import { GATE_HEADS, above, differing, gateCells, unidentified, unsound } from './suite.ts'
import type { Finding } from './suite.ts'

/** The aim: the loaded p99 is at most so many times the quiet one. */
export const P99_RATIO_MAX = 2

/** What one measurement is. */
export interface SilencePlan {
  readonly acceptance: AcceptanceKind
  readonly kind: AttemptKind
  readonly silent: number
  readonly prefixes: number
  /** Honest clients that dial at once in each loaded half. */
  readonly honest: number
  /** Samples of a half, one every 50 ms; 0 for no measurement. */
  readonly samples: number
  readonly pairs: number
}

/** The heads of a finding's cells. */
export const SILENCE_HEADS: readonly string[] = [
  'silence',
  'prefixes',
  'clients',
  'honest identified',
  'quiet p50',
  'loaded p50',
  'quiet p99',
  'loaded p99',
  'p99 ratio, median (range)',
  ...GATE_HEADS,
]

interface Half {
  readonly fates: readonly Fate[]
  readonly p50: number
  readonly p99: number
}

interface Pair {
  readonly quiet: Half
  readonly loaded: Half
  readonly crowd: readonly Fate[]
}

const EVERY_MS = 50
/** First dials of the probe's process, which are slow wherever they go to: they are made, and not counted. */
const WARMING = 10
/** Slots that sources may have which are not validated, 8 a network. */
const STRANGERS_MAX = 64
/** An attack stands within this, or as well as it can. */
const STAND_MS = 10_000
/** Those that come back have come back by now: two deadlines of a handshake. */
const STANDING_MS = 20_000

/** Runs the plan against a target of its own. */
export const silenceSuite = async (plan: SilencePlan): Promise<Finding> => {
  await using siege = await openForSilence(plan.acceptance)
  // Awaited here: the siege is closed when this returns.
  return await silenceIn(siege, plan)
}

/** A target and a crowd for any number of plans. */
export const openForSilence = (acceptance: AcceptanceKind): Promise<Siege> =>
  Siege.open({ address: null, acceptance, spread: 'prefixes' })

/** Runs the plan; in a siege that saw others before, those that finish handshakes must come last. */
export const silenceIn = async (siege: Siege, plan: SilencePlan): Promise<Finding> => {
  const pairs: Pair[] = []
  for (let n = 0; n < plan.pairs; n++) pairs.push(await runPair(siege, plan, n % 2 === 0))
  return findingOf(plan, pairs, await siege.report(), await siege.connected())
}

const runPair = async (siege: Siege, plan: SilencePlan, quietFirst: boolean): Promise<Pair> => {
  const before = quietFirst ? await quietHalf(siege, plan) : null
  if (plan.samples > 0) await settled(siege)
  await siege.besiege({ ...NO_ATTACK, crowd: { [plan.kind]: plan.silent }, prefixes: plan.prefixes })
  if (Math.min(plan.silent, plan.prefixes * 8) >= STRANGERS_MAX && !finishes(plan.kind)) {
    // Only then does a newcomer need a Retry. Which first flights got one depends on how late the target was.
    await siege.reportOnce(({ halfOpenIn }) => halfOpenIn >= STRANGERS_MAX, STAND_MS)
  }
  // What is measured is an attack that stands, and no longer its onset: nobody can tell first attempts from honest newcomers.
  else if (plan.samples > 0) await siege.pause(STANDING_MS)
  await siege.gather(plan.honest)
  const crowd = await siege.dial()
  const loaded = await measure(siege, plan)
  await siege.disperse()
  await siege.lift()
  return { crowd, loaded, quiet: before ?? (await quietHalf(siege, plan)) }
}

const quietHalf = async (siege: Siege, plan: SilencePlan): Promise<Half> => {
  if (plan.samples > 0) await settled(siege)
  return measure(siege, plan)
}

/** Nothing is left of what was before. */
const settled = (siege: Siege): Promise<TargetReport> => siege.reportOnce(({ connections }) => connections === 0)

const measure = async (siege: Siege, { samples }: SilencePlan): Promise<Half> => {
  const all = await siege.probe({ everyMs: EVERY_MS, count: samples === 0 ? 0 : WARMING + samples })
  const fates = all.slice(samples === 0 ? 0 : WARMING)
  const { p50, p99 } = sampleOf(timesOf(fates)) ?? { p50: Number.NaN, p99: Number.NaN }
  return { fates, p50, p99 }
}

const findingOf = (plan: SilencePlan, pairs: readonly Pair[], report: TargetReport, connected: number): Finding => {
  const { kind, prefixes, silent, honest, samples } = plan
  const crowd = pairs.flatMap((pair) => pair.crowd)
  const probes = pairs.flatMap(({ quiet, loaded }) => [...quiet.fates, ...loaded.fates])
  const ratios = pairs.map(({ quiet, loaded }) => loaded.p99 / quiet.p99)
  const ratio = median(ratios)
  const middle = (of: (pair: Pair) => number): string => median(pairs.map(of)).toFixed(1)
  const where = `${kind} from ${prefixes}: `
  const missed = [
    ...unidentified('honest clients', crowd, honest * pairs.length),
    ...unidentified('probes', probes, 2 * samples * pairs.length),
    ...(samples === 0 ? [] : above('the p99 ratio', ratio, P99_RATIO_MAX)),
    ...unsound(report),
    ...(finishes(kind) ? [] : differing('accepted and connected', [report.counters.accepted.inbound, connected])),
  ].map((aim) => where + aim)
  const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`
  const identified = [...crowd, ...probes].filter((fate) => fate.kind === 'identified').length
  const times = [
    middle(({ quiet }) => quiet.p50),
    middle(({ loaded }) => loaded.p50),
    middle(({ quiet }) => quiet.p99),
    middle(({ loaded }) => loaded.p99),
  ]
  const head = [kind, String(prefixes), String(silent), `${identified} of ${crowd.length + probes.length}`]
  return { cells: [...head, ...times, `${ratio.toFixed(2)} (${range})`, ...gateCells(report.counters)], missed }
}

const finishes = (kind: AttemptKind): boolean => kind === 'mute' || kind === 'deaf'
