// The accept path under any sequence of datagrams, finished handshakes and ends: what is to be true after every turn is true when the call
// that brought a datagram returns, for nothing in between may wait.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { verdictsOf } from '../../src/core/counters.ts'
import { peerIdOf } from '../../src/core/ids.ts'
import { firstDatagram, laterDatagram, type ScriptedConnection } from './scripted-quic.ts'
import { ScriptedHost } from './scripted-host.ts'
import { World } from './transport-world.ts'

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('first' as const), n: fc.integer({ min: 32, max: 60 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('finish' as const, 'later' as const), n: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('end' as const, 'noise' as const), n: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('dial' as const, 'turn' as const), n: fc.nat(20) }) },
)

test('when the call that brought a datagram returns it has its verdict, its connection or its place, and who finished is registered and read', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      const world = await World.make()
      const host = await ScriptedHost.make(world)
      const { counters, endpoint, registry } = host.parts
      const finished = new Set<ScriptedConnection>()
      const ended = new Set<ScriptedConnection>()
      let brought = 0
      const bring = (bytes: Uint8Array, port: number): void => {
        host.deliver(bytes, { family: 4, ip: '127.0.0.2', port })
        brought++
      }
      /** Datagrams that went to a connection that was there already: all but the one that each slot was given for. */
      const known = (): number => host.connections.reduce((sum, { received }) => sum + received, 0) - counters.slots
      for (const { kind, n } of steps) {
        const connection = host.connections[n % Math.max(1, host.connections.length)]
        if (kind === 'first') bring(firstDatagram(n), 4000 + (n % 3))
        else if (kind === 'noise') bring(Uint8Array.of(99), 4000)
        else if (kind === 'turn') await world.clock.advance(n)
        else if (kind === 'dial') host.dial()
        else if (connection !== undefined && !ended.has(connection)) {
          const peerId = peerIdOf(new Uint8Array(32).fill(100 + host.connections.indexOf(connection)))
          const before = counters.registered.inbound + counters.registered.outbound
          const finishes = kind === 'finish' && !finished.has(connection)
          if (finishes) connection.outputs.push({ kind: 'established', peerId, publicKey: new Uint8Array(1952) })
          if (finishes) finished.add(connection)
          if (kind === 'end') connection.outputs.push({ kind: 'closed', reason: { kind: 'idle' } }, { kind: 'gone' })
          if (kind === 'end') ended.add(connection)
          bring(laterDatagram(connection.localIds[0]![0]!), 4000)
          if (finishes) assert.equal(counters.registered.inbound + counters.registered.outbound, before + 1)
        }
        assert.deepEqual([counters.registered, counters.reading], [counters.accepted, counters.accepted])
        assert.equal(verdictsOf(counters), counters.judged)
        assert.equal(brought, counters.judged + endpoint.waiting + known(), 'each datagram is somewhere')
        registry.checkInvariants()
        endpoint.checkInvariants()
      }
      await world.clock.advance(20_000)
      assert.equal(counters.reconcilerDifferences, 0)
      assert.equal(endpoint.waiting, 0)
    }),
    { numRuns: 150 },
  )
})

test('a connection that the registry has lost is found by the reconciler, counted, and dropped', async () => {
  const world = await World.make()
  const host = await ScriptedHost.make(world)
  const { counters, endpoint, lifecycle, registry } = host.parts
  await host.establish(await host.accept(), 7)
  const [handle] = registry.handles()
  assert.ok(handle !== undefined && endpoint.link(handle) !== null)
  lifecycle.change(() => registry.lost(handle))
  assert.equal(counters.reconcilerDifferences, 0)
  await world.clock.advance(5100)
  assert.equal(counters.reconcilerDifferences, 1)
  assert.deepEqual([...endpoint.handles()], [])
  await world.clock.advance(10_000)
  assert.equal(counters.reconcilerDifferences, 1)
})
