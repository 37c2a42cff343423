// Datagrams as an application sends and takes them.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DatagramOutcome, Session } from '../../src/quic/index.ts'
import { bytes, failure, QuicWorld } from './quic-world.ts'

const BOTH = { client: { datagrams: true }, server: { datagrams: true } }

const outcome = (session: Session, content: Uint8Array): Promise<DatagramOutcome> => {
  const sending = session.sendDatagram(content)
  assert.equal(sending.kind, 'taken')
  return sending.kind === 'taken' ? sending.outcome : Promise.reject(new Error('refused'))
}

describe('datagrams', () => {
  test('go both ways, and their outcome is told', async () => {
    const world = await QuicWorld.make()
    const { client, server } = await world.pair(BOTH)
    assert.ok((client.datagramBytesMax ?? 0) > 1100 && (server.datagramBytesMax ?? 0) > 1100)
    const there = outcome(client, bytes(1000))
    assert.deepEqual(await world.run(server.receiveDatagram()), bytes(1000))
    assert.equal(await world.run(there), 'acknowledged')
    const back = outcome(server, bytes(0))
    assert.deepEqual(await world.run(client.receiveDatagram()), bytes(0))
    assert.equal(await world.run(back), 'acknowledged')
    assert.deepEqual(client.stats.datagrams, { received: 1, receivedDropped: 0, sent: 1, sentDropped: 0 })
  })

  test('are iterated until the session is over, those that came before included', async () => {
    const world = await QuicWorld.make()
    const { client, server } = await world.pair(BOTH)
    const taken: number[] = []
    const taking = (async () => {
      for await (const datagram of server.incomingDatagrams) taken.push(datagram[0]!)
    })()
    for (let n = 0; n < 5; n++) await world.run(outcome(client, Uint8Array.of(n)))
    await world.run(client.close())
    await world.run(taking)
    assert.deepEqual(taken, [0, 1, 2, 3, 4])
    assert.equal(await server.receiveDatagram(), null)
  })

  test('that are lost are told as lost, and what is on its way at the end as unknown', async () => {
    const world = await QuicWorld.make()
    const { client, server } = await world.pair(BOTH)
    world.network.weather.loss = 1
    const lost = outcome(client, bytes(10))
    await world.run(new Promise<void>((resolve) => void world.clock.at(world.clock.now() + 50, resolve)))
    world.network.weather.loss = 0
    const next = outcome(client, bytes(10))
    assert.equal(await world.run(next), 'acknowledged')
    assert.equal(await world.run(lost), 'lost')
    world.network.weather.loss = 1
    const late = outcome(client, bytes(10))
    await world.run(client.close())
    assert.equal(await late, 'unknown')
    assert.deepEqual(client.sendDatagram(bytes(1)), { kind: 'refused', reason: 'closed' })
    await world.run(server.close())
  })

  test('that are too large are refused with what is not', async () => {
    const world = await QuicWorld.make()
    const { client } = await world.pair(BOTH)
    const bytesMax = client.datagramBytesMax!
    assert.deepEqual(client.sendDatagram(bytes(bytesMax + 1)), { kind: 'refused', reason: 'too-large', bytesMax })
    assert.equal(await world.run(outcome(client, bytes(bytesMax))), 'acknowledged')
  })

  test('are refused where one end does not want them, and nobody is given any', async () => {
    for (const options of [{ client: BOTH.client }, { server: BOTH.server }, {}]) {
      const world = await QuicWorld.make()
      const { client, server } = await world.pair(options)
      for (const session of [client, server]) {
        assert.equal(session.datagramBytesMax, null)
        assert.deepEqual(session.sendDatagram(bytes(1)), { kind: 'refused', reason: 'not-negotiated' })
      }
      const waiting = server.receiveDatagram()
      await world.run(client.close())
      assert.equal(await world.run(waiting), null)
    }
  })

  test('that nobody takes push out the oldest', async () => {
    const world = await QuicWorld.make()
    const limits = { datagramsHeldMax: 3 }
    const { client, server } = await world.pair({ client: BOTH.client, server: { datagrams: true, limits } })
    for (let n = 0; n < 10; n++) await world.run(outcome(client, Uint8Array.of(n)))
    assert.equal(server.stats.datagrams.receivedDropped, 7)
    assert.deepEqual(await server.receiveDatagram(), Uint8Array.of(7))
  })

  test('waiting for one is given up by a signal, and the next goes to who still waits', async () => {
    const world = await QuicWorld.make()
    const { client, server } = await world.pair(BOTH)
    const giveUp = new AbortController()
    const first = failure(server.receiveDatagram({ signal: giveUp.signal }))
    const second = server.receiveDatagram()
    giveUp.abort()
    assert.equal((await first).code, 'CANCELLED')
    await world.run(outcome(client, bytes(3)))
    assert.deepEqual(await world.run(second), bytes(3))
    assert.equal((await failure(server.receiveDatagram({ signal: AbortSignal.abort() }))).code, 'CANCELLED')
  })

  test('a mistake in the option or in what is sent is told', async () => {
    const world = await QuicWorld.make()
    const wrong = 'yes' as unknown as boolean
    assert.equal((await failure(world.listen({ datagrams: wrong }))).code, 'ARGUMENT_INVALID')
    const { client } = await world.pair(BOTH)
    const text = 'hello' as unknown as Uint8Array
    assert.throws(() => client.sendDatagram(text), { code: 'ARGUMENT_INVALID' })
  })
})
