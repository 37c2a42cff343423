// Whoever keeps room and lets nothing come of it gives way to those who use it briefly: a few peers that drip cannot take the room of all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat } from '../../src/core/bytes.ts'
import { STATUS } from '../../src/core/messages/codes.ts'
import { encodeMessageHeader, encodeRequestHeader } from '../../src/core/messages/requests.ts'
import type { Limits } from '../../src/node/options.ts'
import { RawPeer } from './raw-peer.ts'
import { type Host, World } from './transport-world.ts'

const ECHO = '/test/echo/1'
const LARGE = '/test/large/1'

/** Room for sixteen of the largest messages, eight peers' worth; the same for answers. */
const LIMITS: Partial<Limits> = {
  idleAfterMs: 600_000,
  messageBytesMax: 100_000,
  inboundBytesPerPeerMax: 200_000,
  inboundBytesPerShardMax: 1_600_000,
  inboundBytesMax: 1_600_000,
  answerBytesPerPeerMax: 200_000,
  answerBytesMax: 1_600_000,
}

const request = (protocol: string, bytes: number): Uint8Array =>
  concat(encodeRequestHeader({ protocol, target: null, count: null }), new Uint8Array(bytes))

const message = (bytes: number): Uint8Array => concat(encodeMessageHeader({ protocol: ECHO }), new Uint8Array(bytes))

const meet = async (limits: Partial<Limits> = {}): Promise<{ world: World; host: Host; honest: Host }> => {
  const world = await World.make()
  const host = await world.host({ limits: { ...LIMITS, ...limits } })
  host.transport.handle(ECHO, () => ({ status: STATUS.ok }))
  host.transport.handle(LARGE, () => ({ status: STATUS.ok, payload: new Uint8Array(99_000) }))
  const honest = await world.host({ limits: { idleAfterMs: 600_000 } })
  await world.run(honest.transport.connectPeer(host.address))
  honest.transport.hold(host.identity.peerId)
  // Who comes now is of another network: what a network of hosts uses is counted for all of it.
  for (let n = 0; n < 256; n++) world.nextIp()
  return { world, host, honest }
}

const dripper = async (world: World, host: Host): Promise<RawPeer> => {
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  peer.link.keepAlive(5000)
  return peer
}

/** How an honest request of half the largest size fares, asked `times`, two seconds apart. */
const fates = async (world: World, host: Host, honest: Host, times: number): Promise<string[]> => {
  const heard: string[] = []
  for (let n = 0; n < times; n++) {
    const asked = honest.transport.request(host.identity.peerId, ECHO, new Uint8Array(50_000))
    const answer = await world.run(asked)
    heard.push(answer.status === STATUS.ok ? 'ok' : 'busy')
    await world.clock.advance(2000)
  }
  return heard
}

for (const bidirectional of [true, false]) {
  const what = bidirectional ? 'requests' : 'messages'
  test(`${what} that fill the room and do not end give way once their hosts held it for long, and keep others out no more`, async () => {
    const { world, host, honest } = await meet()
    const peers: RawPeer[] = []
    for (let n = 0; n < 8; n++) peers.push(await dripper(world, host))
    const begin = (peer: RawPeer): void =>
      void peer.say(bidirectional ? request(ECHO, 99_000) : message(99_000), { bidirectional, open: true })
    for (const peer of peers) for (let n = 0; n < 2; n++) begin(peer)
    await world.clock.advance(1000)
    assert.ok(host.transport.gauges().inboundBytes > 1_500_000, 'they have all of it')
    assert.deepEqual(await fates(world, host, honest, 1), ['busy'])
    await world.clock.advance(3000)
    const later: string[] = []
    for (let round = 0; round < 10; round++) {
      later.push(...(await fates(world, host, honest, 1)))
      for (const peer of peers) for (let n = 0; n < 2; n++) begin(peer)
      await world.clock.advance(1000)
    }
    assert.deepEqual(
      later,
      Array.from(later, () => 'ok'),
    )
    assert.ok(host.transport.counters().streamsDisplaced >= 4)
    for (const peer of peers) {
      assert.equal(peer.closed, null, 'it is told so, and stays')
      await peer.close()
    }
    await world.close()
    assert.equal(host.transport.gauges().inboundBytes, 0)
  })
}

test('answers that nobody reads give way to others once their hosts held the room for long', async () => {
  const { world, host, honest } = await meet()
  const peers: RawPeer[] = []
  for (let n = 0; n < 8; n++) peers.push(await dripper(world, host))
  const ask = (peer: RawPeer): void => void peer.say(request(LARGE, 0))
  const large = async (): Promise<string> => {
    const answer = await world.run(honest.transport.request(host.identity.peerId, LARGE, new Uint8Array(0)))
    return answer.status === STATUS.ok ? 'ok' : 'busy'
  }
  for (const peer of peers) for (let n = 0; n < 2; n++) ask(peer)
  await world.clock.advance(1000)
  assert.equal(await large(), 'busy')
  await world.clock.advance(5000)
  for (let round = 0; round < 10; round++) {
    assert.equal(await large(), 'ok')
    for (const peer of peers) for (let n = 0; n < 2; n++) ask(peer)
    await world.clock.advance(3000)
  }
  for (const peer of peers) await peer.close()
  await world.close()
  assert.equal(host.transport.gauges().answerBytes, 0)
})
