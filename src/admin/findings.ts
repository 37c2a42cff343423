// What is wrong with a node, read from its numbers: the causes of docs/metrics.md, each by what shows it within a minute. A node that is well
// has no finding; each finding names the metric to look at.
import { quantileBetween, type Span } from './history.ts'
import type { Finding } from './shown.ts'

/** Of more, the last third of a turn's time was lost; newcomers are let in more slowly (docs/limits.md). */
const LATE_MS_MAX = 50

/** An introduction takes a round trip and some milliseconds; a whole second of it was waited. */
const IDENTITY_MS_MAX = 1000

/** A signature takes about a millisecond. */
const SIGNING_MS_MAX = 1000

/** Late events happen now and then, at the ends of connections: so many in a minute are a defect. */
const ABOUT_CLOSED_MAX = 60

type Check = (span: Span) => Finding | null

const stall = (metric: string, text: string): Finding => ({ level: 'stall', metric, text })
const warning = (metric: string, text: string): Finding => ({ level: 'warning', metric, text })

/** Cause 1: between the end of a handshake and being read nothing may wait, not for one turn. */
const waitsToBeRead: Check = ({ now: { counters } }) => {
  for (const direction of ['inbound', 'outbound'] as const) {
    const accepted = counters.accepted[direction]
    for (const step of ['registered', 'reading'] as const) {
      const behind = accepted - counters[step][direction]
      if (behind > 0)
        return stall(step, `${behind} ${direction} connections finished their handshake and are not ${step}`)
    }
  }
  return null
}

/** Causes 1 and 2. */
const identityIsSlow: Check = ({ before, now }) => {
  const p99 = quantileBetween(before.histograms.identityIn, now.histograms.identityIn, 0.99)
  if (p99 === null || p99 <= IDENTITY_MS_MAX) return null
  return stall(
    'identityIn',
    `of the last minute's peers one in a hundred took ${(p99 / 1000).toFixed(1)} s to be identified`,
  )
}

/** Cause 3: more wait to be identified, now and a minute ago, than come in two seconds, though each takes but a moment. */
const identifiedFallsBehind: Check = ({ before, now, ms }) => {
  const behind = ({ gauges }: typeof now): number => gauges.established - gauges.identified
  const arrived = (kind: 'inbound' | 'outbound'): number => now.counters.accepted[kind] - before.counters.accepted[kind]
  const [then, left] = [behind(before), behind(now)]
  const perSecond = ((arrived('inbound') + arrived('outbound')) * 1000) / ms
  if (Math.min(then, left) < 8 + 2 * perSecond) return null
  return stall('identified', `${left} connections are established and not identified, ${then} a minute ago`)
}

const grown =
  (
    metric: 'identityTimeouts' | 'subscriberLag' | 'reconcilerDifferences' | 'taskFailures' | 'kernelDrops',
    text: string,
  ): Check =>
  ({ before, now }) => {
    const by = now.counters[metric] - before.counters[metric]
    return by > 0 ? warning(metric, `${by} ${text}`) : null
  }

/** Cause 8. */
const eventsAboutTheClosed: Check = ({ before, now }) => {
  const by = now.counters.eventsAboutClosed - before.counters.eventsAboutClosed
  return by > ABOUT_CLOSED_MAX ? warning('eventsAboutClosed', `${by} events about connections that are no more`) : null
}

const isLate: Check = ({ before, now }) => {
  const p99 = quantileBetween(before.histograms.eventLoop, now.histograms.eventLoop, 0.99)
  return p99 === null || p99 <= LATE_MS_MAX ? null : warning('eventLoop', `timers run up to ${Math.round(p99)} ms late`)
}

const signsLate: Check = ({ now: { gauges } }) =>
  gauges.signingDelayMs > SIGNING_MS_MAX
    ? warning('signingDelayMs', `a signature has waited for ${(gauges.signingDelayMs / 1000).toFixed(1)} s`)
    : null

const CHECKS: readonly Check[] = [
  waitsToBeRead,
  identityIsSlow,
  identifiedFallsBehind,
  grown('identityTimeouts', 'connections closed because nobody introduced himself in time'),
  grown('subscriberLag', 'events missed by subscribers that are too slow'),
  grown('reconcilerDifferences', 'connections that only registry or endpoint knew'),
  eventsAboutTheClosed,
  isLate,
  signsLate,
  grown('taskFailures', 'handlers or tasks that failed'),
  grown('kernelDrops', 'datagrams dropped by the kernel: its receive buffer was full'),
]

/** What is wrong, stalls first; nothing while there is not yet anything to compare. */
export const findingsOf = (minute: Span | null): Finding[] =>
  minute === null ? [] : CHECKS.flatMap((check) => check(minute) ?? []).toSorted((a, b) => rank(a) - rank(b))

const rank = ({ level }: Finding): number => (level === 'stall' ? 0 : 1)
