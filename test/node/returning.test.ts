// A peer that was here before is back, as the same PeerId, without a signature; and whatever would keep it out keeps it out all the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Host, World } from './transport-world.ts'

interface Two {
  readonly world: World
  readonly dialler: Host
  readonly acceptor: Host
}

const two = async (acceptor: Parameters<World['host']>[0] = {}): Promise<Two> => {
  const world = await World.make()
  return { world, dialler: await world.host(), acceptor: await world.host(acceptor) }
}

const connect = async ({ world, dialler }: Two, to: Host): Promise<void> => {
  const { peerId } = await world.run(dialler.transport.connectPeer(to.address))
  assert.equal(peerId, to.identity.peerId)
}

/** Connects, waits for the ticket, and ends the connection. */
const visit = async (met: Two, to = met.acceptor): Promise<void> => {
  await connect(met, to)
  await met.world.clock.advance(100)
  met.dialler.transport.disconnectPeer(to.identity.peerId)
  await met.world.clock.advance(1000)
}

const signatures = ({ world }: Two): number => world.workers.asked.sign + world.workers.asked.verify
const resumed = ({ dialler, acceptor }: Two): readonly number[] => [
  dialler.transport.counters().resumed.outbound,
  acceptor.transport.counters().resumed.inbound,
]

test('a peer that was here comes back without a signature, again and again, and is identified as before', async () => {
  const met = await two()
  await visit(met)
  assert.equal(signatures(met), 4)
  for (let times = 1; times <= 3; times++) {
    await visit(met)
    assert.deepEqual(resumed(met), [times, times])
  }
  assert.equal(signatures(met), 4)
  const { accepted, registered, reading, identified } = met.acceptor.transport.counters()
  assert.deepEqual(
    [accepted, registered, reading, identified].map(({ inbound }) => inbound),
    [4, 4, 4, 4],
  )
  await met.world.close()
})

test('a dial of whoever answers comes as a stranger', async () => {
  const met = await two()
  await visit(met)
  const [address] = met.acceptor.address.split('/p2p/')
  const { peerId } = await met.world.run(met.dialler.transport.connectPeer(address ?? ''))
  assert.equal(peerId, met.acceptor.identity.peerId)
  assert.deepEqual(resumed(met), [0, 0])
  await met.world.close()
})

test('a peer that was started anew is dialled with a ticket it cannot read, and signs', async () => {
  const met = await two()
  await visit(met)
  const { identity } = met.acceptor
  await met.world.run(met.acceptor.transport.close())
  const again = await met.world.host({ identity })
  await connect(met, again)
  assert.equal(met.dialler.transport.counters().resumed.outbound, 0)
  assert.equal(again.transport.counters().accepted.inbound, 1)
  await met.world.close()
})

test('another peer at the same address is not taken for the one that was there', async () => {
  const met = await two()
  await visit(met)
  const other = await met.world.host()
  const wrong = other.address.replace(other.identity.peerId, met.acceptor.identity.peerId)
  await assert.rejects(met.world.run(met.dialler.transport.connectPeer(wrong)), { code: 'IDENTITY_MISMATCH' })
  await met.world.close()
})

/** Dials a node whose policy may refuse, which the dialler can notice before or after it is identified. */
const attempt = async ({ world, dialler, acceptor }: Two): Promise<void> => {
  await world.run(dialler.transport.connectPeer(acceptor.address, { insist: true }).catch(() => null))
  await world.clock.advance(1000)
}

test('the policy is asked about whoever comes back', async () => {
  let isOpen = true
  const met = await two({ policy: () => isOpen })
  await visit(met)
  isOpen = false
  await attempt(met)
  assert.deepEqual(resumed(met), [1, 1])
  assert.equal(met.acceptor.transport.counters().policyRefused, 1)
  assert.deepEqual(met.acceptor.transport.listActiveConnections(), [])
  await met.world.close()
})

test('whoever the policy refuses gets no ticket', async () => {
  const met = await two({ policy: () => false })
  await attempt(met)
  await attempt(met)
  assert.equal(met.acceptor.transport.counters().policyRefused, 2)
  assert.deepEqual(resumed(met), [0, 0])
  await met.world.close()
})

test('a ticket is good for a day', async () => {
  const met = await two()
  await visit(met)
  await met.world.clock.advance(24 * 3_600_000)
  await visit(met)
  assert.deepEqual(resumed(met), [0, 0])
  await met.world.close()
})
