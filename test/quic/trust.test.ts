import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect, type ConnectOptions, listen, type ListenOptions } from '../../src/quic/index.ts'
import type { Peer, Verify } from '../../src/quic/index.ts'
import { bytes, CLIENT, failure, peerIdOf, put, QuicWorld, SERVER } from './quic-world.ts'

const STRANGER = 'ab'.repeat(32)

describe('nobody is trusted by default', () => {
  test('connect without "verify" fails, and says what to write', async () => {
    const world = await QuicWorld.make()
    const nothing = { verify: undefined } as unknown as ConnectOptions
    const { code, message } = await failure(connect({ ...world.client(), ...nothing }))
    assert.equal(code, 'AUTHENTICATION_MISSING')
    assert.match(message, /verify: \{ keys: \[/)
    const empty = await failure(connect(world.client({ verify: { keys: [] } })))
    assert.equal(empty.code, 'AUTHENTICATION_MISSING')
    // A client cannot say that anyone will do, but for a function that says so.
    const anyone = await failure(connect(world.client({ verify: 'anyone' as unknown as Verify })))
    assert.equal(anyone.code, 'AUTHENTICATION_MISSING')
    assert.equal(world.network.counts.sent, 0)
  })

  test('two ways at once fail: the one that is weaker would count', async () => {
    const world = await QuicWorld.make()
    const ways = { fingerprints: ['00'.repeat(32)], authorities: 'bundled', keys: [STRANGER] }
    const { keys: _, ...certificates } = ways
    for (const verify of [ways, certificates] as Verify[]) {
      assert.equal((await failure(connect(world.client({ verify })))).code, 'ARGUMENT_INVALID')
    }
    assert.equal(world.network.counts.sent, 0)
  })

  test('listen without "verify" fails, and says what to write', async () => {
    const world = await QuicWorld.make()
    const options = { ports: world.ports('192.0.2.1'), alpn: ['test'], identity: SERVER } as unknown as ListenOptions
    const { code, message } = await failure(listen(options))
    assert.equal(code, 'AUTHENTICATION_MISSING')
    assert.match(message, /verify: 'anyone'/)
  })
})

describe('keys that are pinned', () => {
  test('let the server in that has one of them, given as a key or as a PeerId', async () => {
    const world = await QuicWorld.make()
    const listener = await world.listen()
    for (const keys of [[SERVER.publicKey], [SERVER.peerId], [STRANGER, SERVER.peerId]]) {
      const session = await world.connect({ verify: { keys } })
      assert.equal(peerIdOf(session.peer), SERVER.peerId)
      await world.run(session.close())
    }
    await world.run(listener.close())
  })

  test('keep every other server out, and it does not learn who we are where one key alone is right', async () => {
    const world = await QuicWorld.make()
    const listener = await world.listen()
    for (const keys of [[STRANGER], [STRANGER, 'cd'.repeat(32)]]) {
      const { code } = await failure(world.connect({ verify: { keys } }))
      assert.equal(code, 'PEER_UNTRUSTED')
      // Where one key alone is right, not even a signature is looked at, and none of ours is made.
      if (keys.length === 1) assert.deepEqual([world.workers.asked.verify, world.workers.asked.sign], [0, 1])
    }
    await world.clock.advance(1000)
    assert.equal(listener.stats.counters.handshakesFailed.inbound.identity, 2)
    assert.equal(listener.stats.connections, 0)
    await world.run(listener.close())
  })

  test('keep every other client out of a server', async () => {
    const world = await QuicWorld.make()
    const listener = await world.listen({ verify: { keys: [CLIENT.peerId] } })
    const session = await world.connect()
    assert.equal(peerIdOf((await world.run(listener.accept()))!.peer), CLIENT.peerId)
    await world.run(session.close())
    // One that has nothing to show is told so at once.
    const { identity: _, ...nameless } = world.client()
    assert.equal((await world.run(failure(connect(nameless)))).code, 'CONNECTION_REFUSED')
    // One with another key is done before the server has seen it: it learns of it a moment later.
    const other = await world.connect({ identity: SERVER })
    const closing = await world.run(other.closed)
    assert.ok(closing.kind === 'transport' && !closing.ours && closing.code === 0x12e)
    const accepting = listener.accept()
    await world.run(listener.close())
    assert.equal(await accepting, null)
  })

  test('are keys', async () => {
    const world = await QuicWorld.make()
    for (const key of ['', 'xy', STRANGER.toUpperCase(), new Uint8Array(32), 7 as unknown as string]) {
      assert.equal((await failure(connect(world.client({ verify: { keys: [key] } })))).code, 'ARGUMENT_INVALID')
    }
  })
})

describe('a function that decides', () => {
  test('is shown the peer, and lets it in with true', async () => {
    const world = await QuicWorld.make()
    const seen: Peer[] = []
    const verify = async (peer: Peer): Promise<boolean> => seen.push(peer) > 0
    const { listener, client, server } = await world.pair({ client: { verify }, server: { verify } })
    assert.deepEqual(seen.map(peerIdOf).sort(), [CLIENT.peerId, SERVER.peerId].sort())
    const stream = await client.openUnidirectionalStream()
    const [there] = await world.run(Promise.all([server.acceptUnidirectionalStream(), put(stream.writable, bytes(1))]))
    assert.ok(there !== null)
    await world.run(listener.close())
  })

  test('keeps a peer out with anything else, a throw included', async () => {
    const world = await QuicWorld.make()
    const listener = await world.listen()
    const answers: Verify[] = [
      () => false,
      async () => false,
      () => 1 as unknown as boolean,
      () => {
        throw new Error('no')
      },
      () => Promise.reject(new Error('no')),
    ]
    for (const verify of answers) assert.equal((await failure(world.connect({ verify }))).code, 'PEER_UNTRUSTED')
    await world.run(listener.close())
  })

  test('has a time in which to answer, after which its signal is aborted', async () => {
    const world = await QuicWorld.make()
    const listener = await world.listen()
    const signals: AbortSignal[] = []
    const verify: Verify = (_, { signal }) => {
      signals.push(signal)
      return new Promise(() => {})
    }
    const before = world.clock.now()
    const { code } = await failure(world.connect({ verify, limits: { verifyTimeoutMs: 700 } }))
    assert.equal(code, 'PEER_UNTRUSTED')
    assert.ok(world.clock.now() - before < 2000)
    assert.equal(signals[0]?.aborted, true)
    await world.run(listener.close())
  })

  test('is told when the connection ends before it has answered', async () => {
    const world = await QuicWorld.make()
    const signals: AbortSignal[] = []
    const listener = await world.listen({
      verify: (_, { signal }) => {
        signals.push(signal)
        return new Promise(() => {})
      },
    })
    const client = await world.connect()
    await world.clock.advance(100)
    assert.equal(signals[0]?.aborted, false)
    await world.run(client.close())
    await world.clock.advance(100)
    assert.equal(signals[0]?.aborted, true)
    await world.run(listener.close())
  })

  test('holds the bytes of a peer back until it has answered', async () => {
    const world = await QuicWorld.make()
    const answer = Promise.withResolvers<boolean>()
    const listener = await world.listen({ verify: () => answer.promise })
    const client = await world.connect()
    const stream = await client.openUnidirectionalStream()
    const putting = put(stream.writable, bytes(9))
    const accepting = listener.accept()
    await world.clock.advance(1000)
    assert.equal(listener.stats.counters.accepted.inbound, 0)
    answer.resolve(true)
    const server = await world.run(accepting)
    assert.equal((await world.run(server!.acceptUnidirectionalStream()))?.id, stream.id)
    await world.run(putting)
    await world.run(listener.close())
  })
})
