// The application's policy: asked about a peer that has said who it is, and about nobody before.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLOSE } from '../../src/core/messages/codes.ts'
import type { PeerInfo } from '../../src/core/peers/connection-record.ts'
import type { Policy } from '../../src/node/policy.ts'
import { RawPeer } from './raw-peer.ts'
import { type Host, World } from './transport-world.ts'

const connect = (world: World, from: Host, to: Host): Promise<unknown> =>
  world.run(from.transport.connectPeer(to.address).catch((error: unknown) => error))

/** What happens to a raw peer that identifies itself to a host with a policy. */
const refusedWith = async (policy: Policy): Promise<{ closed: RawPeer['closed']; failures: number }> => {
  const world = await World.make()
  const host = await world.host({ policy })
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  const { policyRefused, policyFailures, closedFor, identified } = host.transport.counters()
  assert.deepEqual([policyRefused, closedFor.refused, identified.inbound], [1, 1, 0])
  assert.equal(host.transport.metrics().histograms.policy.count, 1)
  assert.deepEqual(host.transport.peers(), [])
  await peer.close()
  await world.close()
  return { closed: peer.closed, failures: policyFailures }
}

const REFUSED = { kind: 'application', ours: false, code: CLOSE.refused, reason: 'policy' }

test('a policy is told who the peer is, and only whoever it says true to is connected', async () => {
  const world = await World.make()
  const asked: PeerInfo[] = []
  const host = await world.host({
    policy: (peer) => asked.push(peer) > 0 && peer.hello.capability === 'node',
  })
  const events = host.transport.events()
  const [client, node] = [await world.host({ capability: 'client' }), await world.host({ capability: 'node' })]
  await connect(world, client, host)
  await connect(world, node, host)
  await world.clock.advance(100)
  assert.deepEqual(
    asked.map(({ peerId, direction }) => [peerId, direction]),
    [client, node].map(({ identity }) => [identity.peerId, 'inbound']),
  )
  assert.deepEqual(
    host.transport.peers().map(({ peerId }) => peerId),
    [node.identity.peerId],
  )
  assert.deepEqual(client.transport.peers(), [])
  const first = await world.run(events.next())
  assert.equal(
    first.done === true ? null : first.value.kind === 'connected' && first.value.peerId,
    node.identity.peerId,
  )
  const { policyRefused, policyFailures, identified } = host.transport.counters()
  assert.deepEqual([policyRefused, policyFailures, identified.inbound], [1, 0, 1])
  await world.close()
})

test('a policy that throws refuses, and so does anything that is not true', async () => {
  const throwing = await refusedWith(() => {
    throw new Error('the policy broke')
  })
  assert.deepEqual(throwing, { closed: REFUSED, failures: 1 })
  const answers = [() => false, () => undefined, () => 1, () => Promise.resolve(true)]
  for (const answer of answers) {
    assert.deepEqual(await refusedWith(answer as unknown as Policy), { closed: REFUSED, failures: 0 })
  }
})

test('nobody is asked about a peer that has not identified itself', async () => {
  const world = await World.make()
  const host = await world.host({ policy: () => assert.fail('nobody is there to be judged') })
  const peer = await RawPeer.connect(world, host)
  await world.clock.advance(6000)
  assert.equal(host.transport.counters().identityTimeouts, 1)
  assert.equal(host.transport.counters().policyRefused, 0)
  await peer.close()
  await world.close()
})

test('a dial of our own that our policy refuses fails as refused', async () => {
  const world = await World.make()
  const directions: string[] = []
  const host = await world.host({ policy: ({ direction }) => directions.push(direction) < 0 })
  const other = await world.host()
  const error = await connect(world, host, other)
  assert.equal((error as { code?: string }).code, 'CONNECTION_REFUSED')
  assert.deepEqual(directions, ['outbound'])
  await world.close()
})

test('the time a policy takes is recorded', async () => {
  const world = await World.make()
  const ip = world.nextIp()
  const ports = world.ports(ip)
  let heldMs = 0
  const host = await world.host({
    ports: { ...ports, clock: { now: () => world.clock.now() + heldMs, wall: () => world.clock.wall() } },
    listen: [{ family: 4, ip, port: 9000 }],
    policy: () => (heldMs += 30) > 0,
  })
  await connect(world, await world.host(), host)
  await world.clock.advance(50)
  const { count, sumMs } = host.transport.metrics().histograms.policy
  assert.deepEqual([count, sumMs], [1, 30])
  await world.close()
})

test('a policy may close connections and make calls: what it does happens in its order', async () => {
  const world = await World.make()
  const host: Host = await world.host({ policy: ({ peerId }) => host.transport.disconnectPeer(peerId) })
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  assert.equal(peer.closed?.kind === 'application' && peer.closed.code, CLOSE.noError)
  host.transport.checkInvariants()
  assert.deepEqual(host.transport.peers(), [])
  await peer.close()
  await world.close()
})
