// X.509 in handshakes of the general entry: who shows what to whom, and when that is enough. Nobody is trusted by default.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import type { ChainTrust } from '../../../src/core/ports.ts'
import { ALERT } from '../../../src/core/tls/alerts.ts'
import { EXTENSION } from '../../../src/core/tls/extensions.ts'
import { decodeClientHello } from '../../../src/core/tls/hello.ts'
import { MESSAGE } from '../../../src/core/tls/messages.ts'
import { TlsClient } from '../../../src/core/tls/client.ts'
import { termsOf } from '../../../src/core/tls/terms.ts'
import { TlsServer } from '../../../src/core/tls/server.ts'
import type { PeerTerms, TlsOutput, TlsPeer } from '../../../src/core/tls/session.ts'
import { certify } from '../../support/certificates.ts'
import {
  alertOf,
  alice,
  bob,
  certifiedParty,
  configOf,
  converse,
  drain,
  generalOf,
  messagesOf,
  type Minutes,
  sentAt,
} from './conversation.ts'

const root = certify({ name: 'root', authority: { pathLength: null } })
const host = certifiedParty(certify({ name: 'host', issuer: root, hosts: ['a.example'] }))
const guest = certifiedParty(certify({ name: 'guest', issuer: root }))

const NOTHING: PeerTerms = { rawKey: false, certificate: null, client: 'not-asked', isJudged: false }
const authorities = (name: string | null): ChainTrust => ({ kind: 'authorities', authorities: [root.der], name })
const trusting = (certificate: ChainTrust, changes: Partial<PeerTerms> = {}): PeerTerms => ({
  ...NOTHING,
  certificate,
  ...changes,
})
const judging: PeerTerms = trusting({ kind: 'judged' }, { isJudged: true })
const server = generalOf({ certificate: host.certificate })
const asking = generalOf({ certificate: host.certificate, peer: trusting(authorities(null), { client: 'required' }) })

const peerOf = (outputs: readonly TlsOutput[]): unknown => outputs.find(({ kind }) => kind === 'peer')
const complete = ({ client, server }: Minutes): void => {
  assert.equal(alertOf([...client, ...server]), null)
  assert.equal(client.at(-1)?.kind, 'complete')
  assert.equal(server.at(-1)?.kind, 'complete')
}
const typesOf = (outputs: readonly TlsOutput[]): number[] =>
  messagesOf(sentAt(outputs, 'handshake')).map((message) => message[0]!)

describe('a server with a certificate', () => {
  it('is taken for the host it names, by a client that stays unknown', () => {
    const minutes = converse(generalOf({ serverName: 'a.example', peer: trusting(authorities('a.example')) }), server)
    complete(minutes)
    assert.deepEqual(peerOf(minutes.client), { kind: 'peer', peerId: null, chain: host.certificate.chain })
    assert.deepEqual(peerOf(minutes.server), { kind: 'peer', peerId: null, chain: [] })
    assert.deepEqual(typesOf(minutes.client), [MESSAGE.finished], 'nothing was asked, nothing is shown')
  })

  it('signs by whichever key it has', () => {
    for (const kind of ['p256', 'ed25519', 'rsa'] as const) {
      const own = certifiedParty(certify({ name: 'host', kind, issuer: root, hosts: ['a.example'] }))
      complete(
        converse(generalOf({ peer: trusting(authorities('a.example')) }), generalOf({ certificate: own.certificate })),
      )
    }
  })

  it('is refused for another host, without an authority, and when it is too old, each by its own alert', () => {
    const alertFor = (certificate: ChainTrust, own = host) =>
      alertOf(converse(generalOf({ peer: trusting(certificate) }), generalOf({ certificate: own.certificate })).client)
    assert.equal(alertFor(authorities('b.example')), ALERT.badCertificate)
    assert.equal(alertFor({ kind: 'authorities', authorities: [], name: null }), ALERT.unknownCa)
    const old = certifiedParty(certify({ name: 'host', issuer: root, hosts: ['a.example'], valid: [0, 1] }))
    assert.equal(alertFor(authorities('a.example'), old), ALERT.certificateExpired)
    assert.equal(alertFor({ kind: 'fingerprints', fingerprints: [new Uint8Array(32)] }), ALERT.certificateUnknown)
  })

  it('is taken by the fingerprint of its certificate', () => {
    const fingerprint = createHash('sha256').update(host.certificate.chain[0]!).digest()
    complete(converse(generalOf({ peer: trusting({ kind: 'fingerprints', fingerprints: [fingerprint] }) }), server))
  })

  it('is refused when it shows the certificate of another', () => {
    const thief = certifiedParty(certify({ name: 'thief' }))
    const stolen = { ...thief.certificate, chain: host.certificate.chain }
    // The conversation signs for a configuration it does not know with alice's key, which is no certificate's.
    const minutes = converse(
      generalOf({ peer: trusting(authorities('a.example')) }),
      generalOf({ certificate: stolen }),
    )
    assert.equal(alertOf([...minutes.client, ...minutes.server]), ALERT.internalError)
  })

  it('shows its raw key to whoever takes that, and its certificate to everybody else', () => {
    const both = generalOf({ certificate: host.certificate }, { publicKey: bob.publicKey })
    const raw = { ...NOTHING, rawKey: true }
    const pinned = converse(generalOf({ peer: raw }, { expectedPeer: bob.peerId }), both)
    complete(pinned)
    assert.deepEqual(peerOf(pinned.client), { kind: 'peer', peerId: bob.peerId, publicKey: bob.publicKey })
    complete(converse(generalOf({ peer: trusting(authorities('a.example')) }), both))
    const other = converse(generalOf({ peer: raw }, { expectedPeer: alice.peerId }), both)
    assert.equal(alertOf(other.client), ALERT.certificateUnknown)
    const none = converse(generalOf({ peer: raw }, { expectedPeer: bob.peerId }), server)
    assert.equal(alertOf(none.server), ALERT.unsupportedCertificate)
  })
})

describe('a client that is asked who it is', () => {
  const client = generalOf({ certificate: guest.certificate, peer: trusting(authorities('a.example')) })
  const stranger = generalOf({ peer: trusting(authorities('a.example')) })

  it('shows its certificate, and is who that says', () => {
    const minutes = converse(client, asking)
    complete(minutes)
    assert.deepEqual(peerOf(minutes.server), { kind: 'peer', peerId: null, chain: guest.certificate.chain })
  })

  it('says that it has none, which is enough where it need not', () => {
    const optional = trusting(authorities(null), { client: 'optional' })
    const minutes = converse(stranger, generalOf({ certificate: host.certificate, peer: optional }))
    complete(minutes)
    assert.deepEqual(peerOf(minutes.server), { kind: 'peer', peerId: null, chain: [] })
    assert.deepEqual(typesOf(minutes.client), [MESSAGE.certificate, MESSAGE.finished])
    complete(converse(client, generalOf({ certificate: host.certificate, peer: optional })))
  })

  it('is refused when it has none and must have one, or one of nobody’s', () => {
    assert.equal(alertOf(converse(stranger, asking).server), ALERT.certificateRequired)
    const unknown = certifiedParty(certify({ name: 'guest' }))
    const minutes = converse(
      generalOf({ certificate: unknown.certificate, peer: trusting(authorities('a.example')) }),
      asking,
    )
    assert.equal(alertOf(minutes.server), ALERT.unknownCa)
  })

  it('may show a raw key to a server with a certificate', () => {
    const peer = { ...NOTHING, rawKey: true, client: 'required', isJudged: true } as const
    const minutes = converse(
      generalOf({ peer: trusting(authorities('a.example')) }, { publicKey: alice.publicKey }),
      generalOf({ certificate: host.certificate, peer }),
      { judge: (side, { peerId }) => side === 'server' && peerId === alice.peerId },
    )
    complete(minutes)
    const { peerId, publicKey } = alice
    assert.deepEqual(peerOf(minutes.server), { kind: 'peer', peerId, publicKey })
  })
})

describe('the application', () => {
  it('judges whoever has proven itself, before the client says who it is', () => {
    const seen: TlsPeer[] = []
    const judge = (_side: string, peer: TlsPeer): boolean => seen.push(peer) > 1
    const no = converse(generalOf({ certificate: guest.certificate, peer: judging }), asking, { judge })
    assert.equal(alertOf(no.client), ALERT.certificateUnknown)
    assert.equal(sentAt(no.client, 'handshake').length, 0)
    complete(converse(generalOf({ certificate: guest.certificate, peer: judging }), asking, { judge }))
    assert.deepEqual(seen, Array(2).fill({ peerId: null, chain: host.certificate.chain }))
  })

  it('judges clients too, and messages wait for what it says', () => {
    const peer = { ...judging, client: 'required' } as const
    for (const isWanted of [true, false]) {
      const minutes = converse(
        generalOf({ certificate: guest.certificate, peer: trusting(authorities('a.example')) }),
        generalOf({ certificate: host.certificate, peer }),
        // The last of what can be done is the judging: everything else comes first.
        { judge: () => isWanted, pick: (n) => n - 1 },
      )
      if (isWanted) complete(minutes)
      else assert.equal(alertOf(minutes.server), ALERT.certificateUnknown)
    }
  })

  it('is not asked about what nobody asked it, and answers to nothing are nothing', () => {
    const client = new TlsClient(generalOf({ peer: trusting(authorities('a.example')) }))
    drain(client)
    client.judged(true)
    client.judged(false)
    assert.deepEqual(drain(client), [])
    const server = new TlsServer(asking)
    server.judged(false)
    assert.deepEqual(drain(server), [])
  })

  it('must be asked wherever anybody at all could be taken', () => {
    const anybody = { name: 'AssertionFailure' }
    assert.throws(() => termsOf(generalOf({ peer: { ...NOTHING, rawKey: true } })), anybody)
    assert.throws(() => termsOf(generalOf({ peer: trusting({ kind: 'judged' }) })), anybody)
    termsOf(generalOf({ peer: judging }))
  })
})

describe('a node', () => {
  it('takes no certificate and shows none, whatever it is offered', () => {
    const takesBoth = trusting(authorities('a.example'), { rawKey: true })
    const toNode = converse(generalOf({ peer: takesBoth }, { expectedPeer: bob.peerId }), configOf(bob))
    assert.equal(alertOf(toNode.server), ALERT.unsupportedCertificate, 'a node knows whom it speaks to')
    const fromNode = converse(configOf(alice), asking)
    assert.equal(alertOf(fromNode.server), ALERT.unsupportedCertificate)
    const known = converse(
      generalOf({ peer: takesBoth }, { expectedPeer: bob.peerId, publicKey: alice.publicKey }),
      configOf(bob),
    )
    complete(known)
    assert.deepEqual(peerOf(known.server), { kind: 'peer', peerId: alice.peerId, publicKey: alice.publicKey })
  })

  it('says in its hello neither a host, nor certificates, nor their schemes', () => {
    const hello = decodeClientHello(sentAt(drain(new TlsClient(configOf(alice))), 'initial').subarray(4))
    assert.ok('extensions' in hello)
    const { extensions } = hello
    for (const type of [EXTENSION.serverName, EXTENSION.signatureAlgorithmsCert]) assert.ok(!extensions.has(type))
    assert.deepEqual(extensions.get(EXTENSION.serverCertificateType), Uint8Array.of(1, 2))
    assert.deepEqual(extensions.get(EXTENSION.signatureAlgorithms), Uint8Array.of(0, 2, 9, 5))
  })
})

describe('a hello of the general entry', () => {
  const helloOf = (client: TlsClient) => {
    const hello = decodeClientHello(sentAt(drain(client), 'initial').subarray(4))
    assert.ok('extensions' in hello)
    return hello.extensions
  }

  it('names the host, and types of certificates only where there are others than X.509', () => {
    const x509 = helloOf(new TlsClient(generalOf({ serverName: 'a.example', peer: judging })))
    assert.equal(Buffer.from(x509.get(EXTENSION.serverName)!).toString('latin1').slice(5), 'a.example')
    assert.ok(!x509.has(EXTENSION.serverCertificateType) && !x509.has(EXTENSION.clientCertificateType))
    const both = helloOf(
      new TlsClient(generalOf({ peer: { ...judging, rawKey: true } }, { publicKey: alice.publicKey })),
    )
    assert.deepEqual(both.get(EXTENSION.serverCertificateType), Uint8Array.of(2, 2, 0))
    assert.deepEqual(both.get(EXTENSION.clientCertificateType), Uint8Array.of(1, 2))
    assert.ok(!both.has(EXTENSION.serverName))
  })
})
