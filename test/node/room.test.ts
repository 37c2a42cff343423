// Whoever keeps room and lets nothing come of it gives way to those who use it briefly: a few peers that drip cannot take the room of all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, Writer } from '../../src/core/bytes.ts'
import { STATUS } from '../../src/core/messages/codes.ts'
import { encodeMessageHeader, encodeRequestHeader } from '../../src/core/messages/requests.ts'
import { writeFrame } from '../../src/core/quic/frames.ts'
import type { Limits } from '../../src/node/options.ts'
import type { Response } from '../../src/node/transport-handle.ts'
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
  return { world, host, honest }
}

/** Each in a region of its own: what a region holds is counted for all of it. */
const dripper = async (world: World, host: Host): Promise<RawPeer> => {
  world.moveOn()
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  peer.link.keepAlive(5000)
  return peer
}

/** How two honest requests of nearly the largest size fare together, asked `times`, two seconds apart. */
const fates = async (world: World, host: Host, honest: Host, times: number): Promise<string[]> => {
  const heard: string[] = []
  for (let n = 0; n < times; n++) {
    const ask = (): Promise<Response> => honest.transport.request(host.identity.peerId, ECHO, new Uint8Array(95_000))
    const answers = await world.run(Promise.all([ask(), ask()]))
    heard.push(answers.every(({ status }) => status === STATUS.ok) ? 'ok' : 'busy')
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
    for (let round = 0; round < 4; round++) {
      for (const peer of peers) begin(peer)
      await world.clock.advance(250)
    }
    assert.ok(host.transport.gauges().inboundBytes > 1_300_000, 'they have nearly all of it')
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

test('hosts that hold no more than they are forgiven, for ever, keep nobody out', async () => {
  // Each may hold 50,000 bytes all the time: what it may use at once is forgiven within 80 s.
  const { world, host, honest } = await meet({ roomFullMs: 20_000 })
  const peers: RawPeer[] = []
  for (let n = 0; n < 32; n++) peers.push(await dripper(world, host))
  for (let round = 0; round < 8; round++) {
    for (const peer of peers) for (let n = 0; n < 4; n++) peer.say(request(ECHO, 12_000), { open: true })
    await world.clock.advance(15_000)
    assert.ok(host.transport.gauges().inboundBytes > 1_400_000, 'they have nearly all of it')
    const asked = honest.transport.request(host.identity.peerId, ECHO, new Uint8Array(20_000))
    assert.equal((await world.run(asked)).status, STATUS.ok, `in round ${round}`)
    await world.clock.advance(16_000)
  }
  assert.equal(host.transport.counters().streamsDisplaced, 0)
  for (const peer of peers) await peer.close()
  await world.close()
})

test('a message whose end came before the rest of it can still be refused, and is given up as any other', async () => {
  const { world, host, honest } = await meet()
  const peers: RawPeer[] = []
  for (let n = 0; n < 17; n++) peers.push(await dripper(world, host))
  for (const peer of peers) {
    const streams = [1, 2, 3, 4].map(() => peer.say(message(20_000), { bidirectional: false, open: true }))
    await world.clock.advance(100)
    const ends = new Writer()
    for (const stream of streams) {
      writeFrame(ends, {
        type: 'stream',
        stream,
        offset: message(20_000).length + 200,
        data: new Uint8Array(0),
        fin: true,
      })
    }
    peer.forged = ends.written()
    peer.say(request(ECHO, 1000))
    await world.clock.advance(5)
    peer.forged = null
  }
  assert.ok(host.transport.gauges().inboundBytes > 1_300_000)
  await world.clock.advance(15_000)
  assert.deepEqual(await fates(world, host, honest, 1), ['ok'])
  assert.ok(host.transport.counters().streamsDisplaced > 0)
  for (const peer of peers) await peer.close()
  await world.close()
})
