// The Crypto port against published vectors, and against node:crypto used by hand for the key exchange.
import assert from 'node:assert/strict'
import { decapsulate, diffieHellman, encapsulate, generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ascii, concat, toHex } from '../../src/core/bytes.ts'
import type { Crypto, Group } from '../../src/core/ports.ts'
import { createCrypto } from '../../src/io/crypto.ts'
import { exportPublicKey, importPublicKey, ML_KEM_768, X25519 } from '../../src/io/raw-keys.ts'

const crypto: Crypto = await createCrypto()
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
