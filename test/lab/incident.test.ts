// The incident in little, and what the report makes of figures.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Incident, type Period } from '../../src/lab/incident/incident.ts'
import { type Replay, verdictOf } from '../../src/lab/incident/report.ts'
import { type Path, SHORT } from '../../src/lab/incident/settings.ts'

const LITTLE = { ...SHORT, hosts: 12, joinMs: 20_000, ms: 120_000, periodMs: 60_000 }

const replay = async (path: Path): Promise<readonly Period[]> => {
  const incident = new Incident(path, LITTLE)
  await incident.run(() => {})
  return incident.periods
}

const period = (upload: number, gap: number): Period => ({
  uploads: [upload],
  coldUploads: [],
  exchangesDone: 1,
  exchangesTimedOut: 0,
  exchangeP99Ms: 1,
  gap,
  lockWaitMs: 0,
  queueDepth: 0,
})

describe('the incident in little', () => {
  it('under our accept path nobody waits for a lock, and whoever was accepted is read', async () => {
    const periods = await replay('sallyport')
    assert.equal(periods.length, 2)
    assert.ok(periods.every(({ uploads, gap, lockWaitMs }) => uploads.length > 0 && gap === 0 && lockWaitMs === 0))
  })

  it('under the first one of the history the loop stands before the lock for seconds', async () => {
    const periods = await replay('inline')
    assert.ok(Math.max(...periods.map(({ lockWaitMs }) => lockWaitMs)) > 1000)
  })
})

describe('the verdict', () => {
  const ours = (first: number, last: number, gap = 0): Replay => ({
    path: 'sallyport',
    periods: [period(first, 0), period(last, gap)],
  })
  const theirs = (last: number, gap: number): Replay => ({
    path: 'inline',
    periods: [period(10, 0), period(last, gap)],
  })

  it('holds when ours is flat without a gap, and every other is slower or has one', () => {
    assert.equal(verdictOf([ours(10, 10.4), theirs(20, 0)]).holds, true)
    assert.equal(verdictOf([ours(10, 10.4), theirs(10, 3)]).holds, true)
    assert.equal(verdictOf([ours(10, 10.6), theirs(20, 0)]).holds, false)
    assert.equal(verdictOf([ours(10, 10, 1), theirs(20, 0)]).holds, false)
    assert.equal(verdictOf([ours(10, 10), theirs(10, 0)]).holds, false)
    assert.match(verdictOf([ours(10, 10.4)]).text, /sallyport 10\.0 s → 10\.4 s, gap 0/)
  })
})
