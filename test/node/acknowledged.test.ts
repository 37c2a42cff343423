// A message that was acknowledged whole is never dropped for want of room: it waits in its stream, or where it was put together.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat } from '../../src/core/bytes.ts'
import { STREAM } from '../../src/core/messages/codes.ts'
import { encodeMessageHeader } from '../../src/core/messages/requests.ts'
import type { Limits } from '../../src/node/options.ts'
import { RawPeer } from './raw-peer.ts'
import { type Host, World } from './transport-world.ts'

const KIB = 1024
const HOLD = '/test/hold/1'

/** A host whose handler keeps each message until it is let go, and one that sends to it. */
const meet = async (limits: Partial<Limits>) => {
  const world = await World.make()
  const host = await world.host({ limits: { idleAfterMs: 600_000, ...limits } })
  const sender = await world.host({ limits: { idleAfterMs: 600_000 } })
  const taken: number[] = []
  const letGo: (() => void)[] = []
  host.transport.handle(HOLD, async ({ payload }) => {
    taken.push(payload[0] ?? -1)
    await new Promise<void>((resolve) => letGo.push(resolve))
  })
  await world.run(sender.transport.connectPeer(host.address))
  sender.transport.hold(host.identity.peerId)
  await world.clock.advance(50)
  const release = (): void => {
    for (const resolve of letGo.splice(0)) resolve()
  }
  return { world, host, sender, taken, release }
}

const say = (to: Host, from: Host, payload: Uint8Array): Promise<void> =>
  from.transport.send(to.identity.peerId, HOLD, payload, { timeoutMs: 400_000 })

test('messages that find no place for their handler are kept, and handled when there is one, none twice', async () => {
  const { world, host, sender, taken, release } = await meet({ handlersPerPeerMax: 3, handlerTimeoutMs: 500_000 })
  const count = 200
  const sent = Promise.all(Array.from({ length: count }, (_, n) => say(host, sender, Uint8Array.of(n))))
  await world.run(sent)
  await world.clock.advance(200_000)
  assert.equal(taken.length, 3)
  assert.equal(host.transport.counters().requestsBusy, 0)
  assert.ok(host.transport.counters().laneFull >= count - 3)
  assert.ok(host.transport.gauges().inboundBytes < 131 * 2 * KIB, 'so many are put together and the others unread')
  for (let i = 0; i < count; i++) {
    release()
    await world.clock.advance(5000)
  }
  assert.deepEqual(
    taken.toSorted((a, b) => a - b),
    Array.from({ length: count }, (_, n) => n),
  )
  assert.equal(host.transport.gauges().inboundBytes, 0)
  assert.equal(host.transport.gauges().tasks, 0)
  await world.close()
})

test('messages that find no room for their bytes stay unread until there is some, however long that takes', async () => {
  const limits = { inboundBytesPerPeerMax: 12_000, handlerTimeoutMs: 500_000 }
  const { world, host, sender, taken, release } = await meet(limits)
  const numbers = Array.from({ length: 20 }, (_, n) => n)
  for (const n of numbers) await world.run(say(host, sender, new Uint8Array(30).fill(n)))
  await world.clock.advance(120_000)
  assert.ok(taken.length >= 3 && taken.length < 20)
  assert.ok(host.transport.gauges().inboundBytes <= limits.inboundBytesPerPeerMax)
  for (let i = 0; i < 5; i++) {
    release()
    await world.clock.advance(5000)
  }
  assert.deepEqual(
    taken.toSorted((a, b) => a - b),
    numbers,
  )
  release()
  await world.clock.advance(100)
  const { requestsBusy, streamsStalled } = host.transport.counters()
  assert.deepEqual([requestsBusy, streamsStalled, host.transport.gauges().inboundBytes], [0, 0, 0])
  await world.close()
})

test('a kept message outlives its connection', async () => {
  const { world, host, sender, taken, release } = await meet({ handlersPerPeerMax: 1, handlerTimeoutMs: 500_000 })
  await world.run(Promise.all([1, 2].map((n) => say(host, sender, Uint8Array.of(n)))))
  await world.clock.advance(100)
  sender.transport.disconnectPeer(host.identity.peerId)
  await world.clock.advance(1000)
  assert.deepEqual(host.transport.peers(), [])
  release()
  await world.clock.advance(5000)
  assert.deepEqual(
    taken.toSorted((a, b) => a - b),
    [1, 2],
  )
  release()
  await world.clock.advance(100)
  assert.equal(host.transport.gauges().inboundBytes, 0)
  await world.close()
})

test('a message that does not end is refused for want of room, and its sender hears of it', async () => {
  const { world, host, release } = await meet({ inboundBytesPerPeerMax: 50 * KIB, handlerTimeoutMs: 500_000 })
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  const head = encodeMessageHeader({ protocol: HOLD })
  peer.say(concat(head, new Uint8Array(40 * KIB)), { bidirectional: false, open: true })
  await world.clock.advance(200)
  const second = peer.say(concat(head, new Uint8Array(20 * KIB)), { bidirectional: false, open: true })
  await world.clock.advance(200)
  assert.deepEqual(
    peer.heard.filter(({ kind }) => kind === 'stream-stopped'),
    [{ kind: 'stream-stopped', stream: second, code: STREAM.busy }],
  )
  assert.equal(host.transport.counters().requestsBusy, 1)
  release()
  await peer.close()
  await world.close()
})

test('what can never fit is refused and not waited for', async () => {
  const { world, host } = await meet({ inboundBytesPerPeerMax: 1500 })
  const peer = await RawPeer.connect(world, host)
  await peer.greet()
  const head = encodeMessageHeader({ protocol: HOLD })
  peer.say(concat(head, new Uint8Array(600)), { bidirectional: false })
  await world.clock.advance(200)
  assert.equal(host.transport.counters().requestsBusy, 1)
  assert.equal(host.transport.gauges().inboundBytes, 0)
  await peer.close()
  await world.close()
})
