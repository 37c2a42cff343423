// How often keys may be used (RFC 9001 section 6.6), by suite.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KeyPhases } from '../../../src/core/quic/key-phases.ts'
import { AEAD_LIMITS } from '../../../src/core/quic/keys.ts'
import { PacketSpace } from '../../../src/core/quic/space.ts'
import type { Suite } from '../../../src/core/ports.ts'
import { createCrypto } from '../../../src/io/crypto.ts'

const crypto = await createCrypto()

/** Whether a write key of a suite is worn out by so many packets, `packetsMax` apart. */
const isWornOutBy = (suite: Suite, packets: number): boolean => {
  const phases = new KeyPhases(new PacketSpace('application'), crypto, Number.MAX_SAFE_INTEGER)
  phases.install({ direction: 'write', suite, secret: new Uint8Array(suite === 0x1302 ? 48 : 32).fill(1) })
  for (let n = 0; n < packets; n++) phases.sealed(n, true)
  return phases.isWornOut
}

describe('the keys of a connection', () => {
  it('are used up by 2^23 packets of AES-GCM, a few left for the close, and not by as many of ChaCha20-Poly1305', () => {
    for (const suite of [0x1301, 0x1302] as const) {
      assert.ok(!isWornOutBy(suite, 2 ** 23 - 65))
      assert.ok(isWornOutBy(suite, 2 ** 23 - 64))
    }
    assert.ok(!isWornOutBy(0x1303, 2 ** 23 + 1))
  })

  it('are used up by the forged packets a suite allows: 2^52 of AES-GCM, 2^36 of ChaCha20-Poly1305', () => {
    assert.deepEqual(
      Object.values(AEAD_LIMITS).map(({ protectedMax, rejectedMax }) => [protectedMax, rejectedMax]),
      [
        [2 ** 23, 2 ** 52],
        [2 ** 23, 2 ** 52],
        [Infinity, 2 ** 36],
      ],
    )
  })
})
