import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Lanes } from '../../../src/core/dispatch/lanes.ts'
import { peer } from './peers.ts'

const LIMITS = { shards: 4, itemsPerShardMax: 3 }

test('shards take turns, so a busy one delays another by one item', () => {
  const lanes = new Lanes<string>(LIMITS)
  for (const item of ['a1', 'a2', 'a3']) lanes.add(peer(0), item)
  lanes.add(peer(1), 'b1')
  assert.deepEqual(
    [lanes.next(), lanes.next(), lanes.next(), lanes.next(), lanes.next()],
    ['a1', 'b1', 'a2', 'a3', null],
  )
})

test('a full lane takes nothing and loses nothing', () => {
  const lanes = new Lanes<number>(LIMITS)
  assert.deepEqual(
    [1, 2, 3, 4].map((n) => lanes.add(peer(0), n)),
    [true, true, true, false],
  )
  assert.equal(lanes.add(peer(1), 8), true)
  assert.equal(lanes.depth(peer(0)), 3)
  assert.equal(lanes.size, 4)
})

test('what went in comes out once, in order within a peer', () => {
  const step = fc.oneof(fc.record({ peer: fc.nat(9) }), fc.constant(null))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const lanes = new Lanes<{ peer: number; n: number }>(LIMITS)
      const waiting = new Map<number, number[]>()
      const check = (item: { peer: number; n: number } | null): boolean => {
        if (item === null) return false
        assert.equal(waiting.get(item.peer)?.shift(), item.n)
        return true
      }
      steps.forEach((one, n) => {
        if (one === null) check(lanes.next())
        else if (lanes.add(peer(one.peer), { peer: one.peer, n })) {
          waiting.set(one.peer, [...(waiting.get(one.peer) ?? []), n])
        }
      })
      while (check(lanes.next()));
      assert.deepEqual([...waiting.values()].flat(), [])
    }),
  )
})
