// Each rule of RFC 8446, 7250, 7301 and 9001 that a client can break, with the alert by which a server answers it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { concat, fromHex } from '../../../src/core/bytes.ts'
import { AGAINST_QUIC, ALERT } from '../../../src/core/tls/alerts.ts'
import {
  encodeCertificateTypes,
  encodeCodes,
  encodeKeyShares,
  encodeProtocols,
  EXTENSION,
  writeExtensions,
} from '../../../src/core/tls/extensions.ts'
import { encodeMessage, MESSAGE } from '../../../src/core/tls/messages.ts'
import { TlsServer } from '../../../src/core/tls/server.ts'
import type { TlsConfig, TlsOutput } from '../../../src/core/tls/session.ts'
import {
  alertOf,
  alice,
  bob,
  changed,
  type Changes,
  configOf,
  crypto,
  drain,
  sentAt,
  showing,
  TRANSPORT_PARAMETERS,
} from './conversation.ts'

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
      1: fromHex('00'),
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
    ['no suite in common', ALERT.handshakeFailure, {}, { suites: [0x1302, 0x1304] }],
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
    assert.equal(alertOf(serverSays(concat(clientHello(), Uint8Array.of(1)))), AGAINST_QUIC)
    const server = new TlsServer(configOf(bob))
    server.receive('handshake', clientHello())
    assert.equal(alertOf(drain(server)), AGAINST_QUIC)
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
    server.receive('handshake', showing(alice))
    assert.equal(alertOf(drain(server)), ALERT.unexpectedMessage)
  })

  it('refuses initial bytes once it reads the handshake level', () => {
    const server = new TlsServer(configOf(bob))
    server.receive('initial', clientHello())
    drain(server)
    server.receive('initial', Uint8Array.of(1))
    assert.equal(alertOf(drain(server)), AGAINST_QUIC)
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
