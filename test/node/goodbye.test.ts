import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLOSE } from '../../src/core/messages/codes.ts'
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
