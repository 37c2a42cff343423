import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Address, PeerAddress } from '../../../src/core/address.ts'
import { AddressBook, CLAIMS_MAX, RECORD_AGE_MAX_MS } from '../../../src/core/kademlia/address-book.ts'
import {
  BACKOFF_FIRST_MS,
  BACKOFF_MAX_MS,
  DialBackoff,
  DIALS_PER_MINUTE,
} from '../../../src/core/kademlia/dial-backoff.ts'
import { sharedBits } from '../../../src/core/kademlia/distance.ts'
import { idInBucket, Refresh, REFRESH_MEAN_MS } from '../../../src/core/kademlia/refresh.ts'
import { peerIds, placeOf, randomId, seededNumbers } from './ids.ts'

const random = seededNumbers(3)
const [PEER, OTHER, THIRD] = [randomId(random), randomId(random), randomId(random)]
const v4 = (ip: string, port = 9000): Address => ({ family: 4, ip, port })
const ASKER = v4('10.9.9.9')
/** Whoever is at an address. */
const to = (address: Address): PeerAddress => ({ address, peerId: null })
const randomPort = {
  fill: (into: Uint8Array): void => into.set(Uint8Array.from(into, () => Math.floor(random() * 256))),
}

test('what a peer claims is dialled, and told to nobody', () => {
  const book = new AddressBook()
  book.claimed(PEER, [placeOf(1)], ASKER)
  assert.deepEqual(book.dialable(PEER), [placeOf(1)])
  assert.equal(book.record(PEER, ASKER, 0), null)
  book.seen(PEER, placeOf(2), 1000)
  assert.deepEqual(book.dialable(PEER), [placeOf(2), placeOf(1)])
  assert.deepEqual(book.record(PEER, ASKER, 4000), { peerId: PEER, addresses: [placeOf(2)], ageMs: 3000 })
})

test('what others say of a peer counts by the networks that say it, and after what was seen', () => {
  const book = new AddressBook()
  book.told(PEER, [placeOf(1)], v4('10.1.1.1'))
  book.told(PEER, [placeOf(2)], v4('10.1.2.1'))
  assert.deepEqual(book.dialable(PEER), [placeOf(1), placeOf(2)])
  book.told(PEER, [placeOf(2)], v4('10.1.2.99'))
  assert.deepEqual(book.dialable(PEER), [placeOf(1), placeOf(2)], 'one network has one voice')
  book.told(PEER, [placeOf(2)], v4('10.1.3.1'))
  assert.deepEqual(book.dialable(PEER), [placeOf(2), placeOf(1)])
  book.claimed(PEER, [placeOf(1)], v4('10.1.4.1'))
  book.told(PEER, [placeOf(1)], v4('10.1.5.1'))
  assert.deepEqual(book.dialable(PEER), [placeOf(1), placeOf(2)])
  book.seen(PEER, placeOf(2), 0)
  assert.deepEqual(book.dialable(PEER), [placeOf(2), placeOf(1)])
})

test('of what one network says of another peer an address of each family is taken, in place of what it said before', () => {
  const book = new AddressBook()
  const six: Address = { family: 6, ip: 'fd00::1', port: 9000 }
  book.told(PEER, [placeOf(1), placeOf(2), six, placeOf(3)], ASKER)
  assert.deepEqual(book.dialable(PEER), [placeOf(1), six])
  book.told(PEER, [placeOf(4)], ASKER)
  assert.deepEqual(book.dialable(PEER), [placeOf(4)])
  book.claimed(PEER, [placeOf(5), placeOf(6)], ASKER)
  book.told(PEER, [placeOf(7)], ASKER)
  assert.deepEqual(book.dialable(PEER), [placeOf(5), placeOf(6), placeOf(7)])
})

test('claims are bounded, and what many say is not pushed out by what one after another says', () => {
  const book = new AddressBook()
  for (const n of [1, 2]) book.told(PEER, [placeOf(1)], placeOf(1000 + n))
  for (let n = 0; n < 3 * CLAIMS_MAX; n++) book.told(PEER, [placeOf(2 + n)], placeOf(2000 + n))
  assert.deepEqual(book.dialable(PEER)[0], placeOf(1))
  let held = 0
  for (let [first] = book.dialable(PEER); first !== undefined; [first] = book.dialable(PEER)) {
    book.failed(PEER, first)
    held++
  }
  assert.equal(held, CLAIMS_MAX)
})

test('a peer not heard from for 30 minutes is told to nobody', () => {
  const book = new AddressBook()
  book.seen(PEER, placeOf(2), 0)
  assert.notEqual(book.record(PEER, ASKER, RECORD_AGE_MAX_MS), null)
  assert.equal(book.record(PEER, ASKER, RECORD_AGE_MAX_MS + 1), null)
  assert.deepEqual(book.dialable(PEER), [placeOf(2)])
})

test('private addresses are neither believed from nor told to a public peer', () => {
  const book = new AddressBook()
  const [wide, near] = [v4('192.0.2.1'), v4('10.0.0.1')]
  book.claimed(PEER, [near, wide, v4('127.0.0.1'), v4('192.0.2.1', 0)], wide)
  assert.deepEqual(book.dialable(PEER), [wide])
  book.seen(OTHER, near, 0)
  assert.equal(book.record(OTHER, wide, 0), null)
  assert.notEqual(book.record(OTHER, v4('10.0.0.2'), 0), null)
})

test('an address that fails is forgotten, and with the last one the peer', () => {
  const book = new AddressBook()
  book.claimed(PEER, [placeOf(1)], ASKER)
  book.seen(PEER, placeOf(2), 0)
  book.failed(PEER, placeOf(2))
  assert.deepEqual(book.dialable(PEER), [placeOf(1)])
  book.failed(PEER, placeOf(1))
  assert.equal(book.size, 0)
})

test('addresses of a peer and peers in the book are bounded, whatever is said', () => {
  const claims = fc.array(fc.record({ peer: peerIds, places: fc.array(fc.nat({ max: 60 })), seen: fc.boolean() }), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(claims, (list) => {
      const book = new AddressBook(10)
      for (const { peer, places, seen } of list) {
        if (seen) for (const place of places) book.seen(peer, placeOf(place), 0)
        else if (places.length % 2 === 0) book.claimed(peer, places.map(placeOf), ASKER)
        else book.told(peer, places.map(placeOf), placeOf(places[0] ?? 0))
        assert.ok(book.size <= 10)
        const addresses = book.dialable(peer)
        assert.ok(addresses.length <= 8)
        assert.equal(new Set(addresses.map(({ ip }) => ip)).size, addresses.length)
      }
    }),
  )
  const book = new AddressBook(2)
  for (const peer of [PEER, OTHER, THIRD]) book.seen(peer, placeOf(1), 0)
  assert.deepEqual(book.dialable(PEER), [])
})

test('one dial at a time goes to an IP address, whatever the port', () => {
  const backoff = new DialBackoff({ perIp: true })
  backoff.began(v4('192.0.2.1', 1), 0)
  assert.equal(backoff.mayDialAt(to(v4('192.0.2.1', 2)), 0), Infinity)
  assert.equal(backoff.mayDialAt(to(v4('192.0.2.2', 1)), 0), 0)
  backoff.ended(to(v4('192.0.2.1', 1)), 'reached', 10)
  assert.equal(backoff.mayDialAt(to(v4('192.0.2.1', 2)), 10), 10)
})

test('five dials a minute go to an IP address', () => {
  const backoff = new DialBackoff({ perIp: true })
  for (let i = 0; i < DIALS_PER_MINUTE; i++) {
    assert.equal(backoff.mayDialAt(to(placeOf(1)), i), i)
    backoff.began(placeOf(1), i)
    backoff.ended(to(placeOf(1)), 'reached', i)
  }
  assert.equal(backoff.mayDialAt(to(placeOf(1)), 10), 60_000)
  assert.equal(backoff.mayDialAt(to(placeOf(1)), 60_000), 60_000)
})

test('in any minute, however it is asked, no more than five dials begin', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: 20_000 }), fc.boolean()), { maxLength: 60, size: 'max' }),
      (attempts) => {
        const backoff = new DialBackoff({ perIp: true })
        const begun: number[] = []
        let now = 0
        for (const [pause, reached] of attempts) {
          now += pause
          if (backoff.mayDialAt(to(placeOf(1)), now) > now) continue
          backoff.began(placeOf(1), now)
          backoff.ended(to(placeOf(1)), reached ? 'reached' : 'failed', now)
          begun.push(now)
          assert.ok(begun.filter((at) => at > now - 60_000).length <= DIALS_PER_MINUTE)
        }
      },
    ),
  )
})

test('each failure in a row doubles the pause, up to half an hour, and success ends it', () => {
  const backoff = new DialBackoff({ perIp: false })
  for (let failures = 1, now = 0; failures <= 40; failures++) {
    backoff.began(placeOf(1), now)
    backoff.ended(to(placeOf(1)), 'failed', now)
    const next = backoff.mayDialAt(to(placeOf(1)), now)
    assert.equal(next - now, Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (failures - 1)))
    now = next
  }
  backoff.heard(placeOf(1))
  assert.equal(backoff.mayDialAt(to(placeOf(1)), 5), 5)
})

test('where another peer answered, only who was expected is not dialled there again, and the host is as it was', () => {
  const backoff = new DialBackoff({ perIp: true })
  const [made, real] = [PEER, OTHER].map((peerId) => ({ address: placeOf(1), peerId }))
  assert.ok(made !== undefined && real !== undefined)
  for (const pauseMs of [BACKOFF_FIRST_MS, 2 * BACKOFF_FIRST_MS]) {
    const now = backoff.mayDialAt(made, 0)
    backoff.began(made.address, now)
    backoff.ended(made, 'another-peer', now)
    assert.equal(backoff.mayDialAt(made, now), now + pauseMs)
    assert.equal(backoff.mayDialAt(real, now), now)
  }
  // That somebody answers ends the pause of a host at which nobody did.
  backoff.began(placeOf(1), 0)
  backoff.ended(real, 'failed', 0)
  assert.equal(backoff.mayDialAt(real, 0), BACKOFF_FIRST_MS)
  backoff.began(placeOf(1), 10)
  backoff.ended(made, 'another-peer', 10)
  assert.equal(backoff.mayDialAt(real, 10), 10)
})

test('on loopback, and where limits are off, each port is a place of its own without a rate', () => {
  for (const [perIp, ip] of [
    [true, '127.0.0.1'],
    [false, '192.0.2.1'],
  ] as const) {
    const backoff = new DialBackoff({ perIp })
    backoff.began(v4(ip, 1), 0)
    assert.equal(backoff.mayDialAt(to(v4(ip, 2)), 0), 0)
    for (let i = 0; i < 20; i++) {
      backoff.began(v4(ip, 3), i)
      backoff.ended(to(v4(ip, 3)), 'reached', i)
      assert.equal(backoff.mayDialAt(to(v4(ip, 3)), i), i)
    }
  }
})

test('places remembered are bounded, and a dial under way is not forgotten', () => {
  const backoff = new DialBackoff({ perIp: true, placesMax: 3 })
  backoff.began(placeOf(0), 0)
  for (let n = 1; n < 20; n++) {
    backoff.began(placeOf(n), n)
    backoff.ended(to(placeOf(n)), 'failed', n)
  }
  assert.equal(backoff.mayDialAt(to(placeOf(0)), 30), Infinity)
  assert.equal(backoff.mayDialAt(to(placeOf(5)), 30), 30)
  assert.ok(backoff.mayDialAt(to(placeOf(19)), 30) > 30)
})

test('an id made for a bucket lies in that bucket', () => {
  fc.assert(
    fc.property(peerIds, fc.nat({ max: 255 }), (self, index) => {
      assert.equal(sharedBits(self, idInBucket(self, index, randomPort)), index)
    }),
  )
})

test('a refresh is due after half to one and a half times the mean, and takes the bucket left alone for longest', () => {
  const refresh = new Refresh(PEER, randomPort, 0)
  const due = refresh.timerAt()
  assert.ok(due >= REFRESH_MEAN_MS / 2 && due <= REFRESH_MEAN_MS * 1.5)
  assert.equal(refresh.poll([0, 1, 2], due - 1), null)
  refresh.lookedUp(idInBucket(PEER, 0, randomPort), 10)
  refresh.lookedUp(idInBucket(PEER, 1, randomPort), 5)
  refresh.lookedUp(idInBucket(PEER, 2, randomPort), 20)
  const target = refresh.poll([0, 1, 2], due)
  assert.equal(sharedBits(PEER, target ?? PEER), 1)
  assert.ok(refresh.timerAt() > due)
  assert.equal(refresh.poll([], refresh.timerAt()), null)
})
