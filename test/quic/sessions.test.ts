import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { toHex } from '../../src/core/bytes.ts'
import { LOCAL_ID_BYTES, parseHeader } from '../../src/core/quic/packet.ts'
import type { Session } from '../../src/quic/index.ts'
import { bytes, CLIENT, everything, failure, peerIdOf, put, QuicWorld, SERVER, SERVER_IP } from './quic-world.ts'

/** Sends back what comes on every stream. */
const echo = async (session: Session): Promise<void> => {
  for await (const { readable, writable } of session.incomingBidirectionalStreams) {
    readable.pipeTo(writable).catch(() => {})
  }
}

describe('a session', () => {
  test('says on both sides who is at the other end and what was agreed on', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair({
      client: { alpn: ['never', 'test'] },
      server: { alpn: ['test', 'other'], verify: { keys: [CLIENT.publicKey] } },
    })
    assert.equal(client.alpn, 'test')
    assert.equal(server.alpn, 'test')
    assert.equal(peerIdOf(client.peer), SERVER.peerId)
    assert.equal(peerIdOf(server.peer), CLIENT.peerId)
    assert.deepEqual([client.group, server.group], ['x25519mlkem768', 'x25519mlkem768'])
    assert.ok(client.suite !== null && client.suite === server.suite)
    assert.equal(client.remote.port, listener.port)
    assert.deepEqual(server.remote, { ...client.local, ip: server.remote.ip })
    assert.ok(client.stats.roundTripMs > 0 && client.stats.bytesSent > 1200 && client.stats.bytesReceived > 1200)
    await world.run(listener.close())
  })

  test('carries bytes both ways on a stream, through loss, reordering and repetition', async () => {
    const world = await QuicWorld.make({ loss: 0.05, jitterMs: 8, duplication: 0.05 }, 3)
    const { listener, client, server } = await world.pair()
    const content = bytes(300_000)
    const echoing = echo(server)
    const stream = await client.openBidirectionalStream()
    const [answer] = await world.run(Promise.all([everything(stream.readable), put(stream.writable, content)]))
    assert.ok(answer.equals(content))
    assert.equal(client.stats.streams, 0)
    await world.run(Promise.all([client.close(), listener.close(), echoing]))
  })

  test('changes its keys when it is asked to, and the peer follows', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const echoing = echo(server)
    const content = bytes(100_000)
    for (const updates of [0, 1]) {
      if (updates > 0) client.updateKeys()
      const stream = await client.openBidirectionalStream()
      const [answer] = await world.run(Promise.all([everything(stream.readable), put(stream.writable, content)]))
      assert.ok(answer.equals(content))
      assert.deepEqual([client.stats.keyUpdates, server.stats.keyUpdates], [updates, updates])
    }
    await world.run(Promise.all([client.close(), listener.close(), echoing]))
  })

  test('uses other connection ids when it is asked to, each way, and loses nothing', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const echoing = echo(server)
    const content = bytes(100_000)
    /** The ids on the wire, to the client and to the server, while bytes go there and back. */
    const exchange = async (): Promise<Record<'there' | 'back', string[]>> => {
      const seen = { there: new Set<string>(), back: new Set<string>() }
      world.network.tap = (datagram, _from, to) => {
        const header = parseHeader(datagram, 0, LOCAL_ID_BYTES)
        if (header?.form === 'short') seen[to.ip === SERVER_IP ? 'there' : 'back'].add(toHex(header.destinationId))
        return 'pass'
      }
      const stream = await client.openBidirectionalStream()
      const [answer] = await world.run(Promise.all([everything(stream.readable), put(stream.writable, content)]))
      assert.ok(answer.equals(content))
      return { there: [...seen.there], back: [...seen.back] }
    }
    const used = [await exchange()]
    for (const session of [client, server]) {
      session.renewConnectionIds()
      await exchange()
      used.push(await exchange())
    }
    for (const way of ['there', 'back'] as const) {
      const ids = used.map((each) => each[way])
      assert.deepEqual(
        ids.map(({ length }) => length),
        [1, 1, 1],
      )
      assert.equal(new Set(ids.flat()).size, 3, way)
    }
    await world.run(Promise.all([client.close(), listener.close(), echoing]))
  })

  test('carries bytes one way', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const stream = await server.openUnidirectionalStream()
    const [there] = await world.run(
      Promise.all([client.acceptUnidirectionalStream(), put(stream.writable, bytes(5000))]),
    )
    assert.ok((await world.run(everything(there!.readable))).equals(bytes(5000)))
    assert.equal(client.stats.streams + server.stats.streams, 0)
    await world.run(listener.close())
  })

  test('has streams that are ended one half at a time', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const ours = await client.openBidirectionalStream()
    const [theirs] = await world.run(Promise.all([server.acceptBidirectionalStream(), put(ours.writable, bytes(10))]))
    assert.ok((await world.run(everything(theirs!.readable))).equals(bytes(10)))
    // The other half is as open as before.
    const writer = theirs!.writable.getWriter()
    await world.run(writer.write(bytes(3)))
    const reader = ours.readable.getReader()
    assert.equal((await world.run(reader.read())).value?.length, 3)
    await world.run(writer.close())
    assert.equal((await world.run(reader.read())).done, true)
    await world.run(listener.close())
  })

  test('ends a stream that has no bytes at all', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const stream = await client.openUnidirectionalStream()
    const [there] = await world.run(Promise.all([server.acceptUnidirectionalStream(), stream.writable.close()]))
    assert.equal((await world.run(everything(there!.readable))).length, 0)
    // And one whose reader waits already when its end comes behind the bytes.
    const second = await client.openUnidirectionalStream()
    const writer = second.writable.getWriter()
    const [later] = await world.run(Promise.all([server.acceptUnidirectionalStream(), writer.write(bytes(1))]))
    const all = everything(later!.readable)
    await world.clock.advance(100)
    await world.run(writer.close())
    assert.equal((await world.run(all)).length, 1)
    await world.run(listener.close())
  })

  test('reads into memory that the reader brings', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const stream = await client.openUnidirectionalStream()
    const [there] = await world.run(
      Promise.all([server.acceptUnidirectionalStream(), put(stream.writable, bytes(700))]),
    )
    const reader = there!.readable.getReader({ mode: 'byob' })
    const got: number[] = []
    for (;;) {
      const { done, value } = await world.run(reader.read(new Uint8Array(300)))
      if (done) break
      got.push(value.length)
    }
    assert.deepEqual(got, [300, 300, 100])
    await world.run(listener.close())
  })

  test('has as many streams at once as were allowed, and opens the next when one is over', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair({ server: { limits: { bidirectionalStreams: 5 } } })
    const streams = await world.run(Promise.all(Array.from({ length: 5 }, () => client.openBidirectionalStream())))
    const sixth = client.openBidirectionalStream()
    await world.clock.advance(1000)
    let opened = false
    void sixth.then(() => (opened = true))
    await world.clock.settle()
    assert.equal(opened, false)
    const echoing = echo(server)
    await world.run(Promise.all([everything(streams[0]!.readable), put(streams[0]!.writable, bytes(1))]))
    const stream = await world.run(sixth)
    await world.run(Promise.all([everything(stream.readable), put(stream.writable, bytes(1))]))
    await world.run(Promise.all([listener.close(), echoing]))
  })

  test('carries a thousand streams, a hundred at a time', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const echoing = echo(server)
    const answers = await world.run(
      Promise.all(
        Array.from({ length: 1000 }, async (_, i) => {
          const stream = await client.openBidirectionalStream()
          const [answer] = await Promise.all([everything(stream.readable), put(stream.writable, bytes(200, i))])
          return answer.equals(bytes(200, i))
        }),
      ),
    )
    assert.ok(answers.length === 1000 && answers.every(Boolean))
    await world.clock.advance(1000)
    assert.equal(client.stats.streams + server.stats.streams, 0)
    await world.run(Promise.all([listener.close(), echoing]))
  })
})

describe('a stream that is given up', () => {
  test('by a reset: the reader gets the code', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const stream = await client.openUnidirectionalStream()
    const writer = stream.writable.getWriter()
    const [there] = await world.run(Promise.all([server.acceptUnidirectionalStream(), writer.write(bytes(10))]))
    const reader = there!.readable.getReader()
    await world.run(reader.read())
    stream.reset(77)
    const { code, peerCode } = await world.run(failure(reader.read()))
    assert.deepEqual([code, peerCode], ['RESET_BY_PEER', 77])
    assert.equal((await failure(writer.write(bytes(1)))).code, 'CANCELLED')
    await world.run(listener.close())
  })

  test('by a reset that comes with its last bytes is not taken for one that ended', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const stream = await client.openUnidirectionalStream()
    const writer = stream.writable.getWriter()
    const [there] = await world.run(Promise.all([server.acceptUnidirectionalStream(), writer.write(bytes(10))]))
    const reader = there!.readable.getReader()
    await world.run(reader.read())
    const next = failure(reader.read())
    void writer.write(bytes(10)).catch(() => {})
    stream.reset(5)
    assert.equal((await world.run(next)).peerCode, 5)
    await world.run(listener.close())
  })

  test('by its reader: the writer gets the code', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const stream = await client.openUnidirectionalStream()
    const writer = stream.writable.getWriter()
    const [there] = await world.run(Promise.all([server.acceptUnidirectionalStream(), writer.write(bytes(10))]))
    await there!.readable.cancel(99)
    const { code, peerCode } = await world.run(failure(writer.closed))
    assert.deepEqual([code, peerCode], ['RESET_BY_PEER', 99])
    assert.equal(client.stats.streams, 0)
    await world.run(listener.close())
  })

  test('by abort(code) of its writer, while a write waits for the peer', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const stream = await client.openUnidirectionalStream()
    const writer = stream.writable.getWriter()
    const writing = failure(writer.write(bytes(20_000_000)))
    const there = await world.run(server.acceptUnidirectionalStream())
    await world.clock.advance(5000)
    await world.run(writer.abort(42))
    assert.equal((await writing).code, 'CANCELLED')
    assert.equal((await world.run(failure(everything(there!.readable)))).peerCode, 42)
    await world.run(listener.close())
  })

  test('by leaving its scope', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const left = Promise.withResolvers<void>()
    const scope = async (): Promise<void> => {
      await using stream = await client.openBidirectionalStream()
      await stream.writable.getWriter().write(bytes(10))
      await left.promise
    }
    const [there] = await world.run(
      Promise.all([server.acceptBidirectionalStream(), Promise.race([scope(), world.clock.settle()])]),
    )
    left.resolve()
    assert.equal((await world.run(failure(everything(there!.readable)))).code, 'RESET_BY_PEER')
    assert.equal((await world.run(failure(put(there!.writable, bytes(1))))).code, 'RESET_BY_PEER')
    await world.run(listener.close())
  })

  test('before anybody took it is not offered, however many there are of them', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    for (let n = 0; n < 300; n++) {
      const stream = await world.run(client.openBidirectionalStream())
      stream.reset(1)
      stream.stop(1)
      const other = await world.run(client.openUnidirectionalStream())
      other.reset(1)
      await world.clock.advance(30)
    }
    assert.equal(server.stats.streams, 0)
    const last = await world.run(client.openUnidirectionalStream())
    const [there] = await world.run(Promise.all([server.acceptUnidirectionalStream(), put(last.writable, bytes(3))]))
    assert.equal(there?.id, last.id)
    await world.run(listener.close())
  })

  test('by writing what is no bytes', async () => {
    const world = await QuicWorld.make()
    const { listener, client } = await world.pair()
    const stream = await client.openUnidirectionalStream()
    const text = 'text' as unknown as Uint8Array
    assert.equal((await failure(stream.writable.getWriter().write(text))).code, 'ARGUMENT_INVALID')
    await world.run(listener.close())
  })
})

describe('the end of a session', () => {
  test('has a code and a reason, which the peer gets', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const stream = await client.openBidirectionalStream()
    const [there] = await world.run(
      Promise.all([server.acceptBidirectionalStream(), stream.writable.getWriter().write(bytes(1))]),
    )
    const reading = failure(everything(there!.readable))
    await world.run(client.close({ code: 1234, reason: 'enough' }))
    const closing = { kind: 'application', code: 1234, reason: 'enough' }
    assert.deepEqual(await world.run(client.closed), { ...closing, ours: true })
    assert.deepEqual(await world.run(server.closed), { ...closing, ours: false })
    const { code, peerCode } = await world.run(reading)
    assert.deepEqual([code, peerCode], ['CONNECTION_LOST', 1234])
    assert.equal((await world.run(failure(everything(stream.readable)))).code, 'CLOSED')
    assert.equal((await failure(client.openBidirectionalStream())).code, 'CLOSED')
    assert.equal(await server.acceptBidirectionalStream(), null)
    for await (const _ of server.incomingUnidirectionalStreams) assert.fail('nothing comes any more')
    await world.run(listener.close())
  })

  test('leaves to the reader what had come before it', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const stream = await server.openUnidirectionalStream()
    const [there] = await world.run(
      Promise.all([client.acceptUnidirectionalStream(), put(stream.writable, bytes(9000))]),
    )
    const { readable } = there!
    await world.run(server.close())
    await world.run(client.closed)
    assert.equal((await world.run(everything(readable))).length, 9000)
    await world.run(listener.close())
  })

  test('with code 0 says that what was ended was all that was wanted; with another code it does not', async () => {
    for (const code of [0, 1]) {
      const world = await QuicWorld.make()
      const { listener, client, server } = await world.pair()
      const stream = await client.openUnidirectionalStream()
      const there = server.acceptUnidirectionalStream()
      // Nothing comes back any more but the end of the session.
      world.network.tap = (_, from) => (from.ip === SERVER_IP ? 'drop' : 'pass')
      const putting = put(stream.writable, bytes(9)).then(
        () => 'done',
        (error: { peerCode: number }) => error.peerCode,
      )
      await world.run(there)
      world.network.tap = () => 'pass'
      await world.run(server.close({ code }))
      assert.equal(await world.run(putting), code === 0 ? 'done' : 1)
      await world.run(listener.close())
    }
  })

  test('comes by itself when the other end vanishes, and is told to whoever waits', async () => {
    const world = await QuicWorld.make()
    const { listener, client } = await world.pair({ client: { idleTimeoutMs: 5000 } })
    const stream = await client.openBidirectionalStream()
    await world.run(stream.writable.getWriter().write(bytes(1)))
    const reading = failure(everything(stream.readable))
    world.network.tap = () => 'drop'
    assert.deepEqual(await world.run(client.closed), { kind: 'idle' })
    assert.equal((await reading).code, 'CONNECTION_LOST')
    await world.run(Promise.all([client.close(), listener.close()]))
  })

  test('does not come while the session is kept alive', async () => {
    const world = await QuicWorld.make()
    const idle = { idleTimeoutMs: 3000 }
    const kept = await world.pair({ client: { ...idle, keepAliveMs: 1000 } })
    await world.clock.advance(60_000)
    const stream = await kept.client.openUnidirectionalStream()
    await world.run(put(stream.writable, bytes(1)))
    await world.run(kept.listener.close())
    const forgotten = await world.pair({ client: idle })
    await world.clock.advance(60_000)
    assert.deepEqual(await forgotten.client.closed, { kind: 'idle' })
    await world.run(forgotten.listener.close())
  })

  test('of the listener ends every session of it', async () => {
    const world = await QuicWorld.make()
    const { listener, client } = await world.pair()
    const accepting = listener.accept()
    await world.run(listener.close({ code: 5 }))
    assert.equal(await accepting, null)
    const closing = await world.run(client.closed)
    assert.ok(closing.kind === 'application' && closing.code === 5)
    assert.equal(listener.stats.connections, 0)
    await assert.rejects(world.connect({ limits: { handshakeTimeoutMs: 1000 } }), { code: 'DIAL_TIMEOUT' })
  })

  test('takes no code that is none', async () => {
    const world = await QuicWorld.make()
    const { listener, client } = await world.pair()
    const stream = await client.openUnidirectionalStream()
    for (const code of [-1, 1.5, 2 ** 53, Number.NaN]) {
      assert.throws(() => client.close({ code }), { code: 'ARGUMENT_INVALID' })
      assert.throws(() => stream.reset(code), { code: 'ARGUMENT_INVALID' })
    }
    assert.throws(() => client.close({ reason: 'ä' }), { code: 'ARGUMENT_INVALID' })
    await world.run(listener.close())
  })
})
