// What stands before a session and after it: versions that one end does not speak, and a server that knows nothing of a session any more.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Address } from '../../src/core/address.ts'
import { parseHeader } from '../../src/core/quic/packet.ts'
import { versionNegotiation } from '../../src/core/quic/version-negotiation.ts'
import type { UdpSocket } from '../../src/io/ports.ts'
import { generateIdentity } from '../../src/quic/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { bytes, CLIENT_IP, everything, failure, QuicWorld, SERVER_IP } from './quic-world.ts'

/** The port the worlds' servers listen at. */
const SERVER_PORT = 4433

/** A socket of a host of its own, which answers as it is told. */
const socketAt = async (
  world: QuicWorld,
  local: Address,
  heard: (bytes: Uint8Array, from: Address, socket: UdpSocket) => void,
): Promise<UdpSocket> => {
  const socket: UdpSocket = await world.network.host({ ip4: local.ip }).bind(local, {
    datagram: (datagram, from) => heard(datagram, from, socket),
    failed: () => {},
  })
  return socket
}

describe('versions', () => {
  test('a server that speaks none of ours is told apart from one that fails', async () => {
    const world = await QuicWorld.make()
    let answered = 0
    await socketAt(world, { family: 4, ip: SERVER_IP, port: SERVER_PORT }, (datagram, from, socket) => {
      const header = parseHeader(datagram, 0, 8)
      if (header?.form !== 'long') return
      answered++
      const into = new Uint8Array(1200)
      const length = versionNegotiation({ ...header, form: 'unknown-version', version: 5 }, into, new SeededRandom(1))
      // It speaks what we do not.
      into.set([0, 0, 0, 9], length - 8)
      socket.send(into.slice(0, length), from, () => {})
    })
    const { code, message } = await world.run(failure(world.connect()))
    assert.equal(code, 'HANDSHAKE_FAILED')
    assert.match(message, /no QUIC version of ours/)
    assert.ok(answered > 0)
  })

  test('a client that speaks none of ours is told which we do', async () => {
    const world = await QuicWorld.make()
    const listener = await world.listen()
    const answers: number[][] = []
    const asked = await socketAt(world, { family: 4, ip: '192.0.3.9', port: 1 }, (datagram) => {
      const header = parseHeader(datagram, 0, 8)
      if (header?.form === 'version-negotiation') answers.push([...header.versions])
    })
    const initial = bytes(1200)
    initial.set([0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0])
    asked.send(initial, { family: 4, ip: SERVER_IP, port: SERVER_PORT }, () => {})
    await world.clock.advance(100)
    assert.equal(answers.length, 1)
    assert.ok(answers[0]?.includes(1))
    assert.equal(listener.stats.counters.versionNegotiations, 1)
  })
})

describe('a server that was lost without a word and is there again', () => {
  const restart = async (world: QuicWorld, again: Parameters<QuicWorld['listen']>[0]): Promise<string> => {
    const { listener, client } = await world.pair({ client: { idleTimeoutMs: 20_000 } })
    const stream = await client.openBidirectionalStream()
    const writer = stream.writable.getWriter()
    await world.run(writer.write(bytes(100)))
    world.network.tap = (_bytes, from) => (from.ip === SERVER_IP ? 'drop' : 'pass')
    await world.run(listener.close())
    world.network.tap = () => 'pass'
    const next = await world.listen(again)
    const reading = failure(everything(stream.readable))
    await world.run(writer.write(bytes(100)))
    const { kind } = await world.run(client.closed)
    assert.equal((await world.run(reading)).code, 'CONNECTION_LOST')
    await world.run(next.close())
    return kind
  }

  test('says that it knows nothing of the session, which its key makes believable', async () => {
    assert.equal(await restart(await QuicWorld.make(), {}), 'stateless-reset')
  })

  test('is not believed with another key: the session falls silent', async () => {
    assert.equal(await restart(await QuicWorld.make(), { identity: await generateIdentity() }), 'idle')
  })

  test('cannot be made to say so by another listener with its key, which never knew of the session', async () => {
    const world = await QuicWorld.make()
    const { listener, client, server } = await world.pair()
    const other = await world.listen({ port: SERVER_PORT + 1 })
    const seen: Uint8Array[] = []
    world.network.tap = (datagram, _from, to) => {
      if (to.port === SERVER_PORT && parseHeader(datagram, 0, 8)?.form === 'short') seen.push(Uint8Array.from(datagram))
      return 'pass'
    }
    const stream = await client.openUnidirectionalStream()
    const writer = stream.writable.getWriter()
    await world.run(writer.write(bytes(500)))
    const there = await world.run(server.acceptUnidirectionalStream())
    // Whoever saw a datagram pass sends it to the other, and what that answers to the client, as if it came from the server.
    const answers: Uint8Array[] = []
    const attacker = await socketAt(world, { family: 4, ip: '192.0.3.9', port: 1 }, (datagram) =>
      answers.push(datagram),
    )
    attacker.send(
      seen.find(({ length }) => length > 500)!,
      { family: 4, ip: SERVER_IP, port: other.port },
      () => {},
    )
    await world.clock.advance(100)
    assert.equal(answers.length, 1)
    const liar = await socketAt(world, { family: 4, ip: SERVER_IP, port: SERVER_PORT }, () => {})
    liar.send(answers[0]!, { family: 4, ip: CLIENT_IP, port: client.local.port }, () => {})
    await world.clock.advance(100)
    const reading = everything(there!.readable)
    await world.run(writer.close())
    assert.equal((await world.run(reading)).length, 500)
    for (const each of [listener, other]) await world.run(each.close())
  })
})
