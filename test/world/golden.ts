// npm run world:golden: renews the hash of the one run that every change is compared with. It changes with anything that changes what nodes
// send or when, and with nothing else: a change that should not, and does, has done more than it says.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runNetwork } from '../../src/world/nodes/network-run.ts'

const FILE = join(import.meta.dirname, 'golden.json')

/** The run: everything that can happen in a network, in little. */
export const GOLDEN_RUN = Object.freeze({ seed: 11, hosts: 8, ms: 90_000, faultEveryMs: 1500 })

/** The committed hash. */
export const goldenHash = (): string => {
  const { hash } = JSON.parse(readFileSync(FILE, 'utf8')) as { hash: string }
  return hash
}

if (import.meta.main) {
  const { hash, finding } = await runNetwork(GOLDEN_RUN)
  if (finding !== null) throw new Error(`the golden run found something: ${JSON.stringify(finding)}`)
  writeFileSync(FILE, `${JSON.stringify({ run: GOLDEN_RUN, hash }, null, 2)}\n`)
  console.log(hash)
}
