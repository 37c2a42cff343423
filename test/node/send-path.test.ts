// Sending, stage by stage: how far a request had come when it failed, and that it is tried over another connection once at most and
// never when a byte of it was written.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ascii, concat } from '../../src/core/bytes.ts'
import { type ErrorCode, SallyportError, type SendStage } from '../../src/core/errors.ts'
import { CLOSE, STATUS, STREAM } from '../../src/core/messages/codes.ts'
import { encodeControl } from '../../src/core/messages/control.ts'
import { encodeResponseHeader } from '../../src/core/messages/requests.ts'
import { TRANSPORT_DEFAULTS } from '../../src/core/quic/settings.ts'
import { type Connection, CORE_QUIC, type Quic } from '../../src/node/quic.ts'
import { RawPeer } from './raw-peer.ts'
import { type Host, World } from './transport-world.ts'

const ECHO = '/test/echo/1'
const NEVER = '/test/never/1'

const fails = (code: ErrorCode, stage: SendStage) => (error: unknown) => {
  assert.ok(error instanceof SallyportError, String(error))
  assert.deepEqual([error.code, error.stage], [code, stage], error.message)
  return true
}

/** Answers ECHO, counting what it is asked by payload; NEVER is never answered. */
const serve = ({ transport }: Host): Map<string, number> => {
  const asked = new Map<string, number>()
  transport.handle(ECHO, ({ payload }) => {
    const key = Buffer.from(payload).toString()
    asked.set(key, (asked.get(key) ?? 0) + 1)
    return { status: STATUS.ok, payload }
  })
  transport.handle(NEVER, () => new Promise(() => {}))
  return asked
}

/** One stream at a time, so that a second request has to wait. */
const ONE_STREAM = { transport: { bidirectionalStreams: 1 } }

const join = async (world: World, a: Host, b: Host): Promise<void> => {
  await world.run(a.transport.connectPeer(b.address))
  await world.clock.advance(50)
}

/** `a` has a request at `b` that is never answered, which takes the only stream; the next one waits. */
const blocked = async (): Promise<{
  world: World
  a: Host
  b: Host
  asked: Map<string, number>
  first: Promise<void>
}> => {
  const world = await World.make()
  const [a, b] = [await world.host(), await world.host(ONE_STREAM)]
  const asked = serve(b)
  await join(world, a, b)
  const first = a.transport.request(b.identity.peerId, NEVER, ascii('x'), { timeoutMs: 500_000 })
  await world.clock.advance(50)
  return { world, a, b, asked, first: assert.rejects(first, fails('CONNECTION_LOST', 'answer')) }
}

test('without a connection it fails at no-peer', async () => {
  const world = await World.make()
  const [a, b] = [await world.host(), await world.host()]
  const { peerId } = b.identity
  await assert.rejects(a.transport.request(peerId, ECHO, ascii('x')), fails('NOT_CONNECTED', 'no-peer'))
  await assert.rejects(a.transport.send(peerId, ECHO, ascii('x')), fails('NOT_CONNECTED', 'no-peer'))
  await world.close()
})

test('what waits for a stream fails at open, by its deadline or its caller', async () => {
  const { world, a, b, asked, first } = await blocked()
  const controller = new AbortController()
  const { signal } = controller
  const late = a.transport.request(b.identity.peerId, ECHO, ascii('late'), { timeoutMs: 500 })
  const ended = a.transport.request(b.identity.peerId, ECHO, ascii('ended'), { signal })
  await world.clock.advance(10)
  controller.abort()
  await assert.rejects(ended, fails('CANCELLED', 'open'))
  await assert.rejects(world.run(late), fails('REQUEST_TIMEOUT', 'open'))
  assert.equal(asked.size, 0)
  b.transport.disconnectPeer(a.identity.peerId)
  await world.run(first)
  await world.close()
})

test('what a peer does not read fails at write, what does not arrive at acknowledge, what is not answered at answer', async () => {
  const world = await World.make()
  const [a, b] = [await world.host(), await world.host()]
  serve(b)
  await join(world, a, b)
  const raw = await RawPeer.connect(world, a)
  await raw.greet()
  const ask = (host: { identity: Host['identity'] }, bytes: number, protocol = ECHO): Promise<unknown> =>
    world.run(a.transport.request(host.identity.peerId, protocol, new Uint8Array(bytes), { timeoutMs: 1000 }))
  await assert.rejects(ask(raw, 3_000_000), fails('REQUEST_TIMEOUT', 'write'))
  await assert.rejects(ask(b, 10, NEVER), fails('REQUEST_TIMEOUT', 'answer'))
  await assert.rejects(ask(raw, 10), fails('REQUEST_TIMEOUT', 'answer'))
  world.network.tap = () => 'drop'
  await assert.rejects(ask(b, 10), fails('REQUEST_TIMEOUT', 'acknowledge'))
  world.network.tap = () => 'pass'
  await raw.close()
  await world.close()
})

test('a reset, a refusal and a lost connection tell how far it had come', async () => {
  const world = await World.make()
  const a = await world.host()
  const raw = await RawPeer.connect(world, a)
  const control = await raw.greet()
  const { peerId } = raw.identity
  const opened = (): number => raw.heard.findLast((output) => output.kind === 'stream-opened')!.stream
  const reset = a.transport.request(peerId, ECHO, ascii('x'))
  await world.clock.advance(50)
  raw.link.reset(opened() as never, STREAM.cancelled)
  await assert.rejects(world.run(reset), fails('RESET_BY_PEER', 'answer'))
  const stopped = a.transport.send(peerId, ECHO, new Uint8Array(3_000_000))
  await world.clock.advance(50)
  raw.link.stop(opened() as never, STREAM.busy)
  await assert.rejects(world.run(stopped), fails('PEER_BUSY', 'write'))
  const garbled = a.transport.request(peerId, ECHO, new Uint8Array(3_000_000))
  await world.clock.advance(50)
  raw.link.write(
    opened() as never,
    encodeResponseHeader({ status: 0, reason: null, retryAfterMs: null, outcome: null }).subarray(0, 2),
  )
  raw.link.finish(opened() as never)
  await assert.rejects(world.run(garbled), fails('BAD_RESPONSE', 'write'))
  await world.clock.advance(50)
  assert.equal(raw.closed?.kind === 'application' && raw.closed.code, CLOSE.badMessage)
  assert.ok(control >= 0)
  await raw.close()
  await world.close()
})

test('a request that waits while its connection dies goes over a fresh one, exactly once', async () => {
  const { world, a, b, asked, first } = await blocked()
  const second = a.transport.request(b.identity.peerId, ECHO, ascii('second'), { timeoutMs: 100_000 })
  await world.clock.advance(10)
  // Both ends have given up by now: nothing was heard for 30 s after something was said to keep the connection.
  world.network.tap = () => (world.clock.now() < 42_000 ? 'drop' : 'pass')
  assert.equal((await world.run(second)).status, STATUS.ok)
  await world.run(first)
  assert.deepEqual([...asked], [['second', 1]])
  assert.equal(a.transport.counters().handshakesBegun.outbound, 2)
  assert.equal(a.transport.counters().requestsSent, 2)
  await world.close()
})

test('of 257 calls that wait for a stream of one connection the last is refused as busy, at open, and no other', async () => {
  const { world, a, b, asked, first } = await blocked()
  const { peerId } = b.identity
  const calls = Array.from({ length: 257 }, (_, n) =>
    a.transport.request(peerId, ECHO, ascii(`${n}`), { timeoutMs: 100_000 }).then(
      () => null,
      (error: unknown) => SallyportError.from(error),
    ),
  )
  const busy = await world.run(calls[256]!)
  assert.deepEqual([busy?.code, busy?.stage], ['PEER_BUSY', 'open'])
  b.transport.disconnectPeer(a.identity.peerId)
  await world.run(first)
  const others = await world.run(Promise.all(calls.slice(0, 256)))
  assert.ok(others.every((error) => error?.stage === 'open' && error.code !== 'PEER_BUSY'))
  assert.equal(asked.size, 0)
  await world.close()
})

test('what a write began is not repeated when its connection dies, whether its end was written or not', async () => {
  for (const [bytes, stage] of [
    [3_000_000, 'write'],
    [10, 'acknowledge'],
  ] as const) {
    const world = await World.make()
    const [a, b] = [await world.host(), await world.host()]
    const asked = serve(b)
    await join(world, a, b)
    const request = a.transport.request(b.identity.peerId, ECHO, new Uint8Array(bytes), { timeoutMs: 500_000 })
    const failed = assert.rejects(request, fails('CONNECTION_LOST', stage))
    // What is asked arrives; nothing comes back until the connection is dead at both ends, and then a fresh one would do.
    const [from, until] = [b.transport.locals[0]!.ip, world.clock.now() + 45_000]
    world.network.tap = (_bytes, { ip }) => (ip === from && world.clock.now() < until ? 'drop' : 'pass')
    await world.clock.advance(100_000)
    await failed
    assert.deepEqual([...asked.values()], stage === 'write' ? [] : [1])
    assert.equal(a.transport.counters().handshakesBegun.outbound, 1)
    await world.close()
  }
})

test('when the fresh connection dies too it fails at open, and no third is tried', async () => {
  const { world, a, b, asked, first } = await blocked()
  const blocker = a.transport.request(b.identity.peerId, NEVER, ascii('blocker'), { timeoutMs: 500_000 })
  const second = a.transport.request(b.identity.peerId, ECHO, ascii('second'), { timeoutMs: 500_000 })
  const ends = [
    assert.rejects(blocker, fails('CONNECTION_LOST', 'answer')),
    assert.rejects(second, fails('CONNECTION_LOST', 'open')),
  ]
  const outage = async (): Promise<void> => {
    const from = world.clock.now()
    world.network.tap = () => (world.clock.now() < from + 42_000 ? 'drop' : 'pass')
    await world.clock.advance(47_000)
  }
  await outage()
  assert.equal(a.transport.listActiveConnections().length, 1, 'the blocker has dialled anew')
  await outage()
  await world.run(Promise.all([...ends, first]))
  assert.equal(a.transport.counters().handshakesBegun.outbound, 2)
  assert.deepEqual([...asked], [])
  await world.close()
})

test('when nobody is there any more the fresh dial ends within the deadline, at open', async () => {
  for (const timeoutMs of [33_000, 100_000]) {
    const { world, a, b, first } = await blocked()
    const began = world.clock.now()
    const second = a.transport.request(b.identity.peerId, ECHO, ascii('second'), { timeoutMs })
    world.network.tap = () => 'drop'
    await assert.rejects(world.run(second), fails(timeoutMs < 40_000 ? 'REQUEST_TIMEOUT' : 'CONNECTION_LOST', 'open'))
    assert.ok(world.clock.now() - began <= timeoutMs)
    await world.run(first)
    await world.close()
  }
})

test('a peer that closed on purpose is not dialled anew', async () => {
  const { world, a, b, asked, first } = await blocked()
  const second = assert.rejects(
    a.transport.request(b.identity.peerId, ECHO, ascii('second')),
    fails('CONNECTION_LOST', 'open'),
  )
  await world.clock.advance(10)
  b.transport.disconnectPeer(a.identity.peerId)
  await world.run(Promise.all([first, second]))
  assert.equal(a.transport.counters().handshakesBegun.outbound, 1)
  assert.deepEqual([...asked], [])
  await world.close()
})

test('what waits when the peer says GOAWAY goes over another connection', async () => {
  const world = await World.make()
  const a = await world.host()
  const b = await RawPeer.connect(world, a)
  const control = await b.greet()
  const streams = Array.from({ length: TRANSPORT_DEFAULTS.bidirectionalStreams }, () =>
    a.transport.request(b.identity.peerId, ECHO, ascii('x')),
  )
  const ends = streams.map((request) => assert.rejects(request))
  const waiting = a.transport.request(b.identity.peerId, ECHO, ascii('y'))
  await world.clock.advance(50)
  // SHUTDOWN: the peer wants no other connection either, so that it fails at once, unsent.
  b.link.write(control, encodeControl({ kind: 'goaway', reason: CLOSE.shutdown, retryAfterMs: null }))
  await assert.rejects(world.run(waiting), fails('NOT_CONNECTED', 'open'))
  await b.close()
  await world.run(Promise.all(ends))
  await world.close()
})

/** The core's connections, those dialled kept in `made`. */
const kept = (made: Connection[]): Quic => ({
  ...CORE_QUIC,
  connect: (config, now) => {
    const connection = CORE_QUIC.connect(config, now)
    made.push(connection)
    return connection
  },
})

test('a dead connection that nobody told of is found by sending, removed, and replaced once', async () => {
  const world = await World.make()
  const made: Connection[] = []
  const [a, b] = [await world.host({ quic: kept(made) }), await world.host()]
  const asked = serve(b)
  await join(world, a, b)
  const [before] = a.transport.peers()
  // It dies without its endpoint hearing of it: the registry still believes in it.
  made[0]!.abandon()
  assert.equal(a.transport.isConnectionActive(before!.connection), true)
  const answer = await world.run(a.transport.request(b.identity.peerId, ECHO, ascii('once')))
  assert.deepEqual(answer.payload, ascii('once'))
  assert.equal(a.transport.isConnectionActive(before!.connection), false)
  assert.equal(made.length, 2)
  assert.deepEqual([...asked], [['once', 1]])
  await world.close()
})

test('a response can come from no one but the peer asked', async () => {
  const world = await World.make()
  const a = await world.host()
  const [asked, other] = [await RawPeer.connect(world, a), await RawPeer.connect(world, a)]
  await asked.greet()
  await other.greet()
  const request = a.transport.request(asked.identity.peerId, ECHO, ascii('x'), { timeoutMs: 3000 })
  await world.clock.advance(50)
  const opened = asked.heard.find((output) => output.kind === 'stream-opened' && output.bidirectional)
  assert.ok(opened?.kind === 'stream-opened')
  const header = encodeResponseHeader({ status: 0, reason: null, retryAfterMs: null, outcome: null })
  // The same stream of another connection is not the same stream: writing there breaks QUIC, and answers nothing.
  for (let i = 0; i < 4; i++) other.say(concat(header, ascii('forged')))
  other.link.write(opened.stream, concat(header, ascii('forged')))
  other.link.finish(opened.stream)
  await world.clock.advance(500)
  asked.link.write(opened.stream, concat(header, ascii('true')))
  asked.link.finish(opened.stream)
  assert.deepEqual((await world.run(request)).payload, ascii('true'))
  await asked.close()
  await other.close()
  await world.close()
})

test('however connections break, a request is handled once at most, and its stage says what it may have done', async () => {
  const fault = fc.record({ at: fc.nat(40_000), kind: fc.constantFrom('outage', 'close', 'abandon', 'blip') })
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 5 }), fc.nat(1000), async (faults, seed) => {
      const world = await World.make({ loss: 0.02, jitterMs: 5 }, seed + 1)
      const made: Connection[] = []
      const [a, b] = [
        await world.host({ quic: kept(made) }),
        await world.host({ transport: { bidirectionalStreams: 2 } }),
      ]
      const asked = serve(b)
      await join(world, a, b)
      let down = -1
      world.network.tap = () => (world.clock.now() < down ? 'drop' : 'pass')
      for (const { at, kind } of faults) {
        world.clock.at(world.clock.now() + at, () => {
          if (kind === 'outage') down = world.clock.now() + 35_000
          if (kind === 'blip') down = world.clock.now() + 500
          if (kind === 'close') b.transport.disconnectPeer(a.identity.peerId)
          if (kind === 'abandon') made.at(-1)?.abandon()
        })
      }
      const results = Array.from({ length: 8 }, async (_, i) => {
        await new Promise<void>((resolve) => world.clock.at(world.clock.now() + i * 4000, resolve))
        const protocol = i % 3 === 0 ? NEVER : ECHO
        const about = a.transport.request(b.identity.peerId, protocol, ascii(`${i}`), { timeoutMs: 15_000 })
        return {
          i,
          protocol,
          error: await about.then(
            () => null,
            (error: unknown) => SallyportError.from(error),
          ),
        }
      })
      for (const { i, protocol, error } of await world.run(Promise.all(results))) {
        const times = asked.get(`${i}`) ?? 0
        assert.ok(times <= 1, `request ${i} was handled ${times} times`)
        if (error === null) assert.deepEqual([protocol, times], [ECHO, 1])
        else assert.ok(error.stage !== null, error.message)
        if (error?.stage === 'no-peer' || error?.stage === 'open' || error?.stage === 'write') assert.equal(times, 0)
      }
      assert.equal(a.transport.counters().reconcilerDifferences, 0)
      await world.close()
    }),
    { numRuns: 40 },
  )
})
