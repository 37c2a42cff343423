// Histograms against the sorted list of what was recorded in them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  bucketEndMs,
  Histogram,
  HISTOGRAM_BUCKETS,
  type HistogramSnapshot,
  mergeHistograms,
  quantileMs,
} from '../../src/core/histogram.ts'

/** Times of every size, from far below the first bucket to far above the last. */
const time = fc
  .tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: -14, max: 34 }))
  .map(([fraction, exponent]) => fraction * 2 ** exponent)
const times = fc.array(time, { maxLength: 200, size: 'max' })

const recorded = (all: readonly number[]): HistogramSnapshot => {
  const histogram = new Histogram()
  for (const ms of all) histogram.record(ms)
  return histogram.snapshot()
}

const LONGEST_MS = bucketEndMs(HISTOGRAM_BUCKETS - 2)

test('a quantile is never below the true one, and above it by an eighth at most', () => {
  fc.assert(
    fc.property(times, fc.double({ min: 0, max: 1, noNaN: true }), (all, part) => {
      fc.pre(all.length > 0)
      const rank = Math.max(1, Math.ceil(all.length * part))
      const truth = all.toSorted((a, b) => a - b)[rank - 1]!
      const estimate = quantileMs(recorded(all), part)
      assert.ok(estimate >= truth, `${estimate} < ${truth}`)
      // Below the resolution, and beyond the last bucket, it knows only the resolution and the longest.
      if (truth < LONGEST_MS) assert.ok(estimate <= truth * 1.125 + 1 / 1024, `${estimate} > ${truth} by too much`)
    }),
    { numRuns: 2000 },
  )
})

test('count, sum and maximum are exact, and each time is in the bucket that ends above it', () => {
  fc.assert(
    fc.property(times, (all) => {
      const { count, sumMs, maxMs, buckets } = recorded(all)
      assert.equal(count, all.length)
      assert.equal(
        sumMs,
        all.reduce((sum, ms) => sum + ms, 0),
      )
      assert.equal(maxMs, Math.max(0, ...all))
      assert.equal(buckets.length, HISTOGRAM_BUCKETS)
      let below = 0
      for (const [bucket, n] of buckets.entries()) {
        below += n
        assert.equal(below, all.filter((ms) => ms < bucketEndMs(bucket)).length)
      }
    }),
  )
})

test('merged histograms are the histogram of everything', () => {
  fc.assert(
    fc.property(times, times, (a, b) => {
      const merged = mergeHistograms(recorded(a), recorded(b))
      const together = recorded([...a, ...b])
      assert.ok(Math.abs(merged.sumMs - together.sumMs) <= together.sumMs * 1e-9)
      assert.deepEqual({ ...merged, sumMs: 0 }, { ...together, sumMs: 0 })
    }),
  )
})

test('without a time everything is 0, and a time below 0 is a mistake of ours', () => {
  const { buckets, ...rest } = recorded([])
  assert.deepEqual(rest, { count: 0, sumMs: 0, maxMs: 0, p50Ms: 0, p99Ms: 0 })
  assert.ok(buckets.every((n) => n === 0))
  for (const wrong of [-1, Number.NaN]) assert.throws(() => new Histogram().record(wrong), /no time is below 0/)
})

test('a snapshot does not change any more', () => {
  const histogram = new Histogram()
  const before = histogram.snapshot()
  histogram.record(1)
  assert.equal(before.count, 0)
  assert.ok(before.buckets.every((n) => n === 0))
})
