// The Crypto port against published vectors, and against node:crypto used by hand for the key exchange.
import assert from 'node:assert/strict'
import { decapsulate, diffieHellman, encapsulate, generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ascii, concat, fromHex, toHex } from '../../src/core/bytes.ts'
import type { Crypto, Group } from '../../src/core/ports.ts'
import { createCrypto } from '../../src/io/crypto.ts'
import { exportPublicKey, importPublicKey, ML_KEM_768, X25519 } from '../../src/io/raw-keys.ts'

const crypto: Crypto = await createCrypto()
const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, ''))!
const GROUPS: Group[] = [0x11ec, 0x0201]

describe('hashes', () => {
  it('matches the published BLAKE3 vectors', () => {
    const input = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251)
    assert.equal(
      toHex(crypto.hash('blake3', input(0))),
      'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262',
    )
    assert.equal(
      toHex(crypto.hash('blake3', input(1))),
      '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213',
    )
    assert.equal(
      toHex(crypto.hash('blake3', input(1024))),
      '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7',
    )
  })

  it('matches SHA-256, SHA-384 and HMAC-SHA-256 vectors', () => {
    const abc = ascii('abc')
    assert.equal(toHex(crypto.hash('sha256', abc)), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    assert.equal(
      toHex(crypto.hash('sha384', abc)),
      'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
    )
    const mac = crypto.hmac('sha256', ascii('Jefe'), ascii('what do ya want for nothing?'))
    assert.equal(toHex(mac), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843')
  })

  it('gives results that a later call does not change', () => {
    const first = crypto.hash('blake3', ascii('one'))
    const copy = Uint8Array.from(first)
    crypto.hash('blake3', ascii('two'))
    assert.deepEqual(first, copy)
    assert.equal(Object.getPrototypeOf(crypto.hash('sha256', ascii('x'))), Uint8Array.prototype)
  })

  it('names a peer by the BLAKE3 of its raw key', () => {
    const key = new Uint8Array(1952).fill(7)
    assert.equal(crypto.peerId(key), toHex(crypto.hash('blake3', key)))
  })

  it('compares arrays of different length as unequal', () => {
    assert.equal(crypto.equal(ascii('ab'), ascii('abc')), false)
    assert.equal(crypto.equal(ascii('abd'), ascii('abc')), false)
    assert.equal(crypto.equal(ascii('abc'), ascii('abc')), true)
  })
})

describe('packet protection', () => {
  // RFC 9001 appendix A.3, the server's Initial.
  const KEY = hex('cf3a5331653c364c88f0f379b6067e37')
  const IV = hex('0ac1493ca1905853b0bba03e')
  const HEADER_KEY = hex('c206b8d9b9f0f37644430b490eeaa314')
  const HEADER = hex('c1000000010008f067a5502a4262b50040750001')
  const PAYLOAD = hex(`02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a
    1200130100002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304`)
  const PROTECTED = hex(`cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780b
    b38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77
    d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee`)

  it('matches RFC 9001 appendix A.3', () => {
    const key = crypto.packetKey(0x1301, KEY, IV, HEADER_KEY)
    const packet = concat(HEADER, PAYLOAD, new Uint8Array(16))
    key.seal(packet, 0, HEADER.length, HEADER.length + PAYLOAD.length, 1)
    assert.equal(toHex(packet.subarray(HEADER.length)), toHex(PROTECTED.subarray(HEADER.length)))
    const mask = new Uint8Array(5)
    key.mask(packet, HEADER.length + 2, mask)
    assert.equal(toHex(mask), '2ec0d8356a')
    assert.equal(key.open(packet, 0, HEADER.length, packet.length, 1), packet.length - 16)
    assert.equal(toHex(packet.subarray(0, packet.length - 16)), toHex(concat(HEADER, PAYLOAD)))
  })

  it('matches the Retry tag of RFC 9001 appendix A.4', () => {
    const pseudo = hex('088394c8f03e515708ff000000010008f067a5502a4262b5746f6b656e')
    const tag = crypto.retryTag(hex('be0c690b9f66575a1d766b54e368c84e'), hex('461599d35d632bf2239825bb'), pseudo)
    assert.equal(toHex(tag), '04a265ba2eff4d829058fb3f0f2496ba')
  })

  it('opens at any offset what it sealed, and nothing that was changed', () => {
    const key = crypto.packetKey(0x1301, KEY, IV, HEADER_KEY)
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

  it('draws the nonce from all 62 bits of the packet number', () => {
    const key = crypto.packetKey(0x1301, KEY, IV, HEADER_KEY)
    const tags = [1, 2 ** 32 + 1, 2 ** 52 + 1, 2 ** 31 + 1].map((packetNumber) => {
      const buffer = new Uint8Array(36)
      key.seal(buffer, 0, 4, 20, packetNumber)
      return toHex(buffer.subarray(20))
    })
    assert.equal(new Set(tags).size, tags.length)
  })

  it('answers -1 for what is shorter than a tag', () => {
    const key = crypto.packetKey(0x1301, KEY, IV, HEADER_KEY)
    assert.equal(key.open(new Uint8Array(20), 0, 10, 20, 1), -1)
    assert.equal(key.open(new Uint8Array(20), 0, 10, 40, 1), -1)
  })

  it('opens nothing after its release, though the memory of the key is shared with nobody', () => {
    const key = crypto.packetKey(0x1301, KEY, IV, HEADER_KEY)
    const other = crypto.packetKey(0x1301, KEY, IV, HEADER_KEY)
    const buffer = new Uint8Array(40)
    key.seal(buffer, 0, 4, 24, 9)
    key.release()
    assert.equal(key.open(buffer, 0, 4, 40, 9), -1)
    assert.throws(() => key.seal(buffer, 0, 4, 24, 9), { name: 'AssertionFailure' })
    assert.equal(other.open(buffer, 0, 4, 40, 9), 24)
  })
})

describe('key exchange', () => {
  it('gives both ends the same secret, of the sizes the standard names', () => {
    for (const [group, client, server, secret] of [
      [0x11ec, 1216, 1120, 64],
      [0x0201, 1184, 1088, 32],
    ] as const) {
      const mine = crypto.keyShare(group)
      assert.equal(mine.share.length, client)
      const theirs = crypto.encapsulate(group, mine.share)
      assert.ok(theirs !== null)
      assert.equal(theirs.share.length, server)
      assert.equal(theirs.secret.length, secret)
      assert.deepEqual(mine.agree(theirs.share), theirs.secret)
    }
  })

  it('joins ML-KEM first and X25519 second: the acceptor, against node:crypto by hand', () => {
    const kem = generateKeyPairSync('ml-kem-768')
    const curve = generateKeyPairSync('x25519')
    const share = concat(exportPublicKey(ML_KEM_768, kem.publicKey), exportPublicKey(X25519, curve.publicKey))
    const answer = crypto.encapsulate(0x11ec, share)
    assert.ok(answer !== null)
    const first = decapsulate(kem.privateKey, answer.share.subarray(0, 1088))
    const publicKey = importPublicKey(X25519, answer.share.subarray(1088))!
    const second = diffieHellman({ privateKey: curve.privateKey, publicKey })
    assert.equal(toHex(answer.secret), toHex(concat(first, second)))
  })

  it('joins ML-KEM first and X25519 second: the dialler, against node:crypto by hand', () => {
    const mine = crypto.keyShare(0x11ec)
    const kem = encapsulate(importPublicKey(ML_KEM_768, mine.share.subarray(0, 1184))!)
    const curve = generateKeyPairSync('x25519')
    const publicKey = importPublicKey(X25519, mine.share.subarray(1184))!
    const second = diffieHellman({ privateKey: curve.privateKey, publicKey })
    const secret = mine.agree(concat(kem.ciphertext, exportPublicKey(X25519, curve.publicKey)))
    assert.equal(toHex(secret!), toHex(concat(kem.sharedKey, second)))
  })

  it('answers null to a share of the wrong length, either way', () => {
    for (const group of GROUPS) {
      const mine = crypto.keyShare(group)
      for (const share of [new Uint8Array(0), mine.share.subarray(1), concat(mine.share, new Uint8Array(1))]) {
        assert.equal(crypto.encapsulate(group, share), null)
        assert.equal(mine.agree(share), null)
      }
    }
  })

  it('answers null to X25519 points of small order, either way', () => {
    const mine = crypto.keyShare(0x11ec)
    for (const point of [new Uint8Array(32), Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))]) {
      assert.equal(crypto.encapsulate(0x11ec, concat(mine.share.subarray(0, 1184), point)), null)
      const answer = crypto.encapsulate(0x11ec, mine.share)!
      assert.equal(mine.agree(concat(answer.share.subarray(0, 1088), point)), null)
    }
  })

  it('answers null to an encapsulation key whose coefficients are not reduced (FIPS 203 section 7.2)', () => {
    for (const group of GROUPS) {
      const share = Uint8Array.from(crypto.keyShare(group).share).fill(0xff, 0, 384)
      assert.equal(crypto.encapsulate(group, share), null)
    }
  })

  it('never throws on garbage', () => {
    const group = fc.constantFrom(...GROUPS)
    const size = fc.constantFrom(0, 32, 1088, 1120, 1184, 1216)
    const garbage = fc.tuple(group, size, fc.nat(255), fc.uint8Array({ maxLength: 64 }))
    fc.assert(
      fc.property(garbage, ([group, size, fill, start]) => {
        const share = new Uint8Array(size).fill(fill)
        share.set(start.subarray(0, size))
        crypto.encapsulate(group, share)
        crypto.keyShare(group).agree(share)
      }),
      { numRuns: 60 },
    )
  })
})
