// Two of the planted bugs in little; npm run world:plants tries them all.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runNetwork } from '../../src/world/nodes/network-run.ts'
import { PLANTS } from './plants.ts'

const RULES = {
  'lock-across-send': 'accepted = registered = reading',
  'events-by-address': 'events: a peer is connected and was never announced',
} as const

describe('a planted bug', () => {
  for (const { name, cause, plant } of PLANTS) {
    if (!(name in RULES)) continue
    it(`of the incident's cause ${cause} is found, and is gone when it is taken out`, async () => {
      const run = { seed: 1, hosts: 8, ms: 120_000, faultEveryMs: 3000 }
      const unplant = plant()
      const { finding } = await runNetwork(run).finally(unplant)
      assert.equal(finding?.rule, RULES[name as keyof typeof RULES])
      const sound = await runNetwork({ ...run, ms: 60_000 })
      assert.equal(sound.finding, null)
    })
  }

  it('stands for each of the incident’s causes 1 to 8', () => {
    assert.deepEqual(
      PLANTS.map(({ cause }) => cause),
      [1, 2, 3, 4, 5, 6, 7, 8],
    )
  })
})
