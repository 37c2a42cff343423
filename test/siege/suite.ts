// What the suites of a siege have in common: what is asked of a target after each, whatever was done to it. An aim that is missed is a
// sentence; a suite that misses none returns none.
import type { CounterSnapshot } from '../../src/index.ts'
import { verdictsOf } from '../../src/core/counters.ts'
import { failuresOf } from '../../src/siege/fates.ts'
import type { Fate } from '../../src/siege/fates.ts'
import type { TargetReport } from '../../src/siege/target.ts'

/** What a suite found: figures in the order of its table, and each aim that was missed. */
export interface Finding {
  readonly cells: readonly string[]
  readonly missed: readonly string[]
}

/** Honest clients that were not identified, as a sentence; none when all were. */
export const unidentified = (who: string, fates: readonly Fate[], clients: number): string[] => {
  const identified = fates.filter(({ kind }) => kind === 'identified').length
  if (identified === clients) return []
  return [`${identified} of ${clients} ${who} were identified: ${JSON.stringify(failuresOf(fates))}`]
}

/** What must hold of every target at any time. */
export const unsound = ({ counters }: TargetReport): string[] => {
  const { accepted, registered, reading, judged, reconcilerDifferences, taskFailures } = counters
  return [
    ...differing('accepted, registered and reading', [accepted.inbound, registered.inbound, reading.inbound]),
    ...differing('datagrams judged and verdicts', [judged, verdictsOf(counters)]),
    ...differing('reconciler differences and none', [reconcilerDifferences, 0]),
    ...differing('failed tasks and none', [taskFailures, 0]),
  ]
}

/** A sentence when not all of these are the same. */
export const differing = (what: string, counts: readonly number[]): string[] =>
  new Set(counts).size === 1 ? [] : [`${what}: ${counts.join(', ')}`]

/** A sentence when a figure is above its bound. */
export const above = (what: string, value: number, bound: number): string[] =>
  value <= bound ? [] : [`${what} is ${value.toFixed(2)}, above ${bound}`]

/** What the gate did with those who were not let in at once. */
export const gateCells = ({ slots, retries, refused, dropped, handshakesFailed }: CounterSnapshot): string[] => {
  const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)
  return [slots, handshakesFailed.inbound.displaced, retries, total(refused), total(dropped)].map(String)
}

/** The heads of `gateCells`. */
export const GATE_HEADS = ['slots', 'displaced', 'Retries', 'refused', 'dropped']

/** A table in Markdown. */
export const tableOf = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
