// Silent clients beside honest ones, on a fake clock: each kind holds what it can for as long as its deadline allows, and nobody waits
// for it. The control experiment shows that the same crowd stops an accept path that takes one handshake after another.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Address } from '../../src/core/address.ts'
import { ALPN } from '../../src/core/messages/codes.ts'
import { QuicConnection } from '../../src/core/quic/connection.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { Endpoint } from '../../src/node/endpoint.ts'
import type { TransportOptions } from '../../src/node/transport-parts.ts'
import { SerialAdmission } from '../../src/lab/strategies/serial.ts'
import { mutePeer } from '../support/mute-peer.ts'
import { type Host, World } from './transport-world.ts'

/** Sends a valid first flight, or its first datagram only, again after a Retry if it is to, and never answers anything else. */
const silent = async (world: World, server: Host, { datagrams = 8, followsRetry = false } = {}): Promise<void> => {
  const ip = world.nextIp()
  const { udp, crypto, random } = world.ports(ip)
  let heeds = followsRetry ? 1 : 0
  const datagram = (bytes: Uint8Array, from: Address): void => {
    if (heeds-- <= 0) return
    connection.receive(bytes, from, world.clock.now())
    speak()
  }
  const socket = await udp.bind({ family: 4, ip, port: 9000 }, { datagram, failed: () => {} })
  const { publicKey } = await generateIdentity()
  const remote = server.transport.locals[0]!
  const config = { role: 'client', crypto, random, publicKey, alpn: [ALPN], expectedPeer: null, remote } as const
  const connection = QuicConnection.connect(config, world.clock.now())
  const speak = (): void => {
    for (let n = 0; n < datagrams; n++) {
      const datagram = new Uint8Array(1500)
      const length = connection.transmit(datagram, world.clock.now())
      if (length === 0) return
      socket.send(datagram.subarray(0, length), remote, () => {})
    }
  }
  speak()
}

/** Finishes TLS and then says nothing. */
const mute = (world: World, server: Host): Promise<Endpoint> => {
  const ip = world.nextIp()
  return mutePeer(world.ports(ip), { local: { family: 4, ip, port: 9000 }, remote: server.transport.locals[0]! })
}

/** How many of `honest` clients are identified beside `besiegers` that came first. */
const siege = async (
  honest: number,
  besiege: (world: World, server: Host) => Promise<void>,
  options: Partial<TransportOptions> = {},
): Promise<{ identified: number; world: World; server: Host }> => {
  const world = await World.make({ jitterMs: 2 }, 5)
  const server = await world.host(options)
  await besiege(world, server)
  const clients: Host[] = []
  for (let i = 0; i < honest; i++) clients.push(await world.host({ capability: 'client' }))
  const dials = clients.map(({ transport }) => transport.connectPeer(server.address))
  const outcomes = await world.run(Promise.allSettled(dials))
  return { identified: outcomes.filter(({ status }) => status === 'fulfilled').length, world, server }
}

const times = async (count: number, run: () => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < count; i++) await run()
}

/** A gate that gives everybody a slot at once. */
const OPEN = { strangersPerNetworkMax: 64, strangerSignaturesPerSecond: 1000 }

test('40 honest beside 20 silent are all identified, and the silent ones fail at their deadline', async () => {
  const besiege = (world: World, server: Host): Promise<void> => times(20, () => silent(world, server))
  const { identified, world, server } = await siege(40, besiege, { gate: OPEN })
  assert.equal(identified, 40)
  assert.equal(server.transport.gauges().halfOpenIn, 20)
  await world.clock.advance(9900 - world.clock.now())
  assert.equal(server.transport.gauges().halfOpenIn, 20)
  await world.clock.advance(200)
  assert.equal(server.transport.gauges().halfOpenIn, 0)
  assert.equal(server.transport.counters().handshakesFailed.inbound.deadline, 20)
  const { accepted, registered, reading } = server.transport.counters()
  assert.deepEqual([accepted.inbound, registered.inbound, reading.inbound], [40, 40, 40])
  await world.close()
})

test('the same crowd stops an accept path that takes one handshake after another', async () => {
  const besiege = (world: World, server: Host): Promise<void> => times(20, () => silent(world, server))
  const { identified, world } = await siege(40, besiege, { admission: new SerialAdmission(), gate: OPEN })
  assert.ok(identified < 40, `${identified} of 40 were identified`)
  await world.close()
})

test('one handshake after another works while nobody is silent', async () => {
  const { identified, world } = await siege(40, async () => {}, { admission: new SerialAdmission() })
  assert.equal(identified, 40)
  await world.close()
})

test('half a ClientHello holds its slot no longer than the rest', async () => {
  const { identified, world, server } = await siege(10, (world, server) =>
    times(20, () => silent(world, server, { datagrams: 1 })),
  )
  assert.equal(identified, 10)
  await world.clock.advance(10_100 - world.clock.now())
  assert.equal(server.transport.gauges().halfOpenIn, 0)
  await world.close()
})

test('a peer that never says HELLO is closed at the identity deadline', async () => {
  const mutes: Endpoint[] = []
  const besiege = (world: World, server: Host): Promise<void> =>
    times(20, async () => mutes.push(await mute(world, server)))
  const { identified, world, server } = await siege(10, besiege)
  assert.equal(identified, 10)
  assert.equal(server.transport.counters().accepted.inbound, 30)
  await world.clock.advance(5200 - world.clock.now())
  assert.equal(server.transport.counters().identityTimeouts, 20)
  assert.equal(server.transport.gauges().connections, 10)
  for (const endpoint of mutes) await world.run(endpoint.close({ code: 0, reason: '' }, 10))
  await world.close()
})

test('when every slot is taken a newcomer is refused at once, and later served', async () => {
  const limits = { halfOpenInMax: 5 }
  const besiege = (world: World, server: Host): Promise<void> =>
    times(5, async () => {
      await silent(world, server, { followsRetry: true })
      await world.clock.advance(50)
    })
  const { identified, world, server } = await siege(3, besiege, { limits })
  assert.equal(identified, 0)
  assert.ok(world.clock.now() < 1000, 'refused, not timed out')
  assert.ok(server.transport.counters().refused['slots-full'] >= 3)
  await world.clock.advance(10_500)
  const late = await world.host()
  await world.run(late.transport.connectPeer(server.address))
  await world.close()
})

test('when connections are at their maximum a newcomer is refused', async () => {
  const { identified, world, server } = await siege(5, async () => {}, { limits: { connectionsMax: 3 } })
  assert.equal(identified, 3)
  assert.ok(server.transport.counters().refused['connections-full'] >= 2)
  await world.close()
})

test('garbage and forged datagrams cost no slot and are counted', async () => {
  const world = await World.make()
  const server = await world.host()
  const ip = world.nextIp()
  const socket = await world.ports(ip).udp.bind({ family: 4, ip, port: 1 }, { datagram: () => {}, failed: () => {} })
  const remote = server.transport.locals[0]!
  const initial = new Uint8Array(1200)
  initial.set([0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x96])
  for (const bytes of [new Uint8Array(50), initial, initial.subarray(0, 1199), new Uint8Array(30).fill(0x40)]) {
    socket.send(bytes, remote, () => {})
  }
  await world.clock.advance(100)
  const { dropped, judged, slots, resets, handshakesBegun } = server.transport.counters()
  assert.equal(judged, 4)
  assert.equal(slots, 0)
  assert.equal(handshakesBegun.inbound, 0)
  const { 'not-quic': noise, 'not-opened': forged, 'initial-too-small': small } = dropped
  assert.deepEqual([noise, forged, small, resets], [1, 1, 1, 1])
  assert.equal(server.transport.gauges().connections, 0)
  await world.close()
})
