// Coming back with a ticket: both ends are who they were, nobody signs, and whatever speaks against it leads to a full handshake in the same
// flight, or to an alert.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { concat, fromHex, toHex } from '../../../src/core/bytes.ts'
import { ALERT } from '../../../src/core/tls/alerts.ts'
import { TlsClient } from '../../../src/core/tls/client.ts'
import { decodeKeyShares, encodeCode, encodeKeyShare, EXTENSION } from '../../../src/core/tls/extensions.ts'
import { decodeClientHello, encodeClientHello, encodeServerHello } from '../../../src/core/tls/hello.ts'
import { binderOf, handshakeSecrets, preSharedKey } from '../../../src/core/tls/key-schedule.ts'
import { encodeMessage, MESSAGE } from '../../../src/core/tls/messages.ts'
import {
  decodeOfferedKeys,
  decodeSessionTicket,
  encodeSessionTicket,
  type ResumableSession,
  takesPskWithExchange,
} from '../../../src/core/tls/pre-shared-key.ts'
import { TlsServer } from '../../../src/core/tls/server.ts'
import type { PeerTerms, TicketBox, TlsConfig, TlsOutput, TlsPeer } from '../../../src/core/tls/session.ts'
import { type Ticket, Tickets } from '../../../src/core/tls/tickets.ts'
import { certify } from '../../support/certificates.ts'
import {
  alertOf,
  alice,
  bob,
  certifiedParty,
  changed,
  configOf,
  converse,
  crypto,
  drain,
  generalOf,
  messagesOf,
  type Minutes,
  random,
  sentAt,
} from './conversation.ts'

const WALL = 1_800_000_000_000

/** Tickets by a clock that a test sets. */
class Box implements TicketBox {
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

const dialling = (changes: Partial<TlsConfig> = {}): TlsConfig =>
  configOf(alice, { keepsSessions: true, expectedPeer: bob.peerId, ...changes })
const accepting = (tickets: TicketBox, changes: Partial<TlsConfig> = {}): TlsConfig =>
  configOf(bob, { tickets, ...changes })

/** A whole handshake, and the session that the server's ticket gives. */
const meet = (client: TlsConfig, server: TlsConfig): { minutes: Minutes; session: ResumableSession | undefined } => {
  const minutes = converse(client, server, { issue: true })
  const session = minutes.client.find((output) => output.kind === 'session')?.session
  return { minutes, session }
}

const sessionWith = (box: Box, client = dialling(), server = accepting(box)): ResumableSession => {
  const { session } = meet(client, server)
  assert.ok(session !== undefined)
  return session
}

const peerOf = (outputs: readonly TlsOutput[]): TlsPeer => {
  const found = outputs.find((output) => output.kind === 'peer')
  assert.ok(found !== undefined)
  const { kind: _, ...peer } = found
  return peer
}
const works = ({ client, server }: Minutes): number =>
  [...client, ...server].filter(({ kind }) => kind === 'work').length
const isResumed = ({ client, server }: Minutes): boolean => {
  assert.equal(alertOf([...client, ...server]), null)
  const [one, other] = [client, server].map((outputs) => outputs.some(({ kind }) => kind === 'resumed'))
  assert.equal(one, other)
  assert.ok([client, server].every((outputs) => outputs.some(({ kind }) => kind === 'complete')))
  return one === true
}

describe('a client that comes back', () => {
  it('is who it was, and so is the server, and nobody signs', () => {
    const box = new Box()
    const session = sessionWith(box)
    const minutes = converse(dialling({ resume: { session, ageMs: 5 } }), accepting(box))
    assert.ok(isResumed(minutes))
    assert.equal(works(minutes), 0)
    assert.deepEqual(peerOf(minutes.client), { peerId: bob.peerId, publicKey: bob.publicKey })
    assert.deepEqual(peerOf(minutes.server), { peerId: alice.peerId, publicKey: null })
    assert.deepEqual(
      messagesOf(sentAt(minutes.server, 'handshake')).map((message) => message[0]),
      [MESSAGE.encryptedExtensions, MESSAGE.finished],
    )
  })

  it('has new keys, which its ticket does not tell', () => {
    const box = new Box()
    const session = sessionWith(box)
    const keysOf = ({ client }: Minutes) =>
      client.flatMap((output) => (output.kind === 'keys' ? [toHex(output.secret)] : []))
    const resume = { session, ageMs: 5 }
    const [one, two] = [converse(dialling({ resume }), accepting(box)), converse(dialling({ resume }), accepting(box))]
    assert.equal(new Set([...keysOf(one), ...keysOf(two)]).size, 8)
  })

  it('does so by every suite, and by another suite of the same hash', () => {
    for (const suite of [0x1301, 0x1302, 0x1303] as const) {
      const box = new Box()
      const suites = [0x1301, 0x1302, 0x1303] as const
      const session = sessionWith(box, dialling({ suites: [suite] }), accepting(box, { suites }))
      assert.equal(session.suite, suite)
      const resume = { session, ageMs: 5 }
      assert.ok(isResumed(converse(dialling({ suites: [suite], resume }), accepting(box, { suites }))))
    }
    const box = new Box()
    const session = sessionWith(box, dialling({ suites: [0x1301] }))
    assert.ok(isResumed(converse(dialling({ suites: [0x1303], resume: { session, ageMs: 5 } }), accepting(box))))
  })

  it('does so however messages are cut and delayed', () => {
    const box = new Box()
    const session = sessionWith(box)
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
        fc.array(fc.nat(), { minLength: 1 }),
        (sizes, picks) => {
          let [cuts, steps] = [0, 0]
          const minutes = converse(dialling({ resume: { session, ageMs: 5 } }), accepting(box), {
            pick: (n) => picks[steps++ % picks.length]! % Math.max(n, 1),
            cut: (n) => Math.min(n, sizes[cuts++ % sizes.length]!),
          })
          assert.ok(isResumed(minutes))
        },
      ),
      { numRuns: 30 },
    )
  })

  it('gets a new ticket, which says when it last signed, until that is seven days ago', () => {
    const box = new Box()
    let session = sessionWith(box)
    for (let day = 1; day <= 7; day++) {
      box.wall = WALL + day * 24 * 3_600_000
      const again = meet(dialling({ resume: { session, ageMs: 1000 } }), accepting(box))
      assert.ok(isResumed(again.minutes))
      assert.equal(box.opened.at(-1)?.signedAt, WALL)
      assert.ok(again.session !== undefined)
      session = again.session
    }
    box.wall += 1000
    const signed = meet(dialling({ resume: { session, ageMs: 1000 } }), accepting(box))
    assert.ok(!isResumed(signed.minutes))
    assert.equal(works(signed.minutes), 4)
  })
})

describe('a full handshake follows in the same flight', () => {
  const box = new Box()
  const session = sessionWith(box)
  const resume = { session, ageMs: 5 }
  const cases: readonly (readonly [string, Partial<TlsConfig>, TlsConfig])[] = [
    ['when the ticket is of another process', { resume }, accepting(new Box())],
    ['when there are no tickets any more', { resume }, configOf(bob)],
    [
      'when the ticket is garbage',
      { resume: { ...resume, session: { ...session, ticket: new Uint8Array(120) } } },
      accepting(box),
    ],
    [
      'when another protocol is agreed',
      { resume, alpn: ['other', 'sallyport/1'] },
      accepting(box, { alpn: ['other'] }),
    ],
    ['when the hashes of the suites differ', { resume, suites: [0x1302] }, accepting(box, { suites: [0x1302] })],
    [
      'when the session is of another hash than the suite that is agreed',
      { resume, suites: [0x1302, 0x1301] },
      accepting(box, { suites: [0x1302] }),
    ],
    ['when the session is too old', { resume: { session, ageMs: 24 * 3_600_000 } }, accepting(box)],
    ['when its clock went back', { resume: { session, ageMs: -1 } }, accepting(box)],
  ]
  for (const [when, client, server] of cases) {
    it(when, () => {
      const minutes = converse(dialling(client), server)
      assert.ok(!isResumed(minutes))
      assert.equal(works(minutes), 4)
      assert.equal(messagesOf(sentAt(minutes.client, 'initial')).length, 1)
    })
  }

  it('when the session is with another peer than the one that is wanted, who sees no ticket', () => {
    const minutes = converse(dialling({ resume, expectedPeer: alice.peerId }), accepting(box))
    const hello = decodeClientHello(sentAt(minutes.client, 'initial').subarray(4))
    assert.ok('extensions' in hello && !hello.extensions.has(EXTENSION.preSharedKey))
    assert.equal(alertOf(minutes.client), ALERT.certificateUnknown)
  })

  it('when a ticket of nobody is shown to a node, which wants to know who comes', () => {
    const anonymous = new Box()
    const host = certifiedParty(certify({ name: 'host', hosts: ['a.example'] }))
    const peer: PeerTerms = {
      rawKey: false,
      certificate: { kind: 'authorities', authorities: host.certificate.chain, name: 'a.example' },
      client: 'not-asked',
      isJudged: false,
    }
    const nobody = meet(
      generalOf({ peer }, { keepsSessions: true }),
      generalOf({ certificate: host.certificate }, { tickets: anonymous }),
    ).session
    assert.ok(nobody !== undefined)
    const forged = { ...nobody, peer: { peerId: bob.peerId, publicKey: bob.publicKey } }
    const minutes = converse(dialling({ resume: { session: forged, ageMs: 5 } }), accepting(anonymous))
    assert.ok(!isResumed(minutes))
    assert.equal(anonymous.opened.at(-1)?.peerId, null)
  })
})

describe('a server', () => {
  const box = new Box()
  const session = sessionWith(box)

  it('refuses who has the ticket and not its secret', () => {
    const stolen = { ...session, secret: new Uint8Array(32) }
    const { server } = converse(dialling({ resume: { session: stolen, ageMs: 5 } }), accepting(box))
    assert.equal(alertOf(server), ALERT.decryptError)
    assert.equal(server.length, 1)
  })

  it('refuses a hello with a ticket of which any other byte was changed', () => {
    const hello = sentAt(drain(new TlsClient(dialling({ resume: { session, ageMs: 5 } }))), 'initial')
    fc.assert(
      fc.property(fc.integer({ min: 6, max: hello.length - 1 }), (at) => {
        const altered = Uint8Array.from(hello)
        altered[at]! ^= 1
        const server = new TlsServer(accepting(box))
        server.receive('initial', altered)
        const outputs = drain(server)
        // A ticket that does not open is refused in silence; everything else that can be read is bound.
        if (alertOf(outputs) === null) assert.ok(!outputs.some(({ kind }) => kind === 'resumed'))
      }),
      { numRuns: 300 },
    )
  })

  const offered = (body: Uint8Array, modes: Uint8Array = Uint8Array.of(1, 1)): Minutes['server'] => {
    const client = new TlsClient(dialling())
    const hello = decodeClientHello(sentAt(drain(client), 'initial').subarray(4))
    assert.ok('extensions' in hello)
    const extensions = changed(hello.extensions, { [EXTENSION.pskKeyExchangeModes]: modes })
    const server = new TlsServer(accepting(box))
    server.receive(
      'initial',
      encodeClientHello({
        random: hello.random,
        suites: hello.suites,
        extensions: [...extensions, [EXTENSION.preSharedKey, body]],
      }),
    )
    return drain(server)
  }
  const keys = (tickets: readonly Uint8Array[], binders: readonly Uint8Array[]): Uint8Array => {
    const identities = tickets.map((ticket) => concat(encodeCode(ticket.length), ticket, new Uint8Array(4)))
    const proofs = binders.map((binder) => concat(Uint8Array.of(binder.length), binder))
    const [one, two] = [concat(...identities), concat(...proofs)]
    return concat(encodeCode(one.length), one, encodeCode(two.length), two)
  }

  it('refuses offers that break their grammar', () => {
    const ticket = new Uint8Array(20)
    const binder = new Uint8Array(32)
    assert.equal(alertOf(offered(keys([ticket], [binder]))), null)
    for (const body of [
      new Uint8Array(0),
      keys([], []),
      keys([ticket], []),
      keys([ticket], [binder, binder]),
      keys([new Uint8Array(0)], [binder]),
      keys([ticket], [binder.subarray(1)]),
      keys(Array(17).fill(ticket), Array(17).fill(binder)),
      concat(keys([ticket], [binder]), Uint8Array.of(0)),
    ]) {
      assert.equal(alertOf(offered(body)), ALERT.decodeError)
    }
    assert.equal(alertOf(offered(keys([ticket], [binder]), Uint8Array.of(0))), ALERT.decodeError)
  })

  it('takes up no key without a fresh exchange', () => {
    const looks = box.opened.length
    assert.equal(alertOf(offered(keys([session.ticket], [new Uint8Array(32)]), Uint8Array.of(1, 0))), null)
    assert.equal(box.opened.length, looks)
  })

  it('looks at two tickets of a hello at the most', () => {
    const looks = box.opened.length
    assert.equal(alertOf(offered(keys(Array(9).fill(new Uint8Array(20)), Array(9).fill(new Uint8Array(32))))), null)
    assert.equal(box.opened.length, looks + 2)
  })

  it('issues one ticket for a handshake, and none before it is complete or without a key to seal with', () => {
    const { minutes } = meet(dialling(), accepting(new Box()))
    assert.equal(messagesOf(sentAt(minutes.server, 'application')).length, 1)
    const early = new TlsServer(accepting(new Box()))
    early.issueTicket()
    assert.deepEqual(drain(early), [])
    assert.equal(meet(dialling(), configOf(bob)).session, undefined)
  })
})

describe('a client', () => {
  const box = new Box()
  const session = sessionWith(box)

  /** A ServerHello that takes up what was offered, or says so. */
  const answered = (index: Uint8Array, suite: 0x1301 | 0x1302, changes: Partial<TlsConfig> = {}): number | null => {
    const client = new TlsClient(dialling({ resume: { session, ageMs: 5 }, suites: [0x1301, 0x1302], ...changes }))
    const hello = decodeClientHello(sentAt(drain(client), 'initial').subarray(4))
    assert.ok('extensions' in hello)
    const [entry] = decodeKeyShares(hello.extensions.get(EXTENSION.keyShare)!) ?? []
    const { share } = crypto.encapsulate(0x11ec, entry!.share)!
    client.receive(
      'initial',
      encodeServerHello({
        random: new Uint8Array(32),
        suite,
        extensions: [
          [EXTENSION.supportedVersions, encodeCode(0x0304)],
          [EXTENSION.keyShare, encodeKeyShare({ group: 0x11ec, share })],
          [EXTENSION.preSharedKey, index],
        ],
      }),
    )
    return alertOf(drain(client))
  }

  it('refuses a server that takes up what it did not offer, or with another hash', () => {
    assert.equal(answered(encodeCode(0), 0x1301), null)
    assert.equal(answered(encodeCode(1), 0x1301), ALERT.illegalParameter)
    assert.equal(answered(Uint8Array.of(0), 0x1301), ALERT.decodeError)
    assert.equal(answered(encodeCode(0), 0x1302), ALERT.illegalParameter)
    assert.equal(answered(encodeCode(0), 0x1301, { resume: { session, ageMs: -1 } }), ALERT.unsupportedExtension)
  })

  it('refuses a server whose Finished does not follow from the secret of the session', () => {
    const { client } = converse(dialling({ resume: { session, ageMs: 5 } }), accepting(box), {
      alter: (from, index, message) => (from === 'server' && index === 2 ? flipped(message) : message),
    })
    assert.equal(alertOf(client), ALERT.decryptError)
  })

  it('refuses tickets that break their grammar, and keeps at most eight', () => {
    const ticket = { lifetime: 60, ageAdd: 1, nonce: Uint8Array.of(0), ticket: new Uint8Array(30) }
    const good = encodeSessionTicket(ticket)
    const after = (...messages: readonly Uint8Array[]): TlsOutput[] => {
      const client = completed()
      for (const message of messages) client.receive('application', message)
      return drain(client)
    }
    const [output] = after(good)
    assert.ok(output?.kind === 'session' && output.session.lifetimeMs === 60_000)
    assert.equal(after(...Array<Uint8Array>(20).fill(good)).length, 8)
    assert.deepEqual(after(encodeSessionTicket({ ...ticket, lifetime: 0 })), [])
    const [long] = after(encodeSessionTicket({ ...ticket, lifetime: 604_800 }))
    assert.ok(long?.kind === 'session' && long.session.lifetimeMs === 24 * 3_600_000)
    for (const [bad, alert] of [
      [encodeSessionTicket({ ...ticket, lifetime: 604_801 }), ALERT.illegalParameter],
      [encodeSessionTicket({ ...ticket, ticket: new Uint8Array(0) }), ALERT.decodeError],
      [encodeMessage(MESSAGE.newSessionTicket, (writer) => writer.put(good.subarray(4, -1))), ALERT.decodeError],
    ] as const) {
      assert.equal(alertOf(after(bad)), alert)
    }
  })
})

const flipped = (message: Uint8Array): Uint8Array => {
  const altered = Uint8Array.from(message)
  altered[10]! ^= 1
  return altered
}

/** A client that keeps sessions and has completed a handshake. */
const completed = (): TlsClient => {
  const client = new TlsClient(dialling())
  const server = new TlsServer(accepting(new Box()))
  for (let turn = 0; turn < 8; turn++) {
    for (const [session, peer, party] of [
      [client, server, alice],
      [server, client, bob],
    ] as const) {
      for (const output of drain(session)) {
        if (output.kind === 'send') peer.receive(output.level, output.bytes)
        if (output.kind === 'work') session.done(party.work(output.work))
      }
    }
  }
  return client
}

describe('after a HelloRetryRequest', () => {
  const host = certifiedParty(certify({ name: 'host', hosts: ['a.example'] }))
  const peer: PeerTerms = {
    rawKey: false,
    certificate: { kind: 'authorities', authorities: host.certificate.chain, name: 'a.example' },
    client: 'not-asked',
    isJudged: false,
  }

  it('a client comes back all the same, bound to both hellos', () => {
    const box = new Box()
    const server = generalOf({ certificate: host.certificate, groups: [0x0017] }, { tickets: box })
    const client = generalOf({ peer }, { keepsSessions: true })
    const { session } = meet(client, server)
    assert.ok(session !== undefined)
    assert.deepEqual(session.peer, { peerId: null, chain: host.certificate.chain })
    const minutes = converse(generalOf({ peer }, { keepsSessions: true, resume: { session, ageMs: 5 } }), server)
    assert.ok(isResumed(minutes))
    assert.equal(messagesOf(sentAt(minutes.client, 'initial')).length, 2)
    assert.deepEqual(peerOf(minutes.server), { peerId: null, chain: [] })
  })

  it('it leaves the ticket out where the suite has another hash', () => {
    const box = new Box()
    const client = generalOf({ peer }, { keepsSessions: true, suites: [0x1301] })
    const { session } = meet(client, generalOf({ certificate: host.certificate }, { tickets: box }))
    assert.ok(session !== undefined)
    const again = generalOf({ peer }, { keepsSessions: true, suites: [0x1302, 0x1301], resume: { session, ageMs: 5 } })
    const minutes = converse(again, generalOf({ certificate: host.certificate, groups: [0x0017] }, { tickets: box }))
    assert.ok(!isResumed(minutes))
  })
})

describe('whoever showed a certificate', () => {
  it('gets no ticket, since its chain would have to be in it', () => {
    const root = certify({ name: 'root', authority: { pathLength: null } })
    const host = certifiedParty(certify({ name: 'host', issuer: root }))
    const guest = certifiedParty(certify({ name: 'guest', issuer: root }))
    const certificate = { kind: 'authorities', authorities: [root.der], name: null } as const
    const peer: PeerTerms = { rawKey: false, certificate, client: 'required', isJudged: false }
    const { session } = meet(
      generalOf({ certificate: guest.certificate, peer }, { keepsSessions: true }),
      generalOf({ certificate: host.certificate, peer }, { tickets: new Box() }),
    )
    assert.equal(session, undefined)
  })

  it('is judged again when it comes back with a raw key', () => {
    const box = new Box()
    const peer: PeerTerms = { rawKey: true, certificate: null, client: 'required', isJudged: true }
    const server = generalOf({ peer }, { publicKey: bob.publicKey, tickets: box })
    const seen: TlsPeer[] = []
    const judge = (side: string, who: TlsPeer): boolean => {
      if (side === 'server') seen.push(who)
      return seen.length < 2
    }
    const first = converse(dialling(), server, { judge, issue: true })
    const session = first.client.find((output) => output.kind === 'session')?.session
    assert.ok(session !== undefined)
    const second = converse(dialling({ resume: { session, ageMs: 5 } }), server, { judge })
    assert.equal(alertOf(second.server), ALERT.certificateUnknown)
    assert.deepEqual(seen, [
      { peerId: alice.peerId, publicKey: alice.publicKey },
      { peerId: alice.peerId, publicKey: null },
    ])
  })
})

describe('the key schedule of RFC 8448 section 4', () => {
  const psk = fromHex('4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3')!

  it('makes the pre-shared key of the ticket of section 3', () => {
    const resumption = fromHex('7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c')!
    assert.deepEqual(preSharedKey(crypto, resumption, Uint8Array.of(0, 0)), psk)
  })

  it('makes the binder of its ClientHello', () => {
    const hash = fromHex('63224b2e4573f2d3454ca84b9d009a04f6be9e05711a8396473aefa01e924a14')!
    assert.equal(toHex(binderOf(crypto, psk, hash)), '3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d')
  })

  it('makes other secrets of the same exchange with a pre-shared key than without', () => {
    const hash = new Uint8Array(32).fill(1)
    const shared = new Uint8Array(32).fill(2)
    assert.notDeepEqual(handshakeSecrets(crypto, shared, hash, psk), handshakeSecrets(crypto, shared, hash))
  })
})

describe('codecs of pre-shared keys', () => {
  it('give a value or nothing for any bytes, and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        decodeOfferedKeys(body)
        takesPskWithExchange(body)
        assert.equal(typeof decodeSessionTicket(body), 'object')
      }),
      { numRuns: 500 },
    )
  })
})
