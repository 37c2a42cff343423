// The stand-in cryptography: the sizes of the real one, and wrong keys, signatures and bytes refused as the real one refuses them.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { sameBytes, toHex } from '../../src/core/bytes.ts'
import type { Crypto, PacketKey } from '../../src/core/ports.ts'
import { realCryptography, STAND_IN } from '../../src/world/cryptography.ts'
import { SeededRandom } from '../../src/world/random.ts'

const REAL = await realCryptography()
const random = new SeededRandom(1, 'test')
const crypto = STAND_IN.crypto(random)
const real = REAL.crypto(random)
const GROUPS = [0x11ec, 0x0201] as const

const sizesOf = (it: Crypto): unknown => ({
  hashes: (['sha256', 'sha384', 'blake3'] as const).map((name) => it.hash(name, new Uint8Array(3)).length),
  hmacs: (['sha256', 'sha384'] as const).map((name) => it.hmac(name, new Uint8Array(32), new Uint8Array(3)).length),
  tag: it.retryTag(new Uint8Array(16), new Uint8Array(12), new Uint8Array(9)).length,
  shares: GROUPS.map((group) => {
    const own = it.keyShare(group)
    const answer = it.encapsulate(group, own.share)
    const agreed = answer === null ? null : own.agree(answer.share)
    assert.ok(answer !== null && agreed !== null && sameBytes(agreed, answer.secret))
    return [own.share.length, answer.share.length, agreed.length]
  }),
})

const key = (byte: number): PacketKey =>
  crypto.packetKey(0x1301, new Uint8Array(16).fill(byte), new Uint8Array(12), new Uint8Array(16))

describe('the stand-in cryptography', () => {
  it('has the sizes of the real one', async () => {
    assert.deepEqual(sizesOf(crypto), sizesOf(real))
    const [own, its] = [await STAND_IN.identity(random), await REAL.identity(random)]
    assert.equal(own.publicKey.length, its.publicKey.length)
    assert.equal(own.privateKey.length, its.privateKey.length)
  })

  it('opens what was sealed, and nothing that differs in key, packet number, header or any byte', () => {
    const bytes = fc.uint8Array({ minLength: 30, maxLength: 300 })
    fc.assert(
      fc.property(
        bytes,
        fc.nat({ max: 2 ** 31 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (plain, pn, at, flip) => {
          const start = 10
          const packet = new Uint8Array(plain.length + 16)
          packet.set(plain)
          key(1).seal(packet, 0, start, plain.length, pn)
          assert.ok(!sameBytes(packet.subarray(start, plain.length), plain.subarray(start)), 'it can be read')
          const changed = packet.slice()
          changed[at % packet.length]! ^= flip
          const before = changed.slice()
          assert.equal(key(1).open(changed, 0, start, changed.length, pn), -1)
          assert.ok(sameBytes(changed, before), 'it is left as it came')
          assert.equal(key(2).open(packet.slice(), 0, start, packet.length, pn), -1)
          assert.equal(key(1).open(packet.slice(), 0, start, packet.length, pn + 1), -1)
          assert.equal(key(1).open(packet.slice(), 1, start, packet.length, pn), -1)
          assert.equal(key(1).open(packet, 0, start, packet.length, pn), plain.length)
          assert.ok(sameBytes(packet.subarray(0, plain.length), plain))
        },
      ),
    )
  })

  it('hashes differ wherever the bytes do, in length too', () => {
    const seen = new Map<string, string>()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        const [text, hash] = [toHex(bytes), toHex(crypto.hash('blake3', bytes))]
        assert.equal(seen.get(hash) ?? text, text)
        seen.set(hash, text)
        assert.notEqual(toHex(crypto.hash('sha256', bytes)), hash)
      }),
      { numRuns: 2000 },
    )
    const bits = Array.from({ length: 2000 }, (_, n) => crypto.hash('blake3', Uint8Array.of(n, n >> 8))[0]! & 1)
    const ones = bits.reduce((sum, bit) => sum + bit, 0)
    assert.ok(ones > 850 && ones < 1150, `${ones} of 2,000`)
  })

  it('refuses shares that were changed or have the wrong length', () => {
    for (const group of GROUPS) {
      const own = crypto.keyShare(group)
      const answer = crypto.encapsulate(group, own.share)
      assert.ok(answer !== null)
      for (const at of [0, 500, own.share.length - 1]) {
        const share = own.share.slice()
        share[at]! ^= 1
        assert.equal(crypto.encapsulate(group, share), null)
      }
      const changed = answer.share.slice()
      changed[40]! ^= 1
      assert.equal(own.agree(changed), null)
      assert.equal(own.agree(answer.share.subarray(1)), null)
      const other = crypto.keyShare(group).agree(answer.share)
      assert.ok(other !== null && !sameBytes(other, answer.secret), 'another share, another secret')
    }
  })
})
