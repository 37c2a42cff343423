// A NAT maps a node anew under a running transfer: its peer goes on with it where it is now, counts it there, and says so once it is sure.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STATUS } from '../../src/core/messages/codes.ts'
import type { Ports } from '../../src/io/ports.ts'
import type { TransportEvent } from '../../src/node/events.ts'
import type { GateOptions } from '../../src/core/gate/options.ts'
import { Nat } from './nat.ts'
import { type Host, World } from './transport-world.ts'

interface Played {
  readonly world: World
  readonly server: Host
  readonly client: Host
  readonly nat: Nat
  readonly ip: string
}

const play = async (gate: Partial<GateOptions> = {}): Promise<Played> => {
  const world = await World.make()
  const server = await world.host({ gate })
  server.transport.handle('/test/1', (request) => ({
    status: STATUS.ok,
    payload: new Uint8Array(request.payload.length).fill(7),
  }))
  const ip = '192.0.2.200'
  const ports: Ports = world.ports(ip)
  const nat = new Nat(ports.udp)
  const client = await world.host({ ports: { ...ports, udp: nat.udp }, listen: [{ family: 4, ip, port: 9000 }] })
  await world.run(client.transport.connectPeer(server.address))
  await world.run(server.transport.waitForPeerIdentity(client.identity.peerId))
  return { world, server, client, nat, ip }
}

const exchange = async ({ world, client, server }: Played, bytes: number): Promise<number> => {
  const payload = new Uint8Array(bytes).fill(1)
  const response = await world.run(client.transport.request(server.identity.peerId, '/test/1', payload))
  return response.payload.length
}

test('a node whose address changes under a transfer goes on with it, and is known where it is now', async () => {
  const played = await play()
  const { world, server, client, nat, ip } = played
  const events = server.transport.events()
  const running = exchange(played, 400_000)
  await nat.rebind(world.ports(ip).udp, { family: 4, ip, port: 31_000 })
  assert.equal(await running, 400_000)
  const heard = (await world.run(events.next())) as { value: TransportEvent }
  assert.ok(heard.value.kind === 'migrated' && heard.value.peerId === client.identity.peerId)
  assert.equal(heard.value.peer.remote.port, 31_000)
  assert.equal(server.transport.peer(client.identity.peerId)?.remote.port, 31_000)
  assert.equal(server.transport.counters().migrated, 1)
  assert.equal(client.transport.counters().migrated, 0)
  await world.close()
})

test('a node that moves to a network that is denied is closed, once it has proved to be there', async () => {
  const played = await play({ deny: ['198.51.100.0/24'] })
  const { world, server, client, nat } = played
  const there = { family: 4, ip: '198.51.100.9', port: 9000 } as const
  await nat.rebind(world.ports(there.ip).udp, there)
  await assert.rejects(exchange(played, 1000))
  assert.equal(server.transport.peer(client.identity.peerId), null)
  assert.equal(server.transport.counters().migrated, 1)
  await world.close()
})
