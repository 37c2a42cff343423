// Every limit of a transport shows its effect in a test of its own, here or where its room is tested, and is documented with its default.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ascii, concat } from '../../src/core/bytes.ts'
import type { PeerId } from '../../src/core/ids.ts'
import { shardOf } from '../../src/core/dispatch/shards.ts'
import { CLOSE, STATUS } from '../../src/core/messages/codes.ts'
import { encodeRequestHeader } from '../../src/core/messages/requests.ts'
import type { Limits } from '../../src/node/options.ts'
import { LIMITS } from '../../src/node/options.ts'
import type { TransportEvent } from '../../src/node/events.ts'
import { Played, peer as peerOf } from '../core/peers/played.ts'
import { RawPeer } from './raw-peer.ts'
import { type Host, World } from './transport-world.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')

const ECHO = '/test/echo/1'
const NEVER = '/test/never/1'
const request = (protocol: string, bytes = 0): Uint8Array =>
  concat(encodeRequestHeader({ protocol, target: null, count: null }), new Uint8Array(bytes))

/** A host with these limits, that echoes, never answers, or answers at length; and a peer that says what a test wants. */
const meet = async (limits: Partial<Limits>) => {
  const world = await World.make()
  const host = await world.host({ limits })
  const { transport } = host
  transport.handle(ECHO, ({ payload }) => ({ status: STATUS.ok, payload }))
  transport.handle(NEVER, () => new Promise(() => {}))
  transport.handle('/test/large/1', () => ({ status: STATUS.ok, payload: new Uint8Array(100_000) }))
  const peer = async (): Promise<RawPeer> => {
    const raw = await RawPeer.connect(world, host)
    await raw.greet()
    raw.link.keepAlive(5000)
    return raw
  }
  return { world, host, peer }
}

const end = async (world: World, ...peers: readonly RawPeer[]): Promise<void> => {
  for (const peer of peers) await peer.close()
  await world.close()
}

const takes = async (world: World, promise: Promise<unknown>): Promise<number> => {
  const began = world.clock.now()
  await world.run(promise.catch(() => null))
  return world.clock.now() - began
}

const near = (ms: number, expected: number): void => assert.ok(ms >= expected && ms < expected + 150, `${ms} ms`)

test('each limit has a test of its own', () => {
  const titles = globSync('test/**/*.test.ts', { cwd: root }).map((path) => read(path))
  for (const key of Object.keys(LIMITS)) {
    assert.ok(
      titles.some((text) => text.includes(`test('option ${key}: `)),
      `a test of the option ${key}`,
    )
  }
})

test('each limit is documented with its default', () => {
  const page = read('docs/limits.md')
  for (const [key, value] of Object.entries(LIMITS)) {
    assert.match(page, new RegExp(`^\\| \`${key}\` \\| ${value.toLocaleString('en-US')} \\|`, 'm'), key)
  }
})

// ── connections ──

test('option connectionsPerPeerMax: one more connection of a peer closes its oldest', () => {
  const played = new Played({ connectionsPerPeerMax: 2 })
  for (let n = 0; n < 3; n++) played.established('inbound', peerOf(9))
  assert.deepEqual(played.take(), [`close 1 ${CLOSE.duplicate}`, 'ended 1'])
})

test('option closedLinksMax: so many closed connections answer what still comes, and who belonged to another is reset', async () => {
  const resets = async (closedLinksMax: number): Promise<number> => {
    const { world, host, peer } = await meet({ closedLinksMax })
    const peers = [await peer(), await peer(), await peer()]
    const late: Uint8Array[] = []
    world.network.tap = (bytes, _from, to) => {
      if (to.ip === host.transport.locals[0]!.ip && bytes.length > 60) late.push(bytes.slice())
      return 'pass'
    }
    for (const each of peers) each.say(request(ECHO, 100))
    await world.clock.advance(5)
    world.network.tap = (_bytes, from) => (from.ip === host.transport.locals[0]!.ip ? 'drop' : 'pass')
    for (const { peerId } of host.transport.peers()) host.transport.disconnectPeer(peerId)
    await world.clock.advance(5)
    const udp = world.network.host({ ip4: world.nextIp() })
    const on = { datagram: () => {}, failed: () => {} }
    const socket = await udp.bind({ family: 4, ip: world.lastIp, port: 1 }, on)
    for (const bytes of late) socket.send(bytes, host.transport.locals[0]!, () => {})
    await world.clock.advance(20)
    const { resets: answered } = host.transport.counters()
    await end(world, ...peers)
    return answered
  }
  assert.equal(await resets(3), 0)
  assert.ok((await resets(1)) >= 2)
})

test('option identityTimeoutMs: who has not introduced himself by then is closed', async () => {
  const { world, host } = await meet({ identityTimeoutMs: 700 })
  const mute = await RawPeer.connect(world, host)
  await world.clock.advance(500)
  assert.equal(host.transport.counters().identityTimeouts, 0)
  await world.clock.advance(200)
  assert.equal(host.transport.counters().identityTimeouts, 1)
  assert.equal(mute.closed?.kind === 'application' && mute.closed.code, CLOSE.identityTimeout)
  await end(world, mute)
})

test('option dialTimeoutMs: a dial to nobody fails then, however long its caller would wait', async () => {
  const { world, host } = await meet({ dialTimeoutMs: 900, handshakeTimeoutMs: 60_000 })
  const dial = host.transport.connectPeer('/ip4/192.0.2.77/udp/9/quic-v1', { timeoutMs: 100_000 })
  near(await takes(world, dial), 900)
  await end(world)
})

test('option idleAfterMs: a connection without a request goes away then', () => {
  const played = new Played({ idleAfterMs: 800 })
  const handle = played.identified('inbound', peerOf(9), 100)
  played.take()
  played.registry.timeout(899)
  assert.deepEqual(played.take(), [])
  played.registry.timeout(900)
  assert.equal(played.take()[0], `goaway ${handle} ${CLOSE.idle}`)
})

test('option goAwayMs: a connection that goes away with a stream that never ends is closed then', () => {
  const played = new Played({ goAwayMs: 3000 })
  const handle = played.identified('inbound', peerOf(9))
  played.registry.streamBegan(handle, 0)
  played.registry.peerGoesAway(handle, CLOSE.idle, 0)
  played.take()
  for (const at of [1000, 2999]) played.registry.timeout(at)
  assert.deepEqual(played.take(), [])
  played.registry.timeout(3000)
  assert.equal(played.take()[0], `close ${handle} ${CLOSE.idle}`)
})

test('option goAwayLingerMs: a connection that goes away without streams stays so long', () => {
  const played = new Played({ goAwayLingerMs: 400 })
  const handle = played.identified('inbound', peerOf(9))
  played.registry.peerGoesAway(handle, CLOSE.idle, 0)
  played.take()
  played.registry.timeout(399)
  assert.deepEqual(played.take(), [])
  played.registry.timeout(400)
  assert.equal(played.take()[0], `close ${handle} ${CLOSE.idle}`)
})

test('option keepAliveDiallerMs: a kept connection that was dialled here says something so often', () => {
  const played = new Played({ keepAliveDiallerMs: 777 })
  const handle = played.identified('outbound', peerOf(9))
  played.registry.hold(peerOf(9))
  assert.ok(played.take().includes(`keep-alive ${handle} 777`))
})

test('option keepAliveAcceptorMs: and one that was accepted so often', () => {
  const played = new Played({ keepAliveAcceptorMs: 888 })
  const handle = played.identified('inbound', peerOf(9))
  played.registry.hold(peerOf(9))
  assert.ok(played.take().includes(`keep-alive ${handle} 888`))
})

test('option closeGraceMs: a request that hangs holds up closing for so long', async () => {
  const took = async (closeGraceMs: number): Promise<number> => {
    const { world, host, peer } = await meet({ closeGraceMs })
    const asking = await peer()
    asking.say(request(NEVER))
    await world.clock.advance(50)
    const ms = await takes(world, host.transport.close())
    await end(world, asking)
    return ms
  }
  const difference = (await took(1500)) - (await took(300))
  assert.ok(difference >= 1150 && difference <= 1250, `${difference} ms`)
})

test('option mtuMax: no datagram to elsewhere is longer, and the last ones are as long', async () => {
  for (const mtuMax of [1200, 1300]) {
    const { world, host } = await meet({ mtuMax })
    const other = await world.host()
    await world.run(other.transport.connectPeer(host.address))
    let longest = 0
    world.network.tap = (bytes, from) => {
      if (from.ip === host.transport.locals[0]!.ip) longest = Math.max(longest, bytes.length)
      return 'pass'
    }
    await world.run(other.transport.request(host.identity.peerId, '/test/large/1', new Uint8Array(0)))
    assert.equal(longest, mtuMax)
    await end(world)
  }
})

test('option loopbackMtuMax: no datagram to this machine is longer', async () => {
  for (const loopbackMtuMax of [1200, 8000]) {
    const world = await World.make()
    const udp = world.network.host({ ip4: world.nextIp() })
    const at = (ip: string): Promise<Host> => {
      const ports = { ...world.ports(ip), udp }
      return world.host({ ports, listen: [{ family: 4, ip, port: 9000 }], limits: { loopbackMtuMax } })
    }
    const [a, b] = [await at('127.0.0.1'), await at('127.0.0.2')]
    a.transport.handle('/test/large/1', () => ({ status: STATUS.ok, payload: new Uint8Array(100_000) }))
    await world.run(b.transport.connectPeer(a.address))
    let longest = 0
    world.network.tap = (bytes, from) => {
      if (from.ip === '127.0.0.1') longest = Math.max(longest, bytes.length)
      return 'pass'
    }
    await world.run(b.transport.request(a.identity.peerId, '/test/large/1', new Uint8Array(0)))
    assert.equal(longest, loopbackMtuMax)
    await world.close()
  }
})

test('option eventsMax: a subscriber that is further behind has missed the rest', async () => {
  const { world, host, peer } = await meet({ eventsMax: 2 })
  const events = host.transport.events()
  const peers = [await peer(), await peer(), await peer()]
  const kinds: TransportEvent['kind'][] = []
  for (let n = 0; n < 3; n++) kinds.push(((await events.next()) as { value: TransportEvent }).value.kind)
  assert.deepEqual(kinds, ['connected', 'connected', 'lagged'])
  await end(world, ...peers)
})

// ── requests, messages and handlers ──

test('option requestTimeoutMs: a request whose caller names no time fails then', async () => {
  const world = await World.make()
  const [host, asker] = [await world.host(), await world.host({ limits: { requestTimeoutMs: 1300 } })]
  host.transport.handle(NEVER, () => new Promise(() => {}))
  await world.run(asker.transport.connectPeer(host.address))
  near(await takes(world, asker.transport.request(host.identity.peerId, NEVER, new Uint8Array(0))), 1300)
  await world.close()
})

test('option handlerTimeoutMs: a request whose handler has not returned is answered busy then', async () => {
  const { world, host, peer } = await meet({ handlerTimeoutMs: 1100 })
  const asking = await peer()
  const stream = asking.say(request(NEVER))
  await world.clock.advance(1000)
  assert.equal(host.transport.counters().handlerTimeouts, 0)
  await world.clock.advance(200)
  assert.equal(asking.answer(stream)?.status, STATUS.busy)
  assert.equal(host.transport.counters().handlerTimeouts, 1)
  await end(world, asking)
})

test('option stallTimeoutMs: a stream that brings nothing for so long is reset', async () => {
  const { world, host, peer } = await meet({ stallTimeoutMs: 1100 })
  const asking = await peer()
  asking.say(request(ECHO), { open: true })
  await world.clock.advance(1000)
  assert.equal(host.transport.counters().streamsStalled, 0)
  await world.clock.advance(200)
  assert.equal(host.transport.counters().streamsStalled, 1)
  await end(world, asking)
})

test('option messageBytesMax: more is neither sent nor taken', async () => {
  const { world, host, peer } = await meet({ messageBytesMax: 1000 })
  const asking = await peer()
  const streams = [900, 1001].map((bytes) => asking.say(request(ECHO, bytes)))
  await world.clock.advance(100)
  assert.deepEqual(
    streams.map((stream) => asking.answer(stream)?.status),
    [STATUS.ok, STATUS.badRequest],
  )
  const sent = host.transport.request(asking.identity.peerId, ECHO, new Uint8Array(1000))
  await assert.rejects(sent, { code: 'TOO_LARGE' })
  await end(world, asking)
})

/** Which of some requests, each by a peer of its own, find room while the others are in hands that do not let go. */
const held = async (limits: Partial<Limits>, askers: number, bytes: number, same: boolean): Promise<number> => {
  const { world, host, peer } = await meet(limits)
  const peers: RawPeer[] = []
  for (let n = 0; n < (same ? 1 : askers); n++) peers.push(await peer())
  for (let n = 0; n < askers; n++) (peers[n] ?? peers[0]!).say(request(NEVER, bytes))
  await world.clock.advance(300)
  const { tasks } = host.transport.gauges()
  assert.equal(host.transport.counters().requestsBusy, askers - tasks)
  await end(world, ...peers)
  return tasks
}

test('option inboundBytesPerPeerMax: a peer has no more than so many bytes in hand', async () => {
  assert.equal(await held({ inboundBytesPerPeerMax: 25_000 }, 5, 10_000, true), 2)
  assert.equal(await held({ inboundBytesPerPeerMax: 25_000 }, 5, 10_000, false), 5)
})

/** Of the last quarter of a room whoever comes gets no more than it leaves: so large a message, nothing. */
test('option inboundBytesMax: all peers have no more than so many', async () => {
  assert.equal(await held({ inboundBytesMax: 28_000 }, 5, 10_000, false), 2)
})

test('a protocol whose handlers hang leaves a quarter of the room for bytes to the others', async () => {
  const { world, host, peer } = await meet({ inboundBytesMax: 80_000 })
  const peers: RawPeer[] = []
  for (let n = 0; n < 3; n++) peers.push(await peer())
  for (let round = 0; round < 10; round++) {
    for (const each of peers) each.say(request(NEVER, 1000))
    await world.clock.advance(50)
  }
  assert.equal(host.transport.gauges().tasks, 14)
  const other = peers[0] ?? assert.fail('there is a peer')
  const stream = other.say(request(ECHO, 3000))
  await world.clock.advance(100)
  assert.equal(other.answer(stream)?.status, STATUS.ok)
  await end(world, ...peers)
})

test('option inboundBytesPerShardMax: the peers of one shard have no more than so many, and those of another have as many', async () => {
  const { world, host, peer } = await meet({ inboundBytesPerShardMax: 28_000 })
  const peers: RawPeer[] = []
  const full = (): number | null => {
    const shards = peers.map(({ identity }) => shardOf(identity.peerId))
    return shards.find((shard) => shards.filter((other) => other === shard).length === 3) ?? null
  }
  while (full() === null) peers.push(await peer())
  const shard = full()
  const crowded = (peerId: PeerId): boolean => shardOf(peerId) === shard
  for (const each of peers) if (crowded(each.identity.peerId)) each.say(request(NEVER, 10_000))
  await world.clock.advance(300)
  assert.deepEqual([host.transport.gauges().tasks, host.transport.counters().requestsBusy], [2, 1])
  const other = peers.find(({ identity }) => !crowded(identity.peerId)) ?? assert.fail('all are of one shard')
  other.say(request(NEVER, 10_000))
  await world.clock.advance(300)
  assert.equal(host.transport.gauges().tasks, 3)
  await end(world, ...peers)
})

/** How many of some requests are answered at length, by one peer that reads no answer, or by one for each. */
const answered = async (limits: Partial<Limits>, same: boolean): Promise<number> => {
  const { world, host, peer } = await meet(limits)
  const peers: RawPeer[] = []
  for (let n = 0; n < (same ? 1 : 5); n++) peers.push(await peer())
  for (let n = 0; n < 5; n++) (peers[n] ?? peers[0]!).say(request('/test/large/1'))
  await world.clock.advance(300)
  const count = 5 - host.transport.counters().requestsBusy
  await end(world, ...peers)
  return count
}

test('option answerBytesPerPeerMax: a peer has no more than so many bytes of answers to acknowledge', async () => {
  assert.equal(await answered({ answerBytesPerPeerMax: 250_000 }, true), 2)
  assert.equal(await answered({ answerBytesPerPeerMax: 250_000 }, false), 5)
})

test('option answerBytesMax: all peers have no more than so many', async () => {
  assert.equal(await answered({ answerBytesMax: 280_000 }, false), 2)
})

test('option roomFullMs: a host that holds all it may for so long gives way to another', async () => {
  const fates = async (roomFullMs: number): Promise<(string | undefined)[]> => {
    const limits = {
      inboundBytesPerPeerMax: 20_000,
      inboundBytesPerShardMax: 24_000,
      inboundBytesMax: 24_000,
      roomFullMs,
    }
    const { world, host, peer } = await meet(limits)
    const holding = await peer()
    const other = await peer()
    holding.say(request(NEVER, 17_800), { open: true })
    const asked: (string | undefined)[] = []
    for (let n = 0; n < 2; n++) {
      await world.clock.advance(1000)
      const stream = other.say(request(ECHO, 5000))
      await world.clock.advance(200)
      asked.push(other.answer(stream)?.status === STATUS.ok ? 'ok' : 'busy')
    }
    assert.equal(host.transport.counters().streamsDisplaced, asked.includes('ok') ? 1 : 0)
    await end(world, holding, other)
    return asked
  }
  assert.deepEqual(await fates(1500), ['busy', 'ok'])
  assert.deepEqual(await fates(15_000), ['busy', 'busy'])
})

test('option tasksMax: so many handlers run at once', async () => {
  assert.equal(await held({ tasksMax: 3 }, 5, 10, false), 3)
})

test('option handlersPerPeerMax: so many for one peer', async () => {
  assert.equal(await held({ handlersPerPeerMax: 3 }, 5, 10, true), 3)
  assert.equal(await held({ handlersPerPeerMax: 3 }, 5, 10, false), 5)
})

test('option handlersPerProtocolMax: so many of one protocol, and those of another have places', async () => {
  assert.equal(await held({ handlersPerProtocolMax: 3 }, 5, 10, false), 3)
  const { world, peer } = await meet({ handlersPerProtocolMax: 3 })
  const asking = await peer()
  for (let n = 0; n < 5; n++) asking.say(request(NEVER))
  const other = asking.say(concat(request(ECHO), ascii('x')))
  await world.clock.advance(200)
  assert.equal(asking.answer(other)?.status, STATUS.ok)
  await end(world, asking)
})
