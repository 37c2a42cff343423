import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Intake } from '../../../src/core/dispatch/intake.ts'
import { Lanes } from '../../../src/core/dispatch/lanes.ts'
import { shardOf } from '../../../src/core/dispatch/shards.ts'
import { type PeerId, peerIdOf } from '../../../src/core/ids.ts'

const LIMITS = { shards: 4, itemsPerShardMax: 3 }

/** The peer whose items go to shard `n`. */
const peer = (n: number): PeerId => {
  const bytes = new Uint8Array(32)
  bytes[3] = n
  return peerIdOf(bytes)
}

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

test('bytes in hand are bounded by peer and in all, and given back whole', () => {
  const intake = new Intake({ bytesPerPeerMax: 100, bytesPerShardMax: 150, bytesMax: 150 })
  assert.equal(intake.take(peer(0), 100), true)
  assert.equal(intake.take(peer(0), 1), false)
  assert.equal(intake.take(peer(1), 51), false)
  assert.equal(intake.take(peer(1), 50), true)
  assert.equal(intake.bytes, 150)
  intake.give(peer(0), 100)
  assert.equal(intake.of(peer(0)), 0)
  assert.equal(intake.take(peer(1), 50), true)
  intake.give(peer(1), 100)
  assert.equal(intake.bytes, 0)
})

test('whatever is taken and given, a peer, its shard and all hold no more than they may, and what fits is taken', () => {
  const limits = { bytesPerPeerMax: 100, bytesPerShardMax: 150, bytesMax: 400 }
  const step = fc.record({ n: fc.nat(39), bytes: fc.nat(120), gives: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const intake = new Intake(limits)
      const held = new Map<number, number>()
      const sum = (which: (n: number) => boolean): number =>
        [...held].reduce((total, [n, bytes]) => total + (which(n) ? bytes : 0), 0)
      for (const { n, bytes, gives } of steps) {
        if (gives) {
          const given = Math.min(bytes, held.get(n) ?? 0)
          intake.give(peer(n), given)
          held.set(n, (held.get(n) ?? 0) - given)
          continue
        }
        const inShard = sum((other) => shardOf(peer(other)) === shardOf(peer(n)))
        const fits =
          (held.get(n) ?? 0) + bytes <= limits.bytesPerPeerMax &&
          inShard + bytes <= limits.bytesPerShardMax &&
          sum(() => true) + bytes <= limits.bytesMax
        assert.equal(intake.take(peer(n), bytes), fits)
        if (fits) held.set(n, (held.get(n) ?? 0) + bytes)
        assert.equal(
          intake.bytes,
          sum(() => true),
        )
      }
    }),
  )
})
