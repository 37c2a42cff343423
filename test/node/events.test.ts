import assert from 'node:assert/strict'
import { test } from 'node:test'
import { peerIdOf } from '../../src/core/ids.ts'
import { EventFeed, type TransportEvent } from '../../src/node/events.ts'
import { TaskSet } from '../../src/node/task-set.ts'

const event = (n: number): TransportEvent => ({ kind: 'disconnected', peerId: peerIdOf(new Uint8Array(32).fill(n)) })

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
  assert.deepEqual(heard, [event(1), event(2), { kind: 'lagged', missed: 3 }])
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
  const tasks = new TaskSet(2, (error) => failures.push(error))
  const { promise, resolve } = Promise.withResolvers<void>()
  assert.equal(
    tasks.run(() => promise),
    true,
  )
  assert.equal(
    tasks.run(() => Promise.reject(new Error('one'))),
    true,
  )
  assert.equal(
    tasks.run(() => promise),
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
  assert.deepEqual(failures.map(String), ['Error: one'])
})
