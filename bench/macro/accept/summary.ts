// What the rounds of one case come to: medians and ranges.
import { median } from '../report.ts'
import type { Introduction } from './child.ts'
import type { Case, Measured } from './cell.ts'

/** A figure over the rounds that gave one. */
export interface Figure {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** One case over all rounds. */
export interface Summary {
  readonly case: Case
  readonly peer: Introduction
  readonly setup: string
  /** Of each round. */
  readonly connected: readonly number[]
  readonly perSecond: Figure | null
  /** From a dial to its first echoed byte. */
  readonly p50Ms: Figure | null
  readonly p99Ms: Figure | null
  readonly serverCpuMs: Figure | null
  readonly loopCpuMs: Figure | null
  readonly connectionKb: Figure | null
  /** Why connections failed, or why nothing could be measured. */
  readonly failure: string | null
}

/** A case and what its rounds gave; an error is a round that could not be measured. */
export interface Rounds {
  readonly case: Case
  readonly peer: Introduction
  readonly results: readonly (Measured | Error)[]
}

/** Rates and costs of a round in which fewer were served would compare unlike things. */
const SERVED_SHARE = 0.9

/** Figures are of the rounds in which nearly all connected, and only when those are most. */
export const summarise = ({ case: which, peer, results }: Rounds, connections: number): Summary => {
  const measured = results.filter((result): result is Measured => !(result instanceof Error))
  const served = measured.filter(({ connected }) => connected >= SERVED_SHARE * connections)
  const representative = 2 * served.length > results.length ? served : []
  const figure = (of: (round: Measured) => number | null): Figure | null =>
    figureOf(representative.map(of).filter((value) => value !== null))
  const error = results.find((result) => result instanceof Error)
  return {
    case: which,
    peer,
    setup: peer.setups.find(({ key }) => key === which.setup)?.title ?? which.setup,
    connected: measured.map(({ connected }) => connected),
    perSecond: figure(({ connected, ms }) => (1e3 * connected) / ms),
    p50Ms: figure(({ times }) => rank(times, 0.5)),
    p99Ms: figure(({ times }) => rank(times, 0.99)),
    serverCpuMs: figure(({ serverCpuMs, connected }) => serverCpuMs / connected),
    loopCpuMs: figure(({ loopCpuMs, connected }) => loopCpuMs / connected),
    connectionKb: figure(({ connectionBytes }) => (connectionBytes === null ? null : connectionBytes / 1e3)),
    failure: error?.message ?? measured.find(({ failure }) => failure !== null)?.failure ?? null,
  }
}

/** Median and range; null of nothing. */
export const figureOf = (values: readonly number[]): Figure | null =>
  values.length === 0 ? null : { median: median(values), min: Math.min(...values), max: Math.max(...values) }

/** The value at `share` of what is in `values`, by nearest rank. */
export const rank = (values: readonly number[], share: number): number | null =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)] ?? null

/** The least-squares slope through points. */
export const slopeOf = (points: readonly (readonly [number, number])[]): number => {
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [x, y] = [mean(([x]) => x), mean(([, y]) => y)]
  const spread = mean((point) => (point[0] - x) ** 2)
  return mean((point) => (point[0] - x) * (point[1] - y)) / spread
}
