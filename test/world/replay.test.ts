// Whole networks in virtual time: a seed replays exactly, faults strike, and nothing is found.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FAULT_KINDS } from '../../src/world/faults/fault.ts'
import { clean } from './clean.ts'
import { GOLDEN_RUN, goldenHash } from './golden.ts'

describe('a simulated network', () => {
  it('replays exactly, and as the committed hash says (npm run world:golden renews it)', async () => {
    const lines: string[] = []
    const once = await clean({ ...GOLDEN_RUN, trace: (line) => lines.push(line) })
    assert.ok(lines.length > 10_000 && lines.some((line) => line.includes('joined')))
    assert.equal(once.hash, goldenHash(), 'what nodes do has changed: if it was meant to, run npm run world:golden')
    const short = { ...GOLDEN_RUN, ms: 20_000 }
    const [again, before] = [await clean(short), await clean(short)]
    assert.equal(again.hash, before.hash, 'the same seed, the same trace')
    const other = await clean({ ...short, seed: GOLDEN_RUN.seed + 1 })
    assert.notEqual(other.hash, again.hash)
  })

  it('survives every kind of fault, each of which strikes', async () => {
    const { strikes } = await clean({ seed: 44, hosts: 9, ms: 120_000, faultEveryMs: 500, callEveryMs: 400 })
    const never = FAULT_KINDS.filter((kind) => strikes[kind] === 0)
    assert.deepEqual(never, [], 'with what nodes do the strikes change: try other seeds')
  })
})
