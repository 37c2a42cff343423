// Coming back with a ticket: both ends are who they were, nobody signs, and whatever speaks against it leads to a full handshake in the same
// flight, or to an alert.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex } from '../../../src/core/bytes.ts'
import { ALERT } from '../../../src/core/tls/alerts.ts'
import { EXTENSION } from '../../../src/core/tls/extensions.ts'
import { decodeClientHello } from '../../../src/core/tls/hello.ts'
import { binderOf, handshakeSecrets, preSharedKey } from '../../../src/core/tls/key-schedule.ts'
import { MESSAGE } from '../../../src/core/tls/messages.ts'
import type { PeerTerms, TlsConfig, TlsPeer } from '../../../src/core/tls/session.ts'
import { certify } from '../../support/certificates.ts'
import {
  alertOf,
  alice,
  bob,
  certifiedParty,
  configOf,
  converse,
  crypto,
  generalOf,
  messagesOf,
  type Minutes,
  sentAt,
} from './conversation.ts'
import { WALL, Box, dialling, accepting, meet, sessionWith, peerOf, works, isResumed } from './visits.ts'

describe('a client that comes back', () => {
  it('is who it was, and so is the server, and nobody signs', () => {
    const box = new Box()
    const session = sessionWith(box)
    const minutes = converse(dialling({ resume: { session, ageMs: 5 } }), accepting(box))
    assert.ok(isResumed(minutes))
    assert.equal(works(minutes), 0)
    // A node keeps no key of those it knows by PeerId.
    assert.deepEqual(peerOf(minutes.client), { peerId: bob.peerId, publicKey: null })
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
