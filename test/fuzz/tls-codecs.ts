// The codecs of TLS and of certificates, each with valid samples to be mutated.
import assert from 'node:assert/strict'
import { ascii } from '../../src/core/bytes.ts'
import { refused } from '../../src/core/tls/alerts.ts'
import * as extensions from '../../src/core/tls/extensions.ts'
import { HandshakeBuffer } from '../../src/core/tls/handshake-buffer.ts'
import * as hello from '../../src/core/tls/hello.ts'
import * as messages from '../../src/core/tls/messages.ts'
import * as keys from '../../src/core/tls/pre-shared-key.ts'
import { decodePublicKey, encodePublicKey } from '../../src/core/tls/raw-public-key.ts'
import { extensionsOf, keyUsageOf, pathLengthOf } from '../../src/io/der.ts'
import { chainObjection } from '../../src/io/certificate-check.ts'
import { signBy } from '../../src/io/signature-schemes.ts'
import { alice, messagesOf, sentAt, showing } from '../core/tls/conversation.ts'
import { certify } from '../support/certificates.ts'
import type { Codec } from './codec.ts'
import { TLS_RECORDED } from './sessions.ts'

/** All bodies of messages of one type that were said in the recorded handshakes. */
const bodies = (type: number): Uint8Array[] =>
  TLS_RECORDED.flatMap(({ client, server }) => [client, server])
    .flatMap((outputs) =>
      (['initial', 'handshake', 'application'] as const).flatMap((level) => messagesOf(sentAt(outputs, level))),
    )
    .filter((message) => message[0] === type)
    .map((message) => message.subarray(4))

/** What decodes is encoded, and decoded to the same. `part` leaves out what an encoder of ours never says. */
const both = <Value extends object>(of: {
  name: string
  samples: readonly Uint8Array[]
  decode: (bytes: Uint8Array) => Value | null
  encode: (value: Value) => Uint8Array
  part?: (value: Value) => unknown
}): Codec => ({
  name: of.name,
  samples: of.samples,
  check: (bytes) => {
    const value = of.decode(bytes)
    if (value === null) return 'null'
    if (refused(value)) return `alert ${value.alert}`
    const again = of.decode(of.encode(value))
    assert.ok(again !== null && !refused(again), 'what was decoded can be said')
    const part = of.part ?? ((whole) => whole)
    assert.deepEqual(part(again), part(value))
    return 'value'
  },
})

/** Everything of a message but its header, as an encoder gives it. */
const body = (message: Uint8Array): Uint8Array => message.subarray(4)

const MESSAGES: readonly Codec[] = [
  both({
    name: 'client-hello',
    samples: bodies(1),
    decode: hello.decodeClientHello,
    encode: (value) =>
      'suites' in value ? body(hello.encodeClientHello({ ...value, extensions: [...value.extensions] })) : EMPTY,
    part: (value) => ('suites' in value ? [value.random, value.suites, value.extensions] : value),
  }),
  both({
    name: 'server-hello',
    samples: bodies(2),
    decode: hello.decodeServerHello,
    encode: (value) =>
      'suite' in value ? body(hello.encodeServerHello({ ...value, extensions: [...value.extensions] })) : EMPTY,
    part: (value) => ('suite' in value ? [value.random, value.suite, value.extensions] : value),
  }),
  both({
    name: 'encrypted-extensions',
    samples: bodies(8),
    decode: messages.decodeEncryptedExtensions,
    encode: (value) => (value instanceof Map ? body(messages.encodeEncryptedExtensions([...value])) : EMPTY),
  }),
  both({
    name: 'certificate-request',
    samples: bodies(13),
    decode: messages.decodeCertificateRequest,
    encode: (value) => (value instanceof Map ? body(messages.encodeCertificateRequest([...value])) : EMPTY),
  }),
  both({
    name: 'certificate',
    samples: bodies(11),
    decode: messages.decodeCertificate,
    encode: (value) => (Array.isArray(value) ? body(messages.encodeCertificate(value)) : EMPTY),
  }),
  both({
    name: 'certificate-verify',
    samples: bodies(15),
    decode: messages.decodeCertificateVerify,
    encode: (value) => ('scheme' in value ? body(messages.encodeCertificateVerify(value)) : EMPTY),
  }),
  both({
    name: 'session-ticket',
    samples: bodies(4),
    decode: keys.decodeSessionTicket,
    encode: (value) => ('ticket' in value ? body(keys.encodeSessionTicket(value)) : EMPTY),
  }),
  both({
    name: 'raw-public-key',
    samples: [encodePublicKey(alice.publicKey), showing(alice)],
    decode: decodePublicKey,
    encode: (value) => (value instanceof Uint8Array ? encodePublicKey(value) : EMPTY),
  }),
]

const EMPTY = new Uint8Array(0)

/** A value that is no object, as one. */
const boxed = <Value>(value: Value | null): { value: Value } | null => (value === null ? null : { value })

const ofHello = (type: number): Uint8Array[] =>
  [...bodies(1).map(hello.decodeClientHello), ...bodies(2).map(hello.decodeServerHello)].flatMap((value) => {
    const extension = refused(value) ? undefined : value.extensions.get(type)
    return extension === undefined ? [] : [extension]
  })

const EXTENSIONS: readonly Codec[] = [
  ...([1, 2] as const).map((size) =>
    both({
      name: `codes-${size}`,
      samples: [extensions.encodeCodes([1, 2, 0x11ec], size)],
      decode: (bytes) => extensions.decodeCodes(bytes, size),
      encode: (value) => extensions.encodeCodes(value, size),
    }),
  ),
  both({
    name: 'code',
    samples: [extensions.encodeCode(0x0304)],
    decode: (bytes) => boxed(extensions.decodeCode(bytes)),
    encode: ({ value }) => extensions.encodeCode(value),
  }),
  both({
    name: 'protocols',
    samples: [extensions.encodeProtocols(['sallyport/1', 'h3'])],
    decode: extensions.decodeProtocols,
    encode: (value) => extensions.encodeProtocols(value.map((name) => String.fromCharCode(...name))),
  }),
  both({
    name: 'certificate-types',
    samples: [extensions.encodeCertificateTypes([2, 0])],
    decode: extensions.decodeCertificateTypes,
    encode: extensions.encodeCertificateTypes,
  }),
  both({
    name: 'key-shares',
    samples: ofHello(51),
    decode: extensions.decodeKeyShares,
    encode: extensions.encodeKeyShares,
  }),
  both({
    name: 'key-share',
    samples: ofHello(51),
    decode: extensions.decodeKeyShare,
    encode: extensions.encodeKeyShare,
  }),
  both({
    name: 'server-name',
    samples: [extensions.encodeServerName('a.example')],
    decode: (bytes) => boxed(extensions.decodeServerName(bytes)),
    encode: ({ value }) => extensions.encodeServerName(value),
  }),
  both({
    name: 'cookie',
    samples: [extensions.encodeCookie(ascii('cookie'))],
    decode: extensions.decodeCookie,
    encode: extensions.encodeCookie,
  }),
  {
    name: 'offered-keys',
    samples: ofHello(41),
    check: (bytes) => `${keys.takesPskWithExchange(bytes)} ${keys.decodeOfferedKeys(bytes)?.length}`,
  },
]

const buffer: Codec = {
  name: 'handshake-buffer',
  samples: TLS_RECORDED.map(({ server }) => sentAt(server, 'handshake')),
  check: (bytes) => {
    const buffer = new HandshakeBuffer(24_576)
    let kind = 'more'
    for (let at = 0; at < bytes.length; at += 700) {
      buffer.push(bytes.subarray(at, at + 700))
      for (let message = buffer.take(); message !== null && kind !== 'alert'; message = buffer.take())
        kind = message.kind
    }
    return kind
  },
}

const root = certify({ name: 'root', authority: { pathLength: null } })
const leaf = certify({ name: 'host', issuer: root, hosts: ['a.example'] })
const content = ascii('signed')

/** Of somebody who has the key of the leaf, whatever else was done to it. */
const CLAIM = {
  scheme: 0x0403,
  holder: 'server',
  content,
  signature: signBy(0x0403, leaf.privateKey, content),
  trust: { kind: 'authorities', authorities: [root.der], name: 'a.example' },
} as const

const certificates: Codec = {
  name: 'certificates',
  samples: [
    leaf.der,
    root.der,
    certify({ name: 'middle', issuer: root, kind: 'rsa', authority: { pathLength: 1 } }).der,
  ],
  check: (bytes) => {
    extensionsOf(bytes)
    pathLengthOf(bytes)
    keyUsageOf(bytes)
    const chains = [[bytes], [leaf.der, bytes], [bytes, root.der]]
    return chains.map((chain) => chainObjection({ ...CLAIM, chain }, Date.UTC(2026))?.fault ?? 'taken').join(' ')
  },
}

export const TLS_CODECS: readonly Codec[] = [...MESSAGES, ...EXTENSIONS, buffer, certificates]
