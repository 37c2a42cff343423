// Extensions of handshake messages (RFC 8446 section 4.2): the block that holds them, and the body of each that this handshake
// speaks. A body is decoded by its grammar alone; what its values mean is judged in negotiation.ts.
import { ascii, type Reader, type Writer } from '../bytes.ts'
import { ALERT, malformed, type Refusal, refuse } from './alerts.ts'
import { decodeWhole, encode, vectorBytes, vectorItems, vectorReader } from './vectors.ts'

/** Types of the extensions this handshake speaks, by name. */
export const EXTENSION = {
  serverName: 0,
  supportedGroups: 10,
  signatureAlgorithms: 13,
  applicationProtocols: 16,
  clientCertificateType: 19,
  serverCertificateType: 20,
  preSharedKey: 41,
  supportedVersions: 43,
  cookie: 44,
  pskKeyExchangeModes: 45,
  signatureAlgorithmsCert: 50,
  keyShare: 51,
  quicTransportParameters: 57,
} as const

/** TLS 1.3 in supported_versions. */
export const TLS13 = 0x0304
/** Certificate types (RFC 7250): chains of X.509 certificates, which is meant where none is named, and raw public keys. */
export const X509 = 0
export const RAW_PUBLIC_KEY = 2
/** The signature scheme of ML-DSA-65 without pre-hashing. */
export const MLDSA65 = 0x0905

/** Bodies by type, in the order they came. Bounded by EXTENSIONS_MAX. */
export type Extensions = ReadonlyMap<number, Uint8Array>

/** Extensions accepted in one block: TLS stacks send about 20. */
const EXTENSIONS_MAX = 64

/** The extension block that is next; one type twice is illegal_parameter. */
export const readExtensions = (reader: Reader): Extensions | Refusal => {
  const block = vectorReader(reader, 2)
  const extensions = new Map<number, Uint8Array>()
  while (block.remaining > 0) {
    const type = block.u16()
    const body = vectorBytes(block, 2)
    if (block.failed) break
    if (extensions.has(type)) return refuse(ALERT.illegalParameter, `extension ${type} twice`)
    if (extensions.size === EXTENSIONS_MAX) return refuse(ALERT.illegalParameter, 'too many extensions')
    extensions.set(type, body)
  }
  return block.failed ? malformed('extensions') : extensions
}

/** Extensions of ours by type, in the order they are sent. */
export type ExtensionList = readonly (readonly [number, Uint8Array])[]

/** Writes an extension block. */
export const writeExtensions = (writer: Writer, extensions: ExtensionList): void =>
  writer.vector(2, () => {
    for (const [type, body] of extensions) {
      writer.u16(type)
      writer.vector(2, () => writer.put(body))
    }
  })

/** One offer of a key exchange: a group and the public value for it. */
export interface KeyShareEntry {
  readonly group: number
  readonly share: Uint8Array
}

/** A list of 16-bit code points behind a length of `size` bytes; null when malformed or empty. */
export const decodeCodes = (body: Uint8Array, size: 1 | 2): readonly number[] | null =>
  filled(decodeWhole(body, (reader) => vectorItems(reader, size, (items) => items.u16())))

/** Writes such a list. */
export const encodeCodes = (codes: readonly number[], size: 1 | 2): Uint8Array =>
  encode((writer) => writer.vector(size, () => codes.forEach((code) => writer.u16(code))))

/** A single 16-bit code point, as ServerHello's supported_versions is. */
export const decodeCode = (body: Uint8Array): number | null => decodeWhole(body, (reader) => reader.u16())

/** Writes a single 16-bit code point. */
export const encodeCode = (code: number): Uint8Array => encode((writer) => writer.u16(code))

/** The protocol names of ALPN (RFC 7301), each at least one byte; null when malformed or empty. */
export const decodeProtocols = (body: Uint8Array): readonly Uint8Array[] | null => {
  const names = filled(decodeWhole(body, (reader) => vectorItems(reader, 2, (items) => vectorBytes(items, 1))))
  return names === null || names.some((name) => name.length === 0) ? null : names
}

/** Writes protocol names of ASCII characters, 1 to 255 each. */
export const encodeProtocols = (names: readonly string[]): Uint8Array =>
  encode((writer) => writer.vector(2, () => names.forEach((name) => writer.vector(1, () => writer.put(ascii(name))))))

/** The certificate types a client offers (RFC 7250 section 3); null when malformed or empty. */
export const decodeCertificateTypes = (body: Uint8Array): readonly number[] | null =>
  filled(decodeWhole(body, (reader) => vectorItems(reader, 1, (items) => items.u8())))

/** Writes the certificate types a client offers. */
export const encodeCertificateTypes = (types: readonly number[]): Uint8Array =>
  encode((writer) => writer.vector(1, () => types.forEach((type) => writer.u8(type))))

/** The certificate type a server chose; null when malformed. */
export const decodeCertificateType = (body: Uint8Array): number | null => decodeWhole(body, (reader) => reader.u8())

/** The key shares of a ClientHello, perhaps none; null when malformed. */
export const decodeKeyShares = (body: Uint8Array): readonly KeyShareEntry[] | null => {
  const shares = decodeWhole(body, (reader) => vectorItems(reader, 2, readKeyShare))
  return shares === null || shares.some(({ share }) => share.length === 0) ? null : shares
}

/** Writes the key shares of a ClientHello. */
export const encodeKeyShares = (shares: readonly KeyShareEntry[]): Uint8Array =>
  encode((writer) => writer.vector(2, () => shares.forEach((share) => writeKeyShare(writer, share))))

/** The key share of a ServerHello; null when malformed. */
export const decodeKeyShare = (body: Uint8Array): KeyShareEntry | null => {
  const share = decodeWhole(body, readKeyShare)
  return share === null || share.share.length === 0 ? null : share
}

/** Writes the key share of a ServerHello. */
export const encodeKeyShare = (share: KeyShareEntry): Uint8Array => encode((writer) => writeKeyShare(writer, share))

/** The host name of a server_name extension (RFC 6066 section 3), as ASCII; null when malformed. */
export const decodeServerName = (body: Uint8Array): string | null => {
  const names = filled(
    decodeWhole(body, (reader) =>
      vectorItems(reader, 2, (items) => ({ type: items.u8(), name: vectorBytes(items, 2) })),
    ),
  )
  const hosts = names?.filter(({ type }) => type === HOST_NAME) ?? []
  const [host, ...more] = hosts
  if (host === undefined || more.length > 0 || host.name.length === 0) return null
  return host.name.every((byte) => byte > 0x20 && byte < 0x7f) ? String.fromCharCode(...host.name) : null
}

/** Writes a server_name extension of one ASCII host name. */
export const encodeServerName = (name: string): Uint8Array =>
  encode((writer) =>
    writer.vector(2, () => {
      writer.u8(HOST_NAME)
      writer.vector(2, () => writer.put(ascii(name)))
    }),
  )

const HOST_NAME = 0

/** The cookie of a HelloRetryRequest (RFC 8446 section 4.2.2); null when malformed or empty. */
export const decodeCookie = (body: Uint8Array): Uint8Array | null => {
  const cookie = decodeWhole(body, (reader) => vectorBytes(reader, 2))
  return cookie === null || cookie.length === 0 ? null : cookie
}

/** Writes a cookie. */
export const encodeCookie = (cookie: Uint8Array): Uint8Array =>
  encode((writer) => writer.vector(2, () => writer.put(cookie)))

const readKeyShare = (reader: Reader): KeyShareEntry => ({ group: reader.u16(), share: vectorBytes(reader, 2) })

const writeKeyShare = (writer: Writer, { group, share }: KeyShareEntry): void => {
  writer.u16(group)
  writer.vector(2, () => writer.put(share))
}

const filled = <T>(items: readonly T[] | null): readonly T[] | null => (items?.length === 0 ? null : items)
