// Each rule of RFC 8446, 7250, 7301 and 9001 that a server can break, with the alert by which a client answers it; and thieves of keys.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { concat, fromHex } from '../../../src/core/bytes.ts'
import type { Group, Work } from '../../../src/core/ports.ts'
import { AGAINST_QUIC, ALERT } from '../../../src/core/tls/alerts.ts'
import { certificateRequest } from '../../../src/core/tls/authentication.ts'
import { TlsClient } from '../../../src/core/tls/client.ts'
import {
  encodeCode,
  encodeCodes,
  encodeKeyShare,
  encodeProtocols,
  EXTENSION,
  RAW_PUBLIC_KEY,
  writeExtensions,
} from '../../../src/core/tls/extensions.ts'
import { decodeClientHello, encodeServerHello } from '../../../src/core/tls/hello.ts'
import { encodeEncryptedExtensions, encodeMessage, MESSAGE } from '../../../src/core/tls/messages.ts'
import { TlsServer } from '../../../src/core/tls/server.ts'
import type { TlsConfig, TlsOutput } from '../../../src/core/tls/session.ts'
import { NODE_BOUNDS } from '../../../src/core/tls/terms.ts'
import {
  alertOf,
  alice,
  bob,
  changed,
  type Changes,
  configOf,
  converse,
  crypto,
  drain,
  messagesOf,
  sentAt,
  showing,
  TRANSPORT_PARAMETERS,
} from './conversation.ts'

const EMPTY = new Uint8Array(0)
const REQUEST = certificateRequest(RAW_PUBLIC_KEY)

/** A dialled client and the ServerHello extensions that suit it. */
const dialled = (config: Partial<TlsConfig> = {}, group: Group = 0x11ec) => {
  const client = new TlsClient(configOf(alice, { group, ...config }))
  const hello = decodeClientHello(sentAt(drain(client), 'initial').subarray(4))
  assert.ok('extensions' in hello)
  const share = hello.extensions.get(EXTENSION.keyShare)!.subarray(6)
  const answer = crypto.encapsulate(group, share)!
  const extensions: ReadonlyMap<number, Uint8Array> = new Map([
    [EXTENSION.supportedVersions, encodeCode(0x0304)],
    [EXTENSION.keyShare, encodeKeyShare({ group, share: answer.share })],
  ])
  return { client, extensions }
}

const serverHello = (extensions: readonly [number, Uint8Array][]): Uint8Array =>
  encodeServerHello({ random: new Uint8Array(32), suite: 0x1301, extensions })

const SERVER_EXTENSIONS: ReadonlyMap<number, Uint8Array> = new Map([
  [EXTENSION.applicationProtocols, encodeProtocols(['sallyport/1'])],
  [EXTENSION.serverCertificateType, Uint8Array.of(2)],
  [EXTENSION.clientCertificateType, Uint8Array.of(2)],
  [EXTENSION.quicTransportParameters, TRANSPORT_PARAMETERS],
])

/** What a client answers to a good ServerHello and these handshake messages. */
const clientSays = (messages: readonly Uint8Array[], config: Partial<TlsConfig> = {}): TlsOutput[] => {
  const { client, extensions } = dialled(config)
  client.receive('initial', serverHello([...extensions]))
  for (const message of messages) client.receive('handshake', message)
  return drain(client)
}

describe('a client', () => {
  const hellos: readonly (readonly [string, number, Changes])[] = [
    ['TLS 1.2', ALERT.protocolVersion, { [EXTENSION.supportedVersions]: null }],
    ['another version', ALERT.illegalParameter, { [EXTENSION.supportedVersions]: encodeCode(0x0303) }],
    ['malformed supported_versions', ALERT.decodeError, { [EXTENSION.supportedVersions]: Uint8Array.of(3) }],
    ['no key_share', ALERT.missingExtension, { [EXTENSION.keyShare]: null }],
    ['malformed key_share', ALERT.decodeError, { [EXTENSION.keyShare]: Uint8Array.of(0x11, 0xec, 0) }],
    [
      'a share of another group',
      ALERT.illegalParameter,
      { [EXTENSION.keyShare]: encodeKeyShare({ group: 0x0201, share: new Uint8Array(1088) }) },
    ],
    [
      'a short share',
      ALERT.illegalParameter,
      { [EXTENSION.keyShare]: encodeKeyShare({ group: 0x11ec, share: new Uint8Array(1088) }) },
    ],
    [
      'a share whose X25519 part is of small order',
      ALERT.illegalParameter,
      { [EXTENSION.keyShare]: encodeKeyShare({ group: 0x11ec, share: new Uint8Array(1120) }) },
    ],
    ['an extension nobody offered', ALERT.unsupportedExtension, { [EXTENSION.preSharedKey]: new Uint8Array(2) }],
    [
      'an extension of another message',
      ALERT.illegalParameter,
      { [EXTENSION.applicationProtocols]: encodeProtocols(['sallyport/1']) },
    ],
  ]
  for (const [what, alert, changes] of hellos) {
    it(`answers a ServerHello with ${what} by alert ${alert}`, () => {
      const { client, extensions } = dialled()
      client.receive('initial', serverHello(changed(extensions, changes)))
      const outputs = drain(client)
      assert.equal(alertOf(outputs), alert)
      assert.equal(outputs.length, 1, 'nothing but the alert')
    })
  }

  // Offsets within the message: 4 header, 2 version, 32 random, 1 session id length, 2 suite, 1 compression.
  const fixed: readonly (readonly [string, number])[] = [
    ['another legacy version', 5],
    ['another suite', 4 + 35 + 1],
    ['compression', 4 + 37],
  ]
  for (const [what, at] of fixed) {
    it(`answers a ServerHello with ${what} by illegal_parameter`, () => {
      const { client, extensions } = dialled()
      const hello = Uint8Array.from(serverHello([...extensions]))
      hello[at]! ^= 1
      client.receive('initial', hello)
      assert.equal(alertOf(drain(client)), ALERT.illegalParameter)
    })
  }

  it('answers a session id it never sent by illegal_parameter', () => {
    const { client, extensions } = dialled()
    const plain = serverHello([...extensions])
    const hello = encodeMessage(MESSAGE.serverHello, (writer) => {
      writer.put(plain.subarray(4, 38))
      writer.vector(1, () => writer.put(new Uint8Array(32)))
      writer.put(plain.subarray(39))
    })
    client.receive('initial', hello)
    assert.equal(alertOf(drain(client)), ALERT.illegalParameter)
  })

  it('answers a HelloRetryRequest by handshake_failure', () => {
    const { client } = dialled()
    const random = fromHex('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c')!
    const extensions: [number, Uint8Array][] = [
      [EXTENSION.supportedVersions, encodeCode(0x0304)],
      [EXTENSION.keyShare, encodeCode(0x0201)],
    ]
    client.receive('initial', encodeServerHello({ random, suite: 0x1301, extensions }))
    assert.equal(alertOf(drain(client)), ALERT.handshakeFailure)
  })

  it('refuses bytes behind the ServerHello, and handshake bytes before it', () => {
    const { client, extensions } = dialled()
    client.receive('initial', concat(serverHello([...extensions]), Uint8Array.of(8)))
    assert.equal(alertOf(drain(client)), AGAINST_QUIC)
    const other = dialled().client
    other.receive('handshake', Uint8Array.of(8))
    assert.equal(alertOf(drain(other)), AGAINST_QUIC)
  })

  const answers: readonly (readonly [string, number, Changes])[] = [
    ['no ALPN', ALERT.noApplicationProtocol, { [EXTENSION.applicationProtocols]: null }],
    [
      'a protocol nobody offered',
      ALERT.illegalParameter,
      { [EXTENSION.applicationProtocols]: encodeProtocols(['h3']) },
    ],
    [
      'two protocols',
      ALERT.illegalParameter,
      { [EXTENSION.applicationProtocols]: encodeProtocols(['sallyport/1', 'h3']) },
    ],
    ['no protocol in ALPN', ALERT.decodeError, { [EXTENSION.applicationProtocols]: encodeProtocols([]) }],
    ['no transport parameters', ALERT.missingExtension, { [EXTENSION.quicTransportParameters]: null }],
    ['X.509 of its own', ALERT.unsupportedCertificate, { [EXTENSION.serverCertificateType]: null }],
    ['X.509 wanted of us', ALERT.unsupportedCertificate, { [EXTENSION.clientCertificateType]: null }],
    [
      'a certificate type nobody offered',
      ALERT.illegalParameter,
      { [EXTENSION.serverCertificateType]: Uint8Array.of(0) },
    ],
    ['a malformed certificate type', ALERT.decodeError, { [EXTENSION.clientCertificateType]: Uint8Array.of(2, 2) }],
    ['an extension nobody offered', ALERT.unsupportedExtension, { 0: EMPTY }],
    ['an extension of another message', ALERT.illegalParameter, { [EXTENSION.keyShare]: encodeCode(0x11ec) }],
  ]
  for (const [what, alert, changes] of answers) {
    it(`answers EncryptedExtensions with ${what} by alert ${alert}`, () => {
      const outputs = clientSays([encodeEncryptedExtensions(changed(SERVER_EXTENSIONS, changes))])
      assert.equal(alertOf(outputs), alert)
    })
  }

  const good = encodeEncryptedExtensions([...SERVER_EXTENSIONS])
  const request = (extensions: readonly (readonly [number, Uint8Array])[], context = EMPTY): Uint8Array =>
    encodeMessage(MESSAGE.certificateRequest, (writer) => {
      writer.vector(1, () => writer.put(context))
      writeExtensions(writer, extensions)
    })
  const schemes: readonly [number, Uint8Array] = [EXTENSION.signatureAlgorithms, encodeCodes([0x0905], 2)]

  it('ignores supported_groups in EncryptedExtensions, and what it does not know in CertificateRequest', () => {
    const groups = { [EXTENSION.supportedGroups]: encodeCodes([0x1d], 2) }
    const extended = encodeEncryptedExtensions(changed(SERVER_EXTENSIONS, groups))
    assert.equal(alertOf(clientSays([extended, request([[47, EMPTY], schemes])])), null)
  })

  const requests: readonly (readonly [string, number, Uint8Array])[] = [
    ['no signature_algorithms', ALERT.missingExtension, request([])],
    ['no ML-DSA-65', ALERT.handshakeFailure, request([[EXTENSION.signatureAlgorithms, encodeCodes([0x0804], 2)]])],
    ['malformed signature_algorithms', ALERT.decodeError, request([[EXTENSION.signatureAlgorithms, EMPTY]])],
    ['a context', ALERT.illegalParameter, request([schemes], Uint8Array.of(1))],
    ['an extension of another message', ALERT.illegalParameter, request([schemes, [EXTENSION.keyShare, EMPTY]])],
  ]
  for (const [what, alert, message] of requests) {
    it(`answers a CertificateRequest with ${what} by alert ${alert}`, () => {
      assert.equal(alertOf(clientSays([good, message])), alert)
    })
  }

  it('refuses a server that does not ask for its certificate', () => {
    assert.equal(alertOf(clientSays([good, showing(bob)])), ALERT.unexpectedMessage)
  })

  it('refuses a server that shows no certificate', () => {
    const none = encodeMessage(MESSAGE.certificate, (writer) => writer.put(new Uint8Array(4)))
    assert.equal(alertOf(clientSays([good, REQUEST, none])), ALERT.decodeError)
  })

  it('refuses a peer it did not dial, before showing its own certificate', () => {
    const flight = [good, REQUEST, showing(bob)]
    const outputs = clientSays(flight, { expectedPeer: alice.peerId })
    const last = outputs.at(-1)!
    assert.ok(
      last.kind === 'alert' && last.alert === ALERT.certificateUnknown && last.reason.startsWith('IDENTITY_MISMATCH'),
    )
    assert.equal(sentAt(outputs, 'handshake').length, 0)
    assert.ok(outputs.every(({ kind }) => kind !== 'work' && kind !== 'peer'))
  })

  it('holds messages that come while a signature is verified, and goes on with them afterwards', () => {
    const { client, finished, work } = verifying()
    client.receive('handshake', finished)
    assert.deepEqual(drain(client), [])
    client.done({ id: work.id, kind: 'verify', valid: true })
    const sign = drain(client)
    assert.ok(sign.length === 1 && sign[0]?.kind === 'work' && sign[0].work.kind === 'sign')
  })

  it('refuses a peer that sends on and on while a signature is verified', () => {
    const { client, work } = verifying()
    assert.equal(work.kind, 'verify')
    const finished = encodeMessage(MESSAGE.finished, (writer) => writer.put(new Uint8Array(32)))
    let outputs: TlsOutput[] = []
    let count = 0
    for (; outputs.length === 0 && count < 1000; count++) {
      client.receive('handshake', finished)
      outputs = drain(client)
    }
    assert.equal(alertOf(outputs), ALERT.handshakeFailure)
    assert.ok(count * finished.length < NODE_BOUNDS.receivedMax)
  })
})

/** A client that has asked for the server's signature to be verified, and is owed the server's Finished. */
const verifying = () => {
  const server = new TlsServer(configOf(bob))
  const client = new TlsClient(configOf(alice))
  server.receive('initial', sentAt(drain(client), 'initial'))
  const flight = drain(server)
  const [sign] = worksOf(flight)
  server.done(bob.work(sign!))
  const [verify, finished] = messagesOf(sentAt(drain(server), 'handshake'))
  client.receive('initial', sentAt(flight, 'initial'))
  client.receive('handshake', concat(sentAt(flight, 'handshake'), verify!))
  const [work] = worksOf(drain(client))
  return { client, finished: finished!, work: work! }
}

const worksOf = (outputs: readonly TlsOutput[]): Work[] =>
  outputs.flatMap((output) => (output.kind === 'work' ? [output.work] : []))

describe("a thief of somebody else's public key", () => {
  // A conversation does the work of an array it does not know with alice's key, whatever the key in it is.
  const stolen = Uint8Array.from(bob.publicKey)

  it('is refused by the server with decrypt_error, though its Finished is right', () => {
    const { client, server } = converse(configOf(alice, { publicKey: stolen }), configOf(bob))
    assert.equal(client.at(-1)!.kind, 'complete')
    assert.equal(alertOf(server), ALERT.decryptError)
    assert.ok(server.every(({ kind }) => kind !== 'peer' && kind !== 'complete'))
  })

  it('is refused by the client with decrypt_error, though it is the peer that was dialled', () => {
    const { client } = converse(configOf(alice, { expectedPeer: bob.peerId }), configOf(bob, { publicKey: stolen }))
    assert.equal(alertOf(client), ALERT.decryptError)
    assert.equal(sentAt(client, 'handshake').length, 0)
  })
})
