// Every counter moves: each is raised by some scenario below, and a counter that none raises fails. Gate and registry are played directly
// where that is shorter; they are the rooms that count.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../src/core/counters.ts'
import { concat } from '../../src/core/bytes.ts'
import { encodeRequestHeader } from '../../src/core/messages/requests.ts'
import { encodeControl } from '../../src/core/messages/control.ts'
import { idBytes } from '../../src/core/ids.ts'
import { CLOSE, PROTOCOL, STATUS } from '../../src/core/messages/codes.ts'
import type { CloseReason } from '../../src/core/quic/outputs.ts'
import { Dispatcher } from '../../src/node/dispatcher.ts'
import { hello, Played, peer, SELF } from '../core/peers/played.ts'
import { BAD_RETRY, Gatehouse, initial, NEW_TOKEN, RETRY } from '../core/gate/gatehouse.ts'
import { ip4 } from '../core/gate/sources.ts'
import { ChunkNetwork } from './chunk-network.ts'
import { Nat } from './nat.ts'
import { HELLO, RawPeer } from './raw-peer.ts'
import { firstDatagram } from './scripted-quic.ts'
import { ScriptedHost } from './scripted-host.ts'
import { World } from './transport-world.ts'

/** Plays something and gives the counters of whoever counted it. */
type Scenario = () => Promise<Pick<Counters, 'snapshot'>[]> | Pick<Counters, 'snapshot'>[]

const raised = new Set<string>()

/** All numbers of a tree by their path. */
const leaves = (tree: object, path = ''): [string, number][] =>
  Object.entries(tree).flatMap(([name, value]): [string, number][] =>
    typeof value === 'number' ? [[`${path}${name}`, value]] : leaves(value as object, `${path}${name}.`),
  )

/** `names` lists counters, several labels of one as `name.{a,b}`. */
const raises = (what: string, names: string, scenario: Scenario): void => {
  const paths = names.split(' ').flatMap((name) => {
    const [, stem = '', labels = ''] = /^(.*)\{(.*)\}$/.exec(name) ?? []
    return labels === '' ? [name] : labels.split(',').map((label) => `${stem}${label}`)
  })
  test(`${what} raises ${names}`, async () => {
    const after = new Map<string, number>()
    for (const counters of await scenario()) {
      for (const [path, n] of leaves(counters.snapshot())) after.set(path, (after.get(path) ?? 0) + n)
    }
    for (const path of paths) {
      assert.ok((after.get(path) ?? 0) > 0, `${path} did not move`)
      raised.add(path)
    }
  })
}

// ── the gate ──

raises(
  'what is no first flight',
  'judged resets versionNegotiations unanswered dropped.{closing,not-quic,initial-too-small,id-too-short,unknown-connection,resets-spent}',
  () => {
    const house = new Gatehouse({ resetsPerSecond: 1, answersPerSecond: 1 })
    const look = initial(ip4(1))
    const odd = { form: 'long', type: 'initial', destinationId: new Uint8Array(7) } as const
    house.judge({ ...look, header: null })
    house.judge({ ...look, bytes: 1199 })
    house.judge({ ...look, header: odd })
    house.judge({ ...look, header: { form: 'retry' } })
    for (let n = 0; n < 2; n++) house.judge({ ...look, header: { form: 'short' } })
    for (let n = 0; n < 2; n++) house.judge({ ...look, header: { form: 'unknown-version' } })
    house.situation.closing = true
    house.judge(look)
    return [house.counters]
  },
)

raises('a crowd of strangers', 'slots repeats retries slotsByStanding.stranger dropped.retries-spent', () => {
  const house = new Gatehouse({ strangerSignaturesPerSecond: 1, retriesPerSecond: 4 })
  const first = initial(ip4(1))
  house.judge(first)
  house.judge(first)
  for (let n = 0; n < 10; n++) house.judge(initial(ip4(n << 8)))
  return [house.counters]
})

raises(
  'whoever shows a token, or is on this machine,',
  'slotsByStanding.{retry,new-token,trusted} invalidTokens refused.{denied,rate,slots-full,share-full,connections-full} dropped.late',
  () => {
    const house = new Gatehouse(
      { loopback: 'trusted', rateBurst: 1, ratePerSecond: 0.001, deny: ['10.200.0.0/16'] },
      { halfOpenInMax: 8 },
    )
    for (const token of [RETRY, NEW_TOKEN, BAD_RETRY]) house.judge(initial(ip4(token.kind.length << 16), token))
    house.judge(initial(ip4(RETRY.kind.length << 16), RETRY))
    house.judge(initial('127.0.0.1'))
    house.judge(initial('10.200.0.1', RETRY))
    house.situation.shares = { admits: () => false, rival: () => null }
    house.judge(initial(ip4(0x200000), RETRY))
    house.situation.shares = { admits: () => true, rival: () => null }
    house.situation.connections = 10_000
    house.judge(initial(ip4(0x210000), RETRY))
    house.situation.connections = 0
    house.situation.lateMs = 1001
    house.judge(initial(ip4(0x220000), RETRY))
    house.situation.lateMs = 0
    for (let n = 0; n < 8; n++) house.judge(initial(ip4(0x300000 + (n << 16)), RETRY))
    return [house.counters]
  },
)

raises('a first datagram that does not open', 'dropped.not-opened', async () => {
  const world = await World.make()
  const server = await world.host()
  const from = { family: 4, ip: world.nextIp(), port: 1 } as const
  const socket = await world.ports(from.ip).udp.bind(from, { datagram: () => {}, failed: () => {} })
  const forged = new Uint8Array(1200)
  forged.set([0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x96])
  socket.send(forged, server.transport.locals[0]!, () => {})
  await world.clock.advance(50)
  return [{ snapshot: () => server.transport.counters() }]
})

raises('more first flights than may wait', 'dropped.crowd', async () => {
  const host = await ScriptedHost.make(await World.make())
  for (let port = 1024; port < 4024; port++) host.deliver(firstDatagram(7), { family: 4, ip: '127.0.0.2', port })
  return [host.parts.counters]
})

// ── handshakes and connections ──

const transport = (code: number, ours = false): CloseReason => ({ kind: 'transport', ours, code, reason: '' })
const FAILURES = {
  deadline: { kind: 'idle' },
  refused: transport(2),
  identity: transport(0x0100 + 46),
  tls: transport(0x0100 + 40),
  transport: transport(0x0a),
  cancelled: { kind: 'abandoned' },
  superseded: transport(0),
} as const satisfies Record<string, CloseReason>

raises(
  'a handshake that fails',
  'handshakesBegun.{inbound,outbound} handshakesFailed.inbound.{deadline,refused,identity,tls,transport,cancelled,superseded} handshakesFailed.outbound.{deadline,refused,identity,tls,transport,version,cancelled,superseded}',
  async () => {
    const host = await ScriptedHost.make(await World.make())
    for (const reason of Object.values(FAILURES)) {
      await host.end(await host.accept(), reason)
      await host.end(host.dial(), reason)
    }
    await host.end(host.dial(), { kind: 'version' })
    return [host.parts.counters]
  },
)

raises('an address that has just failed', 'dialsTooSoon', async () => {
  const world = await World.make()
  const { transport } = await world.host()
  const nowhere = '/ip4/10.9.9.9/udp/9/quic-v1'
  for (const code of ['DIAL_TIMEOUT', 'DIAL_TOO_SOON'])
    await assert.rejects(world.run(transport.connectPeer(nowhere)), { code })
  return [{ snapshot: () => transport.counters() }]
})

raises('a host that takes all slots', 'handshakesFailed.inbound.displaced', async () => {
  const host = await ScriptedHost.make(await World.make(), { limits: { halfOpenInMax: 5 } })
  for (let n = 0; n < 5; n++) await host.accept('127.0.0.2')
  await host.accept('127.0.0.3')
  return [host.parts.counters]
})

const ENDINGS: readonly CloseReason[] = [
  { kind: 'application', ours: true, code: 0, reason: '' },
  { kind: 'application', ours: false, code: 0, reason: '' },
  transport(0x0a, true),
  transport(0x0a),
  { kind: 'idle' },
  { kind: 'stateless-reset' },
  { kind: 'abandoned' },
]

raises(
  'a connection that ends',
  'accepted.{inbound,outbound} registered.{inbound,outbound} reading.{inbound,outbound} closed.{inbound,outbound} ended.{closed-here,closed-by-peer,breach-found-here,breach-found-by-peer,idle,stateless-reset,dropped}',
  async () => {
    const host = await ScriptedHost.make(await World.make())
    for (const [n, reason] of ENDINGS.entries()) {
      for (const connection of [await host.accept(), host.dial()]) {
        await host.establish(connection, n + 1)
        await host.end(connection, reason)
      }
    }
    return [host.parts.counters]
  },
)

raises('a registry and an endpoint that differ', 'reconcilerDifferences', async () => {
  const world = await World.make()
  const host = await ScriptedHost.make(world)
  host.parts.registry.draw('inbound')
  await world.clock.advance(5000)
  return [host.parts.counters]
})

raises('a peer that never says who it is', 'wasted', async () => {
  const world = await World.make()
  const server = await world.host()
  const peer = await RawPeer.connect(world, server)
  await world.clock.advance(6000)
  await peer.close()
  return [{ snapshot: () => server.transport.counters() }]
})

raises('a peer that was here and comes back', 'resumed.{inbound,outbound}', async () => {
  const world = await World.make()
  const [server, client] = [await world.host(), await world.host()]
  for (let visits = 0; visits < 2; visits++) {
    await world.run(client.transport.connectPeer(server.address))
    await world.clock.advance(100)
    client.transport.disconnectPeer(server.identity.peerId)
    await world.clock.advance(100)
  }
  return [server, client].map(({ transport }) => ({ snapshot: () => transport.counters() }))
})

raises('a peer whose address changes', 'migrated', async () => {
  const world = await World.make()
  const server = await world.host()
  const ports = world.ports('192.0.2.200')
  const nat = new Nat(ports.udp)
  const listen = [{ family: 4, ip: '192.0.2.200', port: 9000 }] as const
  const client = await world.host({ ports: { ...ports, udp: nat.udp }, listen })
  await world.run(client.transport.connectPeer(server.address))
  await world.clock.advance(100)
  await nat.rebind(world.ports('192.0.2.201').udp, { family: 4, ip: '192.0.2.201', port: 9000 })
  await world.run(client.transport.request(server.identity.peerId, '/absent/1', new Uint8Array(1)))
  await world.clock.advance(1000)
  return [{ snapshot: () => server.transport.counters() }]
})

// ── peers ──

raises(
  'a life of peers',
  'identified.{inbound,outbound} duplicates restarts identityTimeouts eventsAboutClosed eventsRepeated closedFor.{noError,shutdown,duplicate,idle,identityTimeout,refused}',
  () => {
    const played = new Played()
    const { registry } = played
    const carryOut = (): void => {
      for (const output of played.outputs()) if (output.kind === 'close') registry.lost(output.handle)
    }
    const first = played.identified('inbound', peer(9))
    played.identified('outbound', peer(9))
    registry.identified(first, hello('a'), 0)
    played.identified('inbound', peer(9), 0, 'b')
    registry.disconnect(peer(9), CLOSE.noError)
    carryOut()
    registry.lost(first)
    played.established('inbound', peer(1))
    played.established('inbound', SELF)
    registry.timeout(5000)
    carryOut()
    played.identified('inbound', peer(2), 5000)
    for (const now of [65_000, 66_000]) registry.timeout(now)
    carryOut()
    played.established('inbound', peer(3), 66_000)
    registry.shutdown(66_000)
    return [played.counters]
  },
)

raises('a newcomer where all places are taken', 'evicted closedFor.overloaded', async () => {
  const limits = { connectionsMax: 4 }
  const host = await ScriptedHost.make(await World.make(), { limits, gate: { connectionsNetworkShare: 1 } })
  for (let n = 1; n <= 3; n++) await host.establish(await host.accept('127.0.0.2'), n)
  await host.accept('127.0.0.3')
  await host.accept('127.0.0.4')
  return [host.parts.counters]
})

raises(
  'a peer that speaks otherwise, or is not wanted,',
  'badMessages policyRefused policyFailures closedFor.{badMessage,versionUnsupported}',
  async () => {
    const world = await World.make()
    const strict = await world.host({
      policy: () => {
        throw new Error('the policy broke')
      },
    })
    const peers: RawPeer[] = []
    for (let n = 0; n < 3; n++) peers.push(await RawPeer.connect(world, strict))
    peers[0]!.control({ kind: 'ping', token: 1 })
    peers[1]!.control({ kind: 'hello', hello: { ...HELLO.hello, version: 9 } })
    await peers[2]!.greet()
    await world.clock.advance(100)
    for (const peer of peers) await peer.close()
    await world.close()
    return [{ snapshot: () => strict.transport.counters() }]
  },
)

// ── what is said ──

raises('a peer that asks and does not listen', 'streamsStalled pingsUnanswered', async () => {
  const world = await World.make()
  const host = await world.host({ limits: { stallTimeoutMs: 1000 } })
  const peer = await RawPeer.connect(world, host)
  const control = await peer.greet()
  peer.say(Uint8Array.of(40), { open: true })
  const pings = concat(...Array.from({ length: 4000 }, () => encodeControl({ kind: 'ping', token: 2 ** 40 })))
  for (let n = 0; n < 3; n++) {
    for (let at = 0; at < pings.length; at += peer.link.write(control, pings.subarray(at)))
      await world.clock.advance(10)
  }
  await world.clock.advance(1500)
  await peer.close()
  await world.close()
  return [{ snapshot: () => host.transport.counters() }]
})

raises('a peer that holds the room for long while another needs it', 'streamsDisplaced', async () => {
  const world = await World.make()
  const limits = { inboundBytesPerPeerMax: 20_000, inboundBytesPerShardMax: 24_000, inboundBytesMax: 24_000 }
  const host = await world.host({ limits })
  const [holding, other] = [await RawPeer.connect(world, host), await RawPeer.connect(world, host)]
  for (const peer of [holding, other]) await peer.greet()
  const head = encodeRequestHeader({ protocol: '/test/1', target: null, count: null })
  host.transport.handle('/test/1', () => ({ status: STATUS.ok }))
  holding.say(concat(head, new Uint8Array(17_800)), { open: true })
  await world.clock.advance(7000)
  other.say(concat(head, new Uint8Array(5000)))
  await world.clock.advance(100)
  for (const peer of [holding, other]) await peer.close()
  await world.close()
  return [{ snapshot: () => host.transport.counters() }]
})

raises(
  'talk',
  'requestsSent requestsServed requestsBusy messagesServed handlerTimeouts taskFailures subscriberLag udpDatagramsSent udpDatagramsReceived udpBytesSent udpBytesReceived packetsDiscarded',
  async () => {
    const world = await World.make({ duplication: 1 })
    const limits = { handlersPerPeerMax: 1, handlerTimeoutMs: 500, eventsMax: 1 }
    const server = await world.host({ limits })
    const client = await world.host()
    server.transport.events()
    server.transport.handle('/test/1', ({ kind }) => {
      if (kind === 'message') throw new Error('this handler fails')
      return new Promise(() => {})
    })
    for (let n = 0; n < 2; n++) {
      const { peerId } = await world.run(client.transport.connectPeer(server.address))
      await world.clock.advance(100)
      if (n > 0) break
      await world.run(client.transport.send(peerId, '/test/1', new Uint8Array(1)))
      const asked = [1, 2].map(() => client.transport.request(peerId, '/test/1', new Uint8Array(1)))
      const statuses = (await world.run(Promise.all(asked))).map(({ status }) => status)
      assert.deepEqual(statuses, [STATUS.busy, STATUS.busy])
      client.transport.disconnectPeer(peerId)
      await world.clock.advance(100)
    }
    await world.close()
    return [server, client].map((host) => ({ snapshot: () => host.transport.counters() }))
  },
)

raises('more streams than fit into a lane', 'laneFull', () => {
  const counters = new Counters()
  const dispatcher = new Dispatcher({ at: () => ({ cancel: () => {} }), soon: () => {} }, counters)
  const stream = { peerId: peer(1), over: false, readSome: () => false }
  for (let n = 0; n < 1000; n++) dispatcher.ready({ ...stream, queued: false })
  return [counters]
})

raises('a socket in trouble', 'udpErrors kernelDrops', async () => {
  const world = await World.make()
  const ports = world.ports('192.0.2.77')
  const bind: typeof ports.udp.bind = async (local, on) => {
    const socket = await ports.udp.bind(local, on)
    on.failed(new Error('the network is down'))
    return Object.assign(Object.create(socket) as typeof socket, { kernelDrops: () => 3, close: () => socket.close() })
  }
  const listen = [{ family: 4, ip: '192.0.2.77', port: 9000 }] as const
  const host = await world.host({ ports: { ...ports, udp: { bind } }, listen })
  return [{ snapshot: () => host.transport.counters() }]
})

raises(
  'files that come and go, and chunks that are given, asked for, damaged and too many at once',
  'chunksTaken.{stored,already,busy,refused} chunksGiven.{found,absent,busy,refused} uploads.{done,failed} downloads.{done,failed}',
  async () => {
    const network = new ChunkNetwork(7)
    await network.grow(8)
    const client = await network.client()
    client.files.put('/file', new Uint8Array(5000).fill(7))
    const { link } = await network.clock.until(client.storage.put('/file'))
    // What was there already is not sent again; a peer that does not ask first sends it all the same.
    const [address] = network.addresses()
    const member = network.members.find(({ store }) => store?.has(address!) === true)!
    const held = await network.clock.until(member.store!.read(address!))
    const asks = (protocol: string, target: Uint8Array | null, payload: Uint8Array): Promise<unknown> =>
      network.clock.until(member.handlers.get(protocol)!({ peer: client.id, target, payload }))
    const put = held.kind === 'found' ? held.stored : new Uint8Array(0)
    const [known, unknown] = [idBytes(address!), new Uint8Array(32)]
    await asks(PROTOCOL.chunkPut, known, put)
    await asks(PROTOCOL.chunkPut, unknown, new Uint8Array(1))
    await asks(PROTOCOL.chunkGet, unknown, new Uint8Array(0))
    await asks(PROTOCOL.chunkGet, null, new Uint8Array(0))
    await Promise.all(Array.from({ length: 40 }, () => asks(PROTOCOL.chunkGet, known, new Uint8Array(0))))
    const other = (n: number): Uint8Array => new Uint8Array(32).fill(n)
    await Promise.all(Array.from({ length: 40 }, (_, n) => asks(PROTOCOL.chunkPut, other(n), put)))
    await network.clock.until(client.storage.get(link, '/out'))
    await network.clock.until(client.storage.get(link, '/out').catch(() => null))
    await network.clock.until(client.storage.put('/none').catch(() => null))
    return [client.counters, member.counters]
  },
)

test('there is no counter that nothing raises', () => {
  const all = leaves(new Counters().snapshot()).map(([path]) => path)
  assert.deepEqual(
    all.filter((path) => !raised.has(path)),
    [],
  )
})
