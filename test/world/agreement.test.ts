// The stand-in cryptography tells of a network what the real one would.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realCryptography } from '../../src/world/cryptography.ts'
import type { Outcome } from '../../src/world/nodes/network-run.ts'
import { clean } from './clean.ts'

const addCounts = (to: Map<string, number>, { datagrams, totals }: Outcome): void => {
  for (const [name, count] of Object.entries({ sent: datagrams.sent, ...totals }))
    to.set(name, (to.get(name) ?? 0) + count)
}

test('a simulated network counts with the stand-in cryptography what it counts with the real one', async () => {
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
