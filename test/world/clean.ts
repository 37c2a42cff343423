// A run of a simulated network in which nothing may be found.
import assert from 'node:assert/strict'
import { type Outcome, runNetwork } from '../../src/world/nodes/network-run.ts'

/** Runs a network to its end. */
export const clean = async (options: Parameters<typeof runNetwork>[0]): Promise<Outcome> => {
  const outcome = await runNetwork(options)
  assert.equal(outcome.finding, null, `seed ${options.seed}: ${JSON.stringify(outcome.finding)}`)
  return outcome
}
