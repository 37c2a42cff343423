import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Address } from '../../../src/core/address.ts'
import { formatAddress } from '../../../src/core/address.ts'
import { ascii, concat } from '../../../src/core/bytes.ts'
import { ipOf } from '../../../src/core/ip.ts'
import type { CborValue } from '../../../src/core/messages/cbor.ts'
import type { ControlMessage } from '../../../src/core/messages/control.ts'
import { ControlReader, decodeControl, encodeControl } from '../../../src/core/messages/control.ts'
import { encodeFrame } from '../../../src/core/messages/framing.ts'
import { helloMap } from '../../../src/core/messages/hello.ts'
import type { Hello } from '../../../src/core/messages/hello.ts'

/** One value, `count` times. */
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

type Known = Exclude<ControlMessage, { kind: 'unknown' }>

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
const addresses = fc
  .tuple(fc.oneof(bytesOf(4), bytesOf(16)), fc.integer({ min: 1, max: 65_535 }))
  .map(([bytes, port]): Address => ({ ...ipOf(bytes), port }))
const hellos: fc.Arbitrary<Hello> = fc.record(
  {
    version: fc.nat(),
    userAgent: fc.stringMatching(/^[ -~]{0,256}$/),
    incarnation: bytesOf(8),
    capability: fc.constantFrom('node', 'client'),
    addresses: fc.array(addresses, { maxLength: 8 }),
    observed: fc.option(addresses),
  },
  { noNullPrototype: true },
)
const messages: fc.Arbitrary<Known> = fc.oneof(
  hellos.map((hello): Known => ({ kind: 'hello', hello })),
  fc.constant<Known>({ kind: 'hello-ack' }),
  fc.maxSafeNat().map((token): Known => ({ kind: 'ping', token })),
  fc.maxSafeNat().map((token): Known => ({ kind: 'pong', token })),
  fc.array(addresses, { maxLength: 8 }).map((list): Known => ({ kind: 'addresses', addresses: list })),
  fc
    .tuple(fc.nat(), fc.option(fc.nat()))
    .map(([reason, retryAfterMs]): Known => ({ kind: 'goaway', reason, retryAfterMs })),
)

/** Cuts bytes at arbitrary places. */
const pieces = (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const at = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b)
  return at.slice(1).map((end, i) => bytes.slice(at[i], end))
}

test('messages come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(messages, { maxLength: 6 }), fc.array(fc.nat()), (sent, cuts) => {
      const reader = new ControlReader()
      const received: ControlMessage[] = []
      for (const piece of pieces(concat(...sent.map(encodeControl)), cuts))
        received.push(...(reader.receive(piece) ?? []))
      assert.deepEqual(received, sent)
    }),
  )
})

test('garbage gives messages or the end of the stream, never a throw, and the end is final', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }), (chunks) => {
      const reader = new ControlReader()
      let ended = false
      for (const chunk of chunks) {
        const got = reader.receive(chunk)
        if (ended) assert.equal(got, null)
        ended = got === null
      }
    }),
    { numRuns: 2000 },
  )
})

test('a message changed in one byte is read as something else or refused, never thrown at', () => {
  fc.assert(
    fc.property(messages, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, at, change) => {
      const bytes = encodeControl(message)
      bytes[at % bytes.length]! ^= change
      new ControlReader().receive(bytes)
    }),
    { numRuns: 1000 },
  )
})

test('a message of 16 KiB is read, and one byte more is refused before it has arrived', () => {
  const padded = (size: number): Uint8Array =>
    encodeFrame(
      new Map<number, CborValue>([
        [0, 1],
        [9, new Uint8Array(size)],
      ]),
    )
  // Length 4, map and key 0 and its value 3, key 9 and its head 4.
  assert.deepEqual(new ControlReader().receive(padded(16_384 - 7)), [{ kind: 'hello-ack' }])
  assert.equal(new ControlReader().receive(padded(16_385 - 7).subarray(0, 4)), null)
})

test('an empty frame is refused', () => {
  assert.equal(new ControlReader().receive(Uint8Array.of(0)), null)
})

test('unknown kinds are reported and unknown keys ignored', () => {
  assert.deepEqual(decodeControl(new Map([[0, 77]])), { kind: 'unknown', number: 77 })
  assert.deepEqual(
    decodeControl(
      new Map<number, CborValue>([
        [0, 2],
        [1, 5],
        [99, [null]],
      ]),
    ),
    { kind: 'ping', token: 5 },
  )
})

test('a field of the wrong type, missing or out of bounds makes the message malformed', () => {
  const hello: Hello = {
    version: 1,
    userAgent: 'test',
    incarnation: new Uint8Array(8),
    capability: 'node',
    addresses: [],
    observed: null,
  }
  const changed = (key: number, value: CborValue | undefined): ControlMessage | null => {
    const map = new Map(helloMap(0, hello))
    if (value === undefined) map.delete(key)
    else map.set(key, value)
    return decodeControl(map)
  }
  const long = ascii('/ip4/192.0.2.1/udp/9000/quic-v1'.padEnd(129, ' '))
  const one = ascii('/ip4/192.0.2.1/udp/9000/quic-v1')
  for (const key of [0, 1, 2, 3, 4, 5]) assert.equal(changed(key, undefined), null, `without key ${key}`)
  assert.notEqual(changed(6, undefined), null)
  assert.equal(changed(1, '1'), null)
  assert.equal(changed(2, 'x'.repeat(257)), null)
  assert.equal(changed(2, 'line\nbreak'), null)
  assert.equal(changed(3, new Uint8Array(7)), null)
  assert.equal(changed(5, times<CborValue>(9, one)), null)
  assert.equal(changed(5, [long]), null)
  assert.equal(changed(5, ['text']), null)
  assert.equal(changed(6, 7), null)
})

test('addresses of a form nobody knows yet are left out', () => {
  const known = { family: 4, ip: '192.0.2.1', port: 9000 } as const
  const list = [
    ascii('/dns4/example.org/udp/9000/quic-v1'),
    ascii(formatAddress(known)),
    Uint8Array.of(0xff, 0xfe),
    ascii(`${formatAddress(known)}/p2p/${'ab'.repeat(32)}`),
  ]
  assert.deepEqual(
    decodeControl(
      new Map<number, CborValue>([
        [0, 4],
        [1, list],
      ]),
    ),
    { kind: 'addresses', addresses: [known] },
  )
})

test('what is sent is printable and bounded, whatever it is made of', () => {
  const hello: Hello = {
    version: 1,
    userAgent: `ünïcode\n${'x'.repeat(500)}`,
    incarnation: new Uint8Array(8),
    capability: 'client',
    addresses: times<Address>(12, { family: 4, ip: '192.0.2.1', port: 1 }),
    observed: null,
  }
  const [message] = new ControlReader().receive(encodeControl({ kind: 'hello', hello })) ?? []
  assert.equal(message?.kind, 'hello')
  assert.equal(message.hello.userAgent, `?n?code?${'x'.repeat(248)}`)
  assert.equal(message.hello.addresses.length, 8)
})
