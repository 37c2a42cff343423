import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ascii } from '../../src/core/bytes.ts'
import { encodeMap } from '../../src/core/messages/cbor.ts'
import { decodeRecords, encodeRecords } from '../../src/core/messages/find-node.ts'
import { formatDialAddress, isHostName, parseDialAddress, parseNamedAddress } from '../../src/core/named-address.ts'
import type { NamedAddress } from '../../src/core/named-address.ts'
import { parseAddress } from '../../src/core/address.ts'
import { peerIdOf } from '../../src/core/ids.ts'

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/)
const host = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
const peer = fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }).map(peerIdOf))
const named = fc
  .record({
    family: fc.constantFrom(4 as const, 6 as const),
    host,
    port: fc.integer({ min: 1, max: 65_535 }),
    peerId: peer,
  })
  .map((address): NamedAddress => ({ ...address }))

test('a named address that was written is read as the same, and is no address', () => {
  fc.assert(
    fc.property(named, (address) => {
      const text = formatDialAddress(address)
      assert.deepEqual(parseDialAddress(text), address)
      assert.equal(parseAddress(text), null)
    }),
  )
})

test('an address is read as one, as before', () => {
  const text = `/ip4/192.0.2.1/udp/9000/quic-v1/p2p/${'a'.repeat(64)}`
  assert.deepEqual(parseDialAddress(text), parseAddress(text))
  assert.equal(formatDialAddress(parseDialAddress(text) ?? assert.fail()), text)
})

test('every other spelling is refused', () => {
  const good = '/dns4/example.org/udp/9000/quic-v1'
  assert.notEqual(parseNamedAddress(good), null)
  for (const [from, to] of [
    ['dns4', 'dns'],
    ['dns4', 'dns5'],
    ['example.org', 'Example.org'],
    ['example.org', 'example.org.'],
    ['example.org', 'example..org'],
    ['example.org', '-a.org'],
    ['example.org', 'a-.org'],
    ['example.org', 'a_b.org'],
    ['example.org', 'exämple.org'],
    ['example.org', '192.0.2.1'],
    ['example.org', 'a.1'],
    ['example.org', ''],
    ['example.org', `${'a'.repeat(64)}.org`],
    ['example.org', Array(64).fill('abc').join('.')],
    ['9000', '0'],
    ['9000', '09000'],
    ['9000', '65536'],
    ['quic-v1', 'quic-v1/'],
    ['quic-v1', 'quic-v1/p2p/ABC'],
    ['quic-v1', 'quic-v1\n'],
  ] as const)
    assert.equal(parseNamedAddress(good.replace(from, to)), null, `${from} → ${to}`)
  fc.assert(fc.property(fc.string(), (text) => assert.equal(parseNamedAddress(text), null)))
})

test('a host name is labels of letters, digits and hyphens, and no IP address', () => {
  for (const name of ['a', 'localhost', 'xn--bcher-kva.example', '3com.com', '1.2.3.a'])
    assert.ok(isHostName(name), name)
  for (const name of ['', '1.2.3.4', '1', '::1', 'a b', 'a/b', '.a', 'a.']) assert.ok(!isHostName(name), name)
})

test('a name that a peer tells is not read, wherever it tells it', () => {
  const name = ascii('/dns4/localhost/udp/9000/quic-v1')
  const address = ascii('/ip4/192.0.2.1/udp/9000/quic-v1')
  const told = encodeRecords([{ peerId: peerIdOf(new Uint8Array(32).fill(1)), addresses: [], ageMs: 0 }])
  assert.deepEqual(decodeRecords(told)?.[0]?.addresses, [])
  const record = new Map<number, Uint8Array | Uint8Array[] | number>([
    [0, new Uint8Array(32).fill(1)],
    [1, [name, address]],
    [2, 0],
  ])
  const records = decodeRecords(encodeMap(new Map([[0, [record]]])))
  assert.deepEqual(records?.[0]?.addresses, [{ family: 4, ip: '192.0.2.1', port: 9000 }])
})
