import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type PeerId, peerIdOf } from '../../../src/core/ids.ts'
import { LEAVERS_MAX, LEFT_MS, RecentPeers } from '../../../src/core/peers/recent-peers.ts'

const peer = (n: number): PeerId => {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, n)
  return peerIdOf(bytes)
}

test('whatever peers say, each has left for 30 s after its last goodbye unless it came back since', () => {
  const step = fc.record({ kind: fc.constantFrom('left', 'back', 'pass'), who: fc.nat(4), ms: fc.nat(LEFT_MS) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const leavers = new RecentPeers()
      const truth = new Map<number, number>()
      let now = 0
      for (const { kind, who, ms } of steps) {
        if (kind === 'pass') now += ms
        else if (kind === 'left') {
          leavers.remember(peer(who), now)
          truth.set(who, now)
        } else {
          leavers.forget(peer(who))
          truth.delete(who)
        }
        for (let n = 0; n <= 4; n++) {
          assert.equal(leavers.has(peer(n), now), now - (truth.get(n) ?? -Infinity) < LEFT_MS)
        }
      }
    }),
  )
})

test('so many are remembered, and the first to leave is forgotten for the next', () => {
  const leavers = new RecentPeers()
  for (let n = 0; n < LEAVERS_MAX; n++) leavers.remember(peer(n), n)
  leavers.remember(peer(0), LEAVERS_MAX)
  leavers.remember(peer(LEAVERS_MAX), LEAVERS_MAX)
  assert.deepEqual(
    [0, 1, 2, LEAVERS_MAX].map((n) => leavers.has(peer(n), LEAVERS_MAX)),
    [true, false, true, true],
  )
})
