// What a peer's call made this node keep is gone when its room was given back, and not only counted as gone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat } from '../../src/core/bytes.ts'
import { encodeRequestHeader } from '../../src/core/messages/requests.ts'
import { STATUS } from '../../src/core/messages/codes.ts'
import { collect } from '../support/collect.ts'
import { RawPeer } from './raw-peer.ts'
import { World } from './transport-world.ts'

const ECHO = '/test/echo/1'
const CALLS = 40
const BYTES = 400_000

const held = async (): Promise<number> => {
  await collect()
  return process.memoryUsage().arrayBuffers
}

for (const outcome of ['handled', 'refused'] as const) {
  test(`of a request that was ${outcome} nothing is kept, though its sender never acknowledges the answer`, async () => {
    const world = await World.make()
    const host = await world.host({ limits: { idleAfterMs: 600_000 } })
    const unhandle = host.transport.handle(ECHO, () => ({ status: STATUS.ok }))
    const peer = await RawPeer.connect(world, host)
    const ip = world.lastIp
    await peer.greet()
    const before = await held()
    const header = encodeRequestHeader({ protocol: ECHO, target: null, count: null })
    const call = concat(header, new Uint8Array(BYTES))
    const streams = Array.from({ length: CALLS }, () => {
      const stream = peer.link.open(true)!
      return { stream, sent: peer.link.write(stream, call) }
    })
    while (streams.some(({ sent }) => sent < call.length)) {
      await world.clock.advance(20)
      for (const each of streams) each.sent += peer.link.write(each.stream, call.subarray(each.sent))
    }
    await world.clock.advance(200)
    assert.ok(host.transport.gauges().inboundBytes > CALLS * BYTES)
    if (outcome === 'refused') unhandle()
    for (const { stream } of streams) peer.link.finish(stream)
    await world.clock.advance(7)
    world.network.tap = (_bytes, from) => (from.ip === ip ? 'drop' : 'pass')
    await world.clock.advance(500)
    assert.equal(host.transport.gauges().inboundBytes, 0)
    assert.ok((await held()) - before < (CALLS * BYTES) / 4, `${(await held()) - before} bytes`)
    world.network.tap = () => 'pass'
    await peer.close()
    await world.close()
  })
}
