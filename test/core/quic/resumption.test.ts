// Coming back to a server over QUIC: the handshake of a ticket takes fewer datagrams and no work, and holds through loss.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ResumableSession } from '../../../src/core/tls/pre-shared-key.ts'
import type { TicketBox } from '../../../src/core/tls/session.ts'
import { Tickets } from '../../../src/core/tls/tickets.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { crypto, FAIR, FOUL, Pair } from './pair.ts'

const box = (): TicketBox => {
  const tickets = new Tickets({ crypto, random: new SeededRandom(7) })
  return {
    open: (ticket) => tickets.open(ticket, 1),
    seal: (ticket) => tickets.seal({ ...ticket, signedAt: ticket.signedAt ?? 1 }, 1),
  }
}

/** Establishes a pair and gives the session that its server's ticket makes. */
const meet = (tickets: TicketBox, weather = FAIR): ResumableSession => {
  const pair = new Pair({ weather, client: { keepsSessions: true }, server: { tickets } }).establish()
  pair.server.live.sendTicket(pair.now)
  pair.server.live.sendTicket(pair.now)
  const sessions = (): ResumableSession[] =>
    pair.client.log.flatMap((output) => (output.kind === 'session' ? [output.session] : []))
  assert.ok(pair.run(() => sessions().length > 0))
  const [session, ...more] = sessions()
  assert.ok(session !== undefined && more.length === 0)
  assert.equal(pair.client.live.isResumed, false)
  assert.equal(pair.client.live.alpn, pair.server.live.alpn)
  return session
}

describe('a connection that begins with a ticket', () => {
  it('is established without any work, and says that it is resumed', () => {
    const tickets = box()
    const resume = { session: meet(tickets), ageMs: 1 }
    const pair = new Pair({ client: { resume }, server: { tickets } }).establish()
    for (const end of [pair.client, pair.server]) {
      assert.ok(end.live.isResumed)
      assert.ok(!end.has('work'))
    }
  })

  it('is established in bad weather, too, and so is its ticket delivered', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const tickets = box()
      const resume = { session: meet(tickets, FOUL), ageMs: 1 }
      const pair = new Pair({ weather: FOUL, seed, client: { resume }, server: { tickets } }).establish()
      assert.ok(pair.server.live.isResumed)
    }
  })

  it('falls back to signatures where the server has other keys', () => {
    const resume = { session: meet(box()), ageMs: 1 }
    const pair = new Pair({ client: { resume }, server: { tickets: box() } }).establish()
    assert.equal(pair.client.live.isResumed, false)
    assert.ok(pair.server.has('work'))
  })

  it('is for servers to give tickets for, once established', () => {
    const pair = new Pair({ server: { tickets: box() } })
    assert.throws(() => pair.client.live.sendTicket(0), { name: 'AssertionFailure' })
    pair.establish()
    pair.server.live.close(0, '', pair.now)
    pair.server.live.sendTicket(pair.now)
  })
})
