// Who leaves a test network, and how often.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Churn } from '../../src/testnet/churn.ts'

const indices = Array.from({ length: 50 }, (_, n) => n + 3)

test('nobody leaves again before all others have, half of them with a goodbye', () => {
  const churn = new Churn(indices, 2)
  for (let round = 0; round < 2; round++) {
    const left = indices.map(() => churn.next()!)
    assert.deepEqual(
      left.map(({ index }) => index).toSorted((a, b) => a - b),
      indices,
    )
    assert.equal(left.filter(({ politely }) => politely).length, indices.length / 2)
  }
})

test('so many leave in a minute as the rate says', () => {
  assert.equal(new Churn(indices, 2).everyMs, 60_000)
  assert.equal(new Churn(indices, 50).everyMs, 2400)
})

test('where nobody may leave, nobody does', () => {
  assert.equal(new Churn([], 2).next(), null)
})
