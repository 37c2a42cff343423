// What holds for a node between any two turns, whatever happens to it: looked at from outside, through what everybody can read.
import { type Direction, verdictsOf } from '../../core/counters.ts'
import type { Gauges } from '../../node/gauges.ts'
import type { Node } from '../../node/node.ts'
import { LIMITS, type Limits } from '../../node/options.ts'

/** The first rule a node breaks, or null. */
export const brokenRule = (node: Node, limits: Limits = LIMITS): { rule: string; detail: string } | null => {
  try {
    node.transport.checkInvariants()
  } catch (error) {
    return { rule: 'invariants', detail: error instanceof Error ? error.message : String(error) }
  }
  return counterRule(node) ?? boundRule(node, limits)
}

const counterRule = (node: Node): { rule: string; detail: string } | null => {
  const counters = node.counters()
  const { accepted, registered, reading, judged, reconcilerDifferences, taskFailures } = counters
  for (const direction of ['inbound', 'outbound'] satisfies Direction[]) {
    const three = [accepted[direction], registered[direction], reading[direction]]
    if (three.some((count) => count !== accepted[direction])) {
      return { rule: 'accepted = registered = reading', detail: `${direction} ${three.join(' ')}` }
    }
  }
  const verdicts = verdictsOf(counters)
  if (verdicts !== judged) return { rule: 'verdicts add up', detail: `${verdicts} of ${judged}` }
  if (reconcilerDifferences > 0)
    return { rule: 'registry equals endpoint', detail: `${reconcilerDifferences} times not` }
  if (taskFailures > 0) return { rule: 'no task fails', detail: `${taskFailures} did` }
  return null
}

/** Bytes and things a node may hold at most; what it holds of them shows in its gauges. */
const boundRule = (node: Node, limits: Limits): { rule: string; detail: string } | null => {
  const gauges = node.transport.gauges()
  const bounds: readonly (readonly [string, number, number])[] = [
    ['connections', gauges.connections, limits.connectionsMax],
    ['halfOpenIn', gauges.halfOpenIn, limits.halfOpenInMax],
    ['halfOpenOut', gauges.halfOpenOut, limits.halfOpenOutMax],
    ['inboundBytes', gauges.inboundBytes, limits.inboundBytesMax],
    ['answerBytes', gauges.answerBytes, limits.answerBytesMax],
    ['tasks', gauges.tasks, limits.tasksMax],
    ['newcomers', gauges.newcomers, NEWCOMERS_MAX],
    ['deadlines', gauges.deadlines, DEADLINES_EACH * (gauges.connections + 64)],
  ]
  const over = bounds.find(([, value, max]) => value > max)
  return over === undefined ? null : { rule: `bound of ${over[0]}`, detail: `${over[1]} of ${over[2]}` }
}

/** First flights that wait, suspects included. */
const NEWCOMERS_MAX = 5120

/** A connection and its streams set a deadline each; no workload here has more streams than that on one. */
const DEADLINES_EACH = 300

/** What a node that has closed must have none of. */
const NONE_AFTER_CLOSE = [
  'newcomers',
  'connections',
  'laneWaiting',
  'signingDepth',
  'tasks',
  'inboundBytes',
  'answerBytes',
] as const

/** What a node still has after it has closed, in words; empty when it has nothing. */
export const leftBehind = (gauges: Pick<Gauges, (typeof NONE_AFTER_CLOSE)[number]>): string[] =>
  NONE_AFTER_CLOSE.filter((name) => gauges[name] !== 0).map((name) => `${gauges[name]} ${name}`)
