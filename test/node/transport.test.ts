import assert from 'node:assert/strict'
import { test } from 'node:test'
import { World } from './transport-world.ts'

test('two transports identify each other, and each can tell', async () => {
  const world = await World.make()
  const [a, b] = [await world.host(), await world.host()]
  const connected = await world.run(a.transport.connectPeer(b.address))
  assert.equal(connected.peerId, b.identity.peerId)
  await world.clock.advance(100)
  assert.deepEqual(
    [a, b].map(({ transport }) => transport.peers().map((info) => info.peerId)),
    [[b.identity.peerId], [a.identity.peerId]],
  )
  for (const direction of ['inbound', 'outbound'] as const) {
    const counters = (direction === 'inbound' ? b : a).transport.counters()
    assert.deepEqual(
      [counters.accepted, counters.registered, counters.reading, counters.identified].map((by) => by[direction]),
      [1, 1, 1, 1],
    )
  }
  await world.close()
})
