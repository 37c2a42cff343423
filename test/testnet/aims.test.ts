// The aims of a test network, judged by made-up figures: each is missed alone, and named.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { aimsOf, missedOf } from '../../src/testnet/aims.ts'
import type { Figures } from '../../src/testnet/aims.ts'
import type { LoadReport } from '../../src/testnet/load.ts'
import { quartersOf, quartilesOf } from '../../src/testnet/quartiles.ts'

const loadOf = (times: readonly number[], lost = 0): LoadReport => ({
  files: times.map((uploadMs) => ({ atMs: 0, bytes: 5e6, uploadMs, downloadMs: 1, identical: true, failed: null })),
  departures: 0,
  late: 0,
  readBack: times.length,
  lost,
})

/** Every aim met to a hair. */
const MET: Figures = {
  nodes: 1000,
  formedMs: 120_000,
  rest: { handshakes: 30_000, rssBytes: 6e9, cores: 1 },
  bytes: 50e6,
  uploadMs: 20_000,
  downloadMs: 10_000,
  identical: true,
  load: loadOf([100, 100, 90, 80, 70, 60, 105, 105]),
  accepted: 7,
  registered: 7,
  reading: 7,
  identityTimeouts: 0,
}

const missed = (changes: Partial<Figures>): string[] =>
  aimsOf({ ...MET, ...changes })
    .filter(({ met }) => met === false)
    .map(({ name }) => name)

describe('the aims of a test network', () => {
  test('are all met to a hair', () => {
    const aims = aimsOf(MET)
    assert.ok(aims.every(({ met }) => met === true))
    assert.equal(missedOf(aims), null)
  })

  test('are each missed alone', () => {
    const { rest } = MET
    assert.deepEqual(missed({ formedMs: 120_001 }), ['formation'])
    assert.deepEqual(missed({ rest: { ...rest, handshakes: 30_001 } }), ['handshakes a node'])
    assert.deepEqual(missed({ rest: { ...rest, rssBytes: 6e9 + 1 } }), ['resident memory a node'])
    assert.deepEqual(missed({ rest: { ...rest, cores: 1.01 } }), ['idle CPU'])
    assert.deepEqual(missed({ uploadMs: 20_001 }), ['upload on the idle network'])
    assert.deepEqual(missed({ downloadMs: 10_001 }), ['download on the idle network'])
    assert.deepEqual(missed({ load: loadOf([100, 100, 1, 1, 1, 1, 105, 106]) }), [
      'median upload of the last quarter over the first',
    ])
    assert.deepEqual(missed({ identityTimeouts: 1 }), ['honest identity timeouts'])
    assert.deepEqual(missed({ registered: 6 }), ['accepted, registered and reading'])
    assert.deepEqual(missed({ reading: 6 }), ['accepted, registered and reading'])
    assert.deepEqual(missed({ load: loadOf([], 1) }), ['acknowledged files that cannot be read'])
    assert.deepEqual(missed({ identical: false }), ['acknowledged files that cannot be read'])
  })

  test('give larger files longer in proportion, and smaller ones as long', () => {
    assert.deepEqual(missed({ bytes: 100e6, uploadMs: 40_000, downloadMs: 20_000 }), [])
    assert.deepEqual(missed({ bytes: 1, uploadMs: 20_001 }), ['upload on the idle network'])
  })

  test('that were not measured are not missed', () => {
    const aims = aimsOf({ ...MET, load: null })
    assert.deepEqual(
      aims.filter(({ met }) => met === null).map(({ measured }) => measured),
      ['not measured'],
    )
    assert.equal(missedOf(aims), null)
  })

  test('that were missed are named with what was measured', () => {
    const line = missedOf(aimsOf({ ...MET, formedMs: 130_000, identityTimeouts: 2 }))
    assert.equal(line, 'formation 130.00 s, to be at most 120.00 s; honest identity timeouts 2, to be 0')
  })
})

test('quarters are those of the order in which times were taken, and quartiles are interpolated', () => {
  assert.deepEqual(quartersOf([1, 3, 9, 9, 9, 9, 10, 20]), {
    first: { median: 2, low: 1.5, high: 2.5 },
    last: { median: 15, low: 12.5, high: 17.5 },
  })
  assert.equal(quartersOf([1, 2, 3, 4, 5, 6, 7]), null)
  assert.deepEqual(quartilesOf([4]), { median: 4, low: 4, high: 4 })
})
