// Chunk sealing against vectors computed by another implementation of HKDF and AES-GCM, and its refusals.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { toHex } from '../../src/core/bytes.ts'
import { loadBlake3 } from '../../src/io/blake3.ts'
import { openChunk, sealChunk } from '../../src/io/chunk-work.ts'

const blake3 = await loadBlake3()
const ZERO = new Uint8Array(32)
const COUNTING = Uint8Array.from({ length: 32 }, (_, i) => i)
const PLAINTEXT = Uint8Array.from({ length: 1024 }, (_, i) => i % 251)

describe('a chunk', () => {
  it('is sealed as another implementation seals it, convergent and private', () => {
    const vectors = [
      [ZERO, '58031c1806e02c51d065c70b66c39aca768bbc41b693ce776c6875cba4734efb', '6306287585cd61ad6da99942349f4129'],
      [
        COUNTING,
        '9baa34ea5105f7f94bbc4d429d13902873f4f7d77a7dbd90e89752070ab65a31',
        'e439db709b9190986170e7584329c657',
      ],
    ] as const
    for (const [context, sha256, tag] of vectors) {
      const { stored, address, contentHash } = sealChunk(blake3, PLAINTEXT, context)
      assert.equal(createHash('sha256').update(stored).digest('hex'), sha256)
      assert.equal(toHex(stored.subarray(1024)), tag)
      assert.equal(toHex(contentHash), '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7')
      assert.deepEqual(address, blake3(stored))
    }
  })

  it('opens to what was sealed, and not otherwise', () => {
    const cases = fc.record({ plaintext: fc.uint8Array({ maxLength: 300 }), flip: fc.nat(), extra: fc.nat(20) })
    fc.assert(
      fc.property(cases, ({ plaintext, flip, extra }) => {
        const { stored, address, contentHash } = sealChunk(blake3, plaintext, ZERO)
        assert.deepEqual(openChunk(blake3, { stored, address, contentHash }, ZERO), plaintext)
        assert.equal(openChunk(blake3, { stored, address, contentHash }, COUNTING), null)
        const changed = Uint8Array.from(stored)
        const at = flip % stored.length
        changed[at]! ^= 1 << (flip & 7)
        assert.equal(openChunk(blake3, { stored: changed, address, contentHash }, ZERO), null)
        // Also when the address is that of the changed bytes: the tag must not match.
        assert.equal(openChunk(blake3, { stored: changed, address: blake3(changed), contentHash }, ZERO), null)
        const short = stored.subarray(0, Math.min(stored.length, extra))
        assert.equal(
          short.length === stored.length ||
            openChunk(blake3, { stored: short, address: blake3(short), contentHash }, ZERO) === null,
          true,
        )
      }),
      { numRuns: 100 },
    )
  })

  it('is refused when its plaintext is not what the link names, though the tag fits', () => {
    // The key is derived from the hash the reader was given, so a sealer who lies about it must still be caught by the hash.
    const lie = blake3(COUNTING)
    const pretending = (data: Uint8Array): Uint8Array => (data === PLAINTEXT ? lie : blake3(data))
    const { stored, address, contentHash } = sealChunk(pretending, PLAINTEXT, ZERO)
    assert.deepEqual(contentHash, lie)
    assert.equal(openChunk(blake3, { stored, address, contentHash }, ZERO), null)
  })
})
