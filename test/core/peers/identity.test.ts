import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ControlMessage } from '../../../src/core/messages/control.ts'
import { IdentityExchange } from '../../../src/core/peers/identity-exchange.ts'
import { IdentityWaiters, WAITERS_MAX, type WaiterId } from '../../../src/core/peers/identity-waiters.ts'
import { reconcile } from '../../../src/core/peers/reconciler.ts'
import type { PeerInfo } from '../../../src/core/peers/connection-record.ts'
import { handleOf, hello, peer } from './played.ts'

const info = (connection: number, n: number): PeerInfo => ({
  peerId: peer(n),
  connection: handleOf(connection),
  direction: 'inbound',
  remote: { family: 4, ip: '192.0.2.1', port: 1 },
  hello: hello('a'),
})

const HELLO: ControlMessage = { kind: 'hello', hello: hello('a') }
const ACK: ControlMessage = { kind: 'hello-ack' }
const OTHER: ControlMessage = { kind: 'ping', token: 1 }

/** One whose peer acknowledged what was sent to it. */
const heardExchange = (): IdentityExchange => {
  const exchange = new IdentityExchange()
  assert.equal(exchange.peerHears().kind, 'pass')
  return exchange
}

test('HELLO is answered, HELLO_ACK ends the exchange, other messages pass after HELLO', () => {
  const exchange = heardExchange()
  const kinds = [HELLO, OTHER, ACK, OTHER].map((message) => exchange.receive(message).kind)
  assert.deepEqual(kinds, ['acknowledge', 'pass', 'identified', 'pass'])
  assert.equal(exchange.finished, true)
})

test('only a first HELLO and one HELLO_ACK after it are in order', () => {
  for (const messages of [[ACK], [OTHER], [HELLO, HELLO], [HELLO, ACK, ACK], [HELLO, ACK, HELLO]]) {
    const exchange = heardExchange()
    const steps = messages.map((message) => exchange.receive(message).kind)
    assert.equal(steps.at(-1), 'violation')
    assert.ok(!steps.slice(0, -1).includes('violation'))
  }
})

test('a HELLO_ACK from a peer that hears nothing ends the exchange only when it does', () => {
  const exchange = new IdentityExchange()
  assert.deepEqual(
    [HELLO, ACK, OTHER].map((message) => exchange.receive(message).kind),
    ['acknowledge', 'pass', 'pass'],
  )
  assert.equal(exchange.finished, false)
  assert.equal(exchange.receive(ACK).kind, 'violation')
  assert.deepEqual(exchange.peerHears(), { kind: 'identified', hello: hello('a') })
  assert.equal(exchange.finished, true)
  assert.equal(exchange.peerHears().kind, 'pass')
})

test('a wait for a connection or for a peer ends when it is identified', () => {
  const waiters = new IdentityWaiters()
  const a = waiters.wait(handleOf(1), 100)
  const b = waiters.wait(peer(7), 100)
  const c = waiters.wait(peer(8), 100)
  waiters.identified(info(1, 7))
  assert.deepEqual([waiters.poll()?.waiter, waiters.poll()?.waiter, waiters.poll()], [a, b, null])
  waiters.gone(peer(8))
  assert.deepEqual(waiters.poll(), { kind: 'gone', waiter: c })
  assert.equal(waiters.size, 0)
  assert.equal(waiters.nextAt(), Infinity)
})

test('a wait ends at its deadline, and a full house takes no more', () => {
  const waiters = new IdentityWaiters()
  const first = waiters.wait(handleOf(1), 10)
  for (let i = 1; i < WAITERS_MAX; i++) waiters.wait(handleOf(1), 20)
  assert.equal(waiters.wait(handleOf(1), 20), null)
  waiters.timeout(9)
  assert.equal(waiters.poll(), null)
  waiters.timeout(10)
  assert.deepEqual(waiters.poll(), { kind: 'deadline', waiter: first })
  assert.notEqual(waiters.wait(handleOf(1), 20), null)
})

test('each wait ends once, by whatever comes first', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('wait' as const), on: fc.nat(5), at: fc.nat(50) }),
    fc.record({ kind: fc.constantFrom('identified', 'gone', 'cancel', 'time'), on: fc.nat(5), at: fc.nat(50) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
      const waiters = new IdentityWaiters()
      const waiting = new Set<WaiterId>()
      for (const { kind, on, at } of steps) {
        if (kind === 'wait') waiting.add(waiters.wait(on % 2 ? handleOf(on) : peer(on), at)!)
        if (kind === 'identified') waiters.identified(info(on, on))
        if (kind === 'gone') waiters.gone(on % 2 ? handleOf(on) : peer(on))
        if (kind === 'time') waiters.timeout(at)
        const some = [...waiting][on]
        if (kind === 'cancel' && some !== undefined) {
          waiters.cancel(some)
          waiting.delete(some)
        }
        for (let output = waiters.poll(); output !== null; output = waiters.poll()) {
          assert.ok(waiting.delete(output.waiter))
        }
        assert.equal(waiters.size, waiting.size)
      }
    }),
  )
})

test('the reconciler names what only one side has', () => {
  const some = fc.uniqueArray(fc.integer({ min: 1, max: 30 }))
  fc.assert(
    fc.property(some, some, (a, b) => {
      const { unknown, vanished } = reconcile(a.map(handleOf), b.map(handleOf))
      assert.deepEqual(
        unknown,
        b.filter((n) => !a.includes(n)),
      )
      assert.deepEqual(
        vanished,
        a.filter((n) => !b.includes(n)),
      )
    }),
  )
})
