// What a soak promises, and which of it a run missed.
import type { Churn, Wrongs } from './churning-network.ts'
import type { Tally } from './load.ts'
import { QUANTITIES, type Sample, type Trend, trendOf } from './samples.ts'

/** What a run found. */
export interface Findings {
  readonly samples: readonly Sample[]
  readonly wrongs: Wrongs
  readonly churned: Readonly<Record<Churn, number>>
  readonly eventsHeard: number
  readonly corrupt: number
  readonly requests: Tally
  readonly uploads: Tally
  readonly downloads: Tally
  /** What kept the process alive once everything was closed, beyond what did before anything was begun. */
  readonly leftOver: readonly string[]
}

export interface Verdict {
  readonly trends: readonly Trend[]
  /** Empty: the run kept every promise. */
  readonly missed: readonly string[]
}

/** Fewer say nothing about a slope. */
const SAMPLES_MIN = 8

/** Work that may fail though neither end of it went: holders of a chunk go too. Requests have no such excuse. */
const TRANSFER_FAILURES_MAX = 0.1

export const verdictOf = (findings: Findings): Verdict => {
  const { samples, wrongs, churned, requests, uploads, downloads } = findings
  const trends = QUANTITIES.map((quantity) => trendOf(quantity, samples))
  const missed: string[] = []
  const aim = (name: string, met: boolean, found: unknown): void => {
    if (!met) missed.push(`${name}: ${typeof found === 'number' ? found : JSON.stringify(found)}`)
  }
  aim(`at least ${SAMPLES_MIN} samples`, samples.length >= SAMPLES_MIN, samples.length)
  for (const { quantity, mean, growth, allowed } of trends) {
    aim(`${quantity} flat within ${Math.round(allowed)} of ${Math.round(mean)}`, growth <= allowed, Math.round(growth))
  }
  aim('accepted = registered = reading', wrongs.gaps === 0, wrongs.gaps)
  aim('no reconciler difference', wrongs.reconcilerDifferences === 0, wrongs.reconcilerDifferences)
  aim('no failed task', wrongs.taskFailures === 0, wrongs.taskFailures)
  aim('no broken invariant', wrongs.invariants.length === 0, wrongs.invariants)
  aim('connected and disconnected alternate', wrongs.eventsBroken === 0, wrongs.eventsBroken)
  aim('events were heard', findings.eventsHeard > 0, findings.eventsHeard)
  aim(
    'every kind of churn happened',
    Object.values(churned).every((count) => count > 0),
    churned,
  )
  aim('what came was what was sent', findings.corrupt === 0, findings.corrupt)
  for (const [name, tally] of Object.entries({ requests, uploads, downloads })) {
    aim(`${name} were done`, tally.done > 0, tally)
    const failures = sum(tally.failed)
    const allowed = name === 'requests' ? 0 : TRANSFER_FAILURES_MAX * (tally.done + failures)
    aim(`${name} between nodes that stay do not fail`, failures <= allowed, tally.failed)
  }
  aim('nothing left open', findings.leftOver.length === 0, findings.leftOver)
  return { trends, missed }
}

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)
