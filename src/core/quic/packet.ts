// Packet headers on the wire (RFC 9000 section 17): parsing what is visible before protection is removed, and writing it.
// Header protection hides the packet number and the low bits of the first byte; those belong to protection.ts.
import { Reader, type Writer } from '../bytes.ts'

/** QUIC version 1 (RFC 9000). */
export const VERSION_1 = 0x0000_0001

/** Connection ids are at most this long in version 1, and this is how long ours always are. */
export const CONNECTION_ID_BYTES_MAX = 20
export const LOCAL_ID_BYTES = 8

/** A datagram with an Initial packet is filled up to this (RFC 9000 section 14.1). */
export const INITIAL_DATAGRAM_BYTES = 1200

/** AEAD tag and header protection sample, of every suite of TLS 1.3. */
export const TAG_BYTES = 16

/** A packet number takes no more. */
export const PACKET_NUMBER_BYTES_MAX = 4

/** The packet types of long headers, by their two type bits. */
export const LONG_TYPES = ['initial', '0rtt', 'handshake', 'retry'] as const
export type LongType = (typeof LONG_TYPES)[number]

/** A long header of version 1 that carries a packet number; `payload` is where the protected packet number begins. */
export interface LongHeader {
  readonly form: 'long'
  readonly type: 'initial' | '0rtt' | 'handshake'
  readonly version: number
  readonly destinationId: Uint8Array
  readonly sourceId: Uint8Array
  /** Initial packets only; empty otherwise. */
  readonly token: Uint8Array
  readonly start: number
  readonly payload: number
  /** End of this packet in its datagram; another may follow. */
  readonly end: number
}

/** A Retry packet: its token and the 16-byte integrity tag at its end. */
export interface RetryHeader {
  readonly form: 'retry'
  readonly version: number
  readonly destinationId: Uint8Array
  readonly sourceId: Uint8Array
  readonly token: Uint8Array
  readonly tag: Uint8Array
  readonly start: number
  readonly end: number
}

/** A Version Negotiation packet with the versions its sender speaks. */
export interface VersionNegotiationHeader {
  readonly form: 'version-negotiation'
  readonly destinationId: Uint8Array
  readonly sourceId: Uint8Array
  readonly versions: readonly number[]
  readonly end: number
}

/** A long header of a version that is not ours: only what RFC 8999 fixes for all versions can be read. */
export interface UnknownVersionHeader {
  readonly form: 'unknown-version'
  readonly version: number
  readonly destinationId: Uint8Array
  readonly sourceId: Uint8Array
  readonly end: number
}

/** A short header: everything behind the destination id is protected, up to the end of the datagram. */
export interface ShortHeader {
  readonly form: 'short'
  readonly destinationId: Uint8Array
  readonly start: number
  readonly payload: number
  readonly end: number
}

export type Header = LongHeader | RetryHeader | VersionNegotiationHeader | UnknownVersionHeader | ShortHeader

/**
 * The header at `offset` of a datagram, or null where the bytes are no QUIC packet; `shortIdLength` is the length of our own
 * connection ids, which a short header does not say.
 */
export const parseHeader = (bytes: Uint8Array, offset: number, shortIdLength: number): Header | null => {
  const reader = new Reader(bytes, offset)
  const first = reader.u8()
  if (reader.failed) return null
  return (first & 0x80) === 0 ? parseShort(reader, first, shortIdLength) : parseLong(reader, first)
}

const parseShort = (reader: Reader, first: number, idLength: number): ShortHeader | null => {
  if ((first & 0x40) === 0) return null
  const start = reader.at - 1
  const destinationId = reader.take(idLength)
  return reader.failed ? null : { form: 'short', destinationId, start, payload: reader.at, end: reader.end }
}

const parseLong = (reader: Reader, first: number): Header | null => {
  const start = reader.at - 1
  const version = reader.u32()
  const destinationId = reader.take(reader.u8())
  const sourceId = reader.take(reader.u8())
  if (reader.failed) return null
  if (version === 0) return parseVersions(reader, destinationId, sourceId)
  if (version !== VERSION_1) return { form: 'unknown-version', version, destinationId, sourceId, end: reader.end }
  if (destinationId.length > CONNECTION_ID_BYTES_MAX || sourceId.length > CONNECTION_ID_BYTES_MAX) return null
  if ((first & 0x40) === 0) return null
  const type = LONG_TYPES[(first >> 4) & 3]!
  if (type === 'retry') return parseRetry(reader, { version, destinationId, sourceId, start })
  const token = type === 'initial' ? reader.take(reader.varint()) : EMPTY
  const length = reader.varint()
  const payload = reader.at
  if (reader.failed || length > reader.remaining || length < 4 + TAG_BYTES) return null
  return { form: 'long', type, version, destinationId, sourceId, token, start, payload, end: payload + length }
}

const parseRetry = (
  reader: Reader,
  ids: Pick<RetryHeader, 'version' | 'destinationId' | 'sourceId' | 'start'>,
): RetryHeader | null => {
  const token = reader.take(reader.remaining - TAG_BYTES)
  const tag = reader.take(TAG_BYTES)
  return reader.failed ? null : { form: 'retry', ...ids, token, tag, end: reader.end }
}

const parseVersions = (
  reader: Reader,
  destinationId: Uint8Array,
  sourceId: Uint8Array,
): VersionNegotiationHeader | null => {
  const versions: number[] = []
  while (reader.remaining >= 4) versions.push(reader.u32())
  if (versions.length === 0 || reader.remaining > 0) return null
  return { form: 'version-negotiation', destinationId, sourceId, versions, end: reader.end }
}

/** What the writer of a long header fills in; the packet number is written in `packetNumberBytes` bytes (1 to 4). */
export interface LongHeaderFields {
  readonly type: 'initial' | '0rtt' | 'handshake'
  readonly destinationId: Uint8Array
  readonly sourceId: Uint8Array
  readonly token: Uint8Array
  readonly packetNumber: number
  readonly packetNumberBytes: number
}

/** Writes a long header up to and with the packet number; returns where its two-byte length stands, for `setLength`. */
export const writeLongHeader = (writer: Writer, fields: LongHeaderFields): number => {
  writer.u8(0xc0 | (LONG_TYPES.indexOf(fields.type) << 4) | (fields.packetNumberBytes - 1))
  writer.u32(VERSION_1)
  writer.u8(fields.destinationId.length)
  writer.put(fields.destinationId)
  writer.u8(fields.sourceId.length)
  writer.put(fields.sourceId)
  if (fields.type === 'initial') {
    writer.varint(fields.token.length)
    writer.put(fields.token)
  }
  const lengthAt = writer.at
  writer.u16(0x4000)
  writer.uint(truncated(fields.packetNumber, fields.packetNumberBytes), fields.packetNumberBytes)
  return lengthAt
}

/** Sets the two-byte length field of a long header: packet number, payload and tag together, under 16,384. */
export const setLength = (bytes: Uint8Array, lengthAt: number, length: number): void => {
  bytes[lengthAt] = 0x40 | (length >> 8)
  bytes[lengthAt + 1] = length & 0xff
}

/** Bytes of a long header up to and with the packet number, as `writeLongHeader` writes it. */
export const longHeaderBytes = (fields: LongHeaderFields): number =>
  1 +
  4 +
  1 +
  fields.destinationId.length +
  1 +
  fields.sourceId.length +
  2 +
  fields.packetNumberBytes +
  (fields.type === 'initial' ? fields.token.length + (fields.token.length < 64 ? 1 : 2) : 0)

/** Writes a short header up to and with the packet number. */
export const writeShortHeader = (
  writer: Writer,
  fields: { destinationId: Uint8Array; packetNumber: number; packetNumberBytes: number; keyPhase: 0 | 1 },
): void => {
  writer.u8(0x40 | (fields.keyPhase << 2) | (fields.packetNumberBytes - 1))
  writer.put(fields.destinationId)
  writer.uint(truncated(fields.packetNumber, fields.packetNumberBytes), fields.packetNumberBytes)
}

const truncated = (packetNumber: number, size: number): number => packetNumber % 2 ** (8 * size)

/** How many bytes a packet number needs, so that the receiver can tell it from its neighbours (RFC 9000 section A.2). */
export const packetNumberBytes = (packetNumber: number, largestAcknowledged: number): number => {
  const distance = 2 * (packetNumber - largestAcknowledged)
  return distance < 0x100 ? 1 : distance < 0x1_0000 ? 2 : distance < 0x100_0000 ? 3 : 4
}

/** The full packet number behind a truncated one of `size` bytes (RFC 9000 section A.3); `largest` is -1 before the first. */
export const expandPacketNumber = (short: number, size: number, largest: number): number => {
  const expected = largest + 1
  const window = 2 ** (8 * size)
  const candidate = expected - (expected % window) + short
  if (candidate <= expected - window / 2 && candidate + window <= Number.MAX_SAFE_INTEGER) return candidate + window
  if (candidate > expected + window / 2 && candidate >= window) return candidate - window
  return candidate
}

const EMPTY = new Uint8Array(0)
