// Gauges and histograms show what is there and how long it took, exactly, on a clock that a test drives.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TIMED } from '../../src/core/histograms.ts'
import { STATUS } from '../../src/core/messages/codes.ts'
import { gaugesOf } from '../../src/node/gauges.ts'
import { Schedule } from '../../src/node/schedule.ts'
import { peer } from '../core/peers/played.ts'
import { firstDatagram } from './scripted-quic.ts'
import { ScriptedHost } from './scripted-host.ts'
import { World } from './transport-world.ts'

test('handshakes in progress show by direction, standing and fullest prefix', async () => {
  const host = await ScriptedHost.make(await World.make(), { gate: { loopback: 'as-outside' } })
  for (const ip of ['127.0.0.2', '127.0.0.3', '127.0.0.2']) await host.accept(ip)
  await host.accept('127.9.0.1')
  host.dial()
  const { halfOpenIn, halfOpenOut, strangers, fullestPrefix, connections, established } = gaugesOf(host.parts)
  assert.deepEqual([halfOpenIn, halfOpenOut, strangers, fullestPrefix], [4, 1, 4, 3])
  assert.deepEqual([connections, established], [5, 0])
})

test('first flights that wait to be judged show', async () => {
  const host = await ScriptedHost.make(await World.make())
  for (let port = 1024; port < 1124; port++) host.deliver(firstDatagram(7), { family: 4, ip: '127.0.0.2', port })
  assert.equal(gaugesOf(host.parts).newcomers, 98)
})

test('connections show as established, then as identified', async () => {
  const world = await World.make()
  const host = await ScriptedHost.make(world)
  await host.establish(await host.accept(), 1)
  assert.deepEqual([gaugesOf(host.parts).established, gaugesOf(host.parts).identified], [1, 0])
  const [a, b] = [await world.host(), await world.host()]
  await world.run(a.transport.connectPeer(b.address))
  await world.clock.advance(50)
  for (const { transport } of [a, b]) {
    const { established, identified, connections, halfOpenIn, halfOpenOut } = transport.gauges()
    assert.deepEqual([established, identified, connections, halfOpenIn, halfOpenOut], [1, 1, 1, 0, 0])
  }
  await world.close()
})

test('streams that wait to be read show by shard', async () => {
  const { parts } = await ScriptedHost.make(await World.make())
  const stream = { over: false, readSome: () => false }
  for (let n = 0; n < 300; n++) parts.dispatcher.ready({ ...stream, peerId: peer(1), queued: false })
  for (let n = 0; n < 7; n++) parts.dispatcher.ready({ ...stream, peerId: peer(2), queued: false })
  const { laneDepths, laneWaiting } = gaugesOf(parts)
  assert.deepEqual(
    laneDepths.filter((depth) => depth > 0).toSorted((a, b) => a - b),
    [7, 256],
  )
  assert.equal(laneWaiting, 44)
})

test('signing shows how much waits, for how long, and how long it took', async () => {
  const world = await World.make()
  const [a, b] = [await world.host(), await world.host()]
  world.workers.delayMs = () => 400
  const dial = a.transport.connectPeer(b.address)
  await world.clock.advance(300)
  const { signingDepth, signingDelayMs } = b.transport.gauges()
  assert.equal(signingDepth, 1)
  assert.ok(signingDelayMs > 200 && signingDelayMs < 300, String(signingDelayMs))
  await world.run(dial)
  await world.clock.advance(500)
  const { signing, handshakeIn } = b.transport.metrics().histograms
  assert.deepEqual([signing.count, signing.sumMs], [2, 800])
  assert.ok(handshakeIn.maxMs >= 800)
  assert.equal(b.transport.gauges().signingDepth, 0)
  await world.close()
})

test('a handler shows as a task with the bytes it holds, then by its time, then by the answer that is not acknowledged', async () => {
  const world = await World.make()
  const [a, b] = [await world.host(), await world.host()]
  const { promise, resolve } = Promise.withResolvers<void>()
  b.transport.handle('/test/1', async () => {
    await promise
    return { status: STATUS.ok, payload: new Uint8Array(5000) }
  })
  const { peerId } = await world.run(a.transport.connectPeer(b.address))
  const answer = a.transport.request(peerId, '/test/1', new Uint8Array(3000))
  await world.clock.advance(100)
  const held = b.transport.gauges()
  assert.equal(held.tasks, 1)
  assert.ok(held.inboundBytes >= 3000)
  const started = world.clock.now()
  await world.clock.advance(70)
  resolve()
  await world.clock.settle()
  const { tasks, inboundBytes, answerBytes, deadlines } = b.transport.gauges()
  assert.deepEqual([tasks, inboundBytes, answerBytes], [0, 0, 5000])
  assert.ok(deadlines > 0)
  const { count, maxMs } = b.transport.metrics().histograms.handler
  assert.equal(count, 1)
  assert.ok(maxMs >= world.clock.now() - started && maxMs < 175, String(maxMs))
  await world.run(answer)
  await world.clock.advance(200)
  assert.equal(b.transport.gauges().answerBytes, 0)
  await world.close()
})

test('a handshake and an identity take the round trips they need, at either end', async () => {
  const world = await World.make({ latencyMs: 20 })
  const [a, b] = [await world.host(), await world.host()]
  await world.run(a.transport.connectPeer(b.address))
  await world.clock.advance(200)
  const out = a.transport.metrics().histograms
  const within = b.transport.metrics().histograms
  // The dialler waits for the answer to its first flight; the acceptor for the one to its own. Signing adds 1 ms at a time.
  for (const { count, maxMs } of [out.handshakeOut, within.handshakeIn]) {
    assert.equal(count, 1)
    assert.ok(maxMs >= 40 && maxMs <= 50, String(maxMs))
  }
  for (const { count, maxMs } of [out.identityOut, within.identityIn]) {
    assert.equal(count, 1)
    assert.ok(maxMs >= 20 && maxMs <= 50, String(maxMs))
  }
  for (const none of [out.handshakeIn, out.identityIn, within.handshakeOut, within.identityOut])
    assert.equal(none.count, 0)
  await world.close()
})

test('how late a timer runs is told, and one that was due before it was set is not late', () => {
  let now = 0
  let run: (() => void) | null = null
  const late: number[] = []
  const timers = {
    at: (_time: number, then: () => void) => {
      run = then
      return { cancel: () => {} }
    },
    soon: () => {},
  }
  const schedule = new Schedule({ now: () => now, wall: () => 0 }, timers, (ms) => late.push(ms))
  const fire = (at: number): void => {
    now = at
    const due = run
    run = null
    due?.()
  }
  schedule.set({ run: () => {} }, 10)
  fire(35)
  now = 100
  schedule.set({ run: () => {} }, 50)
  fire(100)
  assert.deepEqual(late, [25, 0])
})

test('every reading is plain data, the times all there', async () => {
  const world = await World.make()
  const host = await world.host()
  await world.clock.advance(6000)
  const metrics = host.transport.metrics()
  assert.deepEqual(structuredClone(metrics), metrics)
  assert.deepEqual(JSON.parse(JSON.stringify(metrics)), metrics)
  assert.deepEqual(Object.keys(metrics.histograms), [...TIMED])
  assert.ok(metrics.histograms.eventLoop.count > 0, 'the reconciler’s timer tells')
  assert.deepEqual(metrics.counters, host.transport.counters())
  await world.close()
})
