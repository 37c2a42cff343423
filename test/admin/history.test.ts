// What the last ten minutes were, and what is wrong with them: each cause of docs/metrics.md by what shows it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { findingsOf } from '../../src/admin/findings.ts'
import { columns } from '../../src/admin/columns.ts'
import { History, POINTS_MAX } from '../../src/admin/history.ts'
import type { Gauges } from '../../src/index.ts'
import { GAUGES, Scene } from './watched.ts'

const QUIET: Gauges = { ...GAUGES, established: 8, identified: 8, signingDelayMs: 0 }

/** A history of a node that does what a test says, a second at a time. */
class Told {
  readonly history = new History()
  readonly scene = new Scene()
  gauges: Gauges = QUIET
  #at = 0

  second(happens: (scene: Scene) => void = () => {}): this {
    happens(this.scene)
    this.#at += 1000
    const metrics = { ...this.scene.transport.metrics(), gauges: this.gauges }
    this.history.add(metrics, this.#at, 1e12 + this.#at)
    return this
  }

  get found(): string[] {
    return findingsOf(this.history.minute).map(({ level, metric }) => `${level} ${metric}`)
  }
}

describe('a history', () => {
  test('says what happened by the second, and how long it took', () => {
    const told = new Told().second()
    told.second(({ counters, histograms }) => {
      counters.judged += 10
      counters.slots += 4
      counters.refused.rate += 3
      counters.dropped.late += 2
      counters.accepted.inbound += 4
      for (const ms of [1, 2, 3]) histograms.identityIn.record(ms)
    })
    const point = told.history.points.at(-1)
    assert.ok(point !== undefined)
    const { at, slots, refused, dropped, otherVerdicts, accepted, identityP50Ms, handshakeP99Ms, laneDepth } = point
    assert.deepEqual([at, slots, refused, dropped, otherVerdicts, accepted], [1e12 + 2000, 4, 3, 2, 1, 4])
    assert.ok(identityP50Ms !== null && identityP50Ms >= 2 && identityP50Ms <= 2.25)
    assert.deepEqual([handshakeP99Ms, laneDepth], [null, 19])
  })

  test('forgets times after ten seconds, and points after ten minutes', () => {
    const told = new Told().second().second(({ histograms }) => histograms.identityIn.record(5))
    for (let second = 0; second < 9; second++) told.second()
    assert.notEqual(told.history.points.at(-1)?.identityP99Ms, null)
    told.second()
    assert.equal(told.history.points.at(-1)?.identityP99Ms, null)
    for (let second = 0; second < POINTS_MAX; second++) told.second()
    const shown = columns(told.history.points)
    assert.deepEqual(new Set(Object.values(shown).map(({ length }) => length)), new Set([POINTS_MAX]))
    assert.deepEqual(columns([]), {})
  })
})

describe('findings', () => {
  test('are none of a node that is well, however busy', () => {
    const told = new Told()
    for (let second = 0; second < 70; second++) {
      told.second(({ counters, histograms }) => {
        for (const step of ['accepted', 'registered', 'reading'] as const) counters[step].inbound += 200
        counters.refused.rate += 1000
        counters.eventsAboutClosed += 1
        histograms.identityIn.record(40)
        histograms.eventLoop.record(3)
      })
      told.gauges = { ...QUIET, established: 500, identified: 400 }
    }
    assert.deepEqual(told.found, [])
    assert.deepEqual(new Told().second().found, [])
  })

  const cases: readonly (readonly [string, (scene: Scene) => void, Partial<Gauges>?])[] = [
    ['stall registered', ({ counters }) => (counters.accepted.inbound += 3)],
    ['stall reading', ({ counters }) => ((counters.accepted.outbound += 1), (counters.registered.outbound += 1))],
    ['stall identityIn', ({ histograms }) => histograms.identityIn.record(1500)],
    ['stall identified', () => {}, { established: 60, identified: 50 }],
    ['warning identityTimeouts', ({ counters }) => counters.identityTimeouts++],
    ['warning subscriberLag', ({ counters }) => counters.subscriberLag++],
    ['warning reconcilerDifferences', ({ counters }) => counters.reconcilerDifferences++],
    ['warning eventsAboutClosed', ({ counters }) => (counters.eventsAboutClosed += 61)],
    ['warning eventLoop', ({ histograms }) => histograms.eventLoop.record(80)],
    ['warning signingDelayMs', () => {}, { signingDelayMs: 1500 }],
    ['warning taskFailures', ({ counters }) => counters.taskFailures++],
    ['warning kernelDrops', ({ counters }) => counters.kernelDrops++],
  ]
  for (const [finding, happens, gauges = {}] of cases) {
    test(`tell a ${finding}, and nothing else`, () => {
      const told = new Told()
      told.gauges = { ...QUIET, ...gauges }
      assert.deepEqual(told.second().second(happens).found, [finding])
    })
  }

  test('come stalls first, and go when a minute has passed since', () => {
    const told = new Told().second().second(({ counters, histograms }) => {
      counters.kernelDrops++
      histograms.identityIn.record(2000)
    })
    assert.deepEqual(told.found, ['stall identityIn', 'warning kernelDrops'])
    for (let second = 0; second < 60; second++) told.second()
    assert.deepEqual(told.found, [])
  })
})
