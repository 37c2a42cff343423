import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLOSE } from '../../src/core/messages/codes.ts'
import { createNode } from '../../src/index.ts'
import { RawPeer } from './raw-peer.ts'
import { World } from './transport-world.ts'

test('a node that closes has left for those connected before its connections end, and is back when it is identified', async () => {
  const world = await World.make()
  const [stays, leaves] = [await world.host(), await world.host()]
  await world.run(leaves.transport.connectPeer(stays.address))
  await world.clock.advance(50)
  const { peerId } = leaves.identity
  assert.equal(stays.transport.hasLeft(peerId), false)
  // A request in progress gives the connection a moment more.
  const { promise, resolve } = Promise.withResolvers<void>()
  leaves.transport.handle('/test/slow/1', () => promise)
  const asked = stays.transport.request(peerId, '/test/slow/1', new Uint8Array(0))
  await world.clock.advance(50)
  const closing = leaves.transport.close()
  await world.clock.advance(100)
  assert.equal(stays.transport.hasLeft(peerId), true)
  assert.equal(stays.transport.peer(peerId), null)
  assert.ok(
    stays.transport.peers().some((peer) => peer.peerId === peerId),
    'it is still connected',
  )
  resolve()
  await world.run(asked)
  await world.run(closing)
  await world.clock.advance(100)
  assert.deepEqual(stays.transport.peers(), [])
  const again = await world.host({ identity: leaves.identity })
  assert.equal(stays.transport.hasLeft(peerId), true)
  await world.run(again.transport.connectPeer(stays.address))
  await world.clock.advance(50)
  assert.equal(stays.transport.hasLeft(peerId), false)
  await world.close()
})

test('a close with SHUTDOWN is a goodbye though its GOAWAY was lost, and one with another code is none', async () => {
  for (const [code, left] of [
    [CLOSE.shutdown, true],
    [CLOSE.noError, false],
    [CLOSE.idle, false],
  ] as const) {
    const world = await World.make()
    const host = await world.host()
    const peer = await RawPeer.connect(world, host)
    await peer.greet()
    peer.link.close(code, '', world.clock.now())
    await world.clock.advance(50)
    assert.deepEqual(host.transport.peers(), [])
    assert.equal(host.transport.hasLeft(peer.identity.peerId), left, `code ${code}`)
    await peer.close()
    await world.close()
  }
})

test('who ends a connection because it wants to has parted, for both ends, until they meet again', async () => {
  const world = await World.make()
  const [one, other] = [await world.host(), await world.host()]
  const meet = async (): Promise<void> => {
    await world.run(one.transport.connectPeer(other.address))
    await world.clock.advance(50)
  }
  const parted = (): boolean[] => [
    one.transport.hasParted(other.identity.peerId),
    other.transport.hasParted(one.identity.peerId),
  ]
  await meet()
  assert.deepEqual(parted(), [false, false])
  assert.ok(one.transport.disconnectPeer(other.identity.peerId))
  await world.clock.advance(50)
  assert.deepEqual(parted(), [true, true])
  await meet()
  assert.deepEqual(parted(), [false, false])
  other.transport.disconnectPeer(one.identity.peerId)
  await world.clock.advance(30_100)
  assert.deepEqual(parted(), [false, false], 'that was long ago')
  await world.close()
})

test('a peer that ends one of several connections has not parted', async () => {
  const world = await World.make()
  const host = await world.host()
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  const first = peer.link
  peer.dial(host)
  await world.clock.advance(100)
  await peer.greet()
  assert.notEqual(peer.link, first)
  first.close(CLOSE.noError, 'given up', world.clock.now())
  await world.clock.advance(100)
  assert.equal(host.transport.peers().length, 1)
  assert.equal(host.transport.hasParted(peer.identity.peerId), false)
  peer.link.close(CLOSE.noError, '', world.clock.now())
  await world.clock.advance(100)
  assert.equal(host.transport.peers().length, 0)
  assert.equal(host.transport.hasParted(peer.identity.peerId), true)
  await peer.close()
  await world.close()
})

test('nodes that part stay apart, whichever of them wanted to, and however often', async () => {
  const listen = ['/ip4/127.0.0.1/udp/0/quic-v1']
  await using one = await createNode({ listen, capability: 'node' })
  await using other = await createNode({ listen, capability: 'node' })
  const leaving = async (node: typeof one): Promise<void> => {
    for await (const event of node.transport.events()) {
      if (event.kind === 'connected') node.transport.disconnectPeer(event.peerId)
    }
  }
  void leaving(other)
  for (let n = 1; n <= 2; n++) {
    await one.transport.connectPeer(other.addresses[0] ?? '')
    await new Promise((resolve) => setTimeout(resolve, 300))
    const { accepted } = other.counters()
    assert.deepEqual(accepted, { inbound: n, outbound: 0 })
    assert.deepEqual([one.transport.peers(), other.transport.peers()], [[], []])
  }
})
