// Codecs: what is written is read back the same, and no bytes of a stranger's make a decoder throw.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Address } from '../../../src/core/address.ts'
import { Reader, Writer } from '../../../src/core/bytes.ts'
import { ipOf } from '../../../src/core/ip.ts'
import { type AckRange, type Frame, readFrame, writeFrame } from '../../../src/core/quic/frames.ts'
import { parseHeader, setLength, writeLongHeader, writeShortHeader } from '../../../src/core/quic/packet.ts'
import {
  decodeParameters,
  encodeParameters,
  PARAMETER_DEFAULTS,
  type TransportParameters,
} from '../../../src/core/quic/transport-parameters.ts'
import { versionNegotiation } from '../../../src/core/quic/version-negotiation.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

const integer = fc.oneof(fc.nat(100), fc.maxSafeNat())
const offset = fc.maxSafeNat().map((n) => Math.floor(n / 2))
const data = fc.uint8Array({ maxLength: 200 })
const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })

/** Ranges from the highest down, with gaps of at least one. */
const ranges: fc.Arbitrary<AckRange[]> = fc
  .array(fc.tuple(fc.integer({ min: 2, max: 1000 }), fc.nat(1000)), { minLength: 1, maxLength: 40 })
  .map((steps) => {
    let at = 0
    const found = steps.map(([gap, length]) => {
      const from = at + gap
      at = from + length
      return { from, to: at }
    })
    return found.reverse()
  })

const ecn = fc.option(fc.record({ ect0: integer, ect1: integer, ce: integer }))
const limitOf = <T extends string>(type: T): fc.Arbitrary<{ type: T; stream: number; limit: number }> =>
  fc.record({ type: fc.constant(type), stream: integer, limit: integer })
const countOf = <T extends string>(type: T): fc.Arbitrary<{ type: T; bidirectional: boolean; limit: number }> =>
  fc.record({
    type: fc.constant(type),
    bidirectional: fc.boolean(),
    limit: fc.nat(2 ** 30),
  })

const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ type: fc.constant('padding' as const), length: fc.integer({ min: 1, max: 50 }) }),
  fc.constant({ type: 'ping' as const }),
  fc.record({ type: fc.constant('ack' as const), ranges, delay: integer, ecn }),
  fc.record({ type: fc.constant('reset-stream' as const), stream: integer, code: integer, finalSize: integer }),
  fc.record({ type: fc.constant('stop-sending' as const), stream: integer, code: integer }),
  fc.record({ type: fc.constant('crypto' as const), offset, data }),
  fc.record({ type: fc.constant('new-token' as const), token: fc.uint8Array({ minLength: 1, maxLength: 80 }) }),
  fc.record({ type: fc.constant('stream' as const), stream: integer, offset, data, fin: fc.boolean() }),
  fc.record({ type: fc.constant('max-data' as const), limit: integer }),
  limitOf('max-stream-data'),
  countOf('max-streams'),
  fc.record({ type: fc.constant('data-blocked' as const), limit: integer }),
  limitOf('stream-data-blocked'),
  countOf('streams-blocked'),
  fc
    .tuple(integer, integer, fc.uint8Array({ minLength: 1, maxLength: 20 }), bytes(16))
    .map(([a, b, id, resetToken]): Frame => {
      return { type: 'new-connection-id', sequence: Math.max(a, b), retirePriorTo: Math.min(a, b), id, resetToken }
    }),
  fc.record({ type: fc.constant('retire-connection-id' as const), sequence: integer }),
  fc.record({ type: fc.constant('path-challenge' as const), data: bytes(8) }),
  fc.record({ type: fc.constant('path-response' as const), data: bytes(8) }),
  fc.record({
    type: fc.constant('connection-close' as const),
    code: integer,
    frameType: fc.option(integer),
    reason: data,
  }),
  fc.constant({ type: 'handshake-done' as const }),
  fc.constant({ type: 'immediate-ack' as const }),
  fc.record({ type: fc.constant('datagram' as const), data }),
  fc.record({
    type: fc.constant('ack-frequency' as const),
    sequence: integer,
    threshold: integer,
    delayUs: integer,
    reordering: integer,
  }),
)

/** Views of other memory compare by their bytes alone. */
const plain = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? Array.from(part) : part))

describe('frames', () => {
  it('are read back as they were written, one after the other', () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 6 }), (frames) => {
        // Two runs of padding are one.
        const written = frames.filter((entry, i) => entry.type !== 'padding' || frames[i - 1]?.type !== 'padding')
        const writer = new Writer(new Uint8Array(20_000))
        for (const entry of written) writeFrame(writer, entry)
        const reader = new Reader(writer.written())
        for (const entry of written) assert.equal(plain(readFrame(reader)), plain(entry))
        assert.equal(reader.remaining, 0)
      }),
      { numRuns: 2000 },
    )
  })

  it('come out of garbage as null, never as a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (garbage) => {
        const reader = new Reader(garbage)
        for (let i = 0; i <= garbage.length && reader.remaining > 0; i++) {
          if (readFrame(reader) === null) return
        }
        assert.equal(reader.remaining, 0)
      }),
      { numRuns: 5000 },
    )
  })

  it('refuse an ACK below packet number 0, a long form of their type, an empty token, an impossible count', () => {
    const refused = ['0205000006', '4001', '0700', '12d000000000000400', '18010200', 'ff', '21']
    for (const text of refused) assert.equal(readFrame(new Reader(Buffer.from(text, 'hex'))), null, text)
  })

  it('are bounded: an ACK of thousands of ranges is read without keeping them', () => {
    const writer = new Writer(new Uint8Array(100_000))
    const many = Array.from({ length: 5000 }, (_, i) => ({ from: 20_000 - 4 * i, to: 20_000 - 4 * i + 1 }))
    writeFrame(writer, { type: 'ack', ranges: many, delay: 0, ecn: null })
    const read = readFrame(new Reader(writer.written()))
    assert.ok(read?.type === 'ack' && read.ranges.length === 256)
  })
})

describe('headers', () => {
  it('long ones are read back as they were written', () => {
    const id = fc.uint8Array({ maxLength: 20 })
    fc.assert(
      fc.property(id, id, fc.uint8Array({ maxLength: 80 }), fc.boolean(), (destinationId, sourceId, token, initial) => {
        const writer = new Writer(new Uint8Array(500))
        const type = initial ? 'initial' : 'handshake'
        const lengthAt = writeLongHeader(writer, {
          type,
          destinationId,
          sourceId,
          token,
          packetNumber: 7,
          packetNumberBytes: 2,
        })
        setLength(writer.bytes, lengthAt, 2 + 40)
        const header = parseHeader(writer.bytes, 0, 8)
        assert.ok(header?.form === 'long' && header.type === type)
        assert.equal(header.payload, writer.at - 2)
        assert.equal(header.end, header.payload + 42)
        assert.equal(plain([header.destinationId, header.sourceId]), plain([destinationId, sourceId]))
        assert.equal(plain(header.token), plain(initial ? token : []))
      }),
    )
  })

  it('short ones take their id by the length we say', () => {
    const writer = new Writer(new Uint8Array(50))
    const destinationId = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8])
    writeShortHeader(writer, { destinationId, packetNumber: 9, packetNumberBytes: 1, keyPhase: 1 })
    const header = parseHeader(writer.bytes, 0, 8)
    assert.ok(header?.form === 'short')
    assert.equal(plain(header.destinationId), plain(destinationId))
    assert.equal(header.payload, 9)
  })

  it('hold min_ack_delay, which is no longer than max_ack_delay', () => {
    const given = (minAckDelayUs: number, maxAckDelayMs: number): unknown =>
      decodeParameters(encodeParameters({ ...PARAMETER_DEFAULTS, minAckDelayUs, maxAckDelayMs }), 'client')
        ?.minAckDelayUs
    assert.equal(given(25_000, 25), 25_000)
    assert.equal(given(0, 25), 0)
    assert.equal(given(25_001, 25), undefined)
  })

  it('come out of garbage as null, never as a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(3), (garbage, at) => {
        const header = parseHeader(garbage, at, 8)
        assert.ok(header === null || header.end <= garbage.length)
      }),
      { numRuns: 5000 },
    )
  })

  it('an unknown version is answered with ours and with one that nobody speaks', () => {
    const unknown = new Uint8Array(Buffer.from('c0babababa04010203040205060000', 'hex'))
    const header = parseHeader(unknown, 0, 8)
    assert.ok(header?.form === 'unknown-version')
    const into = new Uint8Array(100)
    const length = versionNegotiation(header, into, new SeededRandom(1))
    const answer = parseHeader(into.subarray(0, length), 0, 8)
    assert.ok(answer?.form === 'version-negotiation')
    assert.equal(answer.versions[0], 1)
    assert.equal(plain([answer.destinationId, answer.sourceId]), plain([header.sourceId, header.destinationId]))
    assert.equal(answer.versions[1]! & 0x0f0f0f0f, 0x0a0a0a0a)
  })
})

const place = (family: 4 | 6): fc.Arbitrary<Address | null> =>
  fc.option(
    fc
      .tuple(bytes(family === 4 ? 4 : 16), fc.integer({ min: 1, max: 65_535 }))
      .map(([ip, port]) => ({ ...ipOf(ip), port }))
      .filter((address) => address.family === family),
  )

const preferred = fc.record({
  ip4: place(4),
  ip6: place(6),
  id: fc.uint8Array({ minLength: 1, maxLength: 20 }),
  resetToken: bytes(16),
})

const parameters: fc.Arbitrary<TransportParameters> = fc.record({
  originalDestinationId: fc.option(fc.uint8Array({ maxLength: 20 })),
  maxIdleTimeoutMs: integer,
  statelessResetToken: fc.option(bytes(16)),
  maxUdpPayloadBytes: fc.integer({ min: 1200, max: 70_000 }),
  initialMaxData: integer,
  initialMaxStreamDataBidiLocal: integer,
  initialMaxStreamDataBidiRemote: integer,
  initialMaxStreamDataUni: integer,
  initialMaxStreamsBidi: fc.nat(2 ** 30),
  initialMaxStreamsUni: fc.nat(2 ** 30),
  ackDelayExponent: fc.nat(20),
  maxAckDelayMs: fc.nat(2 ** 14 - 1),
  disableActiveMigration: fc.boolean(),
  preferredAddress: fc.option(preferred),
  activeConnectionIdLimit: fc.integer({ min: 2, max: 100 }),
  initialSourceId: fc.option(fc.uint8Array({ maxLength: 20 })),
  retrySourceId: fc.option(fc.uint8Array({ maxLength: 20 })),
  minAckDelayUs: fc.constant(null),
  maxDatagramFrameBytes: fc.nat(70_000),
})

describe('transport parameters', () => {
  it('are read back as they were written', () => {
    fc.assert(
      fc.property(parameters, (values) => {
        assert.equal(plain(decodeParameters(encodeParameters(values), 'server')), plain(values))
      }),
    )
  })

  it('come out of garbage as null, never as a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (garbage) => {
        decodeParameters(garbage, 'client')
      }),
      { numRuns: 5000 },
    )
  })

  it('are refused when doubled, out of range, too long, or a server’s coming from a client', () => {
    const refused = [
      '010102010103',
      '030244af',
      '0a0115',
      '0b024000ff',
      '0e0101',
      '0c0100',
      '0504ffffffff',
      '020100',
      '0808d000000000000400',
    ]
    for (const text of refused) assert.equal(decodeParameters(Buffer.from(text, 'hex'), 'server'), null, text)
    const token = encodeParameters({ ...PARAMETER_DEFAULTS, statelessResetToken: new Uint8Array(16) })
    assert.equal(decodeParameters(token, 'client'), null)
    assert.notEqual(decodeParameters(token, 'server'), null)
  })

  it('skip what nobody knows', () => {
    assert.equal(decodeParameters(Buffer.from('60ff0301020301011e', 'hex'), 'client')?.maxIdleTimeoutMs, 30)
  })
})
