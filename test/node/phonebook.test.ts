import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SallyportError } from '../../src/core/errors.ts'
import type { PeerId } from '../../src/core/ids.ts'
import { chunkAddressOf } from '../../src/core/ids.ts'
import { DIVERSITY_OFF, diversityOf } from '../../src/core/kademlia/diversity.ts'
import { STATUS } from '../../src/core/messages/codes.ts'
import { decodeRecords, findNodeRequest } from '../../src/core/messages/find-node.ts'
import { placeOf } from '../core/kademlia/ids.ts'
import type { Member } from './phonebook-network.ts'
import { SimulatedNetwork } from './phonebook-network.ts'

const coded =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof SallyportError && error.code === code

const networkOf = async (seed: number, size: number): Promise<SimulatedNetwork> => {
  const network = new SimulatedNetwork(seed)
  await network.grow(size)
  return network
}

const someAddress = (network: SimulatedNetwork) => {
  const bytes = new Uint8Array(32)
  network.random.fill(bytes)
  return chunkAddressOf(bytes)
}

const anyOf = (network: SimulatedNetwork): Member => {
  const living = network.members.filter(({ alive }) => alive)
  return living[network.random.below(living.length)] ?? assert.fail('somebody lives')
}

/** A network of 200 that several tests use and none harms; whoever is first waits until it has grown. */
const large = networkOf(1, 200)

test('after 200 nodes joined, the lookup each makes of itself returns the true seven closest', async () => {
  const network = await large
  for (const member of network.members) {
    const found = await network.clock.until(member.phonebook.lookup(member.peerId))
    assert.deepEqual(found.slice(0, 7), network.trueClosest(member.peerId, 7, member.peerId))
  }
})

test('everybody finds the true seven closest of a random address, also when no connection is left', async () => {
  const network = await large
  network.disconnect()
  for (let i = 0; i < 40; i++) {
    const [target, member] = [someAddress(network), anyOf(network)]
    const found = await network.clock.until(member.phonebook.lookup(target))
    assert.deepEqual(found.slice(0, 7), network.trueClosest(target, 7, member.peerId))
    assert.ok(found.length <= 20)
  }
})

test('with three of ten nodes dead, lookups still find the true seven closest of the living', async () => {
  const network = await networkOf(3, 100)
  for (const member of network.members.slice(1)) if (network.random.fraction() < 0.3) member.die()
  let found = 0
  for (let i = 0; i < 40; i++) {
    const [target, member] = [someAddress(network), anyOf(network)]
    const peers = await network.clock.until(member.phonebook.lookup(target))
    assert.ok(peers.every((peer) => network.members.some(({ peerId, alive }) => alive && peerId === peer)))
    if (peers.slice(0, 7).join() === network.trueClosest(target, 7, member.peerId).join()) found++
  }
  assert.ok(found >= 38, `${found} of 40 lookups found the true closest`)
})

test('a joining node dials at most thirty peers and the bootstrap node', async () => {
  const network = await large
  const member = network.add()
  await network.clock.until(member.phonebook.join([network.members[0]!.peerAddress]))
  assert.ok(member.dials.length <= 31, `${member.dials.length} dials`)
  assert.ok(member.phonebook.size >= 20)
})

test('joining through dead bootstrap nodes says so, and one living one is enough at once', async () => {
  const network = await networkOf(5, 10)
  const dead = network.add()
  dead.die()
  const [hopeless, lucky] = [network.add(), network.add()]
  await assert.rejects(network.clock.until(hopeless.phonebook.join([dead.peerAddress])), coded('BOOTSTRAP_UNREACHABLE'))
  const before = network.clock.now()
  const living = network.members[0]!.peerAddress
  const { peers } = await network.clock.until(lucky.phonebook.join([dead.peerAddress, living]))
  assert.equal(peers, 10)
  assert.ok(network.clock.now() - before < 2000)
})

test('a bootstrap address without a peer takes whoever answers, and one with another peer is refused', async () => {
  const network = await networkOf(6, 3)
  const [first, second] = [network.members[0]!, network.members[1]!]
  const member = network.add()
  const wrong = { address: first.address, peerId: second.peerId }
  await assert.rejects(network.clock.until(member.phonebook.join([wrong])), coded('BOOTSTRAP_UNREACHABLE'))
  const other = network.add()
  const { peers } = await network.clock.until(other.phonebook.join([{ address: first.address, peerId: null }]))
  assert.equal(peers, 3)
})

test('without anybody to join, joining succeeds alone', async () => {
  const network = new SimulatedNetwork(7)
  const member = network.add()
  assert.deepEqual(await network.clock.until(member.phonebook.join([])), { peers: 0 })
  assert.deepEqual(await network.clock.until(member.phonebook.join([member.peerAddress])), { peers: 0 })
  assert.deepEqual(await network.clock.until(member.phonebook.lookup(someAddress(network))), [])
})

test('a client finds nodes and is found by nobody', async () => {
  const network = await networkOf(8, 30)
  const client = network.add({ capability: 'client' })
  await network.clock.until(client.phonebook.join([network.members[0]!.peerAddress]))
  const found = await network.clock.until(client.phonebook.lookup(client.peerId))
  assert.deepEqual(found.slice(0, 7), network.trueClosest(client.peerId, 7))
  for (const member of network.members.slice(0, 30))
    assert.ok(!member.phonebook.closest(client.peerId, 20).includes(client.peerId))
})

test('a peer that cannot be reached leaves the table, and is not told to others any more', async () => {
  const network = await networkOf(9, 12)
  const [asker, dead, third] = [network.members[1]!, network.members[2]!, network.members[3]!]
  dead.die()
  network.disconnect()
  assert.ok(asker.phonebook.closest(dead.peerId, 1).includes(dead.peerId))
  await assert.rejects(network.clock.until(asker.phonebook.reach(dead.peerId)), coded('DIAL_TIMEOUT'))
  assert.ok(!asker.phonebook.closest(dead.peerId, 20).includes(dead.peerId))
  const answer = asker.phonebook.answer(third.acquaintance, findNodeRequest(new Uint8Array(32)))
  const told = decodeRecords(answer.payload) ?? assert.fail('records')
  assert.ok(told.length >= 9)
  assert.ok(!told.some(({ peerId }) => peerId === dead.peerId || peerId === third.peerId))
})

test('a peer of which nothing is known cannot be reached, and a connected one is', async () => {
  const network = await networkOf(10, 2)
  const [a, b] = [network.members[0]!, network.members[1]!]
  const unknown = someAddress(network) as string as PeerId
  await assert.rejects(network.clock.until(a.phonebook.reach(unknown)), coded('NO_ADDRESS'))
  const dials = a.dials.length
  await network.clock.until(a.phonebook.reach(b.peerId))
  assert.equal(a.dials.length, dials)
})

test('what is not heard from for 30 minutes is told to nobody', async () => {
  const network = new SimulatedNetwork(11)
  const [a, b, c] = [network.add(), network.add(), network.add()]
  await network.clock.until(b.phonebook.join([a.peerAddress]))
  network.disconnect()
  b.die()
  const ask = () => decodeRecords(a.phonebook.answer(c.acquaintance, findNodeRequest(new Uint8Array(32))).payload)
  assert.deepEqual(
    ask()?.map(({ peerId, addresses }) => [peerId, addresses]),
    [[b.peerId, [b.address]]],
  )
  await a.phonebook.close()
  await network.clock.advance(31 * 60_000)
  assert.deepEqual(ask(), [])
})

test('quiet networks refresh themselves: after an hour without connections a newcomer is told of everybody near', async () => {
  const network = await networkOf(12, 24)
  for (let i = 0; i < 6; i++) {
    network.disconnect()
    await network.clock.advance(10 * 60_000)
  }
  const newcomer = network.add()
  await network.clock.until(newcomer.phonebook.join([network.members[0]!.peerAddress]))
  const found = await network.clock.until(newcomer.phonebook.lookup(newcomer.peerId))
  assert.deepEqual(found.slice(0, 7), network.trueClosest(newcomer.peerId, 7, newcomer.peerId))
})

test('malformed requests are answered bad request, and malformed answers count as none', async () => {
  const network = await networkOf(13, 10)
  const [member, liar] = [network.members[1]!, network.members[2]!]
  const request = { ...findNodeRequest(new Uint8Array(32)), count: 21 }
  assert.equal(member.phonebook.answer(liar.acquaintance, request).status, STATUS.badRequest)
  const plain = { status: 0, reason: null, retryAfterMs: null, outcome: null }
  for (const answer of [
    { ...plain, payload: Uint8Array.of(1, 2, 3) },
    { ...plain, status: STATUS.refused, payload: new Uint8Array(0) },
  ]) {
    member.phonebook.identified(liar.acquaintance)
    liar.answerInstead = () => answer
    const found = await network.clock.until(member.phonebook.lookup(liar.peerId))
    assert.ok(!found.includes(liar.peerId))
    assert.ok(!member.phonebook.closest(liar.peerId, 1).includes(liar.peerId))
  }
})

test('nobody can aim a node at a victim: made-up peers at one address cause five dials a minute, one at a time', async () => {
  const network = new SimulatedNetwork(14)
  const victim = { family: 4, ip: '192.0.2.1', port: 1 } as const
  const node = network.add({ address: { family: 4, ip: '198.51.100.1', port: 9000 } })
  const liar = network.add({ address: { family: 4, ip: '198.51.101.1', port: 9000 } })
  await network.clock.until(node.phonebook.join([liar.peerAddress]))
  const inventor = new SimulatedNetwork(15)
  const made = Array.from({ length: 20 }, (_, port) => inventor.add({ address: { ...victim, port: port + 1 } }))
  // Somebody else is there and says so quickly, so that only the limits stand between the victim and twenty dials.
  for (const { address } of made) network.add({ address })
  for (const member of made) liar.phonebook.identified(member.acquaintance)
  const lookups = Promise.all(made.map(({ peerId }) => node.phonebook.lookup(peerId)))
  await network.clock.until(lookups)
  await network.clock.advance(60_000)
  const knocks = node.dials.filter(({ ip }) => ip === victim.ip)
  assert.ok(knocks.length >= 1 && knocks.length <= 5, `${knocks.length} dials`)
})

test('in a network on ports of one address, diversity off or auto finds everybody', async () => {
  for (const diversity of [DIVERSITY_OFF, diversityOf('auto', [{ family: 4, ip: '0.0.0.0' }])]) {
    const network = new SimulatedNetwork(16)
    const nodes = Array.from({ length: 12 }, (_, port) =>
      network.add({ address: { family: 4, ip: '127.0.0.1', port: port + 1 }, diversity }),
    )
    for (const node of nodes.slice(1)) await network.clock.until(node.phonebook.join([nodes[0]!.peerAddress]))
    const found = await network.clock.until(nodes[5]!.phonebook.lookup(nodes[5]!.peerId))
    assert.equal(found.length, 11)
    assert.equal(nodes[5]!.phonebook.network(nodes[3]!.peerId), null)
  }
})

test('where diversity counts, a peer is in the network of its address', async () => {
  const network = await networkOf(17, 3)
  const [a, b] = [network.members[0]!, network.members[1]!]
  assert.equal(a.phonebook.network(b.peerId), '127.10.1.0/24')
  network.disconnect()
  assert.equal(a.phonebook.network(b.peerId), '127.10.1.0/24')
  assert.equal(a.phonebook.network(someAddress(network) as string as PeerId), null)
})

test('the connections kept are the nearest peers and one of each bucket, at most 64', async () => {
  const network = await large
  for (const member of network.members) {
    assert.ok(member.kept.length <= 64)
    const nearest = member.phonebook.closest(member.peerId, 7)
    for (const peer of nearest) assert.ok(member.kept.includes(peer))
  }
})

test('an aborted lookup or join ends at once, and closing ends all of them', async () => {
  const network = await networkOf(19, 30)
  for (const member of network.members.slice(2)) member.die()
  network.disconnect()
  const member = network.members[1]!
  const controller = new AbortController()
  const lookup = member.phonebook.lookup(someAddress(network), { signal: controller.signal })
  const joining = network.add().phonebook.join([network.members[5]!.peerAddress], { signal: controller.signal })
  controller.abort()
  await assert.rejects(lookup, coded('CANCELLED'))
  await assert.rejects(joining, coded('CANCELLED'))
  await assert.rejects(member.phonebook.lookup(someAddress(network), { signal: controller.signal }), coded('CANCELLED'))
  const other = member.phonebook.lookup(someAddress(network))
  const refused = assert.rejects(other, coded('CLOSED'))
  await member.phonebook.close()
  await refused
  await member.phonebook.close()
  await assert.rejects(member.phonebook.lookup(someAddress(network)), coded('CLOSED'))
})

test('two lookups that want the same peer dial it once', async () => {
  const network = await networkOf(20, 20)
  network.disconnect()
  const member = network.members[7]!
  const before = member.dials.length
  const target = someAddress(network)
  await network.clock.until(Promise.all([member.phonebook.lookup(target), member.phonebook.lookup(target)]))
  const places = member.dials.slice(before).map(({ ip }) => ip)
  assert.equal(new Set(places).size, places.length)
})

test('a peer that died with its connections costs one request and not one a lookup, and is asked again once it is heard', async () => {
  const network = await networkOf(22, 10)
  const [, dead, member] = network.members as [Member, Member, Member]
  for (const other of network.members) {
    if (other !== member && !member.connections.has(other.peerId)) {
      await network.clock.until(
        member.connect(other.peerAddress, { timeoutMs: 1000, signal: new AbortController().signal }),
      )
    }
  }
  dead.alive = false
  const timed = async (): Promise<number> => {
    const began = network.clock.now()
    await network.clock.until(member.phonebook.lookup(dead.peerId))
    return network.clock.now() - began
  }
  const first = await timed()
  assert.ok(first >= 1500 && first < 2500, `${first} ms`)
  for (let i = 0; i < 3; i++) assert.ok((await timed()) < 1000)
  dead.alive = true
  member.phonebook.identified(dead.acquaintance)
  assert.ok((await network.clock.until(member.phonebook.lookup(dead.peerId))).includes(dead.peerId))
})

/** Ten who all know each other, and how long a lookup of one of them takes. */
const ten = async (seed: number) => {
  const network = await networkOf(seed, 10)
  for (const member of network.members) {
    for (const other of network.members) {
      if (other === member || member.connections.has(other.peerId)) continue
      const until = { timeoutMs: 1000, signal: new AbortController().signal }
      await network.clock.until(member.connect(other.peerAddress, until))
    }
  }
  const timed = async (member: Member, target: PeerId): Promise<number> => {
    const began = network.clock.now()
    await network.clock.until(member.phonebook.lookup(target))
    return network.clock.now() - began
  }
  return { network, timed }
}

test('a peer that says goodbye leaves every table at once: nobody dials it, tells of it or waits for it', async () => {
  const { network, timed } = await ten(23)
  const [leaver, ...others] = network.members as [Member, ...Member[]]
  const newcomer = network.add()
  leaver.leave()
  const told = others[0]!.phonebook.answer(newcomer.acquaintance, findNodeRequest(new Uint8Array(32)))
  assert.ok(!decodeRecords(told.payload)!.some(({ peerId }) => peerId === leaver.peerId))
  for (const member of others) {
    member.dials.length = 0
    assert.ok((await timed(member, leaver.peerId)) < 500)
    assert.ok(!member.dials.includes(leaver.address))
    await assert.rejects(member.phonebook.reach(leaver.peerId), coded('NOT_CONNECTED'))
    member.phonebook.disconnected(leaver.peerId)
    assert.ok(!member.phonebook.closest(leaver.peerId, 20).includes(leaver.peerId))
    assert.ok(!member.kept.includes(leaver.peerId))
  }
})

test('what is still said of a peer that left does not bring it back, and its own return does', async () => {
  const { network } = await ten(24)
  const [leaver, member] = network.members as [Member, Member]
  const { acquaintance } = leaver
  leaver.leave()
  member.phonebook.disconnected(leaver.peerId)
  member.phonebook.identified(acquaintance)
  assert.ok(!member.phonebook.closest(leaver.peerId, 20).includes(leaver.peerId))
  member.leavers.delete(leaver.peerId)
  member.phonebook.identified(acquaintance)
  assert.ok(member.phonebook.closest(leaver.peerId, 20).includes(leaver.peerId))
})

test('a peer whose connection ended without a goodbye stays in the table until it cannot be reached', async () => {
  const { network } = await ten(25)
  const [idle, member] = network.members as [Member, Member]
  network.disconnect()
  member.phonebook.disconnected(idle.peerId)
  assert.ok(member.phonebook.closest(idle.peerId, 20).includes(idle.peerId))
})

test('a kept peer is dialled when its connection was lost, but not again and again, nor when one end wanted it to end', async () => {
  const { network } = await ten(27)
  const [peer, member] = network.members as [Member, Member]
  assert.ok(member.kept.includes(peer.peerId))
  const dialsAfterLoss = async (afterMs: number): Promise<number> => {
    await network.clock.advance(afterMs)
    network.disconnect()
    member.dials.length = 0
    member.phonebook.disconnected(peer.peerId)
    await network.clock.advance(1000)
    return member.dials.filter((address) => address === peer.address).length
  }
  assert.equal(await dialsAfterLoss(0), 1)
  assert.equal(await dialsAfterLoss(1000), 0, 'it has just been dialled')
  assert.equal(await dialsAfterLoss(10_000), 1)
  member.parted.add(peer.peerId)
  assert.equal(await dialsAfterLoss(10_000), 0, 'it was not to be kept')
  assert.ok(member.phonebook.closest(peer.peerId, 20).includes(peer.peerId), 'it lives')
  member.parted.delete(peer.peerId)
  assert.equal(await dialsAfterLoss(10_000), 1)
})

test('one dead peer of ten holds up a lookup for its patience, not for the whole of a dial', async () => {
  const { network, timed } = await ten(26)
  const [dead, ...others] = network.members as [Member, ...Member[]]
  dead.die()
  network.disconnect()
  for (const member of others) {
    const first = await timed(member, dead.peerId)
    assert.ok(first >= 1500 && first < 2500, `${first} ms`)
    // The dial of the first goes on for its 12 s, and nobody waits for it again.
    for (let i = 0; i < 3; i++) assert.ok((await timed(member, dead.peerId)) < 500)
  }
})

test('a full bucket is probed: its member that died long ago makes room', async () => {
  const network = new SimulatedNetwork(21)
  const node = network.add()
  const half = node.peerId.startsWith('0') ? 8 : Number.parseInt(node.peerId.charAt(0), 16) ^ 8
  const far: Member[] = []
  while (far.length < 21) {
    const member = network.add({ address: placeOf(far.length) })
    if (Number.parseInt(member.peerId.charAt(0), 16) >> 3 === half >> 3) far.push(member)
  }
  const newcomer = far[20]!
  for (const member of far.slice(0, 20)) node.phonebook.identified(member.acquaintance)
  far[0]!.die()
  await network.clock.advance(16 * 60_000)
  for (const member of far.slice(1, 20)) node.phonebook.identified(member.acquaintance)
  node.phonebook.identified(newcomer.acquaintance)
  await network.clock.advance(60_000)
  assert.ok(!node.phonebook.closest(far[0]!.peerId, 20).includes(far[0]!.peerId))
  assert.ok(node.phonebook.closest(newcomer.peerId, 20).includes(newcomer.peerId))
})
