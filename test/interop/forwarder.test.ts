import assert from 'node:assert/strict'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { Forwarder, type Weather } from '../../interop/forwarder.ts'

const VERSION_NEGOTIATION = Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
const RETRY = Uint8Array.of(0xf0, 0, 0, 0, 1, 0, 0)
const INITIAL = Uint8Array.of(0xc0, 0, 0, 0, 1, 0, 0)

const bound = async (): Promise<Socket> => {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

/** A client, the forwarder, and a server that answers each datagram with itself; what it saw each datagram come from. */
const through = async (weather: Weather = {}) => {
  const [server, client] = [await bound(), await bound()]
  const ports: number[] = []
  server.on('message', (datagram: Uint8Array, { port, address }: RemoteInfo) => {
    ports.push(port)
    server.send(datagram, port, address)
  })
  const forwarder = new Forwarder(server.address().port, weather)
  const port = await forwarder.listen()
  return {
    forwarder,
    ports,
    exchange: async (datagram: Uint8Array): Promise<Uint8Array> => {
      client.send(datagram, port, '127.0.0.1')
      const [answer] = (await once(client, 'message')) as [Uint8Array]
      return Uint8Array.from(answer)
    },
    [Symbol.dispose]: () => {
      forwarder.close()
      server.close()
      client.close()
    },
  }
}

describe('the forwarder', () => {
  test('passes datagrams both ways, and counts what the server sends in the clear', async () => {
    using way = await through()
    for (const datagram of [INITIAL, RETRY, VERSION_NEGOTIATION, Uint8Array.of(1)]) {
      assert.deepEqual(await way.exchange(datagram), datagram)
    }
    const { retries, versionNegotiations, moves } = way.forwarder.witness
    assert.deepEqual({ retries, versionNegotiations, moves }, { retries: 1, versionNegotiations: 1, moves: 0 })
    assert.equal(new Set(way.ports).size, 1)
  })

  test('moves the client to another port each time so many bytes have passed, and not more often than allowed', async () => {
    using way = await through({ moves: { everyBytes: 1000, max: 2 } })
    // Each exchange passes 600 bytes twice; the move comes before the answer or after it, and an answer to the old port is lost.
    for (let i = 0; i < 6; i++) {
      const answered = way.exchange(new Uint8Array(600))
      await Promise.race([answered, way.exchange(new Uint8Array(600))])
    }
    assert.equal(way.forwarder.witness.moves, 2)
    assert.equal(new Set(way.ports).size, 3)
    assert(way.forwarder.witness.bytesAfterMove > 0)
  })

  test('loses the share it is told to, and says how many', async () => {
    using way = await through({ loss: 0.5 })
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const late = new Promise<null>((resolve) => setTimeout(resolve, 200, null))
        return Promise.race([way.exchange(INITIAL), late])
      }),
    )
    assert(way.forwarder.witness.lost > 0)
    assert(way.ports.length < answers.length)
  })
})
