// Whose chunks fill how much of a holder's space, and which go when it is full.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { STORED_BYTES_MAX } from '../../../src/core/chunks/chunk.ts'
import { Eviction, LOOKED_AT } from '../../../src/core/chunks/eviction.ts'
import { Quota } from '../../../src/core/chunks/quota.ts'
import { chunkAddressOf, peerIdOf } from '../../../src/core/ids.ts'
import type { ChunkAddress } from '../../../src/core/ids.ts'

const bytesOf = (n: number): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, at) => (at < 4 ? (n >> (24 - 8 * at)) & 255 : 0))
const address = (n: number): ChunkAddress => chunkAddressOf(bytesOf(n))
const storer = (peer: number, network: string | null = null) => ({ peer: peerIdOf(bytesOf(peer)), network })

const CAPACITY = 64 * 100 * STORED_BYTES_MAX

describe('a quota', () => {
  test('gives one peer a 64th of the space, and what it no longer uses again', () => {
    const quota = new Quota(CAPACITY)
    for (let n = 0; n < 100; n++) assert.equal(quota.take(address(n), storer(1), STORED_BYTES_MAX), true)
    assert.equal(quota.take(address(100), storer(1), 17), false)
    assert.equal(quota.take(address(100), storer(2), 17), true)
    quota.give(address(3))
    assert.equal(quota.take(address(101), storer(1), STORED_BYTES_MAX), true)
    assert.equal(quota.take(address(102), storer(1), 17), false)
  })

  test('gives all peers of one network a 16th, and does not count networks where diversity does not', () => {
    const quota = new Quota(CAPACITY)
    for (let n = 0; n < 400; n++) assert.equal(quota.take(address(n), storer(n, '192.0.2'), STORED_BYTES_MAX), true)
    assert.equal(quota.take(address(400), storer(400, '192.0.2'), 17), false)
    assert.equal(quota.take(address(400), storer(400, '192.0.3'), 17), true)
    for (let n = 401; n < 1000; n++) assert.equal(quota.take(address(n), storer(n), STORED_BYTES_MAX), true)
  })

  test('has room for one chunk of each peer, however small the space', () => {
    const quota = new Quota(1)
    assert.equal(quota.take(address(1), storer(1), STORED_BYTES_MAX), true)
    assert.equal(quota.take(address(2), storer(1), 17), false)
  })

  test('forgets nothing and counts nothing twice, whatever is stored and removed in which order', () => {
    const step = fc.record({
      chunk: fc.nat(9),
      peer: fc.nat(2),
      bytes: fc.integer({ min: 17, max: 1000 }),
      take: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const quota = new Quota(1)
        for (const { chunk, peer, bytes, take } of steps) {
          if (take) quota.take(address(chunk), storer(peer, 'n'), bytes)
          else quota.give(address(chunk))
        }
        for (let chunk = 0; chunk < 10; chunk++) quota.give(address(chunk))
        assert.equal(quota.take(address(11), storer(1, 'n'), STORED_BYTES_MAX), true, 'all is free again')
      }),
    )
  })
})

describe('an eviction', () => {
  /** Twenty peers next to address 0: nobody else is among the closest there. */
  const crowd = Array.from({ length: 20 }, (_, n) => peerIdOf(bytesOf(n + 1)))
  const self = peerIdOf(bytesOf(0x7000_0000))
  const evictionOf = (held: readonly ChunkAddress[]): Eviction =>
    new Eviction({ self, held: () => held.values(), closest: () => crowd })

  test('takes the farthest of the chunks that others are closer to', () => {
    const [near, far, ours] = [address(0x1000_0000), address(0x0000_0100), address(0x7000_0001)]
    assert.equal(evictionOf([near, far, ours]).next(), far)
    assert.equal(evictionOf([ours]).next(), null)
    assert.equal(evictionOf([]).next(), null)
  })

  test('looks at so many at a time, and at the others the next time', () => {
    const ours = Array.from({ length: LOOKED_AT }, (_, n) => address(0x7000_0001 + n))
    const eviction = evictionOf([...ours, address(5)])
    assert.equal(eviction.next(), null)
    assert.equal(eviction.next(), address(5))
  })
})
