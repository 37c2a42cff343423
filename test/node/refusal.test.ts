// What a dialler that is refused learns of when to come back: a field of its error, whoever refused it and however far it came.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SallyportError } from '../../src/core/errors.ts'
import { CLOSE } from '../../src/core/messages/codes.ts'
import type { TransportOptions } from '../../src/node/transport-parts.ts'
import { RawPeer } from './raw-peer.ts'
import { World } from './transport-world.ts'

const failure = async (world: World, dial: Promise<unknown>): Promise<SallyportError> => {
  const error: unknown = await world.run(dial.then(() => null).catch((reason: unknown) => reason))
  assert.ok(error instanceof SallyportError, 'the dial fails')
  return error
}

const refusedBy = async (options: Partial<TransportOptions>): Promise<SallyportError> => {
  const world = await World.make()
  const server = await world.host({ ...options, gate: { retryAfterMs: 7654, ...options.gate } })
  const [first, second] = [await world.host(), await world.host()]
  await world.run(first.transport.connectPeer(server.address).catch(() => {}))
  const error = await failure(world, second.transport.connectPeer(server.address))
  await world.close()
  return error
}

test('who finds the connections full learns after how long to come back', async () => {
  const error = await refusedBy({ limits: { connectionsMax: 1 } })
  assert.equal(error.code, 'CONNECTION_REFUSED')
  assert.equal(error.retryAfterMs, 7654)
})

test('who is refused without a time learns that there is none', async () => {
  const error = await refusedBy({ gate: { deny: ['192.0.0.0/16'] } })
  assert.equal(error.code, 'CONNECTION_REFUSED')
  assert.equal(error.retryAfterMs, null)
})

test('who has to go before it was identified learns it too, and is kept away for an hour at most', async () => {
  for (const [reason, retryAfterMs] of [
    ['retryAfterMs=1234', 1234],
    ['retryAfterMs=999999999', 3_600_000],
    ['no', null],
  ] as const) {
    const world = await World.make()
    const host = await world.host()
    const peer = await RawPeer.listen(world)
    const dial = host.transport.connectPeer(peer.address)
    const failed = failure(world, dial)
    while (!peer.reached) await world.clock.advance(1)
    peer.link.close(CLOSE.overloaded, reason, world.clock.now())
    const error = await failed
    assert.equal(error.code, 'CONNECTION_REFUSED')
    assert.equal(error.retryAfterMs, retryAfterMs)
    await peer.close()
    await world.close()
  }
})

test('any other failure says nothing of coming back', async () => {
  const world = await World.make()
  const host = await world.host()
  const error = await failure(world, host.transport.connectPeer('/ip4/192.0.2.200/udp/9/quic-v1'))
  assert.equal(error.code, 'DIAL_TIMEOUT')
  assert.equal(error.retryAfterMs, null)
  await world.close()
})
