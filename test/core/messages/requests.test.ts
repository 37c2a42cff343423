import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Address } from '../../../src/core/address.ts'
import { concat } from '../../../src/core/bytes.ts'
import { chunkAddressOf, peerIdOf } from '../../../src/core/ids.ts'
import { ipOf } from '../../../src/core/ip.ts'
import type { CborMap, CborValue } from '../../../src/core/messages/cbor.ts'
import { encodeMap } from '../../../src/core/messages/cbor.ts'
import {
  chunkGetRequest,
  chunkHasRequest,
  chunkPutRequest,
  chunkTarget,
  decodeHasAddresses,
  decodeHasBitmap,
  encodeHasAddresses,
  encodeHasBitmap,
} from '../../../src/core/messages/chunks.ts'
import type { PeerRecord } from '../../../src/core/messages/find-node.ts'
import {
  decodeRecords,
  encodeRecords,
  FIND_NODE_BYTES_MAX,
  findNodeQuery,
  findNodeRequest,
} from '../../../src/core/messages/find-node.ts'
import { HeaderReader } from '../../../src/core/messages/framing.ts'
import type { MessageHeader, RequestHeader, ResponseHeader } from '../../../src/core/messages/requests.ts'
import {
  decodeMessageHeader,
  decodeRequestHeader,
  decodeResponseHeader,
  encodeMessageHeader,
  encodeRequestHeader,
  encodeResponseHeader,
} from '../../../src/core/messages/requests.ts'

/** One value, `count` times. */
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
const texts = fc.stringMatching(/^[ -~]{0,256}$/)
const ids = bytesOf(32).map(chunkAddressOf)
const requests: fc.Arbitrary<RequestHeader> = fc.record(
  {
    protocol: texts,
    target: fc.option(bytesOf(32)),
    count: fc.option(fc.nat()),
  },
  { noNullPrototype: true },
)
const responses: fc.Arbitrary<ResponseHeader> = fc.record(
  {
    status: fc.nat(),
    reason: fc.option(texts),
    retryAfterMs: fc.option(fc.nat()),
    outcome: fc.option(fc.nat()),
  },
  { noNullPrototype: true },
)
const messages: fc.Arbitrary<MessageHeader> = fc.record({ protocol: texts }, { noNullPrototype: true })

interface Codec<Header> {
  readonly headers: fc.Arbitrary<Header>
  readonly encode: (header: Header) => Uint8Array
  readonly decode: (map: CborMap) => Header | null
}

const roundTrip = <Header>({ headers, encode, decode }: Codec<Header>): void => {
  const payloads = fc.uint8Array({ maxLength: 40 })
  fc.assert(
    fc.property(headers, payloads, fc.nat(), (header, payload, cut) => {
      const bytes = concat(encode(header), payload)
      const reader = new HeaderReader(decode)
      const at = cut % (bytes.length + 1)
      const first = reader.receive(bytes.subarray(0, at))
      const read = first.kind === 'more' ? reader.receive(bytes.subarray(at)) : first
      if (read.kind !== 'header') assert.fail(`a whole header, but ${read.kind}`)
      assert.deepEqual(read.header, header)
      const rest = first.kind === 'more' ? read.payload : concat(read.payload, bytes.subarray(at))
      assert.deepEqual(rest, payload)
    }),
  )
}

test('every header comes back with the payload behind it, wherever the stream is cut', () => {
  roundTrip({ headers: requests, encode: encodeRequestHeader, decode: decodeRequestHeader })
  roundTrip({ headers: responses, encode: encodeResponseHeader, decode: decodeResponseHeader })
  roundTrip({ headers: messages, encode: encodeMessageHeader, decode: decodeMessageHeader })
})

test('garbage is no header, or one of few words, and never a throw', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 4 }), (chunks) => {
      for (const decode of [decodeRequestHeader, decodeResponseHeader, decodeMessageHeader]) {
        const reader = new HeaderReader<unknown>(decode)
        for (const chunk of chunks) if (reader.receive(chunk).kind !== 'more') break
      }
    }),
    { numRuns: 1000 },
  )
})

test('a header above 4 KiB is refused by its length alone', () => {
  assert.equal(new HeaderReader(decodeRequestHeader).receive(Uint8Array.of(0x50, 0x01)).kind, 'bad')
  assert.equal(new HeaderReader(decodeRequestHeader).receive(Uint8Array.of(0x50, 0x00)).kind, 'more')
})

test('headers need their protocol or status, and a target has 32 bytes', () => {
  const map = (entries: readonly (readonly [number, CborValue])[]): CborMap => new Map(entries)
  assert.equal(decodeRequestHeader(map([])), null)
  assert.equal(decodeMessageHeader(map([])), null)
  assert.equal(decodeResponseHeader(map([[1, 'reason']])), null)
  assert.equal(
    decodeRequestHeader(
      map([
        [0, '/x'],
        [1, new Uint8Array(31)],
      ]),
    ),
    null,
  )
  assert.equal(
    decodeRequestHeader(
      map([
        [0, '/x'],
        [2, '20'],
      ]),
    ),
    null,
  )
  assert.deepEqual(
    decodeRequestHeader(
      map([
        [0, '/x'],
        [50, true],
      ]),
    ),
    { protocol: '/x', target: null, count: null },
  )
})

const addresses = fc
  .tuple(fc.oneof(bytesOf(4), bytesOf(16)), fc.integer({ min: 1, max: 65_535 }))
  .map(([bytes, port]): Address => ({ ...ipOf(bytes), port }))
const records: fc.Arbitrary<PeerRecord[]> = fc.array(
  fc.record(
    {
      peerId: bytesOf(32).map(peerIdOf),
      addresses: fc.array(addresses, { maxLength: 8 }),
      ageMs: fc.nat(),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 20 },
)

test('records come back, and twenty with eight addresses each fit', () => {
  fc.assert(fc.property(records, (list) => assert.deepEqual(decodeRecords(encodeRecords(list)), list)))
  const long: Address = { family: 6, ip: '2001:db81:1111:1111:1111:1111:1111:1111', port: 65_535 }
  const full = times<PeerRecord>(20, {
    peerId: peerIdOf(new Uint8Array(32)),
    addresses: times(8, long),
    ageMs: 1e12,
  })
  const payload = encodeRecords(full)
  assert.ok(payload.length <= FIND_NODE_BYTES_MAX)
  assert.deepEqual(decodeRecords(payload), full)
})

test('records that are malformed, too many or too large are refused without a throw', () => {
  const record = new Map<number, CborValue>([
    [0, new Uint8Array(32)],
    [1, []],
    [2, 0],
  ])
  const payload = (list: CborValue): Uint8Array => encodeMap(new Map([[0, list]]))
  assert.equal(decodeRecords(payload([record]))?.length, 1)
  assert.equal(decodeRecords(payload(times<CborValue>(21, record))), null)
  assert.equal(decodeRecords(payload([new Map(record).set(0, new Uint8Array(31))])), null)
  assert.equal(decodeRecords(payload([new Map(record).set(1, times<CborValue>(9, new Uint8Array(1)))])), null)
  assert.equal(decodeRecords(payload([7])), null)
  assert.equal(decodeRecords(payload(7)), null)
  assert.equal(decodeRecords(new Uint8Array(FIND_NODE_BYTES_MAX + 1)), null)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void decodeRecords(bytes)))
})

test('a find-node request names its target and asks for at most twenty', () => {
  const target = new Uint8Array(32).fill(7)
  assert.deepEqual(findNodeQuery(findNodeRequest(target)), { target, count: 20 })
  assert.equal(findNodeQuery(findNodeRequest(target, 21)), null)
  assert.equal(findNodeQuery({ protocol: '', target: null, count: 20 }), null)
  assert.equal(findNodeQuery({ protocol: '', target, count: null }), null)
})

test('chunk requests name their chunk', () => {
  fc.assert(
    fc.property(ids, (address) => {
      assert.equal(chunkTarget(chunkPutRequest(address)), address)
      assert.equal(chunkTarget(chunkGetRequest(address)), address)
    }),
  )
  assert.equal(chunkTarget(chunkHasRequest()), null)
})

test('chunk-has carries up to 1,024 addresses and a bit for each', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(ids, fc.boolean()), { minLength: 1, maxLength: 70 }), (asked) => {
      const addresses = asked.map(([address]) => address)
      const held = asked.map(([, is]) => is)
      assert.deepEqual(decodeHasAddresses(encodeHasAddresses(addresses)), addresses)
      assert.deepEqual(decodeHasBitmap(encodeHasBitmap(held), held.length), held)
    }),
  )
  assert.equal(decodeHasAddresses(new Uint8Array(0)), null)
  assert.equal(decodeHasAddresses(new Uint8Array(33)), null)
  assert.equal(decodeHasAddresses(new Uint8Array(32 * 1025)), null)
  assert.equal(decodeHasAddresses(new Uint8Array(32 * 1024))?.length, 1024)
  assert.equal(decodeHasBitmap(Uint8Array.of(0x80), 9), null)
  assert.equal(decodeHasBitmap(Uint8Array.of(0x81), 7), null)
  assert.deepEqual(
    encodeHasBitmap([true, false, false, false, false, false, false, false, true]),
    Uint8Array.of(0x80, 0x80),
  )
})
