// How long something took, as counts in fixed buckets: eight to each doubling, so that an estimate is at most an eighth too high, from a
// thousandth of a millisecond to half an hour. However many times are recorded, it takes the same memory: 232 numbers.
import { assert } from './assert.ts'

/** Buckets to each doubling, and its logarithm. */
const STEPS = 8
const STEPS_LOG2 = 3

/** The smallest difference told apart: 1/1,024 ms. */
const UNITS_PER_MS = 1024

/** Longer times, from 35 minutes on, are counted in the last bucket. */
const UNITS_MAX = 2 ** 31 - 1

/** Buckets of every histogram. */
export const HISTOGRAM_BUCKETS = (31 - STEPS_LOG2 + 1) * STEPS

/** A histogram at one moment; times in milliseconds, all 0 where nothing was recorded. `p50Ms` and `p99Ms` are at most 1/8 too high. */
export interface HistogramSnapshot {
  readonly count: number
  readonly sumMs: number
  readonly maxMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Times recorded in each bucket; its length is HISTOGRAM_BUCKETS, and `bucketEndMs` says where each ends. */
  readonly buckets: readonly number[]
}

/** Durations of one kind. Bounded by HISTOGRAM_BUCKETS numbers. */
export class Histogram {
  readonly #buckets = new Float64Array(HISTOGRAM_BUCKETS)
  #count = 0
  #sumMs = 0
  #maxMs = 0

  /** Counts one time in milliseconds, 0 or more. */
  record(ms: number): void {
    assert(ms >= 0, 'no time is below 0')
    const bucket = bucketOf(ms)
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
    this.#count++
    this.#sumMs += ms
    this.#maxMs = Math.max(this.#maxMs, ms)
  }

  snapshot(): HistogramSnapshot {
    return completed({ count: this.#count, sumMs: this.#sumMs, maxMs: this.#maxMs, buckets: [...this.#buckets] })
  }
}

/** Two histograms as if all their times had been recorded in one: of two nodes, say. */
export const mergeHistograms = (a: HistogramSnapshot, b: HistogramSnapshot): HistogramSnapshot =>
  completed({
    count: a.count + b.count,
    sumMs: a.sumMs + b.sumMs,
    maxMs: Math.max(a.maxMs, b.maxMs),
    buckets: a.buckets.map((n, i) => n + (b.buckets[i] ?? 0)),
  })

/**
 * A time that at least the given part (0 to 1) of all recorded times do not exceed: the end of the bucket the true one is in, and never
 * more than the longest; 0 when there is none.
 */
export const quantileMs = (of: Pick<HistogramSnapshot, 'count' | 'maxMs' | 'buckets'>, part: number): number => {
  const rank = Math.max(1, Math.ceil(of.count * part))
  let seen = 0
  for (const [bucket, n] of of.buckets.entries()) {
    seen += n
    if (seen >= rank) return Math.min(bucketEndMs(bucket), of.maxMs)
  }
  return 0
}

/** Where a bucket ends, in milliseconds: what is recorded in it is shorter. The last one has no end. */
export const bucketEndMs = (bucket: number): number =>
  bucket >= HISTOGRAM_BUCKETS - 1 ? Infinity : unitsBelow(bucket + 1) / UNITS_PER_MS

const completed = (part: Omit<HistogramSnapshot, 'p50Ms' | 'p99Ms'>): HistogramSnapshot => ({
  ...part,
  p50Ms: quantileMs(part, 0.5),
  p99Ms: quantileMs(part, 0.99),
})

/** Below 8 units each has a bucket; above, the three bits after the first say which of the eight of its doubling it is. */
const bucketOf = (ms: number): number => {
  const units = Math.min(Math.floor(ms * UNITS_PER_MS), UNITS_MAX)
  if (units < STEPS) return units
  const doubling = 31 - Math.clz32(units) - STEPS_LOG2
  return (doubling + 1) * STEPS + ((units >> doubling) & (STEPS - 1))
}

/** The smallest number of units that belongs to a bucket. */
const unitsBelow = (bucket: number): number => {
  if (bucket < STEPS) return bucket
  const doubling = Math.floor(bucket / STEPS) - 1
  return (STEPS + (bucket % STEPS)) * 2 ** doubling
}
