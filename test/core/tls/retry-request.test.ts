// Classical groups and HelloRetryRequest, which the general entry has and a node has not (RFC 8446 section 4.1.4).
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { concat, sameBytes } from '../../../src/core/bytes.ts'
import type { Group } from '../../../src/core/ports.ts'
import { ALERT } from '../../../src/core/tls/alerts.ts'
import { CHAIN_BYTES_MAX, CHAIN_CERTIFICATES_MAX } from '../../../src/core/tls/certificate-chain.ts'
import { TlsClient } from '../../../src/core/tls/client.ts'
import {
  decodeKeyShares,
  encodeCode,
  encodeCookie,
  encodeKeyShares,
  EXTENSION,
  type ExtensionList,
} from '../../../src/core/tls/extensions.ts'
import {
  type ClientHello,
  decodeClientHello,
  encodeClientHello,
  encodeServerHello,
  RETRY_RANDOM,
} from '../../../src/core/tls/hello.ts'
import { TlsServer } from '../../../src/core/tls/server.ts'
import type { GeneralTls, TlsOutput } from '../../../src/core/tls/session.ts'
import { ALPN_BYTES_MAX, GENERAL_BOUNDS, termsOf, TRANSPORT_PARAMETERS_BYTES_MAX } from '../../../src/core/tls/terms.ts'
import { certify } from '../../support/certificates.ts'
import {
  alertOf,
  alice,
  bob,
  certifiedParty,
  changed,
  type Changes,
  configOf,
  converse,
  crypto,
  drain,
  generalOf,
  messagesOf,
  type Minutes,
  sentAt,
} from './conversation.ts'

const host = certifiedParty(certify({ name: 'host', hosts: ['a.example'] }))
const pin: GeneralTls['peer'] = {
  rawKey: false,
  certificate: { kind: 'authorities', authorities: host.certificate.chain, name: 'a.example' },
  client: 'not-asked',
  isJudged: false,
}
const ALL: readonly Group[] = [0x11ec, 0x0201, 0x001d, 0x0017]

const clientOf = (general: Partial<GeneralTls> = {}) => generalOf({ peer: pin, ...general })
const serverOf = (general: Partial<GeneralTls> = {}) => generalOf({ certificate: host.certificate, ...general })

const complete = ({ client, server }: Minutes): void => {
  assert.equal(alertOf([...client, ...server]), null)
  assert.equal(client.at(-1)?.kind, 'complete')
  assert.equal(server.at(-1)?.kind, 'complete')
}
const hellos = (outputs: readonly TlsOutput[]): number => messagesOf(sentAt(outputs, 'initial')).length

describe('groups of the general entry', () => {
  for (const group of ALL) {
    it(`agree by 0x${group.toString(16)}, sent at once or asked for`, () => {
      const sent = converse(clientOf({ shares: [group] }), serverOf({ groups: [group] }))
      complete(sent)
      assert.equal(hellos(sent.client), 1)
      const first = group === 0x11ec ? 0x0017 : 0x11ec
      const asked = converse(clientOf({ shares: [first] }), serverOf({ groups: [group] }))
      complete(asked)
      assert.equal(hellos(asked.client), 2)
      assert.equal(hellos(asked.server), 2)
    })
  }

  it('are sent shares of two: the best, and the one that nearly everybody has', () => {
    const hello = helloOf(drain(new TlsClient(clientOf())))
    const shares = decodeKeyShares(hello.extensions.get(EXTENSION.keyShare)!) ?? []
    assert.deepEqual(
      shares.map(({ group, share }) => [group, share.length]),
      [
        [0x11ec, 1216],
        [0x001d, 32],
      ],
    )
    for (const groups of [[0x001d], [0x0017], [0x11ec]] as const) {
      const minutes = converse(clientOf(), serverOf({ groups }))
      complete(minutes)
      assert.equal(hellos(minutes.client), groups[0] === 0x0017 ? 2 : 1)
    }
  })

  it('are retried however messages are cut', () => {
    for (const size of [1, 7, 100]) {
      complete(converse(clientOf(), serverOf({ groups: [0x0017] }), { cut: (n) => Math.min(n, size) }))
    }
  })

  it('are retried with the digest of the suite, too', () => {
    for (const suite of [0x1301, 0x1302, 0x1303] as const) {
      complete(converse({ ...clientOf(), suites: [suite] }, serverOf({ groups: [0x0017] })))
    }
  })

  it('are refused when there is none in common', () => {
    const { server } = converse(clientOf({ groups: [0x001d] }), serverOf({ groups: [0x0017] }))
    assert.equal(alertOf(server), ALERT.handshakeFailure)
  })
})

describe('a node', () => {
  it('neither offers nor accepts a classical group, nor asks for another', () => {
    assert.deepEqual(termsOf(configOf(alice)).groups, [0x11ec, 0x0201])
    const raw = { ...pin, certificate: null, rawKey: true }
    const config = { expectedPeer: bob.peerId, publicKey: alice.publicKey }
    for (const shares of [[0x001d], [0x0017]] as const) {
      for (const groups of [ALL, shares]) {
        const { server } = converse(generalOf({ peer: raw, groups, shares }, config), configOf(bob))
        assert.equal(alertOf(server), ALERT.handshakeFailure)
      }
    }
    complete(converse(generalOf({ peer: raw, shares: [0x001d, 0x11ec] }, config), configOf(bob)))
  })

  it('follows no HelloRetryRequest', () => {
    const client = new TlsClient(configOf(alice))
    drain(client)
    client.receive('initial', retryFor(0x0201))
    assert.equal(alertOf(drain(client)), ALERT.handshakeFailure)
  })

  it('cannot be configured with one', () => {
    for (const group of [0x001d, 0x0017] as const) {
      assert.throws(() => termsOf(configOf(alice, { group })), { name: 'AssertionFailure' })
    }
  })
})

const retryOf = (extensions: ExtensionList, suite = 0x1301): Uint8Array =>
  encodeServerHello({
    random: RETRY_RANDOM,
    suite,
    extensions: [[EXTENSION.supportedVersions, encodeCode(0x0304)], ...extensions],
  })
const retryFor = (group: number): Uint8Array => retryOf([[EXTENSION.keyShare, encodeCode(group)]])
const cookie = (size: number): readonly [number, Uint8Array] => [
  EXTENSION.cookie,
  encodeCookie(new Uint8Array(size).fill(9)),
]

const helloOf = (outputs: readonly TlsOutput[], index = 0): ClientHello => {
  const hello = decodeClientHello(messagesOf(sentAt(outputs, 'initial'))[index]!.subarray(4))
  assert.ok('extensions' in hello)
  return hello
}

describe('a client that is asked to try again', () => {
  const asked = (retry: Uint8Array, general: Partial<GeneralTls> = {}): { client: TlsClient; outputs: TlsOutput[] } => {
    const client = new TlsClient(clientOf({ shares: [0x001d], ...general }))
    drain(client)
    client.receive('initial', retry)
    return { client, outputs: drain(client) }
  }

  it('says the same again, with the one share that was asked for', () => {
    const client = new TlsClient(clientOf())
    const first = helloOf(drain(client))
    client.receive('initial', retryFor(0x0017))
    const second = helloOf(drain(client))
    assert.ok(sameBytes(first.random, second.random))
    assert.deepEqual(second.suites, first.suites)
    assert.deepEqual([...second.extensions.keys()], [...first.extensions.keys()])
    for (const [type, body] of first.extensions) {
      if (type !== EXTENSION.keyShare) assert.ok(sameBytes(body, second.extensions.get(type)!))
    }
    const shares = decodeKeyShares(second.extensions.get(EXTENSION.keyShare)!)
    assert.deepEqual(
      shares?.map(({ group, share }) => [group, share.length]),
      [[0x0017, 65]],
    )
  })

  it('has room in its transcript for the longest of all its messages, and of the server’s', () => {
    const alpn = 'x'.repeat(ALPN_BYTES_MAX - 1)
    const { ticketMax, receivedMax, transcriptMax } = GENERAL_BOUNDS
    const kept = { suite: 0x1301, alpn, ageAdd: 1, lifetimeMs: 1000, peer: { peerId: null, chain: [] } } as const
    const session = { ...kept, ticket: new Uint8Array(ticketMax), secret: new Uint8Array(32) }
    const config = generalOf(
      { peer: pin, shares: ALL, serverName: 'a'.repeat(255) },
      {
        alpn: [alpn],
        transportParameters: new Uint8Array(TRANSPORT_PARAMETERS_BYTES_MAX),
        resume: { session, ageMs: 1 },
      },
    )
    const client = new TlsClient(config)
    drain(client)
    client.receive('initial', retryOf([cookie(4096)]))
    const hello = sentAt(drain(client), 'initial').length
    assert.ok(hello > 4096 + ticketMax + 2000)
    // The digest of the first hello; Certificate, CertificateVerify and Finished of ours, with their headers.
    const last = 4 + 48 + (8 + CHAIN_BYTES_MAX + 5 * CHAIN_CERTIFICATES_MAX) + (8 + 1024) + (4 + 48)
    assert.ok(hello + last + receivedMax <= transcriptMax, `${hello + last} bytes sent`)
  })

  it('gives a cookie back, with a share of another group or the same', () => {
    for (const extra of [[], [[EXTENSION.keyShare, encodeCode(0x0017)] as const]]) {
      const { outputs } = asked(retryOf([cookie(40), ...extra]))
      const { extensions } = helloOf(outputs)
      assert.deepEqual(extensions.get(EXTENSION.cookie), cookie(40)[1])
      const shares = decodeKeyShares(extensions.get(EXTENSION.keyShare)!)
      assert.deepEqual(
        shares?.map(({ group }) => group),
        [extra.length === 0 ? 0x001d : 0x0017],
      )
    }
  })

  const refusals: readonly (readonly [string, number, Uint8Array])[] = [
    ['a group whose share it sent', ALERT.illegalParameter, retryFor(0x001d)],
    ['a group it did not name', ALERT.illegalParameter, retryFor(0x0018)],
    ['nothing', ALERT.illegalParameter, retryOf([])],
    ['a suite it did not offer', ALERT.illegalParameter, retryOf([cookie(1)], 0x1304)],
    ['a malformed group', ALERT.decodeError, retryOf([[EXTENSION.keyShare, Uint8Array.of(0)]])],
    ['an empty cookie', ALERT.decodeError, retryOf([cookie(0)])],
    ['a cookie that its next hello has no room for', ALERT.handshakeFailure, retryOf([cookie(4097)])],
    ['a cookie with bytes left over', ALERT.decodeError, retryOf([[EXTENSION.cookie, Uint8Array.of(0, 1, 2, 3)]])],
    ['an extension it did not offer', ALERT.unsupportedExtension, retryOf([cookie(1), [0xfafa, Uint8Array.of()]])],
    [
      'an extension of another message',
      ALERT.illegalParameter,
      retryOf([cookie(1), [EXTENSION.applicationProtocols, Uint8Array.of()]]),
    ],
  ]
  for (const [what, alert, retry] of refusals) {
    it(`refuses a request for ${what} by alert ${alert}`, () => assert.equal(alertOf(asked(retry).outputs), alert))
  }

  it('refuses a second request, and another suite after the first', () => {
    const { client } = asked(retryFor(0x0017))
    client.receive('initial', retryFor(0x0201))
    assert.equal(alertOf(drain(client)), ALERT.unexpectedMessage)
    const again = asked(retryFor(0x0017)).client
    const share = crypto.keyShare(0x0017).share
    const hello = encodeServerHello({
      random: new Uint8Array(32),
      suite: 0x1303,
      extensions: [
        [EXTENSION.supportedVersions, encodeCode(0x0304)],
        [EXTENSION.keyShare, concat(encodeCode(0x0017), encodeCode(share.length), share)],
      ],
    })
    again.receive('initial', hello)
    assert.equal(alertOf(drain(again)), ALERT.illegalParameter)
  })
})

describe('a server that has asked for another share', () => {
  /** What it says to a second hello that is changed so. */
  const toSecond = (changes: Changes, fields: Partial<ClientHello> = {}): ReturnType<typeof alertOf> => {
    const client = new TlsClient(clientOf({ shares: [0x001d] }))
    const server = new TlsServer(serverOf({ groups: [0x0017] }))
    server.receive('initial', sentAt(drain(client), 'initial'))
    client.receive('initial', sentAt(drain(server), 'initial'))
    const second = { ...helloOf(drain(client)), ...fields }
    const extensions = changed(second.extensions, changes)
    server.receive('initial', encodeClientHello({ random: second.random, suites: second.suites, extensions }))
    return alertOf(drain(server))
  }
  const share = crypto.keyShare(0x0017).share

  it('goes on with the hello it asked for, a cookie and padding or not', () => {
    assert.equal(toSecond({}), null)
    assert.equal(toSecond({ [EXTENSION.cookie]: encodeCookie(Uint8Array.of(1)), 21: new Uint8Array(9) }), null)
  })

  it('refuses one that says something else', () => {
    const two = [
      { group: 0x0017, share },
      { group: 0x001d, share: new Uint8Array(32) },
    ]
    const bad = { group: 0x0017, share: Uint8Array.from(share).fill(7, 1) }
    const alerts = [
      toSecond({}, { random: new Uint8Array(32) }),
      toSecond({}, { suites: [0x1301] }),
      toSecond({ [EXTENSION.serverName]: Uint8Array.of(0, 4, 0, 0, 1, 0x61) }),
      toSecond({ [EXTENSION.applicationProtocols]: Uint8Array.of(0, 2, 1, 0x61) }),
      toSecond({ [EXTENSION.signatureAlgorithmsCert]: null }),
      toSecond({ [EXTENSION.keyShare]: encodeKeyShares([]) }),
      toSecond({ [EXTENSION.keyShare]: encodeKeyShares(two) }),
      toSecond({ [EXTENSION.keyShare]: encodeKeyShares([{ group: 0x001d, share: new Uint8Array(32) }]) }),
      toSecond({ [EXTENSION.keyShare]: encodeKeyShares([bad]) }),
    ]
    assert.deepEqual(alerts, Array(alerts.length).fill(ALERT.illegalParameter))
    assert.equal(toSecond({ [EXTENSION.keyShare]: Uint8Array.of(1) }), ALERT.decodeError)
    assert.equal(toSecond({ [EXTENSION.keyShare]: null }), ALERT.decodeError)
  })

  it('asks once', () => {
    const server = new TlsServer(serverOf({ groups: [0x0017] }))
    const hello = sentAt(drain(new TlsClient(clientOf({ shares: [0x001d] }))), 'initial')
    server.receive('initial', hello)
    assert.equal(alertOf(drain(server)), null)
    server.receive('initial', hello)
    assert.equal(alertOf(drain(server)), ALERT.illegalParameter)
  })
})
