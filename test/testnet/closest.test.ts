import assert from 'node:assert/strict'
import { test } from 'node:test'
import { peerIdOf } from '../../src/core/ids.ts'
import { trueClosest } from '../../src/testnet/closest.ts'
import { NO_TOTALS, addTotals } from '../../src/testnet/totals.ts'

const id = (...first: number[]) => {
  const bytes = new Uint8Array(32)
  bytes.set(first)
  return peerIdOf(bytes)
}

test('the true neighbours are sorted by XOR distance, without the target', () => {
  const all = [id(0b1000), id(0b0111), id(0b0001), id(0b0000), id(0, 1)]
  assert.deepEqual(trueClosest(id(0), all, 3), [id(0, 1), id(0b0001), id(0b0111)])
})

test('totals add up by reason and leave out what never happened', () => {
  const one = { ...NO_TOTALS, accepted: 2, refused: { 'slots-full': 1, 'connections-full': 0 } }
  const two = { ...NO_TOTALS, accepted: 3, refused: { 'slots-full': 2 } }
  assert.deepEqual(addTotals(one, two), { ...NO_TOTALS, accepted: 5, refused: { 'slots-full': 3 } })
})
