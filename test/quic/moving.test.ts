// Sessions that go elsewhere: to another socket of the client's, to the address the server would rather be spoken to at.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Address, addressText } from '../../src/core/address.ts'
import type { ListenOptions, Migration, Session } from '../../src/quic/index.ts'
import { bytes, CLIENT_IP, everything, failure, put, QuicWorld, SERVER_IP } from './quic-world.ts'

const RATHER = { host: SERVER_IP, port: 7777 }

const echo = async (session: Session): Promise<void> => {
  for await (const { readable, writable } of session.incomingBidirectionalStreams)
    readable.pipeTo(writable).catch(() => {})
}

/** Something there and back. */
const exchange = async (session: Session, size = 300_000): Promise<boolean> => {
  const stream = await session.openBidirectionalStream()
  const [answer] = await Promise.all([everything(stream.readable), put(stream.writable, bytes(size))])
  return answer.equals(bytes(size))
}

const collected = (session: Session): Migration[] => {
  const migrations: Migration[] = []
  void (async () => {
    for await (const migration of session.migrations) migrations.push(migration)
  })()
  return migrations
}

const wait = (world: QuicWorld, ms: number): Promise<void> =>
  world.run(new Promise<void>((resolve) => void world.clock.at(world.clock.now() + ms, resolve)))

describe('a client that moves', () => {
  test('goes on from another socket in the middle of a transfer, and both ends are told', async () => {
    const world = await QuicWorld.make()
    const { client, server } = await world.pair()
    const told = [collected(client), collected(server)]
    void echo(server)
    const before = client.local
    assert.ok(await world.run(exchange(client)))
    const sent = [client, server].map(({ stats }) => [stats.bytesSent, stats.bytesReceived])
    const exchanging = exchange(client)
    const there = await world.run(client.migrate({ local: { port: 5555 } }))
    assert.equal(there.port, 5555)
    assert.deepEqual(client.local, there)
    assert.ok(await world.run(exchanging))
    assert.deepEqual(server.remote, { family: 4, ip: CLIENT_IP, port: 5555 })
    // What went the old way counts as well.
    for (const [i, { stats }] of [client, server].entries()) {
      assert.ok(stats.bytesSent > sent[i]![0]! + 300_000 && stats.bytesReceived > sent[i]![1]! + 300_000)
    }
    await wait(world, 4000)
    // The socket that was left is free again.
    const port = { port: before.port }
    assert.deepEqual(await world.run(client.migrate({ local: port })), before)
    assert.ok(await world.run(exchange(client)))
    assert.deepEqual(
      told[0]!.map(({ local }) => local.port),
      [5555, before.port],
    )
    assert.deepEqual(
      told[1]!.map(({ remote }) => remote.port),
      [5555, before.port],
    )
    assert.ok(told[0]!.every(({ remote }) => addressText(remote) === `${SERVER_IP}:4433`))
  })

  test('may do so at once, and twice', async () => {
    const world = await QuicWorld.make({ latencyMs: 40 })
    const { client, server } = await world.pair()
    void echo(server)
    const [first, second] = await world.run(Promise.all([client.migrate(), client.migrate()]))
    assert.notEqual(first.port, second.port)
    assert.deepEqual(client.local, second)
    assert.ok(await world.run(exchange(client, 1000)))
  })

  test('stays where it is when nobody answers there, and its socket is given back', async () => {
    const world = await QuicWorld.make()
    const { client, server } = await world.pair()
    void echo(server)
    const before = client.local
    world.network.tap = (_bytes, from) => (from.port === 5555 ? 'drop' : 'pass')
    const migrating = failure(client.migrate({ local: { port: 5555 } }))
    assert.ok(await world.run(exchange(client)))
    assert.equal((await world.run(migrating)).code, 'MIGRATION_FAILED')
    world.network.tap = () => 'pass'
    assert.deepEqual(client.local, before)
    assert.equal((await world.run(client.migrate({ local: { port: 5555 } }))).port, 5555)
  })

  test('gives it up with its signal, or with the session', async () => {
    const world = await QuicWorld.make()
    const { client, server } = await world.pair()
    void echo(server)
    world.network.tap = (_bytes, from) => (from.port >= 5555 && from.port < 5560 ? 'drop' : 'pass')
    const giveUp = new AbortController()
    const first = failure(client.migrate({ local: { port: 5555 }, signal: giveUp.signal }))
    await wait(world, 100)
    giveUp.abort()
    assert.equal((await world.run(first)).code, 'CANCELLED')
    assert.ok(await world.run(exchange(client)))
    const second = failure(client.migrate({ local: { port: 5556 } }))
    await wait(world, 100)
    await world.run(client.close())
    assert.equal((await world.run(second)).code, 'CLOSED')
    assert.equal((await world.run(failure(client.migrate()))).code, 'CLOSED')
    // Nor is it the server's fault where the session ends in the turn in which it would have begun to move.
    const { client: other } = await world.pair({
      server: { port: 4434 },
      client: { port: 4434, ports: world.ports('192.0.3.9') },
    })
    const third = failure(other.migrate())
    const closing = other.close()
    assert.equal((await world.run(third)).code, 'CLOSED')
    await world.run(closing)
  })

  test('is told what it may not: an address that is taken, or of another family, or a server', async () => {
    const world = await QuicWorld.make()
    const { client, server } = await world.pair()
    const code = async (promise: Promise<unknown>): Promise<string> => (await world.run(failure(promise))).code
    assert.equal(await code(client.migrate({ local: { port: client.local.port } })), 'BIND_FAILED')
    assert.equal(await code(client.migrate({ local: { host: '::1' } })), 'ARGUMENT_INVALID')
    assert.equal(await code(client.migrate({ local: { host: 'localhost' } })), 'ARGUMENT_INVALID')
    assert.equal(await code(server.migrate()), 'ARGUMENT_INVALID')
  })

  test('gets a token for where it is now', async () => {
    const world = await QuicWorld.make()
    const tokens: string[] = []
    const qlog = {
      open: () => ({
        write: (text: string) =>
          void (text.includes('packet_received') && text.includes('new_token') && tokens.push(text)),
        end: () => {},
      }),
    }
    const { client } = await world.pair({ client: { qlog } })
    await wait(world, 100)
    assert.equal(tokens.length, 1)
    await world.run(client.migrate())
    await wait(world, 100)
    assert.equal(tokens.length, 2)
  })
})

describe('a server that would rather be spoken to elsewhere', () => {
  const pair = (world: QuicWorld, server: Partial<ListenOptions>): ReturnType<QuicWorld['pair']> =>
    world.pair({ server })

  test('is spoken to there, and says so', async () => {
    const world = await QuicWorld.make()
    const { client, server, listener } = await pair(world, { preferredAddress: [RATHER] })
    void echo(server)
    assert.ok(await world.run(exchange(client)))
    const rather: Address = { family: 4, ip: SERVER_IP, port: RATHER.port }
    assert.deepEqual([client.remote, server.local], [rather, rather])
    assert.deepEqual(listener.addresses[1], rather)
    assert.equal(listener.port, 4433)
    // It may be dialled there, too, and then there is nowhere to go.
    const other = await world.connect({ port: RATHER.port, ports: world.ports('192.0.3.9') })
    assert.deepEqual(other.remote, rather)
    const accepted = (await world.run(listener.accept()))!
    void echo(accepted)
    assert.ok(await world.run(exchange(other)))
    assert.deepEqual(accepted.local, rather)
    await world.run(listener.close())
  })

  test('is not where its clients do not want to go', async () => {
    const world = await QuicWorld.make()
    const { client, server } = await world.pair({
      server: { preferredAddress: [RATHER] },
      client: { preferredAddress: false },
    })
    void echo(server)
    assert.ok(await world.run(exchange(client)))
    assert.equal(client.remote.port, 4433)
  })

  test('says where by an IP address of each family at the most', async () => {
    const world = await QuicWorld.make()
    for (const preferredAddress of [
      [RATHER, RATHER],
      [{ host: 'localhost', port: 1 }],
      [{ host: '0.0.0.0', port: 1 }],
    ]) {
      assert.equal((await world.run(failure(world.listen({ preferredAddress })))).code, 'ARGUMENT_INVALID')
    }
    const taken = [{ host: SERVER_IP, port: 4433 }]
    assert.equal((await world.run(failure(world.listen({ preferredAddress: taken })))).code, 'BIND_FAILED')
  })
})
