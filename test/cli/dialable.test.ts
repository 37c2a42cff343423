import assert from 'node:assert/strict'
import type { NetworkInterfaceInfo } from 'node:os'
import { test } from 'node:test'
import { dialableAddresses } from '../../src/cli/dialable.ts'
import type { Interfaces } from '../../src/cli/dialable.ts'
import { parseAddress } from '../../src/index.ts'
import { peer } from '../core/peers/played.ts'

const PEER = peer(1)

/** What node:os tells of an interface's address; nobody looks at the masks. */
const at = (address: string, internal = false): NetworkInterfaceInfo => {
  const rest = { address, netmask: '', mac: '', internal, cidr: null }
  return address.includes(':') ? { ...rest, family: 'IPv6', scopeid: 0 } : { ...rest, family: 'IPv4' }
}

const INTERFACES: Interfaces = {
  lo: [at('127.0.0.1', true), at('::1', true), at('10.9.9.9', true)],
  eth0: [at('192.0.2.7'), at('2001:db8::7'), at('fe80::1'), at('fe80::1%eth0')],
  wlan0: [at('198.51.100.7'), at('169.254.1.1'), at('192.0.2.7')],
}

const ipsOf = (family: 4 | 6, ip: string, interfaces = INTERFACES): string[] =>
  dialableAddresses([{ family, ip, port: 9000 }], PEER, interfaces).map((text) => {
    const parsed = parseAddress(text)
    assert.equal(parsed?.peerId, PEER)
    assert.equal(parsed.address.port, 9000)
    return parsed.address.ip
  })

test('a socket bound to one address is told as that, and nothing else is', () => {
  assert.deepEqual(ipsOf(4, '192.0.2.9'), ['192.0.2.9'])
  assert.deepEqual(ipsOf(6, '2001:db8::9'), ['2001:db8::9'])
})

test('a socket bound to every address is told at each that others can dial, this machine first, each once', () => {
  assert.deepEqual(ipsOf(4, '0.0.0.0'), ['127.0.0.1', '192.0.2.7', '198.51.100.7'])
  assert.deepEqual(ipsOf(6, '::'), ['::1', '2001:db8::7'])
  assert.deepEqual(ipsOf(4, '0.0.0.0', {}), ['127.0.0.1'])
})

test('a machine of hundreds of networks tells of sixteen', () => {
  const many = Array.from({ length: 300 }, (_, n) => at(`10.${n >> 8}.${n & 255}.1`))
  assert.equal(ipsOf(4, '0.0.0.0', { many }).length, 16)
})
