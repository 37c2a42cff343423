// TLS sessions of both ends in every configuration there is, with one message of one of them mutated on its way.
import assert from 'node:assert/strict'
import { sameBytes } from '../../src/core/bytes.ts'
import { MESSAGE } from '../../src/core/tls/messages.ts'
import type { TlsConfig, TlsOutput } from '../../src/core/tls/session.ts'
import {
  alertOf,
  bob,
  certifiedParty,
  configOf,
  converse,
  generalOf,
  alice,
  messagesOf,
  type Minutes,
  sentAt,
  type Side,
} from '../core/tls/conversation.ts'
import { accepting, Box, dialling, sessionWith } from '../core/tls/visits.ts'
import { certify } from '../support/certificates.ts'
import { drawEdits, type Edit, mutated } from '../support/mutation.ts'
import { target } from './target.ts'

const root = certify({ name: 'root', authority: { pathLength: null } })
const host = certifiedParty(certify({ name: 'host', issuer: root, hosts: ['a.example'] }))
const guest = certifiedParty(certify({ name: 'guest', issuer: root }))
const trust = (name: string | null) => ({ kind: 'authorities', authorities: [root.der], name }) as const

const certain = { rawKey: false, certificate: trust('a.example'), client: 'not-asked', isJudged: false } as const
const asking = { rawKey: true, certificate: trust(null), client: 'required', isJudged: true } as const
const wondering = { rawKey: true, certificate: { kind: 'judged' }, client: 'optional', isJudged: true } as const

type Ends = () => readonly [client: TlsConfig, server: TlsConfig]

/** Ends of their own for each conversation, since tickets are used up. */
const ENDS: Readonly<Record<string, Ends>> = {
  nodes: () => [configOf(alice), configOf(bob)],
  'nodes that expect each other': () => [
    configOf(alice, { expectedPeer: bob.peerId, group: 0x0201, suites: [0x1303, 0x1301] }),
    configOf(bob, { expectedPeer: alice.peerId }),
  ],
  'nodes with a ticket': () => {
    const box = new Box()
    return [dialling({ resume: { session: sessionWith(box), ageMs: 1000 } }), accepting(box)]
  },
  certificates: () => [
    generalOf({ serverName: 'a.example', peer: certain }),
    generalOf({ certificate: host.certificate }),
  ],
  'certificates of both': () => [
    generalOf({ certificate: guest.certificate, serverName: 'a.example', peer: { ...certain, isJudged: true } }),
    generalOf({ certificate: host.certificate, peer: asking }),
  ],
  'raw keys of the general entry': () => [
    generalOf({ peer: wondering }, { publicKey: alice.publicKey }),
    generalOf({ peer: wondering }, { publicKey: bob.publicKey }),
  ],
  'a client that stays unknown': () => [
    generalOf({ peer: certain, serverName: 'a.example' }),
    generalOf({ certificate: host.certificate, peer: wondering }),
  ],
  'a retried hello': () => [
    generalOf({ groups: [0x11ec, 0x001d], shares: [0x11ec], peer: certain, serverName: 'a.example' }),
    generalOf({ groups: [0x001d, 0x0017], certificate: host.certificate }),
  ],
  'a retried hello with a ticket': () => {
    const box = new Box()
    const groups = { groups: [0x11ec, 0x001d], shares: [0x11ec] } as const
    const client = generalOf({ ...groups, peer: certain, serverName: 'a.example' }, { keepsSessions: true })
    const server = generalOf({ groups: [0x001d], certificate: host.certificate }, { tickets: box })
    return [{ ...client, resume: { session: sessionWith(box, client, server), ageMs: 0 } }, server]
  },
}

const judge = (): boolean => true

const talk = (ends: Ends, alter?: (from: Side, nth: number, message: Uint8Array) => Uint8Array): Minutes => {
  const [client, server] = ends()
  return converse(client, server, { judge, issue: true, ...(alter === undefined ? {} : { alter }) })
}

const completes = (outputs: readonly TlsOutput[]): boolean => outputs.some(({ kind }) => kind === 'complete')

/** One undisturbed conversation of each configuration. */
export const TLS_RECORDED: readonly Minutes[] = Object.values(ENDS).map((ends) => {
  const minutes = talk(ends)
  assert.ok(completes(minutes.client) && completes(minutes.server), 'undisturbed, both complete')
  return minutes
})

/** What each side said there: what pieces are spliced in from. */
const DONORS = TLS_RECORDED.flatMap(({ client, server }) =>
  [client, server].flatMap((outputs) =>
    (['initial', 'handshake', 'application'] as const).flatMap((level) => messagesOf(sentAt(outputs, level))),
  ),
)

/** No conversation has more messages of one side. */
const MESSAGES_MAX = 7

type Input = { readonly ends: string; readonly side: Side; readonly nth: number; readonly edits: readonly Edit[] }

/**
 * The messages up to an end's Finished are what the other end must have read as they were sent. Behind a whole Finished, and in a ticket,
 * whatever comes finds a session that is complete.
 */
const changesTranscript = (said: Uint8Array, heard: Uint8Array): boolean => {
  if (said[0] === MESSAGE.newSessionTicket) return false
  return said[0] === MESSAGE.finished ? !sameBytes(said, heard.subarray(0, said.length)) : !sameBytes(said, heard)
}

const check = ({ ends, side, nth, edits }: Input): string => {
  const makes = ENDS[ends]
  if (makes === undefined) throw new Error(`there are no ends called ${ends}`)
  const changes: number[] = []
  const { client, server } = talk(makes, (from, index, message) => {
    if (from !== side || index !== nth) return message
    const heard = mutated(message, edits, { donors: DONORS, max: 40_000 })
    if (changesTranscript(message, heard)) changes.push(message[0] ?? 0)
    return heard
  })
  const alerts = [alertOf(client), alertOf(server)].join('/')
  const done = [completes(client), completes(server)]
  const hearer = side === 'client' ? 1 : 0
  const [changed] = changes
  if (changed === undefined) return `unchanged ${done.join('/')} ${alerts}`
  assert.ok(!done[hearer], `${side === 'client' ? 'the server' : 'the client'} completed on a changed message`)
  // The last words of a client leave when it has nothing left to check; all others are answered for by the server's Finished.
  if (changed === MESSAGE.clientHello) assert.ok(!done[0], 'the client completed though its hello was changed')
  return `${changed} ${done.join('/')} ${alerts}`
}

export const sessions = target<Input>({
  name: 'sessions',
  runs: 240,
  draw: (random) => ({
    ends: random.pick(Object.keys(ENDS)),
    side: random.below(3) === 0 ? 'client' : 'server',
    nth: random.below(MESSAGES_MAX),
    edits: drawEdits(random),
  }),
  check,
})
