// Clients that visit a server and come back: what tests of resumption need of both.
import assert from 'node:assert/strict'
import type { ResumableSession } from '../../../src/core/tls/pre-shared-key.ts'
import type { TicketBox, TlsConfig, TlsOutput, TlsPeer } from '../../../src/core/tls/session.ts'
import { type Ticket, Tickets } from '../../../src/core/tls/tickets.ts'
import { alertOf, alice, bob, configOf, converse, crypto, type Minutes, random } from './conversation.ts'

export const WALL = 1_800_000_000_000

/** Tickets by a clock that a test sets. */
export class Box implements TicketBox {
  wall = WALL
  opened: (Ticket | null)[] = []
  readonly #tickets = new Tickets({ crypto, random })

  open(ticket: Uint8Array): Ticket | null {
    const found = this.#tickets.open(ticket, this.wall)
    this.opened.push(found)
    return found
  }

  seal(ticket: Parameters<TicketBox['seal']>[0]): Uint8Array {
    return this.#tickets.seal({ ...ticket, signedAt: ticket.signedAt ?? this.wall }, this.wall)
  }
}

export const dialling = (changes: Partial<TlsConfig> = {}): TlsConfig =>
  configOf(alice, { keepsSessions: true, expectedPeer: bob.peerId, ...changes })
export const accepting = (tickets: TicketBox, changes: Partial<TlsConfig> = {}): TlsConfig =>
  configOf(bob, { tickets, ...changes })

/** A whole handshake, and the session that the server's ticket gives. */
export const meet = (
  client: TlsConfig,
  server: TlsConfig,
): { minutes: Minutes; session: ResumableSession | undefined } => {
  const minutes = converse(client, server, { issue: true })
  const session = minutes.client.find((output) => output.kind === 'session')?.session
  return { minutes, session }
}

export const sessionWith = (box: Box, client = dialling(), server = accepting(box)): ResumableSession => {
  const { session } = meet(client, server)
  assert.ok(session !== undefined)
  return session
}

export const peerOf = (outputs: readonly TlsOutput[]): TlsPeer => {
  const found = outputs.find((output) => output.kind === 'peer')
  assert.ok(found !== undefined)
  const { kind: _, ...peer } = found
  return peer
}
export const works = ({ client, server }: Minutes): number =>
  [...client, ...server].filter(({ kind }) => kind === 'work').length
export const isResumed = ({ client, server }: Minutes): boolean => {
  assert.equal(alertOf([...client, ...server]), null)
  const [one, other] = [client, server].map((outputs) => outputs.some(({ kind }) => kind === 'resumed'))
  assert.equal(one, other)
  assert.ok([client, server].every((outputs) => outputs.some(({ kind }) => kind === 'complete')))
  return one === true
}
