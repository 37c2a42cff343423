import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress } from '../../src/core/address.ts'
import { ascii } from '../../src/core/bytes.ts'
import { type CounterSnapshot, type Direction, sum, verdictsOf } from '../../src/core/counters.ts'
import { SallyportError } from '../../src/core/errors.ts'
import { STATUS } from '../../src/core/messages/codes.ts'
import { totalsOf } from '../../src/testnet/totals.ts'
import { type Host, World } from './transport-world.ts'

/** [accepted, registered, reading, identified] */
const steps = (counters: CounterSnapshot, direction: Direction): number[] =>
  [counters.accepted, counters.registered, counters.reading, counters.identified].map((by) => by[direction])

const pair = async (world: World, options: Parameters<World['host']>[0] = {}): Promise<[Host, Host]> => {
  const hosts: [Host, Host] = [await world.host(options), await world.host(options)]
  await world.run(hosts[0].transport.connectPeer(hosts[1].address))
  await world.clock.advance(50)
  return hosts
}

/** The kinds of events from now on, as they come. */
const listen = (transport: Host['transport']): string[] => {
  const heard: string[] = []
  void (async () => {
    for await (const event of transport.events()) heard.push(event.kind)
  })()
  return heard
}

const code = (wanted: string) => (error: unknown) => {
  assert.ok(error instanceof SallyportError, String(error))
  assert.equal(error.code, wanted, error.message)
  return true
}

test('two transports identify each other, and each can tell', async () => {
  const world = await World.make()
  const [a, b] = await pair(world)
  assert.deepEqual(
    a.transport.peers().map((info) => info.peerId),
    [b.identity.peerId],
  )
  assert.deepEqual(
    b.transport.peers().map((info) => info.peerId),
    [a.identity.peerId],
  )
  assert.deepEqual(steps(a.transport.counters(), 'outbound'), [1, 1, 1, 1])
  assert.deepEqual(steps(b.transport.counters(), 'inbound'), [1, 1, 1, 1])
  const [seen] = b.transport.peers()
  assert.deepEqual(seen?.hello.addresses, a.transport.locals)
  assert.deepEqual(seen?.hello.observed, b.transport.locals[0])
  await world.close()
})

test('a request is answered with status, payload and the small fields', async () => {
  const world = await World.make()
  const [a, b] = await pair(world)
  b.transport.handle('/test/echo/1', ({ payload, peer, target, count }) => {
    assert.equal(peer, a.identity.peerId)
    return { status: STATUS.ok, payload, reason: `${target?.length} ${count}`, outcome: 7 }
  })
  const target = new Uint8Array(32).fill(3)
  const response = await world.run(
    a.transport.request(b.identity.peerId, '/test/echo/1', ascii('hello'), { target, count: 5 }),
  )
  assert.deepEqual(response, { status: 0, payload: ascii('hello'), reason: '32 5', outcome: 7 })
  await world.close()
})

test('a large payload goes both ways unchanged', async () => {
  const world = await World.make()
  const [a, b] = await pair(world)
  b.transport.handle('/test/echo/1', ({ payload }) => ({ status: STATUS.ok, payload }))
  const payload = new Uint8Array(1_000_003)
  for (let i = 0; i < payload.length; i++) payload[i] = (i * 2654435761) >>> 24
  const response = await world.run(a.transport.request(b.identity.peerId, '/test/echo/1', payload))
  assert.ok(Buffer.from(response.payload).equals(payload))
  await world.close()
})

test('a message resolves when it was acknowledged, and is handled once', async () => {
  const world = await World.make()
  const [a, b] = await pair(world)
  const got: string[] = []
  b.transport.handle('/test/note/1', ({ kind, payload }) => void got.push(kind, Buffer.from(payload).toString()))
  await world.run(a.transport.send(b.identity.peerId, '/test/note/1', ascii('note')))
  await world.clock.advance(20)
  assert.deepEqual(got, ['message', 'note'])
  await world.close()
})

test('an unknown protocol is unsupported, a failing handler refused and counted', async () => {
  const world = await World.make()
  const [a, b] = await pair(world)
  const nobody = await world.run(a.transport.request(b.identity.peerId, '/test/none/1', new Uint8Array(200_000)))
  assert.equal(nobody.status, STATUS.unsupported)
  await assert.rejects(
    world.run(a.transport.send(b.identity.peerId, '/test/none/1', new Uint8Array(200_000))),
    code('REQUEST_UNSUPPORTED'),
  )
  b.transport.handle('/test/bad/1', () => {
    throw new Error('as the test wants')
  })
  const failed = await world.run(a.transport.request(b.identity.peerId, '/test/bad/1', ascii('x')))
  assert.equal(failed.status, STATUS.refused)
  assert.equal(b.transport.counters().taskFailures, 1)
  await world.close()
})

test('a handler that never returns delays only its own request', async () => {
  const world = await World.make()
  const [a, b] = await pair(world)
  let aborted = false
  b.transport.handle('/test/never/1', ({ signal }) => {
    signal.addEventListener('abort', () => (aborted = true))
    return new Promise(() => {})
  })
  b.transport.handle('/test/echo/1', ({ payload }) => ({ status: STATUS.ok, payload }))
  const stuck = a.transport.request(b.identity.peerId, '/test/never/1', ascii('x'), { timeoutMs: 1000 })
  const quick = await world.run(a.transport.request(b.identity.peerId, '/test/echo/1', ascii('y'), { timeoutMs: 500 }))
  assert.deepEqual(quick.payload, ascii('y'))
  await assert.rejects(world.run(stuck), code('REQUEST_TIMEOUT'))
  await world.clock.advance(50)
  assert.equal(aborted, true)
  await world.close()
})

test('an aborted request is cancelled at both ends', async () => {
  const world = await World.make()
  const [a, b] = await pair(world)
  let aborted = false
  b.transport.handle('/test/never/1', ({ signal }) => {
    signal.addEventListener('abort', () => (aborted = true))
    return new Promise(() => {})
  })
  const controller = new AbortController()
  const request = a.transport.request(b.identity.peerId, '/test/never/1', ascii('x'), { signal: controller.signal })
  await world.clock.advance(100)
  controller.abort()
  await assert.rejects(world.run(request), code('CANCELLED'))
  await world.clock.advance(100)
  assert.equal(aborted, true)
  await world.close()
})

test('what cannot be sent says so before anything is sent', async () => {
  const world = await World.make()
  const [a, b] = await pair(world)
  const c = await world.host()
  await assert.rejects(a.transport.request(c.identity.peerId, '/x', ascii('x')), code('NOT_CONNECTED'))
  const huge = new Uint8Array(5 * 1024 * 1024)
  await assert.rejects(a.transport.request(b.identity.peerId, '/x', huge), code('TOO_LARGE'))
  await assert.rejects(a.transport.connectPeer('/ip4/1.2.3.4/tcp/1'), code('ADDRESS_INVALID'))
  await assert.rejects(a.transport.connectPeer(a.address), code('DIAL_SELF'))
  await world.close()
})

test('another peer than the expected one is a mismatch, and oneself is found out', async () => {
  const world = await World.make()
  const [a, b, c] = [await world.host(), await world.host(), await world.host()]
  const wrong = formatAddress(b.transport.locals[0]!, c.identity.peerId)
  await assert.rejects(world.run(a.transport.connectPeer(wrong)), code('IDENTITY_MISMATCH'))
  const self = formatAddress(a.transport.locals[0]!)
  await assert.rejects(world.run(a.transport.connectPeer(self)), code('DIAL_SELF'))
  assert.equal(a.transport.counters().handshakesFailed.outbound.identity, 1)
  assert.deepEqual(a.transport.peers(), [])
  await world.close()
})

test('nobody there is a timeout of the dial, by the handshake or by the caller', async () => {
  const world = await World.make()
  const a = await world.host()
  const nowhere = '/ip4/198.51.100.1/udp/9/quic-v1'
  const patient = a.transport.connectPeer(nowhere)
  const hurried = a.transport.connectPeer(nowhere, { timeoutMs: 100 })
  assert.equal(a.transport.gauges().halfOpenOut, 1)
  await assert.rejects(world.run(hurried), code('DIAL_TIMEOUT'))
  await assert.rejects(world.run(patient), code('DIAL_TIMEOUT'))
  assert.equal(world.clock.now(), 10_000)
  const { halfOpenIn, halfOpenOut, connections } = a.transport.gauges()
  assert.deepEqual([halfOpenIn, halfOpenOut, connections], [0, 0, 0])
  const controller = new AbortController()
  const aborted = a.transport.connectPeer(nowhere, { signal: controller.signal, insist: true })
  controller.abort()
  await assert.rejects(world.run(aborted), code('CANCELLED'))
  await world.clock.advance(10)
  assert.equal(a.transport.gauges().connections, 0)
  await world.close()
})

test('concurrent dials to one address are one, and a connected peer is not dialled again', async () => {
  const world = await World.make()
  const [a, b] = [await world.host(), await world.host()]
  const all = await world.run(Promise.all(Array.from({ length: 5 }, () => a.transport.connectPeer(b.address))))
  assert.equal(new Set(all.map(({ connection }) => connection)).size, 1)
  await world.run(a.transport.connectPeer(b.address))
  assert.equal(a.transport.counters().handshakesBegun.outbound, 1)
  await world.close()
})

test('a dial that is given up frees the slot at the other end', async () => {
  const world = await World.make({ latencyMs: 20 })
  const [a, b] = [await world.host(), await world.host()]
  const controller = new AbortController()
  const dial = a.transport.connectPeer(b.address, { signal: controller.signal })
  await world.clock.advance(30)
  assert.equal(b.transport.gauges().halfOpenIn, 1)
  controller.abort()
  await assert.rejects(world.run(dial), code('CANCELLED'))
  await world.clock.advance(50)
  assert.equal(b.transport.gauges().halfOpenIn, 0)
  assert.equal(b.transport.counters().handshakesFailed.inbound.cancelled, 1)
  await world.close()
})

test('two that dial each other at once end with one connection, connected once', async () => {
  const world = await World.make()
  const [a, b] = [await world.host(), await world.host()]
  const heard = [a, b].map(({ transport }) => listen(transport))
  await world.run(Promise.all([a.transport.connectPeer(b.address), b.transport.connectPeer(a.address)]))
  await world.clock.advance(5000)
  for (const host of [a, b]) {
    assert.equal(host.transport.listActiveConnections().length, 1)
    assert.equal(host.transport.gauges().connections, 1)
  }
  assert.deepEqual(heard, [['connected'], ['connected']])
  await world.close()
})

test('however dials cross, delay and lose datagrams, two peers end connected, by one connection, heard of in order', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const loss = seed % 3 === 0 ? 0.05 : 0
    const world = await World.make({ latencyMs: 3, jitterMs: 30, loss }, seed)
    const hosts = [await world.host(), await world.host()] as const
    const heard = hosts.map(({ transport }) => listen(transport))
    const dials = hosts.map(({ transport }, i) => transport.connectPeer(hosts[1 - i]!.address))
    const late = world.clock.advance(seed * 5).then(() => hosts[0].transport.connectPeer(hosts[1].address))
    const outcomes = await world.run(Promise.allSettled([...dials, late]))
    assert.ok(
      outcomes.some(({ status }) => status === 'fulfilled'),
      `seed ${seed}`,
    )
    await world.clock.advance(4000)
    for (const [i, { transport }] of hosts.entries()) {
      assert.equal(transport.peers().length, 1, `seed ${seed}`)
      assert.equal(transport.listActiveConnections().length, 1, `seed ${seed}`)
      const events = heard[i]!
      assert.ok(
        events.every((kind, n) => kind === (n % 2 === 0 ? 'connected' : 'disconnected')),
        `seed ${seed}`,
      )
      assert.equal(transport.counters().reconcilerDifferences, 0)
    }
    await world.close()
  }
})

test("a dial that the peer's own makes needless is superseded at both ends, and no failure of either", async () => {
  const superseded = { inbound: 0, outbound: 0 }
  for (let seed = 1; seed <= 12; seed++) {
    const world = await World.make({ latencyMs: 20, jitterMs: seed % 3 }, seed)
    const [a, b] = [await world.host(), await world.host()]
    const first = a.transport.connectPeer(b.address)
    await world.clock.advance(seed * 8)
    await world.run(Promise.all([first, b.transport.connectPeer(a.address)]))
    await world.clock.advance(1000)
    for (const { transport } of [a, b]) {
      const { inbound, outbound } = transport.counters().handshakesFailed
      superseded.inbound += inbound.superseded
      superseded.outbound += outbound.superseded
      assert.equal(sum(inbound) + sum(outbound), inbound.superseded + outbound.superseded, `seed ${seed}`)
      assert.equal(totalsOf(transport.counters()).handshakesFailed, 0)
    }
    await world.close()
  }
  assert.ok(superseded.outbound > 0)
  assert.equal(superseded.inbound, superseded.outbound)
})

test('a dial ends after 12 s in all, whoever joins it and however long its callers would wait', async () => {
  const world = await World.make({ latencyMs: 4000 })
  const [a, b] = [await world.host(), await world.host()]
  const began = world.clock.now()
  const patient = a.transport.connectPeer(b.address, { timeoutMs: 60_000 })
  patient.catch(() => {})
  await world.clock.advance(8000)
  const late = a.transport.connectPeer(b.address)
  await Promise.all([patient, late].map((dial) => assert.rejects(world.run(dial), code('DIAL_TIMEOUT'))))
  assert.equal(world.clock.now() - began, 12_000)
  await world.close()
})

test('the verdicts sum to the datagrams judged, and nothing differs from the registry', async () => {
  const world = await World.make({ loss: 0.1, duplication: 0.1, jitterMs: 20 }, 7)
  const server = await world.host()
  const clients = await Promise.all(Array.from({ length: 10 }, () => world.host()))
  await world.run(Promise.all(clients.map(({ transport }) => transport.connectPeer(server.address))))
  await world.clock.advance(30_000)
  const counters = server.transport.counters()
  assert.equal(verdictsOf(counters), counters.judged)
  assert.equal(counters.reconcilerDifferences, 0)
  const [accepted, registered, reading] = steps(counters, 'inbound')
  assert.deepEqual([registered, reading], [accepted, accepted])
  await world.close()
})

test('200 at once are all identified; accepted, registered and reading are equal', async () => {
  const world = await World.make({ jitterMs: 3 }, 3)
  const server = await world.host()
  const clients: Host[] = []
  for (let i = 0; i < 200; i++) clients.push(await world.host({ capability: 'client' }))
  await world.run(Promise.all(clients.map(({ transport }) => transport.connectPeer(server.address))))
  await world.clock.advance(100)
  const counters = server.transport.counters()
  assert.deepEqual(steps(counters, 'inbound'), [200, 200, 200, 200])
  assert.equal(server.transport.peers().length, 200)
  assert.equal(sum(counters.handshakesFailed.inbound), 0)
  await world.close()
})

test('disconnecting is heard by both, and a peer can come back', async () => {
  const world = await World.make()
  const [a, b] = await pair(world)
  const heard = listen(b.transport)
  assert.equal(a.transport.disconnectPeer(b.identity.peerId), true)
  assert.equal(a.transport.disconnectPeer(b.identity.peerId), false)
  await world.clock.advance(50)
  assert.deepEqual(b.transport.peers(), [])
  await world.run(a.transport.connectPeer(b.address))
  await world.clock.advance(50)
  assert.deepEqual(heard, ['disconnected', 'connected'])
  await world.close()
})

test('a restarted peer is a disconnect, then a connect', async () => {
  const world = await World.make()
  const [a, b] = await pair(world)
  const heard = listen(b.transport)
  const again = await world.host({ identity: a.identity })
  await world.run(again.transport.connectPeer(b.address))
  await world.clock.advance(50)
  assert.deepEqual(heard, ['disconnected', 'connected'])
  assert.equal(b.transport.listActiveConnections().length, 1)
  await world.close()
})

test('an idle connection ends, a held one stays', async () => {
  const world = await World.make()
  const [a, b] = await pair(world)
  const [c, d] = await pair(world)
  const release = c.transport.hold(d.identity.peerId)
  d.transport.hold(c.identity.peerId)
  await world.clock.advance(120_000)
  assert.equal(a.transport.peers().length + b.transport.peers().length, 0)
  assert.equal(c.transport.peers().length + d.transport.peers().length, 2)
  release?.()
  await world.close()
})

test('waiting for an identity ends with it, at its deadline, or when the channel dies', async () => {
  const world = await World.make()
  const [a, b] = [await world.host(), await world.host()]
  const waiting = b.transport.waitForPeerIdentity(a.identity.peerId)
  await assert.rejects(
    world.run(b.transport.waitForPeerIdentity(a.identity.peerId, { timeoutMs: 100 })),
    code('IDENTITY_TIMEOUT'),
  )
  const { connection } = await world.run(a.transport.connectPeer(b.address))
  assert.equal((await world.run(waiting)).peerId, a.identity.peerId)
  assert.equal(a.transport.isConnectionActive(connection), true)
  a.transport.disconnectPeer(b.identity.peerId)
  await world.clock.advance(50)
  assert.equal(a.transport.isConnectionActive(connection), false)
  await assert.rejects(a.transport.waitForPeerIdentity(connection), code('CONNECTION_LOST'))
  await world.close()
})

test('closing leaves no timer, refuses what comes later, and fails what was going on', async () => {
  const world = await World.make()
  const [a, b] = await pair(world)
  b.transport.handle('/test/never/1', () => new Promise(() => {}))
  const stuck = a.transport.request(b.identity.peerId, '/test/never/1', ascii('x'))
  const dial = a.transport.connectPeer('/ip4/198.51.100.1/udp/9/quic-v1')
  const heard: string[] = []
  const events = (async () => {
    for await (const event of a.transport.events()) heard.push(event.kind)
  })()
  await world.clock.advance(50)
  const closing = a.transport.close()
  assert.equal(closing, a.transport.close())
  await assert.rejects(dial, code('CLOSED'))
  await assert.rejects(world.run(stuck), code('CONNECTION_LOST'))
  await world.run(closing)
  await events
  assert.deepEqual(heard, ['disconnected'])
  await assert.rejects(a.transport.connectPeer(b.address), code('CLOSED'))
  const { halfOpenIn, halfOpenOut, connections } = a.transport.gauges()
  assert.deepEqual([halfOpenIn, halfOpenOut, connections], [0, 0, 0])
  await world.close()
  assert.equal(world.clock.next(), Infinity)
})
