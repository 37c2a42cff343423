// Chains of X.509 certificates: which are trusted, and what is wrong with those that are not.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { ChainClaim, ChainTrust, SignatureScheme } from '../../src/core/ports.ts'
import { chainObjection } from '../../src/io/certificate-check.ts'
import { readCertificate, readCertificates } from '../../src/io/certificates.ts'
import { schemeOf, signBy } from '../../src/io/signature-schemes.ts'
import {
  type Certified,
  certify,
  type CertificateRequest,
  CLIENT_PURPOSE,
  type KeyKind,
  keyPemOf,
  pemOf,
  SERVER_PURPOSE,
} from '../support/certificates.ts'

const NOW = Date.UTC(2026)
const ANY_LENGTH = { pathLength: null } as const
const content = new Uint8Array(130).fill(3)

const root = certify({ name: 'root', authority: ANY_LENGTH })
const intermediate = certify({ name: 'intermediate', issuer: root, authority: { pathLength: 0 } })
const leafOf = (request: Partial<CertificateRequest> = {}): Certified =>
  certify({ name: 'leaf', issuer: intermediate, hosts: ['a.example', '*.b.example', '192.0.2.7'], ...request })
const leaf = leafOf()

const trusting = (authorities: readonly Certified[], name: string | null = 'a.example'): ChainTrust => ({
  kind: 'authorities',
  authorities: authorities.map(({ der }) => der),
  name,
})

const claimOf = (chain: readonly Certified[], changes: Partial<ChainClaim> = {}): ChainClaim => {
  const [{ privateKey }] = chain as [Certified]
  const scheme = changes.scheme ?? schemeOf(privateKey) ?? 0x0403
  const signature = schemeOf(privateKey) === scheme ? signBy(scheme, privateKey, content) : new Uint8Array(64)
  return {
    chain: chain.map(({ der }) => der),
    scheme,
    content,
    signature,
    holder: 'server',
    trust: trusting([root]),
    ...changes,
  }
}

const faultOf = (chain: readonly Certified[], changes: Partial<ChainClaim> = {}, wall = NOW): string | null =>
  chainObjection(claimOf(chain, changes), wall)?.fault ?? null

describe('a chain that leads to an authority', () => {
  it('is trusted, by every kind of key that may sign', () => {
    for (const kind of ['p256', 'ed25519', 'rsa'] as const) {
      assert.equal(faultOf([leafOf({ kind }), intermediate]), null)
      const authority = certify({ name: 'other', kind, authority: ANY_LENGTH })
      const below = certify({ name: 'leaf', kind, issuer: authority, hosts: ['a.example'] })
      assert.equal(faultOf([below], { trust: trusting([authority]) }), null)
    }
  })

  it('is trusted in any order behind the leaf, with more than it needs, and with the authority itself', () => {
    const other = certify({ name: 'other', authority: ANY_LENGTH })
    assert.equal(faultOf([leaf, other, root, intermediate]), null)
  })

  it('may be a leaf that is an authority of the list itself', () => {
    const own = certify({ name: 'own', hosts: ['a.example'] })
    assert.equal(faultOf([own], { trust: trusting([own]) }), null)
    assert.equal(faultOf([own]), 'unknown-authority')
  })

  it('names the host by subjectAltName, wildcards and addresses too, and by nothing else', () => {
    const faultFor = (name: string | null, certificate = leaf) =>
      faultOf([certificate, intermediate], { trust: trusting([root], name) })
    for (const name of ['a.example', 'A.Example', 'x.b.example', '192.0.2.7', null]) assert.equal(faultFor(name), null)
    for (const name of ['b.example', 'x.y.b.example', 'c.example', '192.0.2.8', 'leaf']) {
      assert.equal(faultFor(name), 'wrong-name')
    }
    assert.equal(faultFor('leaf', certify({ name: 'leaf', issuer: intermediate })), 'wrong-name')
  })

  it('is for its purpose, or for any', () => {
    const faultFor = (purposes: readonly string[], holder: 'server' | 'client') =>
      faultOf([leafOf({ purposes }), intermediate], { holder })
    assert.equal(faultFor([SERVER_PURPOSE], 'server'), null)
    assert.equal(faultFor([CLIENT_PURPOSE, SERVER_PURPOSE], 'client'), null)
    assert.equal(faultFor(['2.5.29.37.0'], 'client'), null)
    assert.equal(faultFor([CLIENT_PURPOSE], 'server'), 'not-for-this')
    assert.equal(faultFor([SERVER_PURPOSE], 'client'), 'not-for-this')
  })

  it('is for its purpose as a whole: who may vouch for mail or clients alone vouches for no server', () => {
    const MAIL_PURPOSE = '1.3.6.1.5.5.7.3.4'
    const faultBelow = (purposes: readonly string[], of: Partial<CertificateRequest> = {}) => {
      const issuer = certify({ name: 'middle', issuer: root, authority: ANY_LENGTH, purposes })
      return faultOf([leafOf({ issuer, ...of }), issuer])
    }
    assert.equal(faultBelow([SERVER_PURPOSE, MAIL_PURPOSE]), null)
    assert.equal(faultBelow(['2.5.29.37.0']), null)
    for (const purpose of [MAIL_PURPOSE, CLIENT_PURPOSE]) {
      assert.equal(faultBelow([purpose]), 'not-for-this')
      assert.equal(faultBelow([purpose], { purposes: [SERVER_PURPOSE] }), 'not-for-this')
    }
    const authority = certify({ name: 'mail', authority: ANY_LENGTH, purposes: [MAIL_PURPOSE] })
    assert.equal(faultOf([leafOf({ issuer: authority })], { trust: trusting([authority]) }), 'not-for-this')
  })

  it('goes by those in time, where others have the same name and key', () => {
    const past: readonly [number, number] = [Date.UTC(2020), Date.UTC(2025)]
    const renewed = (before: Certified, request: Partial<CertificateRequest> = {}): Certified =>
      certify({ name: before.name, key: before, authority: ANY_LENGTH, ...request })
    const oldRoot = renewed(root, { valid: past })
    assert.equal(faultOf([leaf, intermediate], { trust: trusting([oldRoot, root]) }), null)
    const oldMiddle = renewed(intermediate, { issuer: root, valid: past })
    assert.equal(faultOf([leaf, oldMiddle, intermediate]), null)
    assert.equal(faultOf([leaf, oldMiddle], { trust: trusting([oldRoot, root]) }), 'expired')
  })

  it('is in time, all of it', () => {
    const past: readonly [number, number] = [Date.UTC(2020), Date.UTC(2025)]
    assert.equal(faultOf([leafOf({ valid: past }), intermediate]), 'expired')
    assert.equal(faultOf([leaf, intermediate], {}, Date.UTC(2019)), 'expired')
    const oldMiddle = certify({ name: 'intermediate', issuer: root, authority: ANY_LENGTH, valid: past })
    assert.equal(faultOf([leafOf({ issuer: oldMiddle }), oldMiddle]), 'expired')
    const oldRoot = certify({ name: 'root', authority: ANY_LENGTH, valid: past })
    const below = certify({ name: 'leaf', issuer: oldRoot, hosts: ['a.example'] })
    assert.equal(faultOf([below], { trust: trusting([oldRoot]) }), 'expired')
  })
})

describe('a chain is refused', () => {
  const middle = (request: Partial<CertificateRequest>): string | null => {
    const certificate = certify({ name: 'middle', issuer: root, authority: ANY_LENGTH, ...request })
    return faultOf([leafOf({ issuer: certificate }), certificate])
  }

  it('without the intermediate, with another of the same name, and with a list of no authority', () => {
    assert.equal(faultOf([leaf]), 'unknown-authority')
    const impostor = certify({ name: 'intermediate', authority: ANY_LENGTH })
    assert.equal(faultOf([leaf, impostor]), 'unknown-authority')
    assert.equal(faultOf([leafOf({ issuer: impostor }), impostor, intermediate]), 'unknown-authority')
    assert.equal(faultOf([leaf, intermediate], { trust: trusting([]) }), 'unknown-authority')
  })

  it('by the authorities of Node.js, who know nothing of ours', () => {
    const trust: ChainTrust = { kind: 'authorities', authorities: null, name: 'a.example' }
    assert.equal(faultOf([leaf, intermediate, root], { trust }), 'unknown-authority')
  })

  it('where somebody issued who may not: no authority, not for certificates, too far above, or by a short key', () => {
    assert.equal(middle({}), null)
    const { authority: _, ...plain } = { authority: ANY_LENGTH }
    const noAuthority = certify({ name: 'middle', issuer: root, ...plain })
    assert.equal(faultOf([leafOf({ issuer: noAuthority }), noAuthority]), 'not-for-this')
    assert.equal(middle({ usage: 0x80 }), 'unknown-authority', 'keyUsage without keyCertSign')
    assert.equal(middle({ usage: 0x04 }), null)
    const low = certify({ name: 'low', issuer: intermediate, authority: ANY_LENGTH })
    assert.equal(faultOf([leafOf({ issuer: low }), low, intermediate]), 'not-for-this', 'path length 0')
    assert.equal(middle({ kind: 'rsa-1024' }), 'not-for-this')
  })

  it('with constraints of names, or a critical extension that nobody heeds', () => {
    const names = Uint8Array.of(0x30, 0)
    assert.equal(middle({ more: [['2.5.29.30', true, names]] }), 'not-for-this')
    assert.equal(middle({ more: [['2.5.29.30', false, names]] }), 'not-for-this')
    assert.equal(middle({ more: [['1.3.6.1.4.1.99999.1', true, names]] }), 'not-for-this')
    assert.equal(middle({ more: [['1.3.6.1.4.1.99999.1', false, names]] }), null)
    assert.equal(faultOf([leafOf({ more: [['1.3.6.1.4.1.99999.1', true, names]] }), intermediate]), 'not-for-this')
  })

  it('signed with SHA-1, which anybody could', () => {
    assert.equal(faultOf([leafOf({ digest: 'sha1' }), intermediate]), 'unknown-authority')
  })

  it('whose leaf is not for signatures', () => {
    assert.equal(faultOf([leafOf({ usage: 0x20 }), intermediate]), 'not-for-this')
    assert.equal(faultOf([leafOf({ usage: 0x80 }), intermediate]), null)
  })

  it('when its holder did not sign, or by a scheme that does not go with its key', () => {
    const claim = claimOf([leaf, intermediate])
    const signature = Uint8Array.from(claim.signature)
    signature[20]! ^= 1
    assert.equal(faultOf([leaf, intermediate], { signature }), 'bad-signature')
    assert.equal(faultOf([leaf, intermediate], { content: content.subarray(1) }), 'bad-signature')
    assert.equal(faultOf([leaf, intermediate], { signature: new Uint8Array(0) }), 'bad-signature')
    for (const scheme of [0x0804, 0x0807] as const) {
      assert.equal(faultOf([leaf, intermediate], { scheme }), 'wrong-scheme')
    }
    for (const [kind, scheme] of [
      ['p384', 0x0403],
      ['rsa-1024', 0x0804],
    ] satisfies [KeyKind, SignatureScheme][]) {
      assert.equal(faultOf([leafOf({ kind }), intermediate], { scheme }), 'wrong-scheme')
    }
  })

  it('when it cannot be read, whatever the bytes are', () => {
    const claim = claimOf([leaf, intermediate])
    assert.equal(chainObjection({ ...claim, chain: [] }, NOW)?.fault, 'malformed')
    fc.assert(
      fc.property(fc.nat(leaf.der.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const der = Uint8Array.from(leaf.der)
        der[at]! ^= flip
        assert.notEqual(chainObjection({ ...claim, chain: [der, intermediate.der] }, NOW), null)
      }),
      { numRuns: 300 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (der) => {
        assert.equal(chainObjection({ ...claim, chain: [der] }, NOW)?.fault, 'malformed')
      }),
    )
  })
})

describe('a pinned certificate', () => {
  const sha256 = (der: Uint8Array): Uint8Array => createHash('sha256').update(der).digest()

  it('is trusted by its SHA-256, whoever signed it and whenever it ends, when its holder signs', () => {
    const own = certify({ name: 'own', valid: [0, 1] })
    const trust: ChainTrust = { kind: 'fingerprints', fingerprints: [new Uint8Array(32), sha256(own.der)] }
    assert.equal(faultOf([own], { trust }), null)
    assert.equal(faultOf([own], { trust, signature: new Uint8Array(70) }), 'bad-signature')
    assert.equal(faultOf([leaf, own], { trust }), 'wrong-fingerprint')
    assert.equal(faultOf([own], { trust: { kind: 'fingerprints', fingerprints: [] } }), 'wrong-fingerprint')
  })

  it('is not looked at where the application judges, but for its signature', () => {
    assert.equal(faultOf([certify({ name: 'own' })], { trust: { kind: 'judged' } }), null)
    assert.equal(faultOf([leaf], { trust: { kind: 'judged' }, content: new Uint8Array(1) }), 'bad-signature')
  })
})

describe('certificates of ours', () => {
  it('are read from PEM with the key they belong to, of every kind that may sign', () => {
    for (const [kind, scheme] of [
      ['p256', 0x0403],
      ['ed25519', 0x0807],
      ['rsa', 0x0804],
    ] as const) {
      const own = leafOf({ kind })
      const { certificate, key } = readCertificate(`some text\n${pemOf(own, intermediate)}`, keyPemOf(own))
      assert.deepEqual(certificate, { chain: [own.der, intermediate.der], scheme })
      assert.deepEqual(Buffer.from(key.privateKey), own.privateKey.export({ format: 'der', type: 'pkcs8' }))
      assert.notEqual(key.name, readCertificate(pemOf(leaf), keyPemOf(leaf)).key.name)
    }
    assert.deepEqual(readCertificates(pemOf(root, leaf)), [root.der, leaf.der])
  })

  it('are refused when they cannot be read, have no key of a kind that may sign, or another key', () => {
    const p384 = leafOf({ kind: 'p384' })
    const bad = pemOf(leaf).replace('MII', 'MIX')
    for (const [chain, key] of [
      ['', keyPemOf(leaf)],
      [bad, keyPemOf(leaf)],
      [pemOf(leaf), 'no key'],
      [pemOf(leaf), keyPemOf(root)],
      [pemOf(p384), keyPemOf(p384)],
      [pemOf(leaf, ...Array<Certified>(10).fill(intermediate)), keyPemOf(leaf)],
    ] as const) {
      assert.throws(() => readCertificate(chain, key), { name: 'SallyportError', code: 'ARGUMENT_INVALID' })
    }
  })
})
