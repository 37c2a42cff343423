// How often keys may be used (RFC 9001 section 6.6), by suite.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AEAD_LIMITS } from '../../../src/core/quic/keys.ts'
import { PacketSpace } from '../../../src/core/quic/space.ts'

const spaceOf = (suite: keyof typeof AEAD_LIMITS): PacketSpace => {
  const space = new PacketSpace('application')
  space.suite = suite
  return space
}

describe('the keys of a packet number space', () => {
  it('are used up by 2^23 packets of AES-GCM, and by no number of ChaCha20-Poly1305', () => {
    for (const suite of [0x1301, 0x1302] as const) {
      assert.ok(!spaceOf(suite).isWornOut(2 ** 23 - 1))
      assert.ok(spaceOf(suite).isWornOut(2 ** 23))
    }
    assert.ok(!spaceOf(0x1303).isWornOut(Number.MAX_SAFE_INTEGER))
  })

  it('are those of Initial packets until a suite is agreed', () => {
    assert.ok(new PacketSpace('application').isWornOut(2 ** 23))
  })

  it('are used up by the forged packets a suite allows: 2^52 of AES-GCM, 2^36 of ChaCha20-Poly1305', () => {
    assert.deepEqual(
      Object.values(AEAD_LIMITS).map(({ rejectedMax }) => rejectedMax),
      [2 ** 52, 2 ** 52, 2 ** 36],
    )
  })
})
