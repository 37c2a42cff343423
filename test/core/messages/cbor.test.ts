import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex } from '../../../src/core/bytes.ts'
import type { CborMap, CborValue } from '../../../src/core/messages/cbor.ts'
import { decodeMap, encodeMap } from '../../../src/core/messages/cbor.ts'

/** One value, `count` times. */
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(' ', '')) ?? assert.fail(text)

const keys = fc.oneof(fc.nat({ max: 30 }), fc.nat({ max: 0xffff }))
const { map: maps } = fc.letrec<{ value: CborValue; map: CborMap }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    fc.oneof(
      fc.nat(),
      fc.maxSafeNat(),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array({ maxLength: 300 }),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('map'),
  ),
  map: fc
    .uniqueArray(fc.tuple(keys, tie('value')), { selector: ([key]) => key, maxLength: 6 })
    .map((entries) => new Map(entries)),
}))

test('a map comes back from its encoding, whatever the order of its keys', () => {
  fc.assert(
    fc.property(maps, (map) => {
      const bytes = encodeMap(map)
      assert.deepEqual(decodeMap(bytes), map)
      assert.deepEqual(encodeMap(new Map([...map].reverse())), bytes)
    }),
    { numRuns: 500 },
  )
})

test('bytes have one meaning and a meaning has one encoding: any changed byte gives another map or none', () => {
  fc.assert(
    fc.property(maps, fc.nat(), fc.integer({ min: 1, max: 255 }), (map, at, change) => {
      const bytes = encodeMap(map)
      const changed = bytes.slice()
      changed[at % bytes.length]! ^= change
      const decoded = decodeMap(changed)
      if (decoded !== null) assert.deepEqual(encodeMap(decoded), changed)
    }),
    { numRuns: 2000 },
  )
})

test('decoding garbage never throws, and what it accepts is deterministic', () => {
  const garbage = fc
    .tuple(fc.constantFrom(0xa0, 0xa1, 0xa2, 0xb8, 0xbf), fc.uint8Array({ maxLength: 40 }))
    .map(([first, rest]) => Uint8Array.of(first, ...rest))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), garbage), (bytes) => {
      const decoded = decodeMap(bytes)
      if (decoded !== null) assert.equal(toHex(encodeMap(decoded)), toHex(bytes))
    }),
    { numRuns: 5000 },
  )
})

test('refuses everything that is not the one deterministic encoding of an allowed map', () => {
  const refused: Readonly<Record<string, string>> = {
    nothing: '',
    'an array': '80',
    'bytes behind the map': 'a0 00',
    'a text key': 'a1 61 61 00',
    'a negative key': 'a1 20 00',
    'a key above 65,535': 'a1 1a 00010000 00',
    'keys out of order': 'a2 01 00 00 00',
    'a repeated key': 'a2 01 00 01 00',
    'a missing value': 'a1 01',
    'an integer with a byte too many': 'a1 00 18 17',
    'an integer with two bytes too many': 'a1 00 19 00ff',
    'a long key': 'a1 18 05 00',
    'a long length': 'a1 00 58 01 00',
    'an integer above 2^53-1': 'a1 00 1b 0020000000000000',
    'a negative integer': 'a1 00 20',
    'a tag': 'a1 00 c0 00',
    undefined: 'a1 00 f7',
    'another simple value': 'a1 00 e0',
    'a half float': 'a1 00 f9 3c00',
    'a float': 'a1 00 fa 3f800000',
    'a double': 'a1 00 fb 3ff0000000000000',
    'a break': 'a1 00 ff',
    'an indefinite map': 'bf ff',
    'an indefinite array': 'a1 00 9f ff',
    'indefinite bytes': 'a1 00 5f ff',
    'text that is not UTF-8': 'a1 00 61 ff',
    'a surrogate in text': 'a1 00 63 eda080',
    'a byte string longer than the message': 'a1 00 5a ffffffff',
    'an array longer than the message': 'a1 00 9a ffffffff',
    'a map longer than the message': 'a1 00 ba ffffffff',
    'a reserved length': 'a1 00 1c',
  }
  for (const [what, text] of Object.entries(refused)) assert.equal(decodeMap(hex(text)), null, what)
  assert.deepEqual(decodeMap(hex('a1 00 1b 001fffffffffffff')), new Map([[0, Number.MAX_SAFE_INTEGER]]))
})

test('nesting beyond eight levels is refused, however deep it goes', () => {
  const nested = (levels: number): Uint8Array => Uint8Array.of(0xa1, 0, ...times<number>(levels, 0x81), 0)
  assert.notEqual(decodeMap(nested(7)), null)
  assert.equal(decodeMap(nested(8)), null)
  assert.equal(decodeMap(nested(1_000_000 / 8)), null)
})

test('byte strings are copies of what was received', () => {
  const bytes = encodeMap(new Map([[0, Uint8Array.of(1, 2, 3)]]))
  const map = decodeMap(bytes)
  bytes.fill(0)
  assert.deepEqual(map?.get(0), Uint8Array.of(1, 2, 3))
})
