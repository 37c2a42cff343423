// Each rule of RFC 8446, 7250, 7301 and 9001 that a peer can break, with the alert that answers it. The peer's side is written by hand.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { concat, fromHex } from '../../../src/core/bytes.ts'
import type { Group } from '../../../src/core/ports.ts'
import { ALERT } from '../../../src/core/tls/alerts.ts'
import { TlsClient } from '../../../src/core/tls/client.ts'
import {
  encodeCertificateTypes,
  encodeCode,
  encodeCodes,
  encodeKeyShare,
  encodeKeyShares,
  encodeProtocols,
  EXTENSION,
  writeExtensions,
} from '../../../src/core/tls/extensions.ts'
import { decodeClientHello, encodeServerHello } from '../../../src/core/tls/hello.ts'
import {
  encodeCertificate,
  encodeCertificateRequest,
  encodeEncryptedExtensions,
  encodeMessage,
  MESSAGE,
} from '../../../src/core/tls/messages.ts'
import { TlsServer } from '../../../src/core/tls/server.ts'
import type { TlsConfig, TlsOutput } from '../../../src/core/tls/session.ts'
import {
  alertOf,
  alice,
  bob,
  configOf,
  converse,
  crypto,
  drain,
  messagesOf,
  sentAt,
  TRANSPORT_PARAMETERS,
} from './conversation.ts'

type Changes = Readonly<Record<number, Uint8Array | null>>

/** Extensions with some replaced, added at the end or (null) left out. */
const changed = (base: ReadonlyMap<number, Uint8Array>, changes: Changes): [number, Uint8Array][] => {
  const all = new Map<number, Uint8Array | null>(base)
  for (const [type, body] of Object.entries(changes)) all.set(Number(type), body)
  return [...all].flatMap(([type, body]) => (body === null ? [] : [[type, body] satisfies [number, Uint8Array]]))
}

const EMPTY = new Uint8Array(0)
const hybridShare = crypto.keyShare(0x11ec).share
const kemShare = crypto.keyShare(0x0201).share

const CLIENT_EXTENSIONS: ReadonlyMap<number, Uint8Array> = new Map([
  [EXTENSION.supportedVersions, encodeCodes([0x0304], 1)],
  [EXTENSION.supportedGroups, encodeCodes([0x11ec, 0x0201], 2)],
  [EXTENSION.signatureAlgorithms, encodeCodes([0x0905], 2)],
  [EXTENSION.serverCertificateType, encodeCertificateTypes([2])],
  [EXTENSION.clientCertificateType, encodeCertificateTypes([2])],
  [EXTENSION.applicationProtocols, encodeProtocols(['sallyport/1'])],
  [EXTENSION.quicTransportParameters, TRANSPORT_PARAMETERS],
  [EXTENSION.keyShare, encodeKeyShares([{ group: 0x11ec, share: hybridShare }])],
])

interface HelloFields {
  readonly sessionId?: Uint8Array
  readonly suites?: readonly number[]
  readonly compression?: Uint8Array
}

const clientHello = (changes: Changes = {}, fields: HelloFields = {}): Uint8Array =>
  encodeMessage(MESSAGE.clientHello, (writer) => {
    writer.u16(0x0303)
    writer.put(new Uint8Array(32))
    writer.vector(1, () => writer.put(fields.sessionId ?? EMPTY))
    writer.put(encodeCodes(fields.suites ?? [0x1301], 2))
    writer.vector(1, () => writer.put(fields.compression ?? Uint8Array.of(0)))
    writeExtensions(writer, changed(CLIENT_EXTENSIONS, changes))
  })

/** What a server answers to this first flight. */
const serverSays = (initial: Uint8Array, config: Partial<TlsConfig> = {}): TlsOutput[] => {
  const server = new TlsServer(configOf(bob, config))
  server.receive('initial', initial)
  return drain(server)
}

describe('a server', () => {
  it('takes the hello these tests are built on, and one with extensions, suites and groups it does not know', () => {
    const foreign = {
      0: fromHex('00'),
      0xfafa: EMPTY,
      [EXTENSION.supportedVersions]: encodeCodes([0x7a7a, 0x0304, 0x0303], 1),
      [EXTENSION.supportedGroups]: encodeCodes([0x1d, 0x17, 0x0201], 2),
      [EXTENSION.signatureAlgorithms]: encodeCodes([0x0804, 0x0905], 2),
      [EXTENSION.serverCertificateType]: encodeCertificateTypes([0, 2]),
      [EXTENSION.clientCertificateType]: encodeCertificateTypes([0, 2]),
      [EXTENSION.keyShare]: encodeKeyShares([
        { group: 0x1d, share: new Uint8Array(32) },
        { group: 0x0201, share: kemShare },
      ]),
    }
    for (const hello of [clientHello(), clientHello(foreign, { suites: [0x1302, 0x1301] })]) {
      const outputs = serverSays(hello)
      assert.equal(alertOf(outputs), null)
      assert.equal(outputs.at(-1)!.kind, 'work')
    }
  })

  it('prefers the hybrid of two shares', () => {
    const shares = encodeKeyShares([
      { group: 0x0201, share: kemShare },
      { group: 0x11ec, share: hybridShare },
    ])
    const answer = sentAt(serverSays(clientHello({ [EXTENSION.keyShare]: shares })), 'initial')
    assert.ok(answer.length > 1120 + 40)
  })

  const badShare = new Uint8Array(1216).fill(0xff)
  const refusals: readonly (readonly [string, number, Changes, HelloFields?])[] = [
    ['no supported_versions', ALERT.protocolVersion, { [EXTENSION.supportedVersions]: null }],
    ['TLS 1.2 alone', ALERT.protocolVersion, { [EXTENSION.supportedVersions]: encodeCodes([0x0303], 1) }],
    ['a session id', ALERT.illegalParameter, {}, { sessionId: new Uint8Array(32) }],
    ['a session id of 33 bytes', ALERT.decodeError, {}, { sessionId: new Uint8Array(33) }],
    ['compression', ALERT.illegalParameter, {}, { compression: Uint8Array.of(0, 1) }],
    ['no null compression', ALERT.illegalParameter, {}, { compression: Uint8Array.of(1) }],
    ['an empty list of compressions', ALERT.decodeError, {}, { compression: EMPTY }],
    ['no suite in common', ALERT.handshakeFailure, {}, { suites: [0x1302, 0x1303] }],
    ['an empty list of suites', ALERT.decodeError, {}, { suites: [] }],
    ['no signature_algorithms', ALERT.missingExtension, { [EXTENSION.signatureAlgorithms]: null }],
    ['no ML-DSA-65', ALERT.handshakeFailure, { [EXTENSION.signatureAlgorithms]: encodeCodes([0x0807], 2) }],
    ['no supported_groups', ALERT.missingExtension, { [EXTENSION.supportedGroups]: null }],
    ['no key_share', ALERT.missingExtension, { [EXTENSION.keyShare]: null }],
    ['no share yet', ALERT.handshakeFailure, { [EXTENSION.keyShare]: encodeKeyShares([]) }],
    [
      'a bad share',
      ALERT.illegalParameter,
      { [EXTENSION.keyShare]: encodeKeyShares([{ group: 0x11ec, share: badShare }]) },
    ],
    [
      'a short share',
      ALERT.illegalParameter,
      { [EXTENSION.keyShare]: encodeKeyShares([{ group: 0x11ec, share: hybridShare.subarray(1) }]) },
    ],
    [
      'a share whose X25519 part is of small order',
      ALERT.illegalParameter,
      { [EXTENSION.keyShare]: encodeKeyShares([{ group: 0x11ec, share: concat(kemShare, new Uint8Array(32)) }]) },
    ],
    [
      'a share of a group it does not list',
      ALERT.illegalParameter,
      { [EXTENSION.supportedGroups]: encodeCodes([0x0201], 2) },
    ],
    [
      'two shares of one group',
      ALERT.illegalParameter,
      {
        [EXTENSION.keyShare]: encodeKeyShares([
          { group: 0x11ec, share: hybridShare },
          { group: 0x11ec, share: hybridShare },
        ]),
      },
    ],
    ['X.509 from the server', ALERT.unsupportedCertificate, { [EXTENSION.serverCertificateType]: null }],
    [
      'X.509 to the server',
      ALERT.unsupportedCertificate,
      { [EXTENSION.clientCertificateType]: encodeCertificateTypes([0]) },
    ],
    ['no ALPN', ALERT.noApplicationProtocol, { [EXTENSION.applicationProtocols]: null }],
    ['another protocol', ALERT.noApplicationProtocol, { [EXTENSION.applicationProtocols]: encodeProtocols(['h3']) }],
    ['an empty list of protocols', ALERT.decodeError, { [EXTENSION.applicationProtocols]: encodeProtocols([]) }],
    ['no transport parameters', ALERT.missingExtension, { [EXTENSION.quicTransportParameters]: null }],
    ['pre_shared_key without its modes', ALERT.missingExtension, { [EXTENSION.preSharedKey]: EMPTY }],
    [
      'pre_shared_key before another extension',
      ALERT.illegalParameter,
      { [EXTENSION.pskKeyExchangeModes]: Uint8Array.of(1, 1), [EXTENSION.preSharedKey]: EMPTY, 0xfafa: EMPTY },
    ],
    ['malformed supported_versions', ALERT.decodeError, { [EXTENSION.supportedVersions]: Uint8Array.of(3, 3, 4, 3) }],
  ]
  for (const [what, alert, changes, fields] of refusals) {
    it(`answers a hello with ${what} by alert ${alert}`, () => {
      // Integer keys of a record are ordered, so what must come last is put last by hand.
      const hello = what.includes('before another') ? reordered(changes) : clientHello(changes, fields)
      const outputs = serverSays(hello)
      assert.equal(alertOf(outputs), alert)
      assert.equal(outputs.length, 1, 'nothing but the alert')
    })
  }

  it('refuses bytes behind the hello, and a hello at another level', () => {
    assert.equal(alertOf(serverSays(concat(clientHello(), Uint8Array.of(1)))), ALERT.unexpectedMessage)
    const server = new TlsServer(configOf(bob))
    server.receive('handshake', clientHello())
    assert.equal(alertOf(drain(server)), ALERT.unexpectedMessage)
  })

  it('refuses a hello that has bytes left over or is cut short', () => {
    const hello = clientHello()
    const longer = encodeMessage(MESSAGE.clientHello, (writer) =>
      writer.put(concat(hello.subarray(4), Uint8Array.of(0))),
    )
    const shorter = encodeMessage(MESSAGE.clientHello, (writer) => writer.put(hello.subarray(4, -1)))
    for (const bad of [longer, shorter]) assert.equal(alertOf(serverSays(bad)), ALERT.decodeError)
  })

  it('refuses any message while it signs', () => {
    const server = new TlsServer(configOf(bob))
    server.receive('initial', clientHello())
    drain(server)
    server.receive('handshake', encodeCertificate(alice.publicKey))
    assert.equal(alertOf(drain(server)), ALERT.unexpectedMessage)
  })

  it('refuses initial bytes once it reads the handshake level', () => {
    const server = new TlsServer(configOf(bob))
    server.receive('initial', clientHello())
    drain(server)
    server.receive('initial', Uint8Array.of(1))
    assert.equal(alertOf(drain(server)), ALERT.unexpectedMessage)
  })

  const second: readonly (readonly [string, number, Uint8Array])[] = [
    [
      'shows no certificate',
      ALERT.certificateRequired,
      encodeMessage(MESSAGE.certificate, (writer) => writer.put(new Uint8Array(4))),
    ],
    [
      'skips its certificate',
      ALERT.unexpectedMessage,
      encodeMessage(MESSAGE.finished, (writer) => writer.put(new Uint8Array(32))),
    ],
    ['says hello again', ALERT.unexpectedMessage, clientHello()],
  ]
  for (const [what, alert, message] of second) {
    it(`answers a client that ${what} by alert ${alert}`, () => {
      const server = new TlsServer(configOf(bob))
      server.receive('initial', clientHello())
      for (const output of drain(server)) if (output.kind === 'work') server.done(bob.work(output.work))
      drain(server)
      server.receive('handshake', message)
      assert.equal(alertOf(drain(server)), alert)
    })
  }
})

const reordered = (changes: Changes): Uint8Array => {
  const extensions = changed(CLIENT_EXTENSIONS, changes).toSorted(([a], [b]) => a - b)
  return encodeMessage(MESSAGE.clientHello, (writer) => {
    writer.put(clientHello().subarray(4, 4 + 2 + 32 + 1 + 4 + 2))
    writeExtensions(writer, extensions)
  })
}

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
    assert.equal(alertOf(drain(client)), ALERT.unexpectedMessage)
    const other = dialled().client
    other.receive('handshake', Uint8Array.of(8))
    assert.equal(alertOf(drain(other)), ALERT.unexpectedMessage)
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
    assert.equal(alertOf(clientSays([good, encodeCertificate(bob.publicKey)])), ALERT.unexpectedMessage)
  })

  it('refuses a server that shows no certificate', () => {
    const none = encodeMessage(MESSAGE.certificate, (writer) => writer.put(new Uint8Array(4)))
    assert.equal(alertOf(clientSays([good, encodeCertificateRequest(), none])), ALERT.decodeError)
  })

  it('refuses a peer it did not dial, before showing its own certificate', () => {
    const flight = [good, encodeCertificateRequest(), encodeCertificate(bob.publicKey)]
    const outputs = clientSays(flight, { expectedPeer: alice.peerId })
    const last = outputs.at(-1)!
    assert.ok(
      last.kind === 'alert' && last.alert === ALERT.certificateUnknown && last.reason.startsWith('IDENTITY_MISMATCH'),
    )
    assert.equal(sentAt(outputs, 'handshake').length, 0)
    assert.ok(outputs.every(({ kind }) => kind !== 'work' && kind !== 'peer'))
  })

  it('holds messages that come while a signature is verified, and goes on with them afterwards', () => {
    const { client: said, server } = converse(configOf(alice), configOf(bob))
    assert.equal(said.at(-1)!.kind, 'complete')
    assert.equal(messagesOf(sentAt(server, 'handshake')).length, 5)
    // The whole flight in one call: Finished arrives while CertificateVerify is being verified.
    const live = new TlsServer(configOf(bob))
    const client = new TlsClient(configOf(alice))
    live.receive('initial', sentAt(drain(client), 'initial'))
    const first = drain(live)
    const work = first.find((output) => output.kind === 'work')
    assert.ok(work?.kind === 'work')
    live.done(bob.work(work.work))
    client.receive('initial', sentAt(first, 'initial'))
    client.receive('handshake', concat(sentAt(first, 'handshake'), sentAt(drain(live), 'handshake')))
    const verify = drain(client).at(-1)
    assert.ok(verify?.kind === 'work' && verify.work.kind === 'verify')
    client.done({ id: verify.work.id, kind: 'verify', valid: true })
    const sign = drain(client)
    assert.ok(sign.length === 1 && sign[0]?.kind === 'work' && sign[0].work.kind === 'sign')
  })

  it('answers a signature that is not genuine by decrypt_error', () => {
    const mallory = configOf(bob)
    const { client } = converse(configOf(alice), {
      ...mallory,
      publicKey: Uint8Array.from(alice.publicKey).fill(1, 0, 8),
    })
    assert.equal(alertOf(client), ALERT.decryptError)
  })
})
