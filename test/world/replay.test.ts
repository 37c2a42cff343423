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
    const other = await clean({ ...GOLDEN_RUN, seed: GOLDEN_RUN.seed + 1, ms: 20_000 })
    assert.notEqual(other.hash, once.hash)
  })

  it('survives every kind of fault, each of which strikes', async () => {
    const { strikes } = await clean({ seed: 44, hosts: 9, ms: 120_000, faultEveryMs: 500, callEveryMs: 400 })
    const never = FAULT_KINDS.filter((kind) => strikes[kind] === 0)
    assert.deepEqual(never, [], 'with what nodes do the strikes change: try other seeds')
  })

  it('counts with the stand-in cryptography what it counts with the real one', async () => {
    const cryptography = await realCryptography()
    const [standIn, real] = [new Map<string, number>(), new Map<string, number>()]
    // Identities differ, and with them who holds what: several networks together even that out.
    for (const seed of [34, 36, 37, 38]) {
      const run = { seed, hosts: 8, ms: 60_000, choice: { kind: 'none' } } as const
      addCounts(standIn, await clean(run))
      addCounts(real, await clean({ ...run, cryptography }))
    }
    for (const [name, count] of standIn) {
      const other = real.get(name) ?? 0
      assert.ok(Math.abs(count - other) <= 0.02 * other, `${name}: ${count} and ${other}`)
    }
  })
})

const addCounts = (to: Map<string, number>, { datagrams, totals }: Outcome): void => {
  for (const [name, count] of Object.entries({ sent: datagrams.sent, ...totals }))
    to.set(name, (to.get(name) ?? 0) + count)
}
