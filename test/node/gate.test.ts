// The gate in its node: whole transports with the real QUIC, on a fake clock and a network in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress, type Address } from '../../src/core/address.ts'
import type { GateOptions } from '../../src/core/gate/options.ts'
import { ALPN } from '../../src/core/messages/codes.ts'
import { QuicConnection } from '../../src/core/quic/connection.ts'
import { LOCAL_ID_BYTES, parseHeader } from '../../src/core/quic/packet.ts'
import { SallyportError } from '../../src/core/errors.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import { TransportHandle } from '../../src/node/transport-handle.ts'
import type { TransportOptions } from '../../src/node/transport-parts.ts'
import { openLine } from './hostile-peer.ts'
import { type Host, World } from './transport-world.ts'

/** A gate that lets no stranger in: everybody has to answer a Retry. */
const STRICT: Partial<GateOptions> = { strangersMax: 1, strangerSignaturesPerSecond: 0.001 }

/** A server whose one slot for strangers is spent. */
const strictServer = async (world: World, options: Partial<TransportOptions> = {}): Promise<Host> => {
  const server = await world.host({ ...options, gate: { ...STRICT, ...options.gate } })
  const first = await world.host({ capability: 'client' })
  await world.run(first.transport.connectPeer(server.address))
  await world.run(first.transport.close())
  assert.equal(server.transport.counters().slotsByStanding.stranger, 1)
  return server
}

/** A transport at an address and port of the caller's choice. */
const hostAt = async (world: World, local: Address, options: Partial<TransportOptions> = {}): Promise<Host> => {
  const udp = world.network.host({ ip4: local.ip })
  return world.host({ ports: { ...world.ports(local.ip), udp }, listen: [local], ...options })
}

/** Begins a handshake from an address, follows a Retry, and says nothing more. */
const stall = async (world: World, server: Host, local: Address): Promise<void> => {
  const { udp, crypto, random } = world.ports(local.ip)
  let heeds = 1
  const speak = (): void => {
    for (;;) {
      const datagram = new Uint8Array(1500)
      const length = connection.transmit(datagram, world.clock.now())
      if (length === 0) return
      socket.send(datagram.subarray(0, length), remote, () => {})
    }
  }
  const datagram = (bytes: Uint8Array, from: Address): void => {
    if (heeds-- <= 0) return
    connection.receive(bytes, from, world.clock.now())
    speak()
  }
  const socket = await udp.bind(local, { datagram, failed: () => {} })
  const remote = server.transport.locals[0]!
  const { publicKey } = await generateIdentity()
  const config = { role: 'client', crypto, random, publicKey, alpn: [ALPN], expectedPeer: null, remote } as const
  const connection = QuicConnection.connect(config, world.clock.now())
  speak()
}

const at = (ip: string, port = 9000): Address => ({ family: 4, ip, port })

const codeOf = (error: unknown): string => SallyportError.from(error).code

test('whoever gets no slot as a stranger gets one by a Retry, and the two datagrams of a flight are one Retry', async () => {
  const world = await World.make()
  const server = await strictServer(world)
  const client = await world.host({ capability: 'client' })
  await world.run(client.transport.connectPeer(server.address))
  const { slotsByStanding, retries, repeats, judged, slots } = server.transport.counters()
  assert.equal(slotsByStanding.retry, 1)
  assert.deepEqual([retries, repeats], [1, 1])
  assert.equal(judged, slots + retries + repeats)
  await world.close()
})

test('a Retry that is lost is sent again for the next try', async () => {
  const world = await World.make()
  const server = await strictServer(world)
  let lost = 0
  world.network.tap = (bytes) =>
    parseHeader(bytes, 0, LOCAL_ID_BYTES)?.form === 'retry' && lost++ < 1 ? 'drop' : 'pass'
  const client = await world.host({ capability: 'client' })
  await world.run(client.transport.connectPeer(server.address))
  assert.equal(server.transport.counters().retries, 2)
  await world.close()
})

test('a peer that was here before needs no Retry, once for each time it was here', async () => {
  const world = await World.make()
  const server = await strictServer(world)
  const client = await world.host({ capability: 'client' })
  for (let n = 0; n < 3; n++) {
    const { peerId } = await world.run(client.transport.connectPeer(server.address))
    await world.clock.advance(200)
    client.transport.disconnectPeer(peerId)
    await world.clock.advance(200)
  }
  const { slotsByStanding, retries } = server.transport.counters()
  assert.deepEqual([slotsByStanding.retry, slotsByStanding['new-token'], retries], [1, 2, 1])
  await world.close()
})

test('a Retry token that was tampered with ends the dial at once', async () => {
  const world = await World.make()
  const server = await strictServer(world)
  world.network.tap = (bytes) => {
    const header = parseHeader(bytes, 0, LOCAL_ID_BYTES)
    if (header?.form === 'long' && header.token.length > 0) header.token[header.token.length - 1]! ^= 1
    return 'pass'
  }
  const client = await world.host({ capability: 'client' })
  const before = world.clock.now()
  await assert.rejects(
    world.run(client.transport.connectPeer(server.address)),
    (error) => codeOf(error) === 'HANDSHAKE_FAILED',
  )
  assert.ok(world.clock.now() - before < 100)
  assert.equal(server.transport.counters().invalidTokens, 1)
  await world.close()
})

test('a wall clock that is set while a Retry is answered, or before a peer comes back, costs nobody a dial or a token', async () => {
  for (const stepMs of [-3_600_000, 3_600_000, 1e12]) {
    const world = await World.make()
    let step = 0
    const clock = { now: () => world.clock.now(), wall: () => world.clock.wall() + step }
    const ip = world.nextIp()
    const server = await strictServer(world, { ports: { ...world.ports(ip), clock }, listen: [at(ip)] })
    let retries = 0
    world.network.tap = (bytes) => {
      const header = parseHeader(bytes, 0, LOCAL_ID_BYTES)
      if (header?.form === 'retry' && ++retries === 1) step = stepMs
      return 'pass'
    }
    const client = await world.host({ capability: 'client' })
    const dial = async (): Promise<void> => void (await world.run(client.transport.connectPeer(server.address)))
    await dial()
    assert.ok(retries > 0 && step !== 0)
    await world.clock.advance(100)
    client.transport.disconnectPeer(server.identity.peerId)
    await world.clock.advance(100)
    step = 0
    await dial()
    const { invalidTokens, slotsByStanding } = server.transport.counters()
    assert.deepEqual([invalidTokens, slotsByStanding['new-token']], [0, 1])
    await world.close()
  }
})

test('while signing is late a stranger answers a Retry, and when it is far too late nobody begins', async () => {
  const world = await World.make()
  const server = await world.host()
  let lateMs = 60
  const lateness = world.workers.lateness.bind(world.workers)
  world.workers.lateness = () => Math.max(lateMs, lateness())
  const client = await world.host({ capability: 'client' })
  await world.run(client.transport.connectPeer(server.address))
  assert.equal(server.transport.counters().slotsByStanding.retry, 1)
  lateMs = 1500
  const other = await world.host({ capability: 'client' })
  const dial = world.run(other.transport.connectPeer(server.address))
  await world.clock.advance(2000)
  assert.equal(server.transport.counters().slots, 1)
  assert.ok(server.transport.counters().dropped.late > 0)
  lateMs = 0
  await dial
  await world.close()
})

test('a newcomer displaces the oldest of a host that holds most slots, and that one is told', async () => {
  const world = await World.make()
  const server = await strictServer(world, { limits: { halfOpenInMax: 8 } })
  const besieger = world.nextIp()
  for (let n = 0; n < 5; n++) await stall(world, server, at(besieger, 1000 + n))
  await world.clock.advance(50)
  assert.equal(server.transport.gauges().halfOpenIn, 5)
  await stall(world, server, at(besieger, 2000))
  await world.clock.advance(50)
  assert.equal(server.transport.counters().refused['slots-full'], 1)
  const client = await world.host({ capability: 'client' })
  await world.run(client.transport.connectPeer(server.address))
  assert.equal(server.transport.counters().handshakesFailed.inbound.displaced, 1)
  assert.equal(server.transport.gauges().halfOpenIn, 4)
  server.transport.checkInvariants()
  await world.close()
})

test('a dialler that was displaced is refused, not cancelled by its own hand', async () => {
  const world = await World.make()
  const gate = { lateMs: 5000, tooLateMs: 20_000 }
  const server = await strictServer(world, { limits: { halfOpenInMax: 8 }, gate })
  const slow = world.nextIp()
  world.workers.delayMs = (work) => (work.kind === 'sign' ? 3000 : 1)
  const dials: Promise<unknown>[] = []
  for (let n = 0; n < 5; n++) {
    const host = await hostAt(world, at(slow, 1000 + n), { capability: 'client' })
    dials.push(host.transport.connectPeer(server.address).catch(codeOf))
    await world.clock.advance(1)
  }
  await world.clock.advance(100)
  const client = await world.host({ capability: 'client' })
  dials.push(client.transport.connectPeer(server.address).catch(codeOf))
  const outcomes = await world.run(Promise.all(dials))
  assert.equal(outcomes[0], 'CONNECTION_REFUSED')
  assert.equal(outcomes.filter((outcome) => typeof outcome === 'string').length, 1)
  await world.close()
})

test('at the maximum the idlest connection of the host that has most gives way, a client before a node', async () => {
  const world = await World.make()
  const server = await world.host({ limits: { connectionsMax: 4 }, gate: { connectionsNetworkShare: 1 } })
  const crowded = world.nextIp()
  const capabilities = ['node', 'client', 'client'] as const
  const hosts: Host[] = []
  for (const [n, capability] of capabilities.entries()) {
    const host = await hostAt(world, at(crowded, 1000 + n), { capability })
    await world.run(host.transport.connectPeer(server.address))
    await world.clock.advance(10)
    hosts.push(host)
  }
  const newcomer = await world.host({ capability: 'client' })
  await world.run(newcomer.transport.connectPeer(server.address))
  await world.clock.advance(50)
  assert.equal(server.transport.counters().evicted, 1)
  assert.deepEqual(
    hosts.map(({ transport }) => transport.peers().length),
    [1, 0, 1],
  )
  assert.deepEqual(server.transport.gauges().connections, 3)
  await world.close()
})

test('a host and a network have so many connections and no more, and neighbours of both have theirs', async () => {
  const world = await World.make()
  const gate = { connectionsPerHostMax: 2, connectionsNetworkShare: 3 / 16 }
  const server = await world.host({ limits: { connectionsMax: 16 }, gate })
  const dial = async (ip: string, port: number): Promise<string> => {
    const { transport } = await hostAt(world, at(ip, port), { capability: 'client' })
    const outcome = await world.run(transport.connectPeer(server.address).then(() => 'in', codeOf))
    await world.clock.advance(20)
    return outcome
  }
  const outcomes: string[] = []
  for (const port of [1, 2, 3]) outcomes.push(await dial('192.7.0.1', port))
  for (const ip of ['192.7.0.2', '192.7.0.3', '192.7.1.1']) outcomes.push(await dial(ip, 1))
  assert.deepEqual(outcomes, ['in', 'in', 'CONNECTION_REFUSED', 'in', 'CONNECTION_REFUSED', 'in'])
  assert.equal(server.transport.counters().refused['share-full'], 2)
  await world.close()
})

test('nobody gives way to a datagram that is no handshake, neither a slot nor a connection', async () => {
  const world = await World.make()
  const ip = world.nextIp()
  const line = openLine(world.network.host({ ip4: ip }))
  const server = await world.host({
    ports: { ...world.ports(ip), udp: line.udp },
    listen: [at(ip)],
    limits: { connectionsMax: 8, halfOpenInMax: 4 },
    gate: { connectionsNetworkShare: 1, reservedShare: 0.01 },
  })
  const garbage = (n: number): void => {
    const bytes = new Uint8Array(1200)
    bytes.set([0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, n, 0, 0, 0x44, 0x96])
    line.arrive(bytes, at('127.0.0.1', n))
  }
  const silent = world.nextIp()
  for (let n = 0; n < 4; n++) {
    await stall(world, server, at(silent, 1000 + n))
    await world.clock.advance(50)
  }
  assert.equal(server.transport.gauges().halfOpenIn, 4)
  for (let n = 0; n < 8; n++) garbage(n)
  await world.clock.advance(20)
  assert.equal(server.transport.gauges().halfOpenIn, 4)
  await world.clock.advance(11_000)
  const hosts: Host[] = []
  for (let n = 0; n < 6; n++) {
    hosts.push(await world.host())
    await world.run(hosts[n]!.transport.connectPeer(server.address))
  }
  for (let n = 8; n < 16; n++) garbage(n)
  await world.clock.advance(50)
  assert.equal(server.transport.peers().length, 6)
  const { evicted, handshakesFailed, dropped } = server.transport.counters()
  assert.deepEqual([evicted, handshakesFailed.inbound.displaced, dropped['not-opened']], [0, 0, 16])
  await world.close()
})

test('a restarted node tells its former peers so, and they notice at their next word', async () => {
  const world = await World.make()
  const local = at(world.nextIp())
  const identity = await generateIdentity()
  const before = await hostAt(world, local, { identity })
  const client = await world.host()
  await world.run(client.transport.connectPeer(before.address))
  world.network.tap = (_bytes, from) => (from.ip === local.ip ? 'drop' : 'pass')
  await world.run(before.transport.close())
  world.network.tap = () => 'pass'
  assert.equal(client.transport.peers().length, 1)
  const after = await hostAt(world, local, { identity })
  const started = world.clock.now()
  const request = client.transport.request(before.identity.peerId, '/test/1', new Uint8Array(1), { timeoutMs: 20_000 })
  await assert.rejects(world.run(request), (error) => codeOf(error) === 'CONNECTION_LOST')
  assert.ok(world.clock.now() - started < 100)
  assert.ok(after.transport.counters().resets > 0)
  assert.equal(client.transport.peers().length, 0)
  client.transport.checkInvariants()
  await world.run(client.transport.connectPeer(formatAddress(local, identity.peerId)))
  await world.close()
})

test('options of the gate are checked where a transport opens', async () => {
  const world = await World.make()
  const ip = world.nextIp()
  const options = {
    ports: world.ports(ip),
    identity: await generateIdentity(),
    capability: 'node',
    listen: [at(ip)],
    gate: { deny: ['nowhere'] },
  } as const
  await assert.rejects(TransportHandle.open(options), (error) => codeOf(error) === 'ARGUMENT_INVALID')
})

test('silence is held against a host whose address was validated, and against nobody in whose name it was forged', async () => {
  const world = await World.make()
  const server = await world.host()
  await stall(world, server, at('10.9.0.1'))
  await world.clock.advance(11_000)
  assert.equal(server.transport.counters().handshakesFailed.inbound.deadline, 1)
  assert.equal(server.transport.counters().wasted, 0)
  const strict = await strictServer(world)
  await stall(world, strict, at('10.9.0.1', 9001))
  await world.clock.advance(11_000)
  assert.equal(strict.transport.counters().wasted, 1)
})

/** Hosts connected to a server and held on both sides for so long; then nothing arrives any more until all of them have ended there. */
const partitioned = async (world: World, server: Host, { hosts, heldMs }: { hosts: number; heldMs: number }) => {
  const clients: Host[] = []
  for (let n = 0; n < hosts; n++) clients.push(await world.host())
  for (const { transport, identity } of clients) {
    await world.run(transport.connectPeer(server.address))
    await world.clock.advance(10)
    transport.hold(server.identity.peerId)
    server.transport.hold(identity.peerId)
  }
  await world.clock.advance(heldMs)
  assert.equal(server.transport.peers().length, hosts)
  world.network.tap = () => 'drop'
  await world.clock.advance(65_000)
  assert.equal(server.transport.counters().ended.idle, hosts)
  world.network.tap = () => 'pass'
  return clients
}

test('who was cut off after a while is no suspect: all come back at once when the network is there again', async () => {
  const world = await World.make()
  const server = await world.host()
  const clients = await partitioned(world, server, { hosts: 40, heldMs: 40_000 })
  assert.equal(server.transport.counters().wasted, 0)
  const started = world.clock.now()
  await world.run(Promise.all(clients.map(({ transport }) => transport.connectPeer(server.address, { insist: true }))))
  assert.ok(world.clock.now() - started < 1000, `${world.clock.now() - started} ms`)
  assert.equal(server.transport.counters().dropped.crowd, 0)
  await world.close()
})

test('who falls silent soon after it came is a suspect', async () => {
  const world = await World.make()
  const server = await world.host()
  await partitioned(world, server, { hosts: 2, heldMs: 5000 })
  assert.equal(server.transport.counters().wasted, 2)
  await world.close()
})

test('suspects begin two at once and ten a second, and each is let in', async () => {
  const world = await World.make()
  const server = await world.host()
  const clients = await partitioned(world, server, { hosts: 8, heldMs: 5000 })
  assert.equal(server.transport.counters().wasted, 8)
  const started = world.clock.now()
  const took = clients.map(async ({ transport }) => {
    await transport.connectPeer(server.address, { insist: true })
    return world.clock.now() - started
  })
  const times = (await world.run(Promise.all(took))).toSorted((a, b) => a - b)
  assert.ok((times[1] ?? 0) < 100 && (times[2] ?? 0) >= 100 && (times[7] ?? 0) >= 600, times.join(' '))
  await world.close()
})

test('a handshake that waits for our own signature until its deadline is held against nobody', async () => {
  const world = await World.make()
  const server = await strictServer(world)
  world.workers.delayMs = ({ kind }) => (kind === 'sign' ? 20_000 : 0)
  await stall(world, server, at('10.9.0.1'))
  await world.clock.advance(11_000)
  const { handshakesFailed, slotsByStanding, wasted } = server.transport.counters()
  assert.deepEqual([slotsByStanding.retry, handshakesFailed.inbound.deadline], [1, 1])
  assert.equal(wasted, 0)
  world.workers.delayMs = () => 1
  await world.clock.advance(20_000)
  await world.close()
})
