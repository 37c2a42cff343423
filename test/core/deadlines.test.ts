import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Deadlines } from '../../src/core/deadlines.ts'

test('any mixture of setting, moving and clearing leaves the earliest first', () => {
  const step = fc.record({ item: fc.nat(12), at: fc.oneof(fc.nat(50), fc.constant(Infinity)) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const deadlines = new Deadlines<number>()
      const truth = new Map<number, number>()
      for (const { item, at } of steps) {
        deadlines.set(item, at)
        if (at === Infinity) truth.delete(item)
        else truth.set(item, at)
        assert.equal(deadlines.nextAt, Math.min(Infinity, ...truth.values()))
        assert.equal(deadlines.at(item), truth.get(item) ?? Infinity)
        assert.equal(deadlines.size, truth.size)
      }
      let last = -1
      for (let item = deadlines.due(100); item !== null; item = deadlines.due(100)) {
        const at = truth.get(item) ?? Infinity
        assert.ok(at >= last)
        last = at
        truth.delete(item)
      }
      assert.equal(truth.size, 0)
    }),
  )
})

test('what is due later stays, and equal deadlines come in the order they were set', () => {
  const deadlines = new Deadlines<string>()
  for (const item of ['a', 'b', 'c']) deadlines.set(item, 5)
  deadlines.set('late', 6)
  assert.deepEqual([deadlines.due(5), deadlines.due(5), deadlines.due(5), deadlines.due(5)], ['a', 'b', 'c', null])
  assert.equal(deadlines.nextAt, 6)
})
