import assert from 'node:assert/strict'
import { test } from 'node:test'
import { peerIdOf } from '../../src/core/ids.ts'
import fc from 'fast-check'
import { SallyportError } from '../../src/core/errors.ts'
import type { ConnectionHandle } from '../../src/core/ids.ts'
import { STATUS } from '../../src/core/messages/codes.ts'
import type { PeerInfo } from '../../src/core/peers/connection-record.ts'
import { EventFeed, type FeedEvent, type TransportEvent } from '../../src/node/events.ts'
import { TaskSet } from '../../src/node/task-set.ts'
import { World } from './transport-world.ts'

const event = (n: number) =>
  ({ kind: 'disconnected', peerId: peerIdOf(new Uint8Array(32).fill(n)) }) satisfies FeedEvent

test('each subscriber hears every event from its subscription on, in order, whether it reads before or after', async () => {
  const feed = new EventFeed(10, () => assert.fail('nothing is missed'))
  const first = feed.subscribe()
  const waiting = first.next()
  feed.publish(event(1))
  const second = feed.subscribe()
  feed.publish(event(2))
  assert.deepEqual((await waiting).value, event(1))
  assert.deepEqual((await first.next()).value, event(2))
  assert.deepEqual((await second.next()).value, event(2))
  feed.close()
  assert.equal((await first.next()).done, true)
  assert.equal((await feed.subscribe().next()).done, true)
})

test('a slow subscriber is told how many it missed, and then hears on', async () => {
  let missed = 0
  const feed = new EventFeed(2, (n) => (missed += n))
  const slow = feed.subscribe()
  const quick = feed.subscribe()
  for (let n = 1; n <= 5; n++) {
    feed.publish(event(n))
    assert.deepEqual((await quick.next()).value, event(n))
  }
  assert.equal(missed, 3)
  const heard = [await slow.next(), await slow.next(), await slow.next()].map(({ value }) => value as unknown)
  assert.deepEqual(heard, [event(1), event(2), { kind: 'lagged', missed: 3, peers: [] }])
  feed.publish(event(6))
  assert.deepEqual((await slow.next()).value, event(6))
})

test('ending the loop ends the subscription', async () => {
  const feed = new EventFeed(1, () => assert.fail('nobody listens any more'))
  feed.publish(event(1))
  const events = feed.subscribe()
  feed.publish(event(2))
  for await (const one of events) {
    assert.deepEqual(one, event(2))
    break
  }
  feed.publish(event(3))
  feed.publish(event(4))
  assert.equal((await events.next()).done, true)
})

test('tasks are bounded, waited for, and their failures told', async () => {
  const failures: unknown[] = []
  const task = { name: 'phonebook' } as const
  const tasks = new TaskSet(2, (task, error) => failures.push([task, String(error)]))
  const { promise, resolve } = Promise.withResolvers<void>()
  assert.equal(
    tasks.run(task, () => promise),
    true,
  )
  assert.equal(
    tasks.run(task, () => Promise.reject(new Error('one'))),
    true,
  )
  assert.equal(
    tasks.run(task, () => promise),
    false,
  )
  let idle = false
  const waiting = tasks.idle().then(() => (idle = true))
  await new Promise((done) => setImmediate(done))
  assert.equal(idle, false)
  assert.equal(tasks.size, 1)
  resolve()
  await waiting
  assert.equal(tasks.size, 0)
  assert.deepEqual(failures, [[task, 'Error: one']])
})

/** A consumer's picture of who is connected: what it was told, applied. */
class Picture {
  readonly peers = new Map<string, number>()

  apply(event: TransportEvent): void {
    if (event.kind === 'lagged') {
      this.peers.clear()
      for (const peer of event.peers) this.peers.set(peer.peerId, peer.connection)
      return
    }
    if (event.kind === 'task-failed') return
    assert.equal(this.peers.has(event.peerId), event.kind === 'disconnected', 'connected and disconnected alternate')
    if (event.kind === 'connected') this.peers.set(event.peerId, event.peer.connection)
    else this.peers.delete(event.peerId)
  }
}

test('a snapshot and the events after it are who is connected, however slow a consumer reads', async () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ toggle: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ reader: fc.nat(2), count: fc.nat(6) }) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 120, size: 'max' }),
      fc.integer({ min: 1, max: 4 }),
      async (steps, eventsMax) => {
        let lagged = 0
        let published = 0
        const feed = new EventFeed(eventsMax, (missed) => (lagged += missed))
        const truth = new Map<string, number>()
        const readers = Array.from({ length: 3 }, () => ({ events: feed.subscribe(), picture: new Picture(), told: 0 }))
        const read = async (reader: (typeof readers)[number]): Promise<boolean> => {
          const next = await reader.events.next()
          if (next.done === true) return false
          reader.picture.apply(next.value)
          reader.told += next.value.kind === 'lagged' ? next.value.missed : 1
          return true
        }
        for (const one of steps) {
          if ('reader' in one) {
            // A read that finds nothing would wait and then miss nothing: how far behind a reader may be is the test's to count.
            const reader = readers[one.reader]!
            for (let i = 0; i < one.count && reader.told < published; i++) await read(reader)
            continue
          }
          const { peerId } = event(one.toggle)
          const connection = ++published as ConnectionHandle
          if (truth.delete(peerId)) feed.publish({ kind: 'disconnected', peerId })
          else {
            truth.set(peerId, connection)
            feed.publish({ kind: 'connected', peerId, peer: { peerId, connection } as PeerInfo })
          }
        }
        const late = { events: feed.subscribe(), picture: new Picture(), told: published }
        feed.close()
        for (const reader of readers) {
          while (await read(reader));
          assert.deepEqual(reader.picture.peers, truth)
          assert.equal(reader.told, published, 'each event is told or counted')
        }
        assert.equal(await read(late), false)
        assert.ok(lagged <= 3 * published)
      },
    ),
  )
})

test('a subscriber that slept while peers came and went goes on from who is connected, and the node was not delayed', async () => {
  const world = await World.make()
  const node = await world.host({ limits: { eventsMax: 2 } })
  const events = node.transport.events()
  const visitors = []
  for (let i = 0; i < 6; i++) visitors.push(await world.host())
  for (const { transport } of visitors) await world.run(transport.connectPeer(node.address))
  for (const { transport } of visitors.slice(0, 3)) transport.disconnectPeer(node.identity.peerId)
  await world.clock.advance(50)
  const picture = new Picture()
  const read = async (): Promise<TransportEvent['kind']> => {
    const { value } = (await world.run(events.next())) as { value: TransportEvent }
    picture.apply(value)
    return value.kind
  }
  assert.deepEqual([await read(), await read(), await read()], ['connected', 'connected', 'lagged'])
  const ids = (): string[] => node.transport.peers().map(({ peerId }) => peerId)
  assert.deepEqual(new Set(picture.peers.keys()), new Set(ids()))
  assert.equal(ids().length, 3)
  assert.equal(node.transport.counters().subscriberLag, 7)
  await world.run(visitors[0]!.transport.connectPeer(node.address))
  await world.clock.advance(50)
  assert.equal(await read(), 'connected')
  assert.deepEqual(new Set(picture.peers.keys()), new Set(ids()))
  await world.close()
})

test('a handler that throws is a counter and a typed event, and neither a subscriber that sleeps nor one that throws changes that', async () => {
  const world = await World.make()
  const node = await world.host({ limits: { eventsMax: 3 } })
  const peer = await world.host()
  const thrown: unknown[] = [new Error('one'), 'two', Object.create(null), null]
  node.transport.handle('/test/fails/1', ({ payload }) => {
    throw thrown[payload[0]!]
  })
  const sleeper = node.transport.events()
  const broken = (async (): Promise<void> => {
    for await (const { kind } of node.transport.events()) if (kind === 'task-failed') throw new Error('a bad listener')
  })()
  const badly = assert.rejects(broken, /a bad listener/)
  const heard: TransportEvent[] = []
  const listening = (async (): Promise<void> => {
    for await (const event of node.transport.events()) heard.push(event)
  })()
  await world.run(peer.transport.connectPeer(node.address))
  const target = node.identity.peerId
  for (const [n] of thrown.entries()) {
    const { status, reason } = await world.run(peer.transport.request(target, '/test/fails/1', Uint8Array.of(n)))
    assert.deepEqual([status, reason], [STATUS.refused, 'the handler failed'])
  }
  await world.run(badly)
  const failures = heard.filter((event) => event.kind === 'task-failed')
  assert.equal(failures.length, thrown.length)
  assert.equal(node.transport.counters().taskFailures, thrown.length)
  for (const [n, { task, error }] of failures.entries()) {
    assert.deepEqual(task, { name: 'handler', protocol: '/test/fails/1', peerId: peer.identity.peerId })
    assert.equal(error.code, 'INTERNAL')
    assert.equal(error.cause, thrown[n])
  }
  assert.deepEqual(
    failures.map(({ error }) => error.message),
    ['one', 'two', 'something failed that cannot be told', 'null'],
  )
  // It heard of the connection and two failures, and is told that it missed the others.
  const late = [await sleeper.next(), await sleeper.next(), await sleeper.next(), await sleeper.next()]
  const kinds = late.map(({ value }) => (value as TransportEvent).kind)
  assert.deepEqual(kinds, ['connected', 'task-failed', 'task-failed', 'lagged'])
  assert.equal(node.transport.counters().subscriberLag, 2)
  await world.close()
  await listening
})

test('a task of the node itself that fails is told with its name, and closing waits for those that go on', async () => {
  const world = await World.make()
  const { transport } = await world.host()
  const events = transport.events()
  assert.ok(transport.supervise({ name: 'phonebook' }, () => Promise.reject(new SallyportError('CLOSED', 'over'))))
  const { value } = (await world.run(events.next())) as { value: TransportEvent }
  assert.ok(value.kind === 'task-failed' && value.task.name === 'phonebook' && value.error.code === 'CLOSED')
  const { promise, resolve } = Promise.withResolvers<void>()
  transport.supervise({ name: 'phonebook' }, () => promise)
  let isClosed = false
  const closing = transport.close().then(() => (isClosed = true))
  await world.clock.advance(500)
  assert.equal(isClosed, false)
  resolve()
  await world.run(closing)
  assert.equal(transport.gauges().tasks, 0)
  await world.close()
})
