import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Address } from '../../src/core/address.ts'
import {
  addressOf,
  addressText,
  classify,
  formatAddress,
  mayShare,
  neighbourhood,
  parseAddress,
  prefix,
  sameAddress,
} from '../../src/core/address.ts'
import { peerIdOf } from '../../src/core/ids.ts'
import { ipBytes, ipOf, parseIp } from '../../src/core/ip.ts'

const PEER = peerIdOf(new Uint8Array(32).fill(0xab))

const ipv4Bytes = fc.uint8Array({ minLength: 4, maxLength: 4 })
/** Half of the groups are zero, so that runs of zeros occur. */
const ipv6Bytes = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])))
const addresses = fc
  .tuple(fc.oneof(ipv4Bytes, ipv6Bytes), fc.integer({ min: 1, max: 65_535 }))
  .map(([bytes, port]): Address => ({ ...ipOf(bytes), port }))
const at = (ip: string, port = 9000): Address => addressOf(ip, port) ?? assert.fail(`${ip} is an address`)

test('writes every IPv6 address as the URL parser does', () => {
  fc.assert(
    fc.property(ipv6Bytes, (bytes) => {
      const { family, ip } = ipOf(bytes)
      if (family === 4) return
      assert.equal(new URL(`http://[${ip}]/`).hostname, `[${ip}]`)
    }),
    { numRuns: 1000 },
  )
})

test('reads every text form of an IPv6 address as the URL parser does', () => {
  const group = fc.oneof(fc.constant('0'), fc.stringMatching(/^[0-9a-fA-F]{1,4}$/))
  const side = fc.array(group, { maxLength: 8 }).map((groups) => groups.join(':'))
  const tail = fc.oneof(
    fc.constant(''),
    ipv4Bytes.map((bytes) => `:${bytes.join('.')}`),
  )
  const texts = fc.oneof(
    fc.tuple(side, side, tail).map(([a, b, c]) => `${a}::${b}${c}`),
    fc.tuple(side, tail).map(([a, b]) => a + b),
  )
  fc.assert(
    fc.property(texts, (text) => {
      const parsed = parseIp(text)
      assert.equal(parsed !== null, isIP(text) !== 0, text)
      if (parsed?.family !== 6) return
      assert.equal(`[${parsed.ip}]`, new URL(`http://[${text}]/`).hostname)
    }),
    { numRuns: 3000 },
  )
})

test('says whether a text is an IP address as the system does', () => {
  const characters = fc.string({ unit: fc.constantFrom(...'0123456789abf:.'.split('')), maxLength: 20 })
  fc.assert(
    fc.property(characters, (text) => assert.equal(parseIp(text) !== null, isIP(text) !== 0, text)),
    { numRuns: 3000 },
  )
})

test('gives back the bytes an address was made of, mapped ones as IPv4', () => {
  fc.assert(
    fc.property(fc.oneof(ipv4Bytes, ipv6Bytes), (bytes) => {
      const ip = ipOf(bytes)
      assert.deepEqual(parseIp(ip.ip), ip)
      if (ip.family === 6 || bytes.length === 4) assert.deepEqual(ipBytes(ip), bytes)
    }),
  )
  assert.deepEqual(parseIp('::ffff:192.0.2.1'), { family: 4, ip: '192.0.2.1' })
  assert.deepEqual(parseIp('0:0:0:0:0:FFFF:c000:0201'), { family: 4, ip: '192.0.2.1' })
})

test('chooses the first of the longest zero runs, never a single group', () => {
  assert.equal(parseIp('2001:db8:0:0:1:0:0:1')?.ip, '2001:db8::1:0:0:1')
  assert.equal(parseIp('2001:0:0:1:0:0:0:1')?.ip, '2001:0:0:1::1')
  assert.equal(parseIp('2001:db8:0:1:1:1:1:1')?.ip, '2001:db8:0:1:1:1:1:1')
})

test('an address with or without a peer comes back from its text', () => {
  fc.assert(
    fc.property(addresses, fc.boolean(), (address, withPeer) => {
      const peerId = withPeer ? PEER : null
      assert.deepEqual(parseAddress(formatAddress(address, peerId)), { address, peerId })
    }),
  )
})

test('refuses what is not canonical, in range or known', () => {
  const bad = [
    '',
    '/ip4/192.0.2.1/udp/9000',
    '/ip4/192.0.2.1/tcp/9000/quic-v1',
    '/ip4/192.0.2.01/udp/9000/quic-v1',
    '/ip4/192.0.2.256/udp/9000/quic-v1',
    '/ip4/192.0.2.1/udp/09000/quic-v1',
    '/ip4/192.0.2.1/udp/0/quic-v1',
    '/ip4/192.0.2.1/udp/65536/quic-v1',
    '/ip4/192.0.2.1/udp/9000/quic-v1/',
    '/ip4/192.0.2.1/udp/9000/quic-v1/p2p/',
    `/ip4/192.0.2.1/udp/9000/quic-v1/p2p/${PEER.toUpperCase()}`,
    `/ip4/192.0.2.1/udp/9000/quic-v1/p2p/${PEER}0`,
    '/ip4/::1/udp/9000/quic-v1',
    '/ip6/192.0.2.1/udp/9000/quic-v1',
    '/ip6/::ffff:192.0.2.1/udp/9000/quic-v1',
    '/ip6/2001:DB8::1/udp/9000/quic-v1',
    '/ip6/2001:db8:0:0:0:0:0:1/udp/9000/quic-v1',
    '/ip6/fe80::1%eth0/udp/9000/quic-v1',
    '/dns4/example.org/udp/9000/quic-v1',
    '/ip4/192.0.2.1/udp/9000/quic-v1\n',
  ]
  for (const text of bad) assert.equal(parseAddress(text), null, text)
})

test('port 0 is an address only to listen on', () => {
  assert.deepEqual(parseAddress('/ip6/::/udp/0/quic-v1', { listen: true })?.address, at('::', 0))
  assert.equal(parseAddress('/ip6/::/udp/0/quic-v1'), null)
})

test('parsing never throws', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'/ip46udpquic-v1:.0'.split('')) })),
      (text) => {
        parseAddress(text)
        parseIp(text)
      },
    ),
  )
})

test('a prefix keeps the first bits alone', () => {
  assert.equal(prefix(at('192.0.2.77'), 24), '192.0.2.0/24')
  assert.equal(prefix(at('192.0.2.77'), 32), '192.0.2.77/32')
  assert.equal(prefix(at('192.0.2.77'), 20), '192.0.0.0/20')
  assert.equal(prefix(at('2001:db8:1:2:3:4:5:6'), 48), '2001:db8:1::/48')
  assert.equal(prefix(at('2001:db8:1:2:3:4:5:6'), 64), '2001:db8:1:2::/64')
  assert.equal(neighbourhood(at('2001:db8:1:2::6')), neighbourhood(at('2001:db8:1:3::6')))
  assert.notEqual(neighbourhood(at('192.0.2.1')), neighbourhood(at('192.0.3.1')))
})

test('two addresses share a prefix exactly when their first bits are equal', () => {
  const bits = fc.constantFrom(8, 24, 32, 48, 56, 64)
  fc.assert(
    fc.property(ipv6Bytes, ipv6Bytes, bits, (a, b, n) => {
      const [x, y] = [ipOf(a), ipOf(b)]
      fc.pre(x.family === 6 && y.family === 6)
      const first = (bytes: Uint8Array): string => bytes.subarray(0, n / 8).join()
      assert.equal(prefix(x, n) === prefix(y, n), first(a) === first(b))
    }),
  )
})

test('classifies the special networks', () => {
  const classes: Readonly<Record<string, string>> = {
    '0.0.0.0': 'unspecified',
    '10.1.2.3': 'private',
    '100.64.0.1': 'private',
    '100.128.0.1': 'public',
    '127.9.9.9': 'loopback',
    '169.254.1.1': 'linkLocal',
    '172.16.0.1': 'private',
    '172.32.0.1': 'public',
    '192.168.1.1': 'private',
    '192.0.2.1': 'public',
    '224.0.0.1': 'multicast',
    '255.255.255.255': 'broadcast',
    '::': 'unspecified',
    '::1': 'loopback',
    '::2': 'unspecified',
    'fe80::1': 'linkLocal',
    'fc00::1': 'private',
    'fdff::1': 'private',
    'ff02::1': 'multicast',
    '2001:db8::1': 'public',
    '::ffff:10.0.0.1': 'private',
  }
  for (const [ip, expected] of Object.entries(classes)) assert.equal(classify(at(ip)), expected, ip)
})

test('only public addresses are shared with a public peer', () => {
  const wide = at('192.0.2.1')
  for (const ip of [
    '0.0.0.0',
    '127.0.0.1',
    '10.0.0.1',
    '169.254.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    'fe80::1',
  ])
    assert.equal(mayShare(at(ip), wide), false, ip)
  assert.equal(mayShare(at('198.51.100.1'), wide), true)
  assert.equal(mayShare(at('10.0.0.1'), at('10.0.0.2')), true)
  assert.equal(mayShare(at('127.0.0.1'), at('10.0.0.2')), false)
  assert.equal(mayShare(at('127.0.0.1'), at('127.0.0.2')), true)
  assert.equal(mayShare(at('0.0.0.0'), at('127.0.0.2')), false)
})

test('an address is one text as a key', () => {
  assert.equal(addressText(at('192.0.2.1')), '192.0.2.1:9000')
  assert.equal(addressText(at('2001:db8::1')), '[2001:db8::1]:9000')
  assert.equal(sameAddress(at('::1'), at('0:0::1')), true)
  assert.equal(sameAddress(at('::1'), at('::1', 1)), false)
  assert.equal(addressOf('192.0.2.1', 65_536), null)
})
