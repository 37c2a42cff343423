// Every call takes a signal, at whatever stage it is given up; and nothing of ours stays on the signal, nor in the world.
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { connect, listen } from '../../src/quic/index.ts'
import { bytes, everything, failure, QuicWorld, SERVER } from './quic-world.ts'

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

test('connect is given up at any moment: no listener, socket or timer is left', async () => {
  // The whole of it takes some 30 ms here: a name, a socket, a handshake, a function that decides.
  let stages = 0
  for (let ms = 0; ms <= 60; ms += 3) {
    const world = await QuicWorld.make()
    const listener = await world.listen()
    const abort = new AbortController()
    const ports = world.ports('192.0.3.1', { server: ['192.0.2.1'] })
    const verify = async (): Promise<boolean> => {
      await new Promise<void>((resolve) => void world.clock.at(world.clock.now() + 10, resolve))
      return true
    }
    const dial = connect(world.client({ host: 'server', ports, signal: abort.signal, verify }))
    const outcome = dial.then(
      (session) => session,
      (error: unknown) => (error as { code: string }).code,
    )
    await world.clock.advance(ms)
    abort.abort(new Error('enough'))
    const session = await world.run(outcome)
    if (session === 'CANCELLED') stages++
    else if (typeof session !== 'string') await world.run(session.close())
    assert.equal(listeners(abort.signal), 0)
    await world.clock.advance(100)
    const accepted = listener.accept()
    await world.run(listener.close())
    assert.equal(await accepted, null)
    await world.clock.advance(120_000)
    assert.equal(world.clock.next(), Infinity, `${ms} ms`)
  }
  assert.ok(stages > 5, `${stages} of them were given up in the middle`)
})

test('connect and listen with a signal that is aborted already do nothing', async () => {
  const world = await QuicWorld.make()
  const signal = AbortSignal.abort()
  assert.equal((await failure(connect(world.client({ signal })))).code, 'CANCELLED')
  const ports = world.ports('192.0.2.1')
  const options = { ports, host: '192.0.2.1', port: 4433, alpn: ['test'], identity: SERVER, verify: 'anyone' } as const
  assert.equal((await world.run(failure(listen({ ...options, signal })))).code, 'CANCELLED')
  assert.equal(world.network.counts.sent, 0)
  // The port is free again.
  await world.run((await world.run(listen(options))).close())
})

test('listen is given up while a name server is silent, and what it says later binds nothing', async () => {
  const world = await QuicWorld.make()
  const answer = Promise.withResolvers<{ family: 4; ip: string }[]>()
  const ports = { ...world.ports('192.0.2.1'), names: { resolve: () => answer.promise } }
  const abort = new AbortController()
  const { signal } = abort
  const options = { ports, host: 'server', port: 4433, alpn: ['test'], identity: SERVER, verify: 'anyone' } as const
  const listening = failure(listen({ ...options, signal }))
  await world.clock.advance(10)
  abort.abort()
  assert.equal((await world.run(listening)).code, 'CANCELLED')
  assert.equal(listeners(signal), 0)
  answer.resolve([{ family: 4, ip: '192.0.2.1' }])
  await world.clock.advance(10)
  await world.run((await world.run(listen({ ...options, host: '192.0.2.1' }))).close())
})

test('opening and accepting are given up, and whoever waits behind is served', async () => {
  const world = await QuicWorld.make()
  const { listener, client, server } = await world.pair({ server: { limits: { unidirectionalStreams: 1 } } })
  const first = await client.openUnidirectionalStream()
  const abort = new AbortController()
  const { signal } = abort
  const waiting = [
    failure(client.openUnidirectionalStream({ signal })),
    failure(client.acceptBidirectionalStream({ signal })),
    failure(client.acceptUnidirectionalStream({ signal })),
    failure(listener.accept({ signal })),
  ]
  const behind = client.openUnidirectionalStream()
  await world.clock.advance(100)
  assert.equal(listeners(signal), 4)
  abort.abort()
  for (const { code } of await world.run(Promise.all(waiting))) assert.equal(code, 'CANCELLED')
  assert.equal(listeners(signal), 0)
  const closing = first.writable.close()
  for await (const _ of (await world.run(server.acceptUnidirectionalStream()))!.readable) assert.fail('it is empty')
  await world.run(closing)
  assert.equal((await world.run(behind)).id, first.id + 4)
  await world.run(listener.close())
})

test('calls that succeed or fail leave no listener on their signal', async () => {
  const world = await QuicWorld.make()
  const { signal } = new AbortController()
  const { listener, client, server } = await world.pair({ client: { signal } })
  const stream = await client.openBidirectionalStream({ signal })
  const accepting = server.acceptBidirectionalStream({ signal })
  await world.run(stream.writable.close())
  await world.run((await world.run(accepting))!.writable.close())
  await world.run(stream.readable.getReader().read())
  const waiting = [listener.accept({ signal }), client.acceptUnidirectionalStream({ signal })]
  assert.equal(listeners(signal), 2)
  await world.run(listener.close())
  await world.run(client.closed)
  assert.deepEqual(await world.run(Promise.all(waiting)), [null, null])
  assert.equal((await failure(client.openBidirectionalStream({ signal }))).code, 'CONNECTION_LOST')
  await failure(world.connect({ signal, limits: { handshakeTimeoutMs: 500 } }))
  assert.equal(listeners(signal), 0)
})

test('a stream is given up by the signal it was opened with, even while a write waits for a peer that does not read', async () => {
  const world = await QuicWorld.make()
  const { listener, client, server } = await world.pair()
  const abort = new AbortController()
  const stream = await client.openBidirectionalStream(abort)
  const source = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(60_000)) })
  const copying = failure(source.pipeTo(stream.writable))
  const reading = failure(stream.readable.getReader().read())
  const there = await world.run(server.acceptBidirectionalStream())
  await world.clock.advance(1000)
  assert.equal(listeners(abort.signal), 1)
  abort.abort()
  assert.deepEqual([(await world.run(copying)).code, (await world.run(reading)).code], ['CANCELLED', 'CANCELLED'])
  assert.equal((await world.run(failure(everything(there!.readable)))).code, 'RESET_BY_PEER')
  assert.equal(listeners(abort.signal), 0)
  assert.equal(client.stats.streams, 0)
  await world.run(listener.close())
})

test('a stream that was given in the very turn in which its session ended is over, and holds nobody', async () => {
  const world = await QuicWorld.make()
  const { listener, server } = await world.pair()
  const { signal } = new AbortController()
  const opening = [server.openBidirectionalStream({ signal }), server.openUnidirectionalStream({ signal })] as const
  const closing = listener.close()
  const [both, one] = await Promise.all(opening)
  const calls = [
    both.writable.getWriter().write(bytes(9)),
    both.readable.getReader().read(),
    one.writable.getWriter().closed,
  ].map((call) => failure(call))
  for (const { code } of await world.run(Promise.all(calls))) assert.equal(code, 'CLOSED')
  await world.run(closing)
  assert.equal(server.stats.streams, 0)
  assert.equal(listeners(signal), 0)
})
