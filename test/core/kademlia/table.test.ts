import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PeerId } from '../../../src/core/ids.ts'
import { peerIdOf } from '../../../src/core/ids.ts'
import type { Ip } from '../../../src/core/ip.ts'
import { Bucket, CANDIDATES_MAX } from '../../../src/core/kademlia/bucket.ts'
import { byDistance, compareDistance, sharedBits } from '../../../src/core/kademlia/distance.ts'
import { Crowd, DIVERSITY_OFF, DIVERSITY_ON, diversityOf } from '../../../src/core/kademlia/diversity.ts'
import { K, Table } from '../../../src/core/kademlia/table.ts'
import { crowdedIds, distance, peerIds, placeOf, SOMEWHERE } from './ids.ts'

const anyIds = fc.oneof(peerIds, crowdedIds)
const SELF = peerIdOf(new Uint8Array(32))
const ip = (text: string): Ip => ({ family: 4, ip: text })
/** The `n`th id of the far half, as seen from SELF. */
const far = (n: number): PeerId => peerIdOf(Uint8Array.of(0x80, n >> 8, n & 255, ...new Uint8Array(29)))
const at = (peerId: PeerId, n: number, seenAt = 0) => ({ peerId, ip: placeOf(n), seenAt })

test('distance is XOR, compared as a number', () => {
  fc.assert(
    fc.property(anyIds, anyIds, anyIds, (target, a, b) => {
      const [x, y] = [distance(target, a), distance(target, b)]
      assert.equal(Math.sign(compareDistance(target, a, b)), x < y ? -1 : x > y ? 1 : 0)
    }),
  )
})

test('shared bits are the leading zeros of the distance', () => {
  fc.assert(
    fc.property(anyIds, anyIds, (a, b) => {
      const bits = distance(a, b)
      assert.equal(sharedBits(a, b), bits === 0n ? 256 : 256 - bits.toString(2).length)
    }),
  )
})

type Step = { readonly id: PeerId; readonly place: number; readonly leave: boolean }
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ id: anyIds, place: fc.nat({ max: 40 }), leave: fc.boolean() }),
  { maxLength: 150 },
)

test('whatever comes and goes, the table keeps its invariants, and a member stays until it is removed or moves', () => {
  fc.assert(
    fc.property(anyIds, steps, fc.constantFrom(DIVERSITY_ON, DIVERSITY_OFF), (self, list, diversity) => {
      const table = new Table(self, diversity, 4)
      for (const [now, { id, place, leave }] of list.entries()) {
        if (id === self) continue
        const before = new Set([...table.entries()].map(({ peerId }) => peerId))
        if (leave) table.remove(id)
        else table.seen({ peerId: id, ip: ip(`10.0.${place % 3}.${place % 7}`), seenAt: now })
        table.checkInvariants()
        const after = new Set([...table.entries()].map(({ peerId }) => peerId))
        for (const peer of before) assert.ok(after.has(peer) || peer === id)
        if (leave) assert.ok(!after.has(id))
      }
    }),
  )
})

test('the closest are those that sorting all would give', () => {
  fc.assert(
    fc.property(
      anyIds,
      fc.array(anyIds, { maxLength: 80, size: 'max' }),
      anyIds,
      fc.nat({ max: 30 }),
      (self, ids, target, count) => {
        const table = new Table(self, DIVERSITY_OFF, 6)
        for (const peerId of ids) if (peerId !== self) table.seen({ peerId, ip: SOMEWHERE, seenAt: 0 })
        for (const goal of [target, self]) {
          const all = [...table.entries()].map(({ peerId }) => peerId).sort(byDistance(goal))
          assert.deepEqual(
            table.closest(goal, count).map(({ peerId }) => peerId),
            all.slice(0, count),
          )
        }
      },
    ),
  )
})

test('a full bucket keeps its members, names the one not seen for longest, and lets the freshest candidate in after a death', () => {
  const table = new Table(SELF, DIVERSITY_ON)
  for (let n = 0; n < K; n++) assert.equal(table.seen(at(far(n), n, n)).kind, 'added')
  table.seen(at(far(0), 0, 100))
  const seen = table.seen(at(far(50), 50, 101))
  assert.equal(seen.kind, 'full')
  assert.equal(seen.oldest.peerId, far(1))
  table.seen(at(far(51), 51, 102))
  assert.equal(table.size, K)
  assert.equal(table.get(far(50)), null)
  assert.equal(table.remove(far(1)), true)
  assert.equal(table.size, K)
  assert.notEqual(table.get(far(51)), null)
  assert.equal(table.remove(far(1)), false)
})

test('a candidate that was removed does not come back', () => {
  const bucket = new Bucket(1, DIVERSITY_OFF)
  bucket.seen(at(far(1), 1))
  bucket.seen(at(far(2), 2))
  bucket.remove(far(2))
  bucket.remove(far(1))
  assert.equal(bucket.size, 0)
})

test('no more than eight wait for a place', () => {
  const bucket = new Bucket(1, DIVERSITY_OFF)
  for (let n = 0; n < 30; n++) bucket.seen(at(far(n), n, n))
  for (let n = 0; n < 1 + CANDIDATES_MAX; n++) {
    const [member] = bucket.entries()
    assert.ok(member !== undefined)
    bucket.remove(member.peerId)
  }
  assert.equal(bucket.size, 0)
})

test('a bucket takes two of one address and five of one neighbourhood', () => {
  const table = new Table(SELF, DIVERSITY_ON)
  const kinds = [1, 1, 1, 2, 3, 4, 5].map(
    (last, n) => table.seen({ peerId: far(n), ip: ip(`192.0.2.${last}`), seenAt: 0 }).kind,
  )
  assert.deepEqual(kinds, ['added', 'added', 'crowded', 'added', 'added', 'added', 'crowded'])
  table.checkInvariants()
  assert.equal(table.seen({ peerId: far(9), ip: ip('192.0.3.1'), seenAt: 0 }).kind, 'added')
})

test('a peer that moves into a crowd leaves the bucket', () => {
  const table = new Table(SELF, DIVERSITY_ON)
  for (const n of [0, 1]) table.seen({ peerId: far(n), ip: ip('192.0.2.1'), seenAt: 0 })
  table.seen({ peerId: far(2), ip: ip('198.51.100.1'), seenAt: 0 })
  assert.equal(table.seen({ peerId: far(2), ip: ip('192.0.2.1'), seenAt: 1 }).kind, 'crowded')
  assert.equal(table.get(far(2)), null)
  table.checkInvariants()
})

test('diversity is off where every own address is this machine, and auto never counts peers on this machine', () => {
  const [here, other] = [ip('127.0.0.1'), ip('127.0.0.2')]
  const crowdOf = (setting: 'auto' | 'on' | 'off', own: readonly Ip[], peer: Ip): boolean =>
    new Crowd(diversityOf(setting, own), [peer, peer]).admits(peer)
  assert.equal(crowdOf('auto', [here], other), true)
  assert.equal(crowdOf('auto', [here, { family: 6, ip: '::1' }], other), true)
  assert.equal(crowdOf('auto', [other], other), false)
  assert.equal(crowdOf('auto', [ip('0.0.0.0')], other), false)
  assert.equal(crowdOf('auto', [ip('0.0.0.0')], here), true)
  assert.equal(crowdOf('on', [here], here), false)
  assert.equal(crowdOf('off', [ip('192.0.2.1')], other), true)
})
