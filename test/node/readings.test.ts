// Who is here and who was here lately can be read of a node, page by page and within bounds.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connectionsOf, CONNECTIONS_PER_PAGE } from '../../src/node/connections.ts'
import { RecentEndings } from '../../src/node/recent-endings.ts'
import type { ConnectionHandle } from '../../src/core/ids.ts'
import { peer } from '../core/peers/played.ts'
import { firstDatagram } from './scripted-quic.ts'
import { ScriptedHost } from './scripted-host.ts'
import { World } from './transport-world.ts'

const linkOf = (n: number): Parameters<RecentEndings['ended']>[0] => ({
  remote: FROM,
  direction: 'inbound',
  peer: { peerId: peer(n) },
})

const FROM = { family: 4, ip: '192.0.2.7', port: 9 } as const

describe('connections', () => {
  test('are read as they stand: who, from where, since when, and what the peer said of itself', async () => {
    const world = await World.make()
    const [a, b] = [await world.host(), await world.host({ userAgent: 'other/2', capability: 'client' })]
    await world.run(b.transport.connectPeer(a.address))
    await world.clock.advance(500)
    const { connections, next } = a.transport.connections()
    assert.equal(next, null)
    const [only] = connections
    assert.ok(only !== undefined && connections.length === 1)
    const { direction, state, peerId, capability, userAgent } = only
    assert.deepEqual(
      [direction, state, peerId, capability, userAgent],
      ['inbound', 'identified', b.identity.peerId, 'client', 'other/2'],
    )
    assert.equal(only.remote.ip, b.transport.locals[0]?.ip)
    assert.ok(only.ageMs >= 500 && only.silentMs <= only.ageMs && only.rttMs > 0)
    await world.close()
  })

  test('are half-open, then established, before anybody is known', async () => {
    const host = await ScriptedHost.make(await World.make())
    const connection = await host.accept()
    const read = (): unknown[] =>
      connectionsOf(host.parts, null, 1e6).connections.map(({ state, peerId, userAgent }) => [state, peerId, userAgent])
    assert.deepEqual(read(), [['half-open', null, null]])
    await host.establish(connection, 7)
    assert.deepEqual(read(), [['established', peer(7), null]])
  })

  test('come in pages, each once and in order, whoever comes or goes between two of them', async () => {
    const host = await ScriptedHost.make(await World.make())
    for (let n = 0; n < 2 * CONNECTIONS_PER_PAGE + 3; n++) host.dial()
    const { halfOpenOutMax } = host.parts.limits
    const total = Math.min(2 * CONNECTIONS_PER_PAGE + 3, halfOpenOutMax)
    const seen: ConnectionHandle[] = []
    let next: ConnectionHandle | null = null
    do {
      const page = connectionsOf(host.parts, next, 0)
      assert.ok(page.connections.length <= CONNECTIONS_PER_PAGE)
      seen.push(...page.connections.map(({ connection }) => connection))
      const first = host.parts.endpoint.link(seen[0]!)
      first?.drop()
      next = page.next
    } while (next !== null)
    assert.equal(seen.length, total)
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    )
    assert.equal(new Set(seen).size, total)
  })
})

describe('endings', () => {
  test('say who was refused by the gate, and for what', async () => {
    const host = await ScriptedHost.make(await World.make(), { gate: { deny: ['127.0.0.0/8'] } })
    await host.hear(firstDatagram(3), '127.0.0.3')
    const [only, ...others] = host.parts.endpoint.endings.read(1e6)
    assert.ok(only !== undefined && others.length === 0)
    const { kind, why, remote, direction, peerId } = only
    assert.deepEqual([kind, why, remote.ip, direction, peerId], ['refused', 'denied', '127.0.0.3', 'inbound', null])
    assert.equal(host.parts.counters.refused.denied, 1)
  })

  test('say how a handshake failed and how a connection ended, the last first', async () => {
    const host = await ScriptedHost.make(await World.make())
    const [first, second] = [await host.accept('127.0.0.5'), await host.accept('127.0.0.6')]
    await host.end(first, { kind: 'transport', code: 0x128, reason: '', ours: true })
    await host.establish(second, 2)
    await host.end(second, { kind: 'application', code: 3, reason: 'bye\u001b[2J', ours: false })
    const [last, before, ...others] = host.parts.endpoint.endings.read(1e6)
    assert.ok(last !== undefined && before !== undefined && others.length === 0)
    assert.deepEqual(
      [last.kind, last.why, last.peerId, last.remote.ip],
      ['closed', 'closed-by-peer', peer(2), '127.0.0.6'],
    )
    assert.equal(last.detail, 'closed by the peer, application code 3 (bye?[2J)')
    assert.deepEqual([before.kind, before.why, before.peerId, before.remote.ip], ['failed', 'tls', null, '127.0.0.5'])
    assert.ok(last.agoMs < before.agoMs)
  })

  test('are remembered in two rings, so that a flood of refusals hides nobody who was here', () => {
    const endings = new RecentEndings()
    const reason = { kind: 'idle' } as const
    endings.ended(linkOf(1), { failure: null, reason, at: 0 })
    for (let at = 1; at <= 5000; at++) endings.refused({ ...FROM, port: at }, 'rate', at)
    const read = endings.read(5000)
    assert.equal(read.length, 129)
    assert.deepEqual([read[0]?.remote.port, read[0]?.agoMs, read[0]?.detail], [5000, 0, 'refused by the gate'])
    assert.equal(read.at(-1)?.peerId, peer(1))
    for (let at = 0; at < 5000; at++) {
      endings.ended(linkOf(2), { failure: null, reason, at })
    }
    assert.equal(endings.read(5000).length, 384)
    assert.ok(endings.read(5000).every(({ peerId }) => peerId !== peer(1)))
  })
})
