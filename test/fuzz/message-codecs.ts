// The codecs of what nodes say to each other, each with valid samples to be mutated.
import assert from 'node:assert/strict'
import { ascii, concat, sameBytes } from '../../src/core/bytes.ts'
import { decodeDataMap, encodeDataMap } from '../../src/core/chunks/data-map.ts'
import { formatLink, parseLink } from '../../src/core/chunks/link.ts'
import { MANIFEST_LENGTH_BYTES, decodeManifest, encodeManifest } from '../../src/core/chunks/manifest.ts'
import { MapWalk } from '../../src/core/chunks/map-walk.ts'
import { chunkAddressOf, peerIdOf } from '../../src/core/ids.ts'
import { type CborMap, decodeMap, encodeMap } from '../../src/core/messages/cbor.ts'
import * as chunks from '../../src/core/messages/chunks.ts'
import { type ControlMessage, ControlReader, encodeControl } from '../../src/core/messages/control.ts'
import { decodeRecords, encodeRecords, findNodeRequest } from '../../src/core/messages/find-node.ts'
import { HeaderReader } from '../../src/core/messages/framing.ts'
import * as requests from '../../src/core/messages/requests.ts'
import { retryAfterOf, retryAfterReason } from '../../src/core/messages/retry-after.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import type { Codec } from './codec.ts'

const random = new SeededRandom(3)
const ID = random.bytes(32)
const ADDRESSES = [{ family: 4, ip: '192.0.2.1', port: 9 }, { family: 6, ip: '2001:db8::1', port: 9 }] as const // prettier-ignore

type Said = Exclude<ControlMessage, { kind: 'unknown' }>

/** One control message of each kind. */
export const CONTROL: readonly Said[] = [
  {
    kind: 'hello',
    hello: {
      version: 1,
      userAgent: 'fuzz',
      incarnation: random.bytes(8),
      capability: 'node',
      addresses: ADDRESSES,
      observed: ADDRESSES[0],
    },
  },
  { kind: 'hello-ack' },
  { kind: 'ping', token: 7 },
  { kind: 'pong', token: 2 ** 40 },
  { kind: 'addresses', addresses: ADDRESSES },
  { kind: 'goaway', reason: 1, retryAfterMs: 5000 },
]

const control: Codec = {
  name: 'control',
  samples: [...CONTROL.map(encodeControl), concat(...CONTROL.map(encodeControl))],
  check: (bytes) => {
    const said = new ControlReader().receive(bytes)
    const reader = new ControlReader()
    let pieces: readonly ControlMessage[] | null = []
    for (const byte of bytes) {
      const more = reader.receive(Uint8Array.of(byte))
      pieces = more === null || pieces === null ? null : [...pieces, ...more]
    }
    assert.deepEqual(pieces, said, 'in one piece or in many')
    const known = (said ?? []).filter((message): message is Said => message.kind !== 'unknown')
    assert.deepEqual(new ControlReader().receive(concat(...known.map(encodeControl))), known)
    return `${said?.map(({ kind }) => kind).join(' ')}`
  },
}

const cbor: Codec = {
  name: 'cbor',
  samples: [
    encodeMap(new Map<number, string | number | Uint8Array>([[0, 1], [1, 'text'], [2, ID], [300, 2 ** 50]])), // prettier-ignore
    encodeMap(new Map<number, CborMap | boolean[] | null>([[0, new Map([[1, [[[], 1]]]])], [1, [true, false]], [2, null]])), // prettier-ignore
    encodeDataMap({ size: 4, context: ID, level: 1, entries: [{ address: ID, contentHash: ID, size: 4 }] }),
  ],
  check: (bytes) => {
    const map = decodeMap(bytes)
    if (map === null) return 'null'
    assert.ok(sameBytes(encodeMap(map), bytes), 'there is one encoding')
    return 'map'
  },
}

/** A header and what is behind it. */
const header = <Header extends object>(of: {
  name: string
  decode: (map: CborMap) => Header | null
  encode: (header: Header) => Uint8Array
  values: readonly Header[]
}): Codec => ({
  name: of.name,
  samples: of.values.map((value) => concat(of.encode(value), ascii('payload'))),
  check: (bytes) => {
    const read = new HeaderReader(of.decode).receive(bytes)
    if (read.kind !== 'header') return read.kind
    const again = new HeaderReader(of.decode).receive(concat(of.encode(read.header), read.payload))
    assert.deepEqual(again, read)
    return 'header'
  },
})

const HEADERS: readonly Codec[] = [
  header({
    name: 'request',
    decode: requests.decodeRequestHeader,
    encode: requests.encodeRequestHeader,
    values: [findNodeRequest(ID, 20), chunks.chunkPutRequest(chunkAddressOf(ID)), chunks.chunkHasRequest()],
  }),
  header({
    name: 'response',
    decode: requests.decodeResponseHeader,
    encode: requests.encodeResponseHeader,
    values: [
      { status: 0, reason: null, retryAfterMs: null, outcome: 1 },
      { status: 2, reason: 'full', retryAfterMs: 100, outcome: null },
    ],
  }),
  header({
    name: 'message',
    decode: requests.decodeMessageHeader,
    encode: requests.encodeMessageHeader,
    values: [{ protocol: '/t/1' }],
  }),
]

const records: Codec = {
  name: 'records',
  samples: [
    encodeRecords([
      { peerId: peerIdOf(ID), addresses: ADDRESSES, ageMs: 5 },
      { peerId: peerIdOf(random.bytes(32)), addresses: [], ageMs: 0 },
    ]),
  ],
  check: (bytes) => {
    const read = decodeRecords(bytes)
    if (read === null) return 'null'
    assert.deepEqual(decodeRecords(encodeRecords(read)), read)
    return `${read.length}`
  },
}

/** What a walk makes of a map when every map it then asks for is this one again; it ends, however it is bent. */
const walked = (bytes: Uint8Array): string => {
  const walk = new MapWalk({ address: ID, contentHash: ID }, 'any')
  let steps = 0
  for (let step = walk.next(); step !== null; step = walk.next()) {
    steps++
    if (step.kind === 'map' && !walk.read(bytes)) return `${steps} refused`
  }
  assert.ok(walk.done)
  return `${steps} of ${walk.file?.size}`
}

const dataMap: Codec = {
  name: 'data-map',
  samples: [0, 1, 3, 2].map((count, level) => {
    const entries = Array.from({ length: count }, () => ({ address: random.bytes(32), contentHash: ID, size: 70_000 }))
    return encodeDataMap({ size: count * 70_000, context: ID, level, entries })
  }),
  check: (bytes) => {
    const map = decodeDataMap(bytes)
    if (map === null) return 'null'
    assert.ok(sameBytes(encodeDataMap(map), bytes), 'there is one encoding')
    return `${map.level} ${map.entries.length} ${walked(bytes)}`
  },
}

const manifest: Codec = {
  name: 'manifest',
  samples: [
    [],
    [{ path: 'a', mode: 0o644, size: 70_000 }],
    [
      { path: 'ä', mode: 0o755, size: null },
      { path: 'ä/b c', mode: 0, size: 0 },
    ],
  ].map((entries) => encodeManifest({ mode: 0o750, entries })?.slice(MANIFEST_LENGTH_BYTES) ?? assert.fail()),
  check: (bytes) => {
    const read = decodeManifest(bytes)
    if ('refused' in read) return read.refused
    assert.ok(
      sameBytes(encodeManifest(read)?.subarray(MANIFEST_LENGTH_BYTES) ?? assert.fail(), bytes),
      'there is one encoding',
    )
    for (const { path } of read.entries) assert.doesNotMatch(path, /^\/|(^|\/)\.{0,2}(\/|$)/)
    return `${read.entries.length}`
  },
}

const small: Codec = {
  name: 'chunk-payloads',
  samples: [
    chunks.encodeHasAddresses([chunkAddressOf(ID), chunkAddressOf(ID)]),
    chunks.encodeHasBitmap([true, false, true]),
  ],
  check: (bytes) => {
    const asked = chunks.decodeHasAddresses(bytes)
    if (asked !== null) assert.ok(sameBytes(chunks.encodeHasAddresses(asked), bytes))
    for (const count of [1, 3, 8, 8 * bytes.length]) {
      const held = chunks.decodeHasBitmap(bytes, count)
      if (held !== null) assert.ok(sameBytes(chunks.encodeHasBitmap(held), bytes))
    }
    return `${asked?.length}`
  },
}

const texts: Codec = {
  name: 'texts',
  samples: [
    ascii(retryAfterReason(5000)),
    ascii(formatLink({ kind: 'file', address: chunkAddressOf(ID), contentHash: ID })),
  ],
  check: (bytes) => {
    const text = String.fromCharCode(...bytes)
    const link = parseLink(text)
    if (link !== null) assert.equal(formatLink(link), text)
    const after = retryAfterOf(text)
    if (after !== null) assert.equal(retryAfterOf(retryAfterReason(after)), after)
    return `${link !== null} ${after !== null}`
  },
}

export const MESSAGE_CODECS: readonly Codec[] = [control, cbor, ...HEADERS, records, dataMap, manifest, small, texts]
