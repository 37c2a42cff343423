// Deadlines are absolute: whatever happens meanwhile, a handshake's slot and an identity end when they were to end from the beginning.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GATE_OPTIONS } from '../../../src/core/gate/options.ts'
import { HalfOpen } from '../../../src/core/gate/half-open.ts'
import { source } from '../gate/sources.ts'
import { CONFIG, handleOf, Played, peer } from './played.ts'

test('whatever happens on a connection that is not identified, it is closed at its deadline and not before', () => {
  const happening = fc.record({
    afterMs: fc.integer({ min: 1, max: 1500 }),
    what: fc.constantFrom('began', 'ended', 'hold', 'release', 'established', 'time', 'other'),
  })
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 12, size: 'max' }), fc.nat(10_000), (happenings, bornAt) => {
      const played = new Played()
      const { registry } = played
      const handle = played.established('inbound', peer(9), bornAt)
      const deadline = bornAt + CONFIG.identityTimeoutMs
      let [now, streams, holds, others] = [bornAt, 0, 0, 0]
      const parts = { handle, direction: 'inbound', peerId: peer(9), remote: played.remote } as const
      for (const { afterMs, what } of happenings) {
        if (now + afterMs >= deadline) break
        now += afterMs
        if (what === 'began') {
          streams++
          registry.streamBegan(handle, now)
        } else if (what === 'ended' && streams > 0) {
          streams--
          registry.streamEnded(handle, now)
        } else if (what === 'hold' && registry.hold(peer(9))) holds++
        else if (what === 'release' && holds > 0) {
          holds--
          registry.release(peer(9))
        } else if (what === 'established') registry.established(parts, now)
        // A fifth connection of the peer would close its oldest, for that.
        else if (what === 'other' && ++others < CONFIG.connectionsPerPeerMax)
          played.identified('outbound', peer(9), now)
        registry.timeout(now)
        assert.equal(played.take().includes(`close ${handle} 4`), false, 'not before its deadline')
      }
      registry.timeout(deadline - 0.001)
      assert.equal(played.take().includes(`close ${handle} 4`), false)
      registry.timeout(deadline)
      assert.ok(played.take().includes(`close ${handle} 4`), 'at its deadline')
      assert.equal(played.counters.identityTimeouts, 1)
    }),
    { numRuns: 500 },
  )
})

test('however often a handshake is heard, its slot has the deadline it was given', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 20, size: 'max' }),
      fc.nat(10_000),
      (pauses, bornAt) => {
        const limits = { inboundMax: 8, outboundMax: 2, timeoutMs: 10_000 }
        const halfOpen = new HalfOpen({ ...GATE_OPTIONS, ...limits })
        const deadline = halfOpen.take(handleOf(1), 'ordinary', source('192.0.2.1'), bornAt)
        assert.equal(deadline, bornAt + 10_000)
        let now = bornAt
        for (const pause of pauses) {
          halfOpen.heard(handleOf(1), (now += pause))
          halfOpen.plan(source('192.0.2.2'), 'retry', now)
          assert.equal(halfOpen.deadline(handleOf(1)), deadline)
        }
      },
    ),
  )
})
