// One signal may serve a program for its whole life. Whatever was called with it, and however that ended, nothing of ours stays on it.
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { mock, test } from 'node:test'
import { STATUS } from '../../src/core/messages/codes.ts'
import { ChunkNetwork } from './chunk-network.ts'
import { World } from './transport-world.ts'

const CALLS = 50
const NOWHERE = '/ip4/198.51.100.1/udp/9/quic-v1'

const heard = mock.method(EventTarget.prototype, 'addEventListener')

/** Every signal that was listened to, those of our own making included. */
const known = (): Set<AbortSignal> =>
  new Set(heard.mock.calls.map(({ this: target }): unknown => target).filter((each) => each instanceof AbortSignal))

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

/** Makes the same call over and over with one signal, which is listened to each time, and by nobody afterwards. */
const heeds = async (name: string, call: (signal: AbortSignal) => Promise<unknown>): Promise<void> => {
  const { signal } = new AbortController()
  heard.mock.resetCalls()
  for (let n = 0; n < CALLS; n++) {
    await call(signal)
    assert.equal(listeners(signal), 0, `${name}, call ${n + 1}`)
  }
  const times = heard.mock.calls.filter(({ this: target }) => target === signal).length
  assert.ok(times >= CALLS, `${name} heeds the signal`)
  for (const each of known()) assert.ok(listeners(each) <= 1, `${name} piles up listeners on a signal of ours`)
}

test('connectPeer, request, send and waitForPeerIdentity leave no listener on their signal, succeed or fail', async () => {
  const world = await World.make()
  const [a, b] = [await world.host({ limits: { unansweredDialsMax: 1000 } }), await world.host()]
  const { peerId } = b.identity
  const over = (promise: Promise<unknown>): Promise<unknown> => world.run(promise.then(...IGNORED))
  b.transport.handle('/test/echo/1', ({ payload }) => ({ status: STATUS.ok, payload }))
  const payload = new Uint8Array(3)
  await heeds('a dial that succeeds', (signal) => {
    a.transport.disconnectPeer(peerId)
    return over(a.transport.connectPeer(b.address, { signal }))
  })
  await heeds('a dial in vain', (signal) => over(a.transport.connectPeer(NOWHERE, { signal, timeoutMs: 20 })))
  await heeds('a request', (signal) => over(a.transport.request(peerId, '/test/echo/1', payload, { signal })))
  await heeds('a request in vain', (signal) =>
    over(a.transport.request(peerId, '/test/echo/1', payload, { signal, timeoutMs: 1 })),
  )
  await heeds('a message', (signal) => over(a.transport.send(peerId, '/test/echo/1', payload, { signal })))
  const nobody = '0'.repeat(64) as typeof peerId
  await heeds('a wait in vain', (signal) => over(a.transport.waitForPeerIdentity(nobody, { signal, timeoutMs: 5 })))
  await heeds('a wait that succeeds', (signal) => {
    a.transport.disconnectPeer(peerId)
    const waiting = a.transport.waitForPeerIdentity(peerId, { signal })
    return over(Promise.all([waiting, a.transport.connectPeer(b.address)]))
  })
  await world.close()
})

test('a call that is over leaves no deadline behind', async () => {
  const world = await World.make()
  const [a, b] = [await world.host(), await world.host()]
  b.transport.handle('/test/echo/1', ({ payload }) => ({ status: STATUS.ok, payload }))
  await world.run(a.transport.connectPeer(b.address))
  const ask = (): Promise<unknown> => a.transport.request(b.identity.peerId, '/test/echo/1', new Uint8Array(3))
  await world.run(ask())
  const { deadlines } = a.transport.gauges()
  for (let n = 0; n < CALLS; n++) await world.run(ask())
  assert.ok(a.transport.gauges().deadlines <= deadlines)
  await world.close()
})

test('put and get leave no listener on their signal, nor on what ends them when the node closes', async () => {
  const network = new ChunkNetwork(11)
  await network.grow(8)
  const client = await network.client()
  client.files.put('/in', new Uint8Array(2000).fill(7))
  const { link } = await network.clock.until(client.storage.put('/in'))
  const over = (promise: Promise<unknown>): Promise<unknown> => network.clock.until(promise.then(...IGNORED))
  await heeds('put', (signal) => over(client.storage.put('/in', { signal })))
  await heeds('put in vain', (signal) => over(client.storage.put('/missing', { signal })))
  await heeds('get', (signal) => over(client.storage.get(link, '/out', { signal, force: true })))
  const foreign = link.replace(/:[0-9a-f]{64}/, `:${'0'.repeat(64)}`)
  await heeds('get in vain', (signal) => over(client.storage.get(foreign, '/none', { signal })))
  assert.ok(known().size > CALLS)
})

const IGNORED = [(): null => null, (): null => null] as const
