// Real sockets, real workers, real time: that it works here too, and that nothing is left when it is over.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { test } from 'node:test'
import { connect, generateIdentity, listen, type Session } from '../../src/quic/index.ts'
import { bytes, everything, failure, put } from './quic-world.ts'

const identity = await generateIdentity()
const trusted = { alpn: ['test'], verify: { keys: [identity.publicKey] } }
const offered = { alpn: ['test'], identity, verify: 'anyone' } as const

const echo = async (session: Session): Promise<void> => {
  for await (const { readable, writable } of session.incomingBidirectionalStreams) {
    readable.pipeTo(writable).catch(() => {})
  }
}

/** What keeps a process running, by kind, as far as it is ours. */
const resources = (): string[] =>
  process
    .getActiveResourcesInfo()
    .filter((kind) => /UDP|Timeout|Immediate|Worker|MessagePort/i.test(kind))
    .sort()

for (const host of ['127.0.0.1', '::1', 'localhost']) {
  test(`a megabyte goes there and back over real UDP at ${host}`, async (t) => {
    const listener = await listen({ ...offered, host }).catch((error: unknown) => {
      if (host !== '::1') throw error
    })
    if (listener === undefined) return t.skip('this machine has no IPv6')
    const accepted = listener.accept()
    const client = await connect({ ...trusted, host, port: listener.port })
    const echoing = echo((await accepted)!)
    const content = bytes(1024 * 1024)
    const stream = await client.openBidirectionalStream()
    const [answer] = await Promise.all([everything(stream.readable), put(stream.writable, content)])
    assert.ok(answer.equals(content))
    await client.close()
    await echoing
    await listener.close()
  })
}

test('when all is closed, no socket, timer or thread is left', async () => {
  const before = resources()
  for (let round = 0; round < 3; round++) {
    await using listener = await listen({ ...offered, host: '127.0.0.1' })
    const accepted = listener.accept()
    await using client = await connect({ ...trusted, host: '127.0.0.1', port: listener.port })
    const server = await accepted
    assert.ok(resources().some((kind) => kind.includes('UDP')))
    const stream = await client.openUnidirectionalStream()
    await stream.writable.getWriter().write(bytes(10))
    await server?.acceptUnidirectionalStream()
  }
  await failure(connect({ ...trusted, host: '127.0.0.1', port: 9, limits: { handshakeTimeoutMs: 50 } }))
  await failure(connect({ ...trusted, host: 'no-such-name.invalid', port: 9 }))
  await failure(listen({ ...offered, host: '192.0.2.1' }))
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(resources(), before)
})

test('a server that the client loses without a word is noticed, and all is given back', async () => {
  const before = resources()
  const relay = createSocket('udp4')
  const listener = await listen({ ...offered, host: '127.0.0.1' })
  let from = 0
  relay.on('message', (bytes, { port }) => {
    if (port !== listener.port) from = port
    relay.send(bytes, port === listener.port ? from : listener.port, '127.0.0.1')
  })
  await new Promise<void>((resolve) => relay.bind(0, '127.0.0.1', resolve))
  const client = await connect({ ...trusted, host: '127.0.0.1', port: relay.address().port, idleTimeoutMs: 3000 })
  const stream = await client.openBidirectionalStream()
  await stream.writable.getWriter().write(bytes(10))
  relay.removeAllListeners('message')
  assert.equal((await failure(everything(stream.readable))).code, 'CONNECTION_LOST')
  assert.deepEqual(await client.closed, { kind: 'idle' })
  await client.close()
  relay.close()
  await listener.close()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(resources(), before)
})

test('garbage changes nothing for those who are here or come', async () => {
  await using listener = await listen({ ...offered, host: '127.0.0.1' })
  const accepted = listener.accept()
  await using client = await connect({ ...trusted, host: '127.0.0.1', port: listener.port })
  const echoing = echo((await accepted)!)
  const noise = createSocket('udp4')
  const send = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve) => noise.send(bytes, listener.port, '127.0.0.1', () => resolve()))
  for (let n = 0; n < 500; n++) {
    const length = (n * 37) % 1400
    const garbage = bytes(length, n)
    if (n % 3 === 0 && length > 6) garbage.set([0xc0, 0, 0, 0, 1, 8])
    if (n % 3 === 1 && length > 0) garbage[0] = 0x40
    await send(garbage)
  }
  const stream = await client.openBidirectionalStream()
  const [answer] = await Promise.all([everything(stream.readable), put(stream.writable, bytes(5000))])
  assert.ok(answer.equals(bytes(5000)))
  await using second = await connect({ ...trusted, host: '127.0.0.1', port: listener.port })
  assert.equal(second.alpn, 'test')
  assert.ok(listener.stats.counters.judged > 300)
  noise.close()
  await listener.close()
  await echoing
})

test('many sessions at once, each with streams of its own', async () => {
  await using listener = await listen({ ...offered, host: '127.0.0.1' })
  const serving = (async () => {
    for await (const session of listener) echo(session).catch(() => {})
  })()
  const one = async (n: number): Promise<void> => {
    await using session = await connect({ ...trusted, host: '127.0.0.1', port: listener.port })
    await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const stream = await session.openBidirectionalStream()
        const [answer] = await Promise.all([everything(stream.readable), put(stream.writable, bytes(3000, n + i))])
        assert.ok(answer.equals(bytes(3000, n + i)))
      }),
    )
  }
  await Promise.all(Array.from({ length: 20 }, (_, n) => one(n)))
  await listener.close()
  await serving
  assert.equal(listener.stats.connections, 0)
})

test('datagrams go there and back over real UDP', async () => {
  await using listener = await listen({ ...offered, host: '127.0.0.1', datagrams: true })
  const accepted = listener.accept()
  await using client = await connect({ ...trusted, host: '127.0.0.1', port: listener.port, datagrams: true })
  const server = (await accepted)!
  const echoing = (async () => {
    for await (const datagram of server.incomingDatagrams) server.sendDatagram(datagram)
  })()
  let echoed = 0
  const counting = (async () => {
    for await (const datagram of client.incomingDatagrams) {
      assert.deepEqual(datagram, bytes(900, datagram[0]))
      if (++echoed === 100) return
    }
  })()
  // A datagram of loopback is lost only where a buffer is full: as many again are enough.
  for (let n = 0; n < 10_000; n++) {
    if (echoed === 100) break
    const sending = client.sendDatagram(bytes(900, n & 255))
    if (sending.kind === 'taken') await sending.outcome
  }
  await counting
  await client.close()
  await echoing
})

test('a session moves to another socket, and to where its server would rather have it, over real UDP', async () => {
  const preferredAddress = [{ host: '127.0.0.1', port: 0 }]
  await using listener = await listen({ ...offered, host: '127.0.0.1', preferredAddress })
  const accepted = listener.accept()
  await using client = await connect({ ...trusted, host: '127.0.0.1', port: listener.port })
  const server = (await accepted)!
  const echoing = echo(server)
  const rather = listener.addresses[1]
  for await (const { remote } of client.migrations) {
    assert.deepEqual(remote, rather)
    break
  }
  const before = client.local.port
  const there = await client.migrate()
  assert.notEqual(there.port, before)
  const stream = await client.openBidirectionalStream()
  const [answer] = await Promise.all([everything(stream.readable), put(stream.writable, bytes(100_000))])
  assert.ok(answer.equals(bytes(100_000)))
  assert.deepEqual([server.remote.port, server.local], [there.port, rather])
  await client.close()
  await echoing
})
