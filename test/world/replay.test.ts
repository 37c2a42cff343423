// Whole networks in virtual time: a seed replays exactly, faults strike, nothing is found, and the stand-in tells what the real one would.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { realCryptography } from '../../src/world/cryptography.ts'
import { FAULT_KINDS } from '../../src/world/faults/fault.ts'
import { type Outcome, runNetwork } from '../../src/world/nodes/network-run.ts'
import { GOLDEN_RUN, goldenHash } from './golden.ts'

const clean = async (options: Parameters<typeof runNetwork>[0]): Promise<Outcome> => {
  const outcome = await runNetwork(options)
  assert.equal(outcome.finding, null, `seed ${options.seed}: ${JSON.stringify(outcome.finding)}`)
  return outcome
}

describe('a simulated network', () => {
  it('replays exactly, and as the committed hash says (npm run world:golden renews it)', async () => {
    const lines: string[] = []
    const once = await clean({ ...GOLDEN_RUN, trace: (line) => lines.push(line) })
    const again = await clean(GOLDEN_RUN)
    assert.equal(again.hash, once.hash, 'the same seed, the same trace')
    assert.ok(lines.length > 10_000 && lines.some((line) => line.includes('joined')))
    assert.equal(once.hash, goldenHash(), 'what nodes do has changed: if it was meant to, run npm run world:golden')
    const other = await clean({ ...GOLDEN_RUN, seed: GOLDEN_RUN.seed + 1 })
    assert.notEqual(other.hash, once.hash)
  })

  it('survives every kind of fault, each of which strikes', async () => {
    const strikes = new Map(FAULT_KINDS.map((kind) => [kind, 0]))
    for (const seed of [21, 22]) {
      const outcome = await clean({ seed, hosts: 10, ms: 180_000, faultEveryMs: 1000, callEveryMs: 400 })
      for (const kind of FAULT_KINDS) strikes.set(kind, (strikes.get(kind) ?? 0) + outcome.strikes[kind])
    }
    assert.deepEqual(
      [...strikes].filter(([, count]) => count === 0),
      [],
    )
  })

  it('counts with the stand-in cryptography what it counts with the real one', async () => {
    const run = { seed: 31, hosts: 8, ms: 120_000, choice: { kind: 'none' } } as const
    const standIn = await clean(run)
    const real = await clean({ ...run, cryptography: await realCryptography() })
    const counts = ({ datagrams, totals }: Outcome): Record<string, number> => ({ sent: datagrams.sent, ...totals })
    const expected = counts(real)
    for (const [name, count] of Object.entries(counts(standIn))) {
      const other = expected[name] ?? 0
      assert.ok(Math.abs(count - other) <= 0.02 * other, `${name}: ${count} and ${other}`)
    }
  })
})
