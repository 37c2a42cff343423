// The codecs of QUIC, each with valid samples to be mutated: what decodes is written again, and read back as the same.
import assert from 'node:assert/strict'
import { formatAddress, parseAddress } from '../../src/core/address.ts'
import { ascii, concat, Reader, Writer } from '../../src/core/bytes.ts'
import { opensInitial } from '../../src/core/quic/first-packet.ts'
import { type Frame, readFrame, writeFrame } from '../../src/core/quic/frames.ts'
import { splitDatagram } from '../../src/core/quic/intake.ts'
import { type Header, parseHeader, setLength, writeLongHeader, writeShortHeader } from '../../src/core/quic/packet.ts'
import type { Path } from '../../src/core/quic/path.ts'
import { isStatelessReset } from '../../src/core/quic/stateless-reset.ts'
import { Tokens } from '../../src/core/quic/tokens.ts'
import { decodeParameters, encodeParameters, PARAMETER_DEFAULTS } from '../../src/core/quic/transport-parameters.ts'
import { versionNegotiation } from '../../src/core/quic/version-negotiation.ts'
import { createCrypto } from '../../src/io/crypto.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import type { Codec } from './codec.ts'

const crypto = await createCrypto()
const random = new SeededRandom(1)
const ID = random.bytes(8)
const data = ascii('some data of a stream')

/** One frame of each type, of the shortest and the longest forms. */
export const FRAMES: readonly Frame[] = [
  { type: 'padding', length: 3 },
  { type: 'ping' },
  { type: 'ack', ranges: [{ from: 3, to: 9 }, { from: 0, to: 1 }], delay: 80, ecn: null },
  { type: 'ack', ranges: [{ from: 70_000, to: 70_003 }], delay: 0, ecn: { ect0: 1, ect1: 0, ce: 300 } },
  { type: 'reset-stream', stream: 4, code: 16, finalSize: 70_000 },
  { type: 'stop-sending', stream: 2, code: 17 },
  { type: 'crypto', offset: 0, data },
  { type: 'crypto', offset: 1200, data },
  { type: 'new-token', token: data },
  { type: 'stream', stream: 0, offset: 0, data, fin: true },
  { type: 'stream', stream: 6, offset: 20_000, data, fin: false },
  { type: 'max-data', limit: 2 ** 31 },
  { type: 'max-stream-data', stream: 4, limit: 70_000 },
  { type: 'max-streams', bidirectional: true, limit: 100 },
  { type: 'max-streams', bidirectional: false, limit: 2 ** 40 },
  { type: 'data-blocked', limit: 70_000 },
  { type: 'stream-data-blocked', stream: 0, limit: 70_000 },
  { type: 'streams-blocked', bidirectional: false, limit: 100 },
  { type: 'new-connection-id', sequence: 2, retirePriorTo: 1, id: ID, resetToken: random.bytes(16) },
  { type: 'retire-connection-id', sequence: 0 },
  { type: 'path-challenge', data: ID },
  { type: 'path-response', data: ID },
  { type: 'connection-close', code: 10, frameType: 6, reason: data },
  { type: 'connection-close', code: 1, frameType: null, reason: data },
  { type: 'handshake-done' },
  { type: 'ack-frequency', sequence: 1, threshold: 10, delayUs: 25_000, reordering: 3 },
  { type: 'immediate-ack' },
  { type: 'datagram', data },
] // prettier-ignore

const encoded = (...frames: readonly Frame[]): Uint8Array => {
  const writer = new Writer(new Uint8Array(65_536))
  for (const frame of frames) writeFrame(writer, frame)
  return writer.written().slice()
}

/** The frames at the beginning, and whether they are all there is. */
export const framesOf = (bytes: Uint8Array): { frames: Frame[]; whole: boolean } => {
  const reader = new Reader(bytes)
  const frames: Frame[] = []
  while (reader.remaining > 0) {
    const frame = readFrame(reader)
    if (frame === null) return { frames, whole: false }
    frames.push(frame)
  }
  return { frames, whole: true }
}

const frames: Codec = {
  name: 'frames',
  samples: [...FRAMES.map((frame) => encoded(frame)), encoded(...FRAMES.slice(1)), encoded(...FRAMES.slice(6, 12))],
  check: (bytes) => {
    const { frames, whole } = framesOf(bytes)
    const again = framesOf(encoded(...frames))
    assert.ok(again.whole)
    assert.deepEqual(again.frames, frames)
    return `${frames.at(-1)?.type} ${whole}`
  },
}

/** What a header says, without where it stands. */
const said = (header: Header | null): unknown => {
  if (header === null || header.form !== 'long') return header
  const { type, version, destinationId, sourceId, token } = header
  return { type, version, destinationId, sourceId, token }
}

const longHeader = (type: 'initial' | '0rtt' | 'handshake', token: Uint8Array, payload = 40): Uint8Array => {
  const writer = new Writer(new Uint8Array(70_000))
  const fields = { destinationId: ID, sourceId: ID, token, packetNumber: 7, packetNumberBytes: 4, type }
  const lengthAt = writeLongHeader(writer, fields)
  setLength(writer.bytes, lengthAt, 4 + payload)
  return writer.bytes.slice(0, writer.at + payload)
}

const rewritten = (header: Header & { form: 'long' }): Uint8Array => {
  const writer = new Writer(new Uint8Array(70_000))
  const lengthAt = writeLongHeader(writer, { ...header, packetNumber: 0, packetNumberBytes: 4 })
  setLength(writer.bytes, lengthAt, Math.min(16_383, header.end - header.payload))
  return writer.bytes.slice(0, writer.at + header.end - header.payload)
}

const shortHeader = (): Uint8Array => {
  const writer = new Writer(new Uint8Array(60))
  writeShortHeader(writer, { destinationId: ID, packetNumber: 9, packetNumberBytes: 2, keyPhase: 1 })
  return writer.bytes
}

const RETRY = concat(Uint8Array.of(0xf0, 0, 0, 0, 1, 8), ID, Uint8Array.of(8), ID, random.bytes(60))
const VERSIONS = concat(
  Uint8Array.of(0x80, 0, 0, 0, 0, 8),
  ID,
  Uint8Array.of(8),
  ID,
  Uint8Array.of(0, 0, 0, 1, 1, 2, 3, 4),
)

/** A packet only says which path it came by. */
const SOMEWHERE = {} as Path

const headers: Codec = {
  name: 'headers',
  samples: [
    longHeader('initial', new Uint8Array(0), 1150),
    longHeader('initial', random.bytes(90)),
    longHeader('handshake', new Uint8Array(0)),
    longHeader('0rtt', new Uint8Array(0)),
    concat(longHeader('initial', new Uint8Array(0)), longHeader('handshake', new Uint8Array(0)), shortHeader()),
    shortHeader(),
    RETRY,
    VERSIONS,
  ],
  check: (bytes) => {
    const { packets, other } = splitDatagram(bytes, SOMEWHERE)
    let at = 0
    for (const { header } of packets) {
      assert.ok(header.start === at && header.payload <= header.end && header.end <= bytes.length)
      at = header.end
      if (header.form === 'long') assert.deepEqual(said(parseHeader(rewritten(header), 0, 8)), said(header))
      if (header.form === 'long' && header.type === 'initial') assert.ok(!opensInitial(header, bytes, crypto))
    }
    isStatelessReset(bytes, random.bytes(16), crypto)
    const header = parseHeader(bytes, 0, 8)
    if (header?.form === 'unknown-version') {
      const answer = new Uint8Array(1200)
      const length = versionNegotiation(header, answer, random)
      const back = parseHeader(answer.subarray(0, length), 0, 8)
      assert.ok(length === 0 || back?.form === 'version-negotiation')
    }
    return `${packets.map((packet) => packet.header.form).join(' ')} ${other?.form}`
  },
}

const SERVER = {
  ...PARAMETER_DEFAULTS,
  originalDestinationId: ID,
  maxIdleTimeoutMs: 30_000,
  statelessResetToken: random.bytes(16),
  maxUdpPayloadBytes: 1472,
  initialMaxData: 1 << 20,
  initialMaxStreamDataBidiLocal: 1 << 16,
  initialMaxStreamsBidi: 100,
  ackDelayExponent: 5,
  maxAckDelayMs: 100,
  disableActiveMigration: true,
  preferredAddress: {
    ip4: { family: 4 as const, ip: '192.0.2.7', port: 4433 },
    ip6: { family: 6 as const, ip: '2001:db8::7', port: 4433 },
    id: random.bytes(8),
    resetToken: random.bytes(16),
  },
  activeConnectionIdLimit: 4,
  initialSourceId: ID,
  retrySourceId: ID,
  minAckDelayUs: 1000,
  maxDatagramFrameBytes: 65_535,
}
const CLIENT = {
  ...SERVER,
  originalDestinationId: null,
  statelessResetToken: null,
  preferredAddress: null,
  retrySourceId: null,
}

const parameters: Codec = {
  name: 'parameters',
  samples: [encodeParameters(SERVER), encodeParameters(CLIENT), encodeParameters(PARAMETER_DEFAULTS)],
  check: (bytes) => {
    const found = (['client', 'server'] as const).map((sender) => {
      const decoded = decodeParameters(bytes, sender)
      if (decoded !== null) assert.deepEqual(decodeParameters(encodeParameters(decoded), sender), decoded)
      return decoded !== null
    })
    return found.join(' ')
  },
}

const tokens = new Tokens({ crypto, random })
const WALL = 1_800_000_000_000
const BEARER = { ip: '192.0.2.1', port: 9, destinationId: ID }

const token: Codec = {
  name: 'tokens',
  samples: [
    tokens.mintRetry({ ip: BEARER.ip, port: BEARER.port, originalId: ID, retryId: ID }, WALL),
    tokens.mintNew(BEARER.ip, WALL),
  ],
  check: (bytes) => tokens.read(bytes, BEARER, WALL).kind,
}

const addresses: Codec = {
  name: 'addresses',
  samples: [
    '/ip4/192.0.2.1/udp/9000/quic-v1',
    '/ip6/2001:db8::1/udp/1/quic-v1',
    `/ip4/1.2.3.4/udp/65535/quic-v1/p2p/${'ab'.repeat(32)}`,
  ].map(ascii),
  check: (bytes) => {
    const parsed = parseAddress(String.fromCharCode(...bytes))
    if (parsed !== null) assert.deepEqual(parseAddress(formatAddress(parsed.address, parsed.peerId)), parsed)
    return String(parsed !== null)
  },
}

export const QUIC_CODECS: readonly Codec[] = [frames, headers, parameters, token, addresses]
