// ClientHello and ServerHello (RFC 8446 sections 4.1.2 and 4.1.3): their fixed fields and the extension block, nothing judged.
import { Reader } from '../bytes.ts'
import type { Random } from '../ports.ts'
import { malformed, type Refusal, refused } from './alerts.ts'
import { type ExtensionList, type Extensions, readExtensions, writeExtensions } from './extensions.ts'
import { hexBytes, vectorBytes, vectorItems } from './vectors.ts'
import { encodeMessage, MESSAGE } from './messages.ts'

/** Bytes of a hello's random value. */
export const RANDOM_BYTES = 32

/** A fresh random value for a hello of ours. */
export const freshRandom = (random: Random): Uint8Array => filledBy(random, new Uint8Array(RANDOM_BYTES))

/** legacy_version of both hellos: TLS 1.2; the true version is in supported_versions. */
export const LEGACY_VERSION = 0x0303

/** The random value that makes a ServerHello a HelloRetryRequest (RFC 8446 section 4.1.3). */
export const RETRY_RANDOM = hexBytes('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c')

const SESSION_ID_BYTES_MAX = 32

/** A ClientHello but for its legacy version, which nothing may look at; arrays are views of the message. */
export interface ClientHello {
  readonly random: Uint8Array
  readonly sessionId: Uint8Array
  readonly suites: readonly number[]
  readonly compressionMethods: Uint8Array
  readonly extensions: Extensions
}

/** A ServerHello; arrays are views of the message. */
export interface ServerHello {
  readonly legacyVersion: number
  readonly random: Uint8Array
  readonly sessionId: Uint8Array
  readonly suite: number
  readonly compressionMethod: number
  readonly extensions: Extensions
}

/** Decodes the body of a ClientHello. One of an older version without any extension is decoded as having none. */
export const decodeClientHello = (body: Uint8Array): ClientHello | Refusal => {
  const reader = new Reader(body)
  reader.u16()
  const random = reader.take(RANDOM_BYTES)
  const sessionId = vectorBytes(reader, 1)
  const suites = vectorItems(reader, 2, (items) => items.u16())
  const compressionMethods = vectorBytes(reader, 1)
  if (reader.failed || sessionId.length > SESSION_ID_BYTES_MAX) return malformed('ClientHello')
  if (suites.length === 0 || compressionMethods.length === 0) return malformed('ClientHello')
  const extensions = remainingExtensions(reader, 'ClientHello')
  return refused(extensions) ? extensions : { random, sessionId, suites, compressionMethods, extensions }
}

/** Decodes the body of a ServerHello, or of a HelloRetryRequest, which differs in its random value alone. */
export const decodeServerHello = (body: Uint8Array): ServerHello | Refusal => {
  const reader = new Reader(body)
  const legacyVersion = reader.u16()
  const random = reader.take(RANDOM_BYTES)
  const sessionId = vectorBytes(reader, 1)
  const suite = reader.u16()
  const compressionMethod = reader.u8()
  if (reader.failed || sessionId.length > SESSION_ID_BYTES_MAX) return malformed('ServerHello')
  const extensions = remainingExtensions(reader, 'ServerHello')
  if (refused(extensions)) return extensions
  return { legacyVersion, random, sessionId, suite, compressionMethod, extensions }
}

/** A ClientHello message, with no session id (RFC 9001 section 8.4). */
export const encodeClientHello = ({
  random,
  suites,
  extensions,
}: {
  readonly random: Uint8Array
  readonly suites: readonly number[]
  readonly extensions: ExtensionList
}): Uint8Array =>
  encodeMessage(MESSAGE.clientHello, (writer) => {
    writer.u16(LEGACY_VERSION)
    writer.put(random)
    writer.vector(1, () => undefined)
    writer.vector(2, () => suites.forEach((suite) => writer.u16(suite)))
    writer.vector(1, () => writer.u8(0))
    writeExtensions(writer, extensions)
  })

/** A ServerHello message with an empty session id, which echoes an empty one. */
export const encodeServerHello = ({
  random,
  suite,
  extensions,
}: {
  readonly random: Uint8Array
  readonly suite: number
  readonly extensions: ExtensionList
}): Uint8Array =>
  encodeMessage(MESSAGE.serverHello, (writer) => {
    writer.u16(LEGACY_VERSION)
    writer.put(random)
    writer.vector(1, () => undefined)
    writer.u16(suite)
    writer.u8(0)
    writeExtensions(writer, extensions)
  })

const filledBy = (random: Random, bytes: Uint8Array): Uint8Array => {
  random.fill(bytes)
  return bytes
}

const remainingExtensions = (reader: Reader, what: string): Extensions | Refusal => {
  if (reader.remaining === 0) return new Map()
  const extensions = readExtensions(reader)
  return reader.remaining > 0 ? malformed(what) : extensions
}
