// Packet protection by every suite and by whatever does it: node:crypto always, libsodium where sodium-native is installed.
import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { concat, fromHex, toHex } from '../../src/core/bytes.ts'
import type { PacketKey, Suite } from '../../src/core/ports.ts'
import { SUITES } from '../../src/core/tls/suites.ts'
import { createCrypto } from '../../src/io/crypto.ts'
import { loadSodium } from '../../src/io/sodium.ts'

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, ''))!
const installed = await loadSodium()
const plain = await createCrypto({ sodium: false })
const swift = await createCrypto()

const IV = hex('0ac1493ca1905853b0bba03e')
const keyBytes = (suite: Suite, first: number): Uint8Array =>
  Uint8Array.from({ length: SUITES[suite].keyBytes }, (_, i) => first + i)

const IMPLEMENTATIONS: readonly { readonly name: string; readonly suite: Suite; readonly crypto: typeof plain }[] = [
  { name: 'AES-128-GCM', suite: 0x1301, crypto: plain },
  { name: 'AES-256-GCM', suite: 0x1302, crypto: plain },
  { name: 'ChaCha20-Poly1305 by node:crypto', suite: 0x1303, crypto: plain },
  ...(installed === null ? [] : [{ name: 'ChaCha20-Poly1305 by libsodium', suite: 0x1303, crypto: swift } as const]),
]

describe('RFC 9001 appendix A', () => {
  // A.3, the server's Initial.
  const KEY = hex('cf3a5331653c364c88f0f379b6067e37')
  const HEADER_KEY = hex('c206b8d9b9f0f37644430b490eeaa314')
  const HEADER = hex('c1000000010008f067a5502a4262b50040750001')
  const PAYLOAD = hex(`02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a
    1200130100002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304`)
  const PROTECTED = hex(`cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780b
    b38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77
    d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee`)

  it('A.3: AES-128-GCM', () => {
    const key = plain.packetKey(0x1301, KEY, IV, HEADER_KEY)
    const packet = concat(HEADER, PAYLOAD, new Uint8Array(16))
    key.seal(packet, 0, HEADER.length, HEADER.length + PAYLOAD.length, 1)
    assert.equal(toHex(packet.subarray(HEADER.length)), toHex(PROTECTED.subarray(HEADER.length)))
    const mask = new Uint8Array(5)
    key.mask(packet, HEADER.length + 2, mask)
    assert.equal(toHex(mask), '2ec0d8356a')
    assert.equal(key.open(packet, 0, HEADER.length, packet.length, 1), packet.length - 16)
    assert.equal(toHex(packet.subarray(0, packet.length - 16)), toHex(concat(HEADER, PAYLOAD)))
  })

  it('A.4: the tag of a Retry', () => {
    const pseudo = hex('088394c8f03e515708ff000000010008f067a5502a4262b5746f6b656e')
    const tag = plain.retryTag(hex('be0c690b9f66575a1d766b54e368c84e'), hex('461599d35d632bf2239825bb'), pseudo)
    assert.equal(toHex(tag), '04a265ba2eff4d829058fb3f0f2496ba')
  })

  it('A.5: the mask of ChaCha20, whichever does it', () => {
    const headerKey = hex('25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4')
    const sample = hex('5e5cd55c41f69080575d7999c25a5bfb')
    for (const crypto of [plain, swift]) {
      const mask = new Uint8Array(8).fill(0xaa)
      crypto.packetKey(0x1303, keyBytes(0x1303, 0), IV, headerKey).mask(concat(hex('ffff'), sample), 2, mask)
      assert.equal(toHex(mask), 'aefefe7d03aaaaaa')
    }
  })
})

describe('the suite that is fastest here', () => {
  it('is ChaCha20-Poly1305 where sodium-native is installed, and AES-128-GCM otherwise', () => {
    assert.equal(plain.swiftest, 0x1301)
    assert.equal(swift.swiftest, installed === null ? 0x1301 : 0x1303)
  })
})

for (const { name, suite, crypto } of IMPLEMENTATIONS) {
  const keyOf = (): PacketKey => crypto.packetKey(suite, keyBytes(suite, 1), IV, keyBytes(suite, 64))

  describe(name, () => {
    it('opens at any offset what it sealed, and nothing that was changed', () => {
      const key = keyOf()
      const packetNumber = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
      const shape = fc.record({
        before: fc.nat(40),
        header: fc.nat(40),
        payload: fc.uint8Array({ maxLength: 1500 }),
        packetNumber,
        flip: fc.nat(),
      })
      fc.assert(
        fc.property(shape, ({ before, header, payload, packetNumber, flip }) => {
          const start = before + header
          const end = start + payload.length
          const buffer = new Uint8Array(end + 16 + 3).fill(0xaa)
          buffer.set(payload, start)
          key.seal(buffer, before, start, end, packetNumber)
          assert.ok(buffer.subarray(end + 16).every((byte) => byte === 0xaa))
          const sealed = Uint8Array.from(buffer)
          const wrong = packetNumber === 0 ? 1 : packetNumber - 1
          assert.equal(key.open(buffer, before, start, end + 16, wrong), -1)
          assert.deepEqual(buffer, sealed, 'a packet that does not open is left as it was')
          const at = before + (flip % (end + 16 - before))
          buffer[at]! ^= 0x40
          assert.equal(key.open(buffer, before, start, end + 16, packetNumber), -1)
          buffer[at]! ^= 0x40
          assert.equal(key.open(buffer, before, start, end + 16, packetNumber), end)
          assert.deepEqual(buffer.subarray(start, end), payload)
        }),
        { numRuns: 200 },
      )
    })

    it('seals as the cipher itself does, to the largest datagram', () => {
      const cipherName = { 0x1301: 'aes-128-gcm', 0x1302: 'aes-256-gcm', 0x1303: 'chacha20-poly1305' }[suite]
      for (const size of [0, 1, 1400, 65_000]) {
        const buffer = new Uint8Array(20 + size + 16).fill(0x5a)
        const nonce = Uint8Array.from(IV)
        nonce[11]! ^= 9
        const cipher = createCipheriv(cipherName as 'aes-128-gcm', keyBytes(suite, 1), nonce)
        cipher.setAAD(buffer.subarray(0, 20))
        const bare = concat(cipher.update(buffer.subarray(20, 20 + size)), cipher.final(), cipher.getAuthTag())
        keyOf().seal(buffer, 0, 20, 20 + size, 9)
        assert.ok(Buffer.from(bare).equals(buffer.subarray(20)))
        assert.equal(keyOf().open(buffer, 0, 20, buffer.length, 9), 20 + size)
      }
    })

    it('draws the nonce from all 62 bits of the packet number', () => {
      const key = keyOf()
      const tags = [1, 2 ** 32 + 1, 2 ** 52 + 1, 2 ** 31 + 1].map((packetNumber) => {
        const buffer = new Uint8Array(36)
        key.seal(buffer, 0, 4, 20, packetNumber)
        return toHex(buffer.subarray(20))
      })
      assert.equal(new Set(tags).size, tags.length)
    })

    it('masks by the sample and its own header key', () => {
      const masks = [keyOf(), crypto.packetKey(suite, keyBytes(suite, 1), IV, keyBytes(suite, 65))].flatMap((key) =>
        [0, 1, 255].map((first) => {
          const mask = new Uint8Array(5)
          key.mask(new Uint8Array(16).fill(first, 0, 4), 0, mask)
          return toHex(mask)
        }),
      )
      assert.equal(new Set(masks).size, masks.length)
    })

    it('masks as the key it follows, even once that is released, and as one that is not its own', () => {
      const first = keyOf()
      const maskBy = (key: PacketKey): string => {
        const mask = new Uint8Array(5)
        key.mask(new Uint8Array(16).fill(7), 0, mask)
        return toHex(mask)
      }
      const expected = maskBy(first)
      const second = crypto.packetKey(suite, keyBytes(suite, 2), IV, first)
      const third = crypto.packetKey(suite, keyBytes(suite, 3), IV, second)
      const foreign: PacketKey = {
        seal: () => {},
        open: () => -1,
        mask: (_buffer, _sample, into) => into.fill(9),
        release: () => {},
      }
      first.release()
      second.release()
      assert.equal(maskBy(third), expected)
      assert.equal(maskBy(crypto.packetKey(suite, keyBytes(suite, 2), IV, foreign)), '0909090909')
      const buffer = new Uint8Array(40)
      third.seal(buffer, 0, 4, 24, 1)
      assert.equal(keyOf().open(Uint8Array.from(buffer), 0, 4, 40, 1), -1)
      assert.equal(third.open(buffer, 0, 4, 40, 1), 24)
    })

    it('answers -1 for what is shorter than a tag', () => {
      const key = keyOf()
      assert.equal(key.open(new Uint8Array(20), 0, 10, 20, 1), -1)
      assert.equal(key.open(new Uint8Array(20), 0, 10, 40, 1), -1)
    })

    it('takes no key of a wrong length', () => {
      const short = new Uint8Array(SUITES[suite].keyBytes - 1)
      const right = keyBytes(suite, 0)
      for (const [key, iv, headerKey] of [
        [short, IV, right],
        [right, IV.subarray(1), right],
        [right, IV, short],
      ] as const) {
        assert.throws(() => crypto.packetKey(suite, key, iv, headerKey), { name: 'AssertionFailure' })
      }
    })

    it('opens nothing after its release, though the memory of the key is shared with nobody', () => {
      const material = keyBytes(suite, 1)
      const key = crypto.packetKey(suite, material, IV, keyBytes(suite, 64))
      const other = crypto.packetKey(suite, material, IV, keyBytes(suite, 64))
      material.fill(0)
      const buffer = new Uint8Array(40)
      key.seal(buffer, 0, 4, 24, 9)
      key.release()
      assert.equal(key.open(buffer, 0, 4, 40, 9), -1)
      assert.throws(() => key.seal(buffer, 0, 4, 24, 9), { name: 'AssertionFailure' })
      assert.equal(other.open(buffer, 0, 4, 40, 9), 24)
    })
  })
}
