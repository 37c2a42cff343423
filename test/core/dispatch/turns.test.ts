import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Turns } from '../../../src/core/dispatch/turns.ts'

const LIMITS = { max: 3, perShardMax: 2 }

const ask = (turns: Turns<string>, region: string, now: number, shard = 0): boolean => {
  if (!turns.free({ region, shard }, now)) return false
  turns.give(`${region} at ${now}`, { region, shard }, now)
  return true
}

test('a region has one turn at a time, and a shard and all no more than theirs', () => {
  const turns = new Turns<string>(LIMITS)
  assert.ok(ask(turns, 'a', 0))
  assert.equal(ask(turns, 'a', 1, 1), false)
  assert.ok(ask(turns, 'b', 2))
  assert.equal(ask(turns, 'c', 3), false, 'its shard has two')
  assert.ok(ask(turns, 'd', 4, 1))
  assert.equal(ask(turns, 'e', 5, 2), false, 'there are three')
})

test('a region has no second turn while one that had none wants one, and has it when nobody does', () => {
  const turns = new Turns<string>({ max: 1, perShardMax: 1 })
  assert.ok(ask(turns, 'a', 0))
  assert.equal(ask(turns, 'b', 1000), false)
  turns.end('a at 0')
  assert.equal(ask(turns, 'a', 2000), false)
  assert.ok(ask(turns, 'b', 3000))
  turns.end('b at 3000')
  assert.ok(ask(turns, 'a', 11_000))
})

test('a region stands back for those that want what it could have, and not for those of another shard that is full', () => {
  const turns = new Turns<string>({ max: 4, perShardMax: 1 })
  assert.ok(ask(turns, 'a', 0, 1))
  turns.end('a at 0')
  assert.ok(ask(turns, 'b', 0, 2))
  assert.equal(ask(turns, 'c', 1000, 2), false)
  assert.ok(ask(turns, 'a', 2000, 1))
  turns.end('a at 2000')
  assert.ok(ask(turns, 'd', 3000, 3))
  assert.ok(ask(turns, 'e', 3000, 4))
  assert.ok(ask(turns, 'f', 3000, 5))
  assert.equal(ask(turns, 'c', 4000, 6), false, 'all are given')
  turns.end('d at 3000')
  assert.equal(ask(turns, 'a', 5000, 1), false)
  assert.ok(ask(turns, 'c', 6000, 6))
})

test('whoever comes too slowly loses his turn and what was reserved for him, and so does whoever takes too long', () => {
  const turns = new Turns<string>(LIMITS)
  for (const [region, bytes] of [
    ['stalls', 0],
    ['trickles', 100_000],
    ['comes', 125_000],
  ] as const) {
    assert.ok(ask(turns, region, 0, bytes % 16))
    turns.reserve(`${region} at 0`, 200_000)
    assert.ok(turns.use(`${region} at 0`, bytes))
    turns.heard(`${region} at 0`, bytes)
  }
  assert.deepEqual(turns.endLate(4999), [])
  assert.deepEqual(turns.endLate(5000), ['stalls at 0', 'trickles at 0'])
  assert.equal(turns.reserved, 75_000)
  turns.reserve('comes at 0', 1e9)
  turns.use('comes at 0', 1e9 - 1)
  turns.heard('comes at 0', 1e9 - 1)
  assert.deepEqual(turns.endLate(119_999), [])
  assert.deepEqual(turns.endLate(120_000), ['comes at 0'])
  assert.equal(turns.reserved, 0)
})

test('whatever happens, turns are bounded, nobody uses more than was reserved, and what is reserved adds up', () => {
  const step = fc.record({
    region: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    bytes: fc.nat(1000),
    does: fc.constantFrom('asks', 'reserves', 'uses', 'ends', 'late'),
    afterMs: fc.oneof(fc.nat(50), fc.nat(200_000)),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const turns = new Turns<string>(LIMITS)
      const reserved = new Map<string, number>()
      let now = 0
      for (const { region, bytes, does, afterMs } of steps) {
        now += afterMs
        const shard = region.charCodeAt(0) % 3
        const had = reserved.get(region)
        if (does === 'asks' && turns.free({ region, shard }, now)) {
          assert.equal(had, undefined, 'no region has two')
          turns.give(region, { region, shard }, now)
          reserved.set(region, 0)
        }
        if (does === 'reserves' && had !== undefined) {
          turns.reserve(region, bytes)
          reserved.set(region, had + bytes)
        }
        if (does === 'uses') {
          assert.equal(turns.use(region, bytes), had !== undefined && bytes <= had)
          if (had !== undefined && bytes <= had) reserved.set(region, had - bytes)
        }
        if (does === 'ends') {
          turns.end(region)
          reserved.delete(region)
        }
        if (does === 'late') for (const late of turns.endLate(now)) assert.ok(reserved.delete(late))
        assert.ok(reserved.size <= LIMITS.max)
        const sum = [...reserved.values()].reduce((total, each) => total + each, 0)
        assert.equal(turns.reserved, sum)
        assert.equal(turns.reservedInShard(0) + turns.reservedInShard(1) + turns.reservedInShard(2), sum)
      }
    }),
  )
})
