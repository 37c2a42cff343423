import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf } from '../../../src/core/address.ts'
import type { PeerInfo } from '../../../src/core/peers/connection-record.ts'
import { observedAddresses } from '../../../src/core/peers/observed.ts'
import { handleOf, hello, peer } from './played.ts'

const seen = (from: string, as: string | null): PeerInfo => ({
  peerId: peer(1),
  connection: handleOf(1),
  direction: 'inbound',
  remote: addressOf(from, 1)!,
  hello: { ...hello('a'), observed: as === null ? null : addressOf(as, 9000) },
})

test('an address of ours counts when peers of three networks see us there, not when three of one do', () => {
  const infos = [
    seen('198.51.100.1', '203.0.113.5'),
    seen('198.51.100.2', '203.0.113.6'),
    seen('198.51.100.3', '203.0.113.6'),
    seen('198.51.100.4', '203.0.113.6'),
    seen('192.0.2.1', '203.0.113.5'),
    seen('8.8.8.8', null),
  ]
  assert.deepEqual(observedAddresses(infos), [])
  assert.deepEqual(observedAddresses([...infos, seen('8.8.4.4', '203.0.113.5')]), [addressOf('203.0.113.5', 9000)])
})
