import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SallyportError } from '../../src/core/errors.ts'
import { AddressBook } from '../../src/core/kademlia/address-book.ts'
import { DialBackoff } from '../../src/core/kademlia/dial-backoff.ts'
import { Dialler } from '../../src/node/phonebook-dialler.ts'
import type { PhonebookTransport } from '../../src/node/phonebook-ports.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { placeOf } from '../core/kademlia/ids.ts'
import { peer } from '../core/peers/played.ts'

test('what the transport will not dial yet says nothing about the peer: it keeps its address and is dialled when it may be', async () => {
  const book = new AddressBook()
  const clock = new FakeClock()
  book.seen(peer(1), placeOf(1), 0)
  let dials = 0
  const transport: Pick<PhonebookTransport, 'connect' | 'peer' | 'hasLeft'> = {
    peer: () => null,
    hasLeft: () => false,
    connect: async () => {
      if (++dials === 1) throw SallyportError.later('DIAL_TOO_SOON', 'not yet', 700)
      return peer(1)
    },
  }
  const dialler = new Dialler({
    transport: transport as PhonebookTransport,
    book,
    backoff: new DialBackoff({ perIp: true }),
    clock,
    timers: clock,
    timeoutMs: 1000,
  })
  assert.deepEqual(await dialler.reach(peer(1)), { kind: 'limited', retryAfterMs: 700 })
  assert.deepEqual(book.dialable(peer(1)), [placeOf(1)])
  assert.deepEqual(await dialler.reach(peer(1)), { kind: 'reached', peerId: peer(1) })
})

test('an address is dialled beside one that does not answer, in a moment, and what is told meanwhile is tried too', async () => {
  const clock = new FakeClock()
  const book = new AddressBook()
  book.claimed(peer(1), [placeOf(1)], placeOf(9))
  const dials: number[] = []
  const transport: Pick<PhonebookTransport, 'connect' | 'peer' | 'hasLeft'> = {
    peer: () => null,
    hasLeft: () => false,
    connect: ({ address }, { timeoutMs }) => {
      dials.push(clock.now())
      if (address.ip === placeOf(2).ip) return Promise.resolve(peer(1))
      const { promise, reject } = Promise.withResolvers<never>()
      clock.at(clock.now() + timeoutMs, () => reject(new SallyportError('DIAL_TIMEOUT', 'nobody')))
      return promise
    },
  }
  const backoff = new DialBackoff({ perIp: true })
  const dialler = new Dialler({
    transport: transport as PhonebookTransport,
    book,
    backoff,
    clock,
    timers: clock,
    timeoutMs: 12_000,
  })
  const reaching = dialler.reach(peer(1))
  await clock.advance(600)
  book.told(peer(1), [placeOf(2)], placeOf(8))
  assert.deepEqual(await clock.until(reaching), { kind: 'reached', peerId: peer(1) })
  assert.equal(dials.length, 2)
  assert.ok(clock.now() < 1000)
  await clock.until(dialler.close())
  assert.equal(clock.next(), Infinity, 'no timer is left')
})

test('of a peer with many dead addresses three are dialled at a time, eight in all', async () => {
  const clock = new FakeClock()
  const book = new AddressBook()
  for (let n = 0; n < 12; n++) book.told(peer(1), [placeOf(n)], placeOf(100 + n))
  let [open, most, dials] = [0, 0, 0]
  const transport: Pick<PhonebookTransport, 'connect' | 'peer' | 'hasLeft'> = {
    peer: () => null,
    hasLeft: () => false,
    connect: (_, { timeoutMs }) => {
      dials++
      most = Math.max(most, ++open)
      const { promise, reject } = Promise.withResolvers<never>()
      clock.at(clock.now() + timeoutMs, () => {
        open--
        reject(new SallyportError('DIAL_TIMEOUT', 'nobody'))
      })
      return promise
    },
  }
  const backoff = new DialBackoff({ perIp: true })
  const options = { transport: transport as PhonebookTransport, book, backoff, clock, timers: clock }
  const dialler = new Dialler({ ...options, timeoutMs: 12_000 })
  const outcome = await clock.until(dialler.reach(peer(1)))
  assert.equal(outcome.kind, 'failed')
  assert.ok(clock.now() <= 12_000)
  assert.deepEqual([dials, most, open], [8, 3, 0])
})
