import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Intake } from '../../../src/core/dispatch/intake.ts'
import { shardOf } from '../../../src/core/dispatch/shards.ts'
import { peer } from './peers.ts'

test('bytes are bounded by peer, by shard and in all, and given back whole', () => {
  const intake = new Intake({ bytesPerPeerMax: 100, bytesPerShardMax: 150, bytesMax: 200 })
  assert.equal(intake.fit(peer(0), 100), 'easily')
  intake.take(peer(0), 100)
  assert.equal(intake.fit(peer(0), 1), 'never')
  assert.equal(intake.fit(peer(16), 12), 'easily')
  assert.equal(intake.fit(peer(16), 50), 'scarcely')
  assert.equal(intake.fit(peer(16), 51), 'not')
  assert.throws(() => intake.take(peer(16), 51))
  intake.take(peer(16), 50)
  assert.equal(intake.fit(peer(1), 50), 'scarcely')
  assert.equal(intake.fit(peer(1), 51), 'not')
  intake.give(peer(0), 100)
  assert.equal(intake.of(peer(0)), 0)
  assert.equal(intake.bytes, 50)
  assert.throws(() => intake.give(peer(0), 1))
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
        const fit = intake.fit(peer(n), bytes)
        assert.equal(fit === 'easily' || fit === 'scarcely', fits)
        if (fits) {
          intake.take(peer(n), bytes)
          held.set(n, (held.get(n) ?? 0) + bytes)
        }
        assert.equal(
          intake.bytes,
          sum(() => true),
        )
      }
    }),
  )
})
