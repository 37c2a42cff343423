// A message that was acknowledged whole is never dropped for want of room: it waits in its stream, or where it was put together.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat } from '../../src/core/bytes.ts'
import { STATUS, STREAM } from '../../src/core/messages/codes.ts'
import { encodeMessageHeader } from '../../src/core/messages/requests.ts'
import type { StreamId } from '../../src/core/ids.ts'
import type { Limits } from '../../src/node/options.ts'
import { RawPeer } from './raw-peer.ts'
import { type Host, World } from './transport-world.ts'

const KIB = 1024
const HOLD = '/test/hold/1'
const ECHO = '/test/echo/1'

/** A host whose handler keeps each message until it is let go, and one that sends to it. */
const meet = async (limits: Partial<Limits>) => {
  const world = await World.make()
  const host = await world.host({ limits: { idleAfterMs: 600_000, ...limits } })
  const sender = await world.host({ limits: { idleAfterMs: 600_000 } })
  const taken: number[] = []
  const letGo: (() => void)[] = []
  host.transport.handle(HOLD, async ({ payload }) => {
    taken.push(payload[0] ?? -1)
    await new Promise<void>((resolve) => letGo.push(resolve))
  })
  await world.run(sender.transport.connectPeer(host.address))
  sender.transport.hold(host.identity.peerId)
  await world.clock.advance(50)
  const release = (): void => {
    for (const resolve of letGo.splice(0)) resolve()
  }
  return { world, host, sender, taken, release }
}

const say = (to: Host, from: Host, payload: Uint8Array): Promise<void> =>
  from.transport.send(to.identity.peerId, HOLD, payload, { timeoutMs: 400_000 })

test('messages that find no place for their handler are kept, and handled when there is one, none twice', async () => {
  const { world, host, sender, taken, release } = await meet({ handlersPerPeerMax: 3, handlerTimeoutMs: 500_000 })
  const count = 200
  const sent = Promise.all(Array.from({ length: count }, (_, n) => say(host, sender, Uint8Array.of(n))))
  await world.run(sent)
  await world.clock.advance(200_000)
  assert.equal(taken.length, 3)
  assert.equal(host.transport.counters().requestsBusy, 0)
  assert.ok(host.transport.counters().laneFull >= count - 3)
  assert.ok(host.transport.gauges().inboundBytes < 131 * 2 * KIB, 'so many are put together and the others unread')
  for (let i = 0; i < count; i++) {
    release()
    await world.clock.advance(5000)
  }
  assert.deepEqual(
    taken.toSorted((a, b) => a - b),
    Array.from({ length: count }, (_, n) => n),
  )
  assert.equal(host.transport.gauges().inboundBytes, 0)
  assert.equal(host.transport.gauges().tasks, 0)
  await world.close()
})

test('messages whose handlers hang leave room for requests of other protocols, and are handled when they do no more', async () => {
  const limits = { handlersPerProtocolMax: 4, inboundBytesMax: 72_000, inboundBytesPerShardMax: 72_000 }
  const { world, host, sender, taken, release } = await meet({ ...limits, handlerTimeoutMs: 500_000 })
  host.transport.handle(ECHO, () => ({ status: STATUS.ok }))
  const other = await world.host()
  await world.run(other.transport.connectPeer(host.address))
  const numbers = Array.from({ length: 60 }, (_, n) => n)
  for (const n of numbers) await world.run(say(host, sender, new Uint8Array(30).fill(n)))
  await world.clock.advance(10_000)
  assert.equal(taken.length, 4)
  for (const bytes of [10, 10_000]) {
    const asked = other.transport.request(host.identity.peerId, ECHO, new Uint8Array(bytes))
    assert.equal((await world.run(asked)).status, STATUS.ok)
  }
  for (let i = 0; i < 40; i++) {
    release()
    await world.clock.advance(5000)
  }
  assert.deepEqual(
    taken.toSorted((a, b) => a - b),
    numbers,
  )
  assert.equal(host.transport.gauges().inboundBytes, 0)
  await world.close()
})

test('a few peers whose messages wait for handlers that hang leave room for the messages of others', async () => {
  const world = await World.make()
  const limits = {
    inboundBytesMax: 1_600_000,
    inboundBytesPerPeerMax: 200_000,
    inboundBytesPerShardMax: 400_000,
    messageBytesMax: 50_000,
    handlersPerPeerMax: 2,
    handlerTimeoutMs: 500_000,
    idleAfterMs: 600_000,
  }
  const host = await world.host({ limits })
  const heard: number[] = []
  host.transport.handle('/hang', () => new Promise(() => {}))
  host.transport.handle('/hear', ({ payload }) => void heard.push(payload[0] ?? -1))
  const meet = async () => {
    const { transport } = await world.host({ limits: { idleAfterMs: 600_000 } })
    await world.run(transport.connectPeer(host.address))
    return (protocol: string, payload: Uint8Array): Promise<void> =>
      world.run(transport.send(host.identity.peerId, protocol, payload, { timeoutMs: 20_000 }).catch(() => {}))
  }
  for (let n = 0; n < 3; n++) {
    const say = await meet()
    for (const bytes of [10, 10, 40_000, 40_000, 40_000]) await say('/hang', new Uint8Array(bytes))
    for (let small = 0; small < 90; small++) await say('/hang', new Uint8Array(1000))
  }
  await world.clock.advance(60_000)
  world.moveOn()
  const say = await meet()
  for (const [n, bytes] of [20, 2000, 5000].entries()) await say('/hear', new Uint8Array(bytes).fill(n))
  await world.clock.advance(5000)
  assert.deepEqual(heard, [0, 1, 2])
  await world.close()
})

test('messages that were begun small and end all at once leave room for the messages of others', async () => {
  const limits = { inboundBytesMax: 1_600_000, inboundBytesPerShardMax: 1_600_000, messageBytesMax: 50_000 }
  const { world, host, sender, release } = await meet({ ...limits, handlersPerPeerMax: 2, handlerTimeoutMs: 500_000 })
  const heard: number[] = []
  host.transport.handle(ECHO, ({ payload }) => void heard.push(payload[0] ?? -1))
  const head = encodeMessageHeader({ protocol: HOLD })
  const peers: RawPeer[] = []
  const begun: StreamId[][] = []
  for (let n = 0; n < 3; n++) {
    const peer = await RawPeer.connect(world, host)
    await peer.greet()
    peers.push(peer)
    begun.push(
      Array.from({ length: 60 }, () => peer.say(concat(head, Uint8Array.of(n)), { bidirectional: false, open: true })),
    )
    await world.clock.advance(100)
  }
  for (const [n, streams] of begun.entries()) for (const stream of streams) peers[n]?.link.finish(stream)
  await world.clock.advance(1000)
  assert.ok(host.transport.gauges().inboundBytes < 1_600_000 / 8, `${host.transport.gauges().inboundBytes} are kept`)
  const said = sender.transport.send(host.identity.peerId, ECHO, Uint8Array.of(9), { timeoutMs: 20_000 })
  await world.run(said)
  await world.clock.advance(3000)
  assert.deepEqual(heard, [9])
  release()
  for (const peer of peers) await peer.close()
  await world.close()
})

test('messages that find no room for their bytes stay unread until there is some, however long that takes', async () => {
  const limits = { inboundBytesPerPeerMax: 12_000, handlerTimeoutMs: 500_000 }
  const { world, host, sender, taken, release } = await meet(limits)
  const numbers = Array.from({ length: 20 }, (_, n) => n)
  for (const n of numbers) await world.run(say(host, sender, new Uint8Array(30).fill(n)))
  await world.clock.advance(120_000)
  assert.ok(taken.length >= 3 && taken.length < 20)
  assert.ok(host.transport.gauges().inboundBytes <= limits.inboundBytesPerPeerMax)
  for (let i = 0; i < 5; i++) {
    release()
    await world.clock.advance(5000)
  }
  assert.deepEqual(
    taken.toSorted((a, b) => a - b),
    numbers,
  )
  release()
  await world.clock.advance(100)
  const { requestsBusy, streamsStalled } = host.transport.counters()
  assert.deepEqual([requestsBusy, streamsStalled, host.transport.gauges().inboundBytes], [0, 0, 0])
  await world.close()
})

test('a kept message whose handler throws at once is over at once', async () => {
  const { world, host, sender, release } = await meet({ handlersPerPeerMax: 1, handlerTimeoutMs: 500_000 })
  const throwing = '/test/throw/1'
  host.transport.handle(throwing, () => {
    throw new Error('at once')
  })
  await world.run(say(host, sender, Uint8Array.of(1)))
  const before = host.transport.gauges().deadlines
  await world.run(sender.transport.send(host.identity.peerId, throwing, Uint8Array.of(2)))
  await world.clock.advance(100)
  assert.equal(host.transport.counters().taskFailures, 0)
  release()
  await world.clock.advance(5000)
  assert.equal(host.transport.counters().taskFailures, 1)
  assert.ok(host.transport.gauges().deadlines <= before, 'nothing of it waits for a time')
  await world.clock.advance(600_000)
  assert.equal(host.transport.counters().streamsStalled, 0)
  await world.close()
})

test('a kept message outlives its connection', async () => {
  const { world, host, sender, taken, release } = await meet({ handlersPerPeerMax: 1, handlerTimeoutMs: 500_000 })
  await world.run(Promise.all([1, 2].map((n) => say(host, sender, Uint8Array.of(n)))))
  await world.clock.advance(100)
  sender.transport.disconnectPeer(host.identity.peerId)
  await world.clock.advance(1000)
  assert.deepEqual(host.transport.peers(), [])
  release()
  await world.clock.advance(5000)
  assert.deepEqual(
    taken.toSorted((a, b) => a - b),
    [1, 2],
  )
  release()
  await world.clock.advance(100)
  assert.equal(host.transport.gauges().inboundBytes, 0)
  await world.close()
})

test('a message that does not end is refused for want of room, and its sender hears of it', async () => {
  const { world, host, release } = await meet({ inboundBytesPerPeerMax: 50 * KIB, handlerTimeoutMs: 500_000 })
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  const head = encodeMessageHeader({ protocol: HOLD })
  peer.say(concat(head, new Uint8Array(40 * KIB)), { bidirectional: false, open: true })
  await world.clock.advance(200)
  const second = peer.say(concat(head, new Uint8Array(20 * KIB)), { bidirectional: false, open: true })
  await world.clock.advance(200)
  assert.deepEqual(
    peer.heard.filter(({ kind }) => kind === 'stream-stopped'),
    [{ kind: 'stream-stopped', stream: second, code: STREAM.busy }],
  )
  assert.equal(host.transport.counters().requestsBusy, 1)
  release()
  await peer.close()
  await world.close()
})

test('what can never fit is refused and not waited for', async () => {
  const { world, host } = await meet({ inboundBytesPerPeerMax: 1500 })
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  const head = encodeMessageHeader({ protocol: HOLD })
  peer.say(concat(head, new Uint8Array(600)), { bidirectional: false })
  await world.clock.advance(200)
  assert.equal(host.transport.counters().requestsBusy, 1)
  assert.equal(host.transport.gauges().inboundBytes, 0)
  await peer.close()
  await world.close()
})

test('a connection on which something goes on is kept though nobody says a word', async () => {
  const world = await World.make()
  const host = await world.host({ limits: { inboundBytesPerPeerMax: 12_000, handlerTimeoutMs: 500_000 } })
  const sender = await world.host()
  const taken: number[] = []
  let letGo = (): void => {}
  const released = new Promise<void>((resolve) => (letGo = resolve))
  host.transport.handle(HOLD, async ({ payload }) => {
    taken.push(payload[0] ?? -1)
    await released
  })
  await world.run(sender.transport.connectPeer(host.address))
  const asked = sender.transport.request(host.identity.peerId, HOLD, Uint8Array.of(0), { timeoutMs: 300_000 })
  const numbers = Array.from({ length: 20 }, (_, n) => n)
  for (const n of numbers.slice(1)) await world.run(say(host, sender, new Uint8Array(30).fill(n)))
  await world.clock.advance(200_000)
  assert.ok(taken.length < 20, 'some are unread')
  letGo()
  await world.run(asked)
  await world.clock.advance(5000)
  assert.deepEqual(
    taken.toSorted((a, b) => a - b),
    numbers,
  )
  assert.equal(host.transport.counters().ended.idle, 0)
  await world.clock.advance(100_000)
  assert.deepEqual(host.transport.peers(), [], 'and no longer when nothing does')
  await world.close()
})

test('a small message that was begun has room for its rest, in however many pieces that comes', async () => {
  const limits = { inboundBytesPerPeerMax: 12_000, handlerTimeoutMs: 500_000 }
  const { world, host, taken, release } = await meet(limits)
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  const head = encodeMessageHeader({ protocol: HOLD })
  const small = peer.say(concat(head, Uint8Array.of(99)), { bidirectional: false, open: true })
  await world.clock.advance(100)
  for (let n = 0; n < 20; n++) peer.say(concat(head, Uint8Array.of(n)), { bidirectional: false })
  await world.clock.advance(100)
  for (let n = 0; n < 3; n++) {
    peer.link.write(small, new Uint8Array(1000))
    await world.clock.advance(100)
  }
  peer.link.finish(small)
  await world.clock.advance(100)
  assert.deepEqual([host.transport.counters().requestsBusy, taken.includes(99)], [0, true])
  release()
  await peer.close()
  await world.close()
})

test('a message that was begun before there were too many to be kept waits for a place as long as it takes', async () => {
  const { world, host, taken, release } = await meet({ handlersPerPeerMax: 1, handlerTimeoutMs: 500_000 })
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  const head = encodeMessageHeader({ protocol: HOLD })
  const begun = peer.say(concat(head, Uint8Array.of(1)), { bidirectional: false, open: true })
  await world.clock.advance(100)
  for (let n = 0; n < 140; n++) {
    peer.say(concat(head, Uint8Array.of(0)), { bidirectional: false })
    await world.clock.advance(10)
  }
  peer.link.finish(begun)
  await world.clock.advance(120_000)
  for (let n = 0; n < 145; n++) {
    release()
    await world.clock.advance(3000)
  }
  assert.equal(host.transport.counters().streamsStalled, 0)
  assert.deepEqual([taken.length, taken.includes(1)], [141, true])
  await peer.close()
  await world.close()
})

test('a message that this node is too late to read has not stalled', async () => {
  const { world, sender } = await meet({})
  const ports = world.ports(world.nextIp())
  let lateMs = 0
  const soon = (run: () => void): void =>
    void (lateMs === 0 ? world.clock.soon(run) : world.clock.at(world.clock.now() + lateMs, run))
  const late = await world.host({
    ports: { ...ports, timers: { at: (at, run) => world.clock.at(at, run), soon } },
    listen: [{ family: 4, ip: world.lastIp, port: 9000 }],
    limits: { idleAfterMs: 600_000, stallTimeoutMs: 10_000 },
  })
  const taken: number[] = []
  late.transport.handle(HOLD, ({ payload }) => void taken.push(payload[0] ?? -1))
  await world.run(sender.transport.connectPeer(late.address))
  await world.clock.advance(50)
  lateMs = 11_000
  await world.run(say(late, sender, Uint8Array.of(7)))
  await world.clock.advance(12_000)
  assert.deepEqual(taken, [7])
  assert.equal(late.transport.counters().streamsStalled, 0)
  lateMs = 0
  await world.close()
})
