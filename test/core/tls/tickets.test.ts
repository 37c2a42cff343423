// Session tickets: what they hold, how long they are good, and that nobody else can make, change or read them.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { toHex } from '../../../src/core/bytes.ts'
import { KEPT_SESSIONS_MAX, KeptSessions } from '../../../src/core/tls/kept-sessions.ts'
import { peerIdOf } from '../../../src/core/ids.ts'
import type { ResumableSession } from '../../../src/core/tls/pre-shared-key.ts'
import { SIGNATURE_MS, type Ticket, TICKET_MS, Tickets } from '../../../src/core/tls/tickets.ts'
import { alice, bob, crypto, random } from './conversation.ts'

const HOUR_MS = 3_600_000
const NOW = Date.UTC(2026, 10, 26, 5, 30)
const ticketOf = (changes: Partial<Ticket> = {}): Ticket => ({
  peerId: alice.peerId,
  suite: 0x1303,
  alpn: 'sallyport/1',
  secret: new Uint8Array(32).fill(5),
  signedAt: NOW,
  ...changes,
})
const box = (): Tickets => new Tickets({ crypto, random })

describe('a ticket', () => {
  it('says what it was given for, to those who issued it', () => {
    const tickets = box()
    for (const ticket of [
      ticketOf(),
      ticketOf({ peerId: null }),
      ticketOf({ suite: 0x1302, secret: new Uint8Array(48).fill(6) }),
    ]) {
      assert.deepEqual(tickets.open(tickets.seal(ticket, NOW), NOW + 1), ticket)
    }
    assert.equal(box().open(tickets.seal(ticketOf(), NOW), NOW), null, 'another process has other keys')
  })

  it('is never the same twice, and shows nothing of what it says', () => {
    const tickets = box()
    const [one, two] = [tickets.seal(ticketOf(), NOW), tickets.seal(ticketOf(), NOW)]
    assert.notDeepEqual(one, two)
    for (const hidden of [alice.peerId, toHex(ticketOf().secret).slice(0, 16)]) assert.ok(!toHex(one).includes(hidden))
  })

  it('is good for 24 hours, over changes of the key', () => {
    for (let hours = 0; hours < 13; hours++) {
      const tickets = box()
      const issued = NOW + hours * HOUR_MS
      const ticket = tickets.seal(ticketOf({ signedAt: issued }), issued)
      for (let later = issued; later < issued + TICKET_MS; later += 6 * HOUR_MS) tickets.seal(ticketOf(), later)
      assert.notEqual(tickets.open(ticket, issued + TICKET_MS), null)
      assert.equal(tickets.open(ticket, issued + TICKET_MS + 1), null)
      assert.equal(tickets.open(ticket, issued - 1), null, 'a clock that went back knows nothing')
    }
  })

  it('is good for seven days after the signature, however often it was issued again', () => {
    const tickets = box()
    const wall = NOW + SIGNATURE_MS
    assert.notEqual(tickets.open(tickets.seal(ticketOf(), wall), wall), null)
    assert.equal(tickets.open(tickets.seal(ticketOf({ signedAt: NOW - 1 }), wall), wall), null)
  })

  it('keeps three keys, each of 12 hours', () => {
    const tickets = box()
    const first = tickets.seal(ticketOf(), NOW)
    tickets.seal(ticketOf(), NOW + 12 * HOUR_MS)
    tickets.seal(ticketOf(), NOW + 24 * HOUR_MS)
    assert.notEqual(tickets.open(first, NOW), null)
    tickets.seal(ticketOf(), NOW + 36 * HOUR_MS)
    assert.equal(tickets.open(first, NOW), null, 'its key is gone')
  })

  it('is worth nothing when any of it was changed, and garbage is nothing', () => {
    const tickets = box()
    const sealed = tickets.seal(ticketOf(), NOW)
    for (let at = 0; at < sealed.length; at++) {
      const changed = Uint8Array.from(sealed)
      changed[at]! ^= 1
      assert.equal(tickets.open(changed, NOW), null)
      assert.equal(tickets.open(sealed.subarray(0, at), NOW), null)
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        assert.equal(tickets.open(Uint8Array.from([...sealed.subarray(0, 4), ...tail]), NOW), null)
      }),
    )
  })
})

describe('sessions that are kept', () => {
  const session = (peerId = bob.peerId): ResumableSession => ({
    ticket: new Uint8Array(9),
    secret: new Uint8Array(32),
    suite: 0x1301,
    alpn: 'sallyport/1',
    ageAdd: 7,
    lifetimeMs: 1000,
    peer: { peerId, publicKey: bob.publicKey },
  })

  it('are given once, with how old they are, and only the last of each peer', () => {
    const kept = new KeptSessions()
    const [first, last] = [session(), session()]
    kept.keep(first, 0)
    kept.keep(last, 10)
    kept.keep(session(alice.peerId), 10)
    assert.deepEqual(kept.take(bob.peerId, 25), { session: last, ageMs: 15 })
    assert.equal(kept.take(bob.peerId, 25), null)
    assert.notEqual(kept.take(alice.peerId, 25), null)
  })

  it('are forgotten when their time is over, or when they are of nobody', () => {
    const kept = new KeptSessions()
    kept.keep(session(), 0)
    assert.equal(kept.take(bob.peerId, 1000), null)
    assert.equal(kept.take(bob.peerId, 0), null)
    kept.keep({ ...session(), peer: { peerId: null, chain: [] } }, 0)
  })

  it('make room for others, the oldest first', () => {
    const kept = new KeptSessions()
    const peer = (n: number) => {
      const hash = new Uint8Array(32)
      new DataView(hash.buffer).setUint32(0, n)
      return peerIdOf(hash)
    }
    for (let n = 0; n <= KEPT_SESSIONS_MAX; n++) kept.keep(session(peer(n)), 0)
    assert.equal(kept.take(peer(0), 1), null)
    assert.notEqual(kept.take(peer(1), 1), null)
    assert.notEqual(kept.take(peer(KEPT_SESSIONS_MAX), 1), null)
  })
})
