import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Concurrency } from '../../../src/core/chunks/concurrency.ts'
import { onLink } from './shared-link.ts'

const LIMITS = { least: 1, first: 4, most: 24, timeoutMs: 1000 }
const good = { kind: 'done', tookMs: 100 } as const
const slow = { kind: 'done', tookMs: 400 } as const
const late = { kind: 'trouble' } as const

/** Ends one transfer after another, each begun when as many as may be went on. */
const after = (
  concurrency: Concurrency,
  ends: readonly (typeof good | typeof slow | typeof late)[],
  from = 0,
): number => {
  for (const [i, end] of ends.entries()) {
    concurrency.ended(end, { begunAt: from + i, inProgress: concurrency.limit, now: from + i })
  }
  return concurrency.limit
}

describe('how many at once', () => {
  test('doubles with each round until the first trouble, halves then, and grows by one a round after that', () => {
    const concurrency = new Concurrency(LIMITS)
    assert.equal(after(concurrency, Array(4).fill(good)), 8)
    assert.equal(after(concurrency, Array(8).fill(good), 10), 16)
    assert.equal(after(concurrency, [late], 20), 8)
    assert.equal(after(concurrency, Array(8).fill(good), 30), 8)
    assert.equal(after(concurrency, [good], 40), 9)
  })

  test('is not changed by what is neither good nor bad, nor by good ones while fewer go on than may', () => {
    const concurrency = new Concurrency(LIMITS)
    assert.equal(after(concurrency, Array(50).fill(slow)), 4)
    for (let i = 0; i < 50; i++) concurrency.ended(good, { begunAt: i, inProgress: 3, now: i })
    assert.equal(concurrency.limit, 4)
  })

  test('is halved once for all that began before it was', () => {
    const concurrency = new Concurrency({ ...LIMITS, first: 16 })
    for (let i = 0; i < 16; i++) concurrency.ended(late, { begunAt: 0, inProgress: 16, now: 1000 + i })
    assert.equal(concurrency.limit, 8)
    concurrency.ended({ kind: 'done', tookMs: 501 }, { begunAt: 1100, inProgress: 8, now: 1601 })
    assert.equal(concurrency.limit, 4)
  })

  test('stays within its bounds, whatever happens, and one trouble never takes more than half', () => {
    const end = fc.record({
      end: fc.oneof(
        fc.constant({ kind: 'trouble' } as const),
        fc.nat({ max: 3000 }).map((tookMs) => ({ kind: 'done' as const, tookMs })),
      ),
      age: fc.nat({ max: 2000 }),
      inProgress: fc.nat({ max: 40 }),
      passed: fc.nat({ max: 500 }),
    })
    const bounds = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat({ max: 9 }), fc.nat({ max: 9 }))
    fc.assert(
      fc.property(bounds, fc.array(end, { maxLength: 200 }), ([least, more, evenMore], ends) => {
        const limits = { least, first: least + more, most: least + more + evenMore, timeoutMs: 1000 }
        const concurrency = new Concurrency(limits)
        let now = 0
        for (const { end, age, inProgress, passed } of ends) {
          now += passed
          const before = concurrency.limit
          concurrency.ended(end, { begunAt: now - age, inProgress, now })
          const { limit } = concurrency
          assert.ok(Number.isInteger(limit) && limit >= limits.least && limit <= limits.most)
          assert.ok(limit >= Math.max(limits.least, Math.floor(before / 2)))
          assert.ok(limit <= before + 1)
          if (end.kind === 'trouble') assert.ok(limit <= before)
        }
      }),
    )
  })
})

describe('an upload over a link that all its puts share', () => {
  /** What it was before: twelve at once, always. */
  const ALWAYS_TWELVE = { putsMin: 12, putsFirst: 12, putsMax: 12 }

  test('is done over 1 Mbit/s, where twelve at once are all late', () => {
    const before = onLink({ bytesPerSecond: 125_000, limits: ALWAYS_TWELVE })
    assert.ok(before.failed)
    const now = onLink({ bytesPerSecond: 125_000 })
    assert.ok(!now.failed)
    assert.ok(3 * now.givenUp < before.givenUp, `${now.givenUp} puts were given up, and ${before.givenUp} before`)
  })

  test('takes little longer over fast links than twelve at once, and not where twelve are too few', () => {
    for (const [bytesPerSecond, perPut, chunks] of [
      [5e6, Infinity, 8],
      [50e6, Infinity, 40],
      [50e6, 2e6, 40],
    ] as const) {
      const before = onLink({ bytesPerSecond, bytesPerSecondEach: perPut, chunks, limits: ALWAYS_TWELVE })
      const now = onLink({ bytesPerSecond, bytesPerSecondEach: perPut, chunks })
      assert.ok(!now.failed && !before.failed)
      assert.ok(now.ms < 1.1 * before.ms, `${now.ms} against ${before.ms} ms at ${bytesPerSecond}`)
    }
  })
})
