// The last ten minutes, a point a second: what happened since the point before, how long it took, and how much there was. Whoever opens the
// window sees what led to now.
import { type HistogramSnapshot, type Metrics, quantileMs } from '../index.ts'
import type { Point } from './shown.ts'

/** Points that are kept: ten minutes. */
export const POINTS_MAX = 600

/** Times are of what was timed in the last ten seconds: fewer would be of nothing, mostly. */
const TIMES_OVER = 10

/** Readings that are kept, for what changed within a minute. */
const READINGS_MAX = 60

/** Readings apart, and how many milliseconds: what changed between them is what happened. */
export interface Span {
  readonly before: Metrics
  readonly now: Metrics
  readonly ms: number
}

interface Kept {
  readonly at: number
  readonly metrics: Metrics
}

/** See the head of this file. */
export class History {
  /** Bounded by POINTS_MAX. */
  readonly #points: Point[] = []
  /** The last first. Bounded by READINGS_MAX. */
  readonly #readings: Kept[] = []

  /** A reading came at a moment of the monotonic clock, and of the wall clock. */
  add(metrics: Metrics, at: number, wall: number): void {
    const [last] = this.#readings
    const earlier = this.#readings[TIMES_OVER - 1] ?? this.#readings.at(-1)
    this.#readings.unshift({ at, metrics })
    this.#readings.splice(READINGS_MAX)
    if (last === undefined || earlier === undefined || at <= last.at) return
    this.#points.push({
      at: wall,
      ...ratesOf({ before: last.metrics, now: metrics, ms: at - last.at }),
      ...timesOf(earlier.metrics, metrics),
      ...levelsOf(metrics),
    })
    this.#points.splice(0, this.#points.length - POINTS_MAX)
  }

  /** In order, the last one last. */
  get points(): readonly Point[] {
    return this.#points
  }

  /** What happened within the last minute, or since there is anything; null before the second reading. */
  get minute(): Span | null {
    const [now, before] = [this.#readings[0], this.#readings.at(-1)]
    if (now === undefined || before === undefined || now === before) return null
    return { before: before.metrics, now: now.metrics, ms: now.at - before.at }
  }
}

/** The time that a part of what was timed between two readings did not exceed; null where nothing was. */
export const quantileBetween = (before: HistogramSnapshot, now: HistogramSnapshot, part: number): number | null => {
  const count = now.count - before.count
  if (count <= 0) return null
  return quantileMs({ count, maxMs: now.maxMs, buckets: now.buckets.map((n, i) => n - (before.buckets[i] ?? 0)) }, part)
}

const sumOf = (numbers: Readonly<Record<string, number>>): number => Object.values(numbers).reduce((a, b) => a + b, 0)

type Counted = Pick<
  Point,
  | 'slots'
  | 'retries'
  | 'refused'
  | 'dropped'
  | 'otherVerdicts'
  | 'accepted'
  | 'identified'
  | 'failed'
  | 'closed'
  | 'requestsServed'
  | 'chunksStored'
  | 'chunksTurnedAway'
  | 'chunksGiven'
  | 'uploads'
  | 'downloads'
  | 'bytesReceived'
  | 'bytesSent'
>

const counted = ({ counters }: Metrics): Counted => {
  const { slots, retries, judged, handshakesFailed } = counters
  const [refused, dropped] = [sumOf(counters.refused), sumOf(counters.dropped)]
  return {
    slots,
    retries,
    refused,
    dropped,
    otherVerdicts: judged - slots - retries - refused - dropped,
    accepted: sumOf(counters.accepted),
    identified: sumOf(counters.identified),
    failed: sumOf(handshakesFailed.inbound) + sumOf(handshakesFailed.outbound),
    closed: sumOf(counters.closed),
    requestsServed: counters.requestsServed,
    chunksStored: counters.chunksTaken.stored,
    chunksTurnedAway: counters.chunksTaken.busy + counters.chunksTaken.refused,
    chunksGiven: counters.chunksGiven.found,
    uploads: counters.uploads.done,
    downloads: counters.downloads.done,
    bytesReceived: counters.udpBytesReceived,
    bytesSent: counters.udpBytesSent,
  }
}

const ratesOf = ({ before, now, ms }: Span): Counted => {
  const earlier = counted(before)
  const names = Object.entries(counted(now)) as [keyof Counted, number][]
  return Object.fromEntries(names.map(([name, n]) => [name, ((n - earlier[name]) * 1000) / ms])) as unknown as Counted
}

const timesOf = (
  { histograms: before }: Metrics,
  { histograms: now }: Metrics,
): Pick<Point, 'handshakeP99Ms' | 'identityP50Ms' | 'identityP99Ms' | 'eventLoopP99Ms'> => ({
  handshakeP99Ms: quantileBetween(before.handshakeIn, now.handshakeIn, 0.99),
  identityP50Ms: quantileBetween(before.identityIn, now.identityIn, 0.5),
  identityP99Ms: quantileBetween(before.identityIn, now.identityIn, 0.99),
  eventLoopP99Ms: quantileBetween(before.eventLoop, now.eventLoop, 0.99),
})

const levelsOf = ({
  gauges,
}: Metrics): Pick<
  Point,
  'connections' | 'identifiedNow' | 'halfOpen' | 'laneDepth' | 'laneWaiting' | 'signingDelayMs'
> => ({
  connections: gauges.connections,
  identifiedNow: gauges.identified,
  halfOpen: gauges.halfOpenIn + gauges.halfOpenOut,
  laneDepth: gauges.laneDepths.reduce((a, b) => a + b, 0),
  laneWaiting: gauges.laneWaiting,
  signingDelayMs: gauges.signingDelayMs,
})
