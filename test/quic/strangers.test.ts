// Listeners are guarded as nodes are, and clients find their way in: by a Retry, by another address, after a while, or not at all.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect } from '../../src/quic/index.ts'
import { bytes, CLIENT_IP, everything, failure, put, QuicWorld, SERVER_IP } from './quic-world.ts'

describe('the gate of a listener', () => {
  test('has strangers answer a Retry when there are too many of them, which a client does', async () => {
    const world = await QuicWorld.make()
    const listener = await world.listen({
      gate: { strangersMax: 1, strangersPerNetworkMax: 1, strangerSignaturesPerSecond: 1 },
    })
    for (let n = 0; n < 3; n++) {
      const session = await world.connect()
      const stream = await session.openUnidirectionalStream()
      const server = await world.run(listener.accept())
      const [there] = await world.run(
        Promise.all([server!.acceptUnidirectionalStream(), put(stream.writable, bytes(9))]),
      )
      assert.equal((await world.run(everything(there!.readable))).length, 9)
      await world.run(session.close())
    }
    assert.ok(listener.stats.counters.retries >= 2)
    await world.run(listener.close())
  })

  test('refuses what it is told to, and the error says when to come back where that is known', async () => {
    const world = await QuicWorld.make()
    const denying = await world.listen({ gate: { deny: ['192.0.3.0/24'], strangersMax: 1, strangersPerNetworkMax: 1 } })
    await world.run(
      connect(world.client({ limits: { handshakeTimeoutMs: 1000 } })).then(
        (session) => session.close(),
        () => {},
      ),
    )
    assert.equal(denying.stats.counters.accepted.inbound, 0)
    await world.run(denying.close())
    const full = await world.listen({ limits: { connectionsMax: 1 }, gate: { retryAfterMs: 3000 } })
    const first = await world.connect()
    const ports = world.ports('192.0.3.2')
    const error = (await world.run(failure(connect(world.client({ ports }))))) as {
      code: string
      retryAfterMs?: number
    }
    assert.equal(error.code, 'CONNECTION_REFUSED')
    assert.equal(error.retryAfterMs, 3000)
    await world.run(first.close())
    await world.clock.advance(100)
    await world.run((await world.connect()).close())
    await world.run(full.close())
  })

  test('takes an option that is none for the mistake it is', async () => {
    const world = await QuicWorld.make()
    assert.equal((await failure(world.listen({ gate: { nothing: 1 } as object }))).code, 'ARGUMENT_INVALID')
    assert.equal((await failure(world.listen({ limits: { nothing: 1 } as object }))).code, 'ARGUMENT_INVALID')
    assert.equal((await failure(world.listen({ limits: { backlogMax: 0 } }))).code, 'ARGUMENT_INVALID')
    // And nothing was bound.
    await world.run((await world.listen()).close())
  })

  test('gives each host its share of the sessions', async () => {
    const world = await QuicWorld.make()
    const listener = await world.listen({
      gate: { connectionsPerHostMax: 2, strangersMax: 1, strangersPerNetworkMax: 1 },
    })
    const ports = world.ports(CLIENT_IP)
    const [one, two] = [await world.connect({ ports }), await world.connect({ ports })]
    assert.equal((await world.run(failure(connect(world.client({ ports }))))).code, 'CONNECTION_REFUSED')
    const elsewhere = await world.connect({ ports: world.ports('192.0.3.2') })
    await world.run(one.close())
    await world.clock.advance(100)
    const third = await world.connect({ ports })
    for (const session of [two, elsewhere, third]) await world.run(session.close())
    await world.run(listener.close())
  })
})

describe('sessions that nobody accepts', () => {
  test('wait, so many of them, and the next is closed; one that ended meanwhile is not given to anybody', async () => {
    const world = await QuicWorld.make()
    const listener = await world.listen({ limits: { backlogMax: 2 } })
    const ports = world.ports(CLIENT_IP)
    const sessions = [await world.connect({ ports }), await world.connect({ ports }), await world.connect({ ports })]
    const closing = await world.run(sessions[2]!.closed)
    assert.deepEqual(closing, { kind: 'transport', ours: false, code: 2, reason: '' })
    await world.run(sessions[0]!.close())
    await world.clock.advance(100)
    const accepted = await world.run(listener.accept())
    assert.equal(accepted?.remote.port, sessions[1]!.local.port)
    const waiting = listener.accept()
    await world.run((await world.connect({ ports })).close())
    assert.ok((await world.run(waiting)) !== null)
    await world.run(listener.close())
    for await (const _ of listener) assert.fail('a closed listener gives no session')
  })
})

describe('a name with several addresses', () => {
  test('is dialled one address after another, a moment apart, and the first that answers is the one', async () => {
    const world = await QuicWorld.make()
    const listener = await world.listen()
    const names = { both: ['198.51.100.1', SERVER_IP, '198.51.100.2'], none: ['198.51.100.1', '198.51.100.2'] }
    const ports = world.ports(CLIENT_IP, names)
    const before = world.clock.now()
    const session = await world.connect({ host: 'both', ports })
    assert.equal(session.remote.ip, SERVER_IP)
    const tookMs = world.clock.now() - before
    assert.ok(tookMs > 250 && tookMs < 500, `${tookMs} ms`)
    await world.run(session.close())
    assert.equal((await world.run(failure(connect(world.client({ host: 'none', ports }))))).code, 'DIAL_TIMEOUT')
    assert.equal((await world.run(failure(connect(world.client({ host: 'unknown', ports }))))).code, 'NAME_NOT_FOUND')
    await world.run(listener.close())
    await world.clock.advance(120_000)
    assert.equal(world.clock.next(), Infinity)
  })

  test('that both answer gives one session, and the other handshake is withdrawn', async () => {
    const world = await QuicWorld.make({ latencyMs: 200 })
    const listener = await world.listen()
    const second = world.ports('192.0.2.2')
    const other = await world.listen({ host: '192.0.2.2', ports: second })
    const ports = world.ports(CLIENT_IP, { both: [SERVER_IP, '192.0.2.2'] })
    const session = await world.connect({ host: 'both', ports })
    assert.equal(session.remote.ip, SERVER_IP)
    await world.clock.advance(100)
    assert.equal(other.stats.halfOpen.inbound, 1)
    await world.clock.advance(150)
    // Told at once, and not when it would have finished itself.
    assert.equal(other.stats.halfOpen.inbound, 0)
    await world.clock.advance(2000)
    assert.deepEqual([listener.stats.connections, other.stats.connections], [1, 0])
    assert.deepEqual([other.stats.counters.handshakesBegun.inbound, other.stats.counters.accepted.inbound], [1, 0])
    await world.run(session.close())
    await world.run(Promise.all([listener.close(), other.close()]))
  })
})

test('a client is dialled by nobody: what is of no session of its own is dropped, and harms none', async () => {
  const world = await QuicWorld.make()
  const { client, server } = await world.pair()
  const dialled = { ports: world.ports('192.0.3.9'), host: CLIENT_IP, port: client.local.port }
  const stranger = world.connect({ ...dialled, limits: { handshakeTimeoutMs: 3000 } })
  assert.equal((await failure(stranger)).code, 'DIAL_TIMEOUT')
  const stream = await world.run(client.openUnidirectionalStream())
  const sent = put(stream.writable, bytes(10))
  const came = await world.run(server.acceptUnidirectionalStream())
  assert.deepEqual(new Uint8Array(await world.run(everything(came!.readable))), bytes(10))
  await world.run(sent)
})

test('connect says what is wrong with its options before it sends anything', async () => {
  const world = await QuicWorld.make()
  const wrong = [
    { alpn: [] },
    { alpn: [''] },
    { alpn: ['a b'] },
    { alpn: ['a'.repeat(240)] },
    { alpn: Array.from({ length: 24 }, (_, i) => `protocol-${10 + i}`) },
    { port: 0 },
    { port: 70_000 },
    { host: 'bücher.example' },
    { host: 'a'.repeat(256) },
    { idleTimeoutMs: 0 },
    { idleTimeoutMs: 2 ** 62 },
    { keepAliveMs: -1 },
  ]
  for (const options of wrong) assert.equal((await failure(world.connect(options))).code, 'ARGUMENT_INVALID')
  const local = { host: 'nowhere' }
  assert.equal((await failure(world.connect({ local }))).code, 'ARGUMENT_INVALID')
  assert.equal(world.network.counts.sent, 0)
})

test('listen says that no handshake could name its protocols, and takes as many as one can', async () => {
  const world = await QuicWorld.make()
  for (const name of ['a'.repeat(240), 'a'.repeat(255)]) {
    assert.equal((await failure(world.listen({ alpn: ['test', name] }))).code, 'ARGUMENT_INVALID')
  }
  const alpn = ['a'.repeat(239)]
  const { listener, client } = await world.pair({ server: { alpn }, client: { alpn } })
  assert.equal(client.alpn, alpn[0])
  await world.run(listener.close())
})
