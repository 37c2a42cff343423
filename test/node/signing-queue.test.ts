// A signing queue that is behind, or full, slows handshakes and loses none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sum } from '../../src/core/counters.ts'
import { createInlineWorkers } from '../support/inline-workers.ts'
import { type Host, World } from './transport-world.ts'

/** Clients that dial a server whose signatures take `delayMs`, `jobsMax` of them waiting at most; returns how long the last one took. */
const storm = async (clients: number, { delayMs, jobsMax }: { delayMs: number; jobsMax: number }): Promise<number> => {
  const world = await World.make({ jitterMs: 3 }, 5)
  const workers = await createInlineWorkers(world.clock, { delayMs: () => delayMs, jobsMax })
  const server = await world.host({
    ports: { ...world.ports('192.0.2.200'), workers },
    listen: [{ family: 4, ip: '192.0.2.200', port: 9000 }],
  })
  const crowd: Host[] = []
  for (let i = 0; i < clients; i++) crowd.push(await world.host({ capability: 'client' }))
  const began = world.clock.now()
  await world.run(Promise.all(crowd.map(({ transport }) => transport.connectPeer(server.address))))
  const ms = world.clock.now() - began
  await world.clock.advance(100)
  assert.equal(server.transport.peers().length, clients)
  assert.equal(sum(server.transport.counters().handshakesFailed.inbound), 0)
  await world.close()
  return ms
}

test('a queue that is behind slows handshakes and loses none', async () => {
  const quick = await storm(40, { delayMs: 1, jobsMax: 4096 })
  const slow = await storm(40, { delayMs: 700, jobsMax: 4096 })
  assert.ok(slow > quick + 700, `${quick} ms, ${slow} ms`)
})

test('a queue that is full slows handshakes and loses none', async () => {
  const ms = await storm(40, { delayMs: 200, jobsMax: 8 })
  assert.ok(ms > 200, `${ms} ms`)
})
