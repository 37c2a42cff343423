// Codecs of messages, extensions and keys: round trips, exact bytes, and garbage that is refused and never thrown at.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fromHex, Reader, toHex, Writer } from '../../../src/core/bytes.ts'
import { type Refusal, refuse, refused } from '../../../src/core/tls/alerts.ts'
import * as extensions from '../../../src/core/tls/extensions.ts'
import { HandshakeBuffer } from '../../../src/core/tls/handshake-buffer.ts'
import { peerOf, verifyWork } from '../../../src/core/tls/authentication.ts'
import { judgeClientHello } from '../../../src/core/tls/client-offer.ts'
import { finishedMessage, finishedObjection } from '../../../src/core/tls/finished.ts'
import * as hello from '../../../src/core/tls/hello.ts'
import * as messages from '../../../src/core/tls/messages.ts'
import {
  judgeCertificateRequest,
  judgeEncryptedExtensions,
  judgeServerHello,
} from '../../../src/core/tls/server-answer.ts'
import { termsOf } from '../../../src/core/tls/terms.ts'
import { decodePublicKey, encodePublicKey, PUBLIC_KEY_BYTES } from '../../../src/core/tls/raw-public-key.ts'
import { alice, bob, configOf, converse, crypto, messagesOf, sentAt, showing } from './conversation.ts'

const bytesOf = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const code = fc.integer({ min: 0, max: 0xffff })
const extensionList = fc
  .uniqueArray(fc.tuple(code, fc.uint8Array({ maxLength: 64 })), { selector: ([type]) => type, maxLength: 20 })
  .map((list): readonly (readonly [number, Uint8Array])[] => list)

/** The body of a message that must have this type and a right length. */
const bodyOf = (message: Uint8Array, type: number): Uint8Array => {
  assert.equal(message[0], type)
  assert.equal(new Reader(message, 1).u24(), message.length - 4)
  return message.subarray(4)
}

const value = <T extends object>(outcome: T): Exclude<T, Refusal> => {
  assert.ok(!refused(outcome), JSON.stringify(outcome))
  return outcome as Exclude<T, Refusal>
}

const terms = termsOf(configOf(alice))

/** Whom a Certificate with a raw public key names. */
const rawPeerOf = (body: Uint8Array): object => peerOf(body, { type: 2, crypto, none: refuse(116, 'no certificate') })

describe('hello codecs', () => {
  it('read back every ClientHello they write', () => {
    fc.assert(
      fc.property(bytesOf(32), fc.array(code, { minLength: 1 }), extensionList, (random, suites, list) => {
        const body = bodyOf(hello.encodeClientHello({ random, suites, extensions: list }), 1)
        assert.deepEqual(value(hello.decodeClientHello(body)), {
          random,
          sessionId: new Uint8Array(0),
          suites,
          compressionMethods: Uint8Array.of(0),
          extensions: new Map(list),
        })
      }),
    )
  })

  it('read back every ServerHello they write', () => {
    fc.assert(
      fc.property(bytesOf(32), code, extensionList, (random, suite, list) => {
        const body = bodyOf(hello.encodeServerHello({ random, suite, extensions: list }), 2)
        assert.deepEqual(value(hello.decodeServerHello(body)), {
          legacyVersion: 0x0303,
          random,
          sessionId: new Uint8Array(0),
          suite,
          compressionMethod: 0,
          extensions: new Map(list),
        })
      }),
    )
  })

  it('read the ClientHello of a browser-like stack with a session id and many suites', () => {
    const rfc8448 =
      '0303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000910000000b0009000006' +
      '736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d002099381de560e4bd' +
      '43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e040305030603020308040805080604010501' +
      '060102010402050206020202002d00020101001c00024001'
    const decoded = value(hello.decodeClientHello(fromHex(rfc8448)!))
    assert.deepEqual(decoded.suites, [0x1301, 0x1303, 0x1302])
    assert.equal(decoded.extensions.size, 9)
    assert.deepEqual(extensions.decodeCodes(decoded.extensions.get(43)!, 1), [0x0304])
    assert.equal(extensions.decodeKeyShares(decoded.extensions.get(51)!)?.[0]?.group, 0x1d)
  })
})

describe('extension codecs', () => {
  it('read back what they write', () => {
    const share = fc.record(
      { group: code, share: fc.uint8Array({ minLength: 1, maxLength: 1300 }) },
      { noNullPrototype: true },
    )
    fc.assert(
      fc.property(
        fc.array(code, { minLength: 1, maxLength: 100 }),
        fc.array(share, { maxLength: 4 }),
        (codes, shares) => {
          assert.deepEqual(extensions.decodeCodes(extensions.encodeCodes(codes, 1), 1), codes)
          assert.deepEqual(extensions.decodeCodes(extensions.encodeCodes(codes, 2), 2), codes)
          assert.equal(extensions.decodeCode(extensions.encodeCode(codes[0]!)), codes[0])
          assert.deepEqual(extensions.decodeKeyShares(extensions.encodeKeyShares(shares)), shares)
          for (const one of shares) assert.deepEqual(extensions.decodeKeyShare(extensions.encodeKeyShare(one)), one)
          const kinds = codes.map((one) => one & 0xff)
          assert.deepEqual(extensions.decodeCertificateTypes(extensions.encodeCertificateTypes(kinds)), kinds)
        },
      ),
    )
  })

  it('write protocol names as RFC 7301 does', () => {
    const body = extensions.encodeProtocols(['sallyport/1', 'h3'])
    assert.equal(toHex(body), '000f0b73616c6c79706f72742f31026833')
    assert.deepEqual(
      extensions.decodeProtocols(body)?.map((name) => Buffer.from(name).toString()),
      ['sallyport/1', 'h3'],
    )
  })

  it('refuse empty lists, empty names and bytes left over', () => {
    const bad = ['', '00', '0000', '000000', '000100', '0001', '020303ff', '0003030300']
    for (const digits of bad) {
      const body = fromHex(digits)!
      assert.equal(extensions.decodeProtocols(body), null, digits)
      assert.equal(extensions.decodeCodes(body, 2), null, digits)
    }
    assert.equal(extensions.decodeCodes(fromHex('03030403')!, 1), null)
    assert.equal(extensions.decodeCode(fromHex('030400')!), null)
    assert.equal(extensions.decodeCertificateTypes(fromHex('00')!), null)
    assert.equal(extensions.decodeCertificateType(fromHex('0202')!), null)
    assert.equal(extensions.decodeKeyShare(fromHex('11ec0000')!), null)
    assert.equal(extensions.decodeKeyShares(fromHex('000411ec0000')!), null)
  })

  it('refuse an extension given twice as illegal_parameter, and one too many', () => {
    const block = (types: readonly number[]) => {
      const writer = new Writer()
      extensions.writeExtensions(
        writer,
        types.map((type) => [type, new Uint8Array(1)]),
      )
      return extensions.readExtensions(new Reader(writer.written()))
    }
    assert.deepEqual([...value(block([1, 2, 3])).keys()], [1, 2, 3])
    assert.equal(alertCode(block([1, 2, 1])), 47)
    assert.equal(alertCode(block(Array.from({ length: 65 }, (_, i) => i))), 47)
  })
})

describe('message codecs', () => {
  it('read back a certificate with its raw public key', () => {
    const { peerId, publicKey } = alice
    assert.deepEqual(rawPeerOf(bodyOf(showing(alice), 11)), { peerId, publicKey })
  })

  it('tell what is wrong with a certificate', () => {
    const entry = (info: Uint8Array, extra: readonly (readonly [number, Uint8Array])[] = []): Uint8Array => {
      const writer = new Writer()
      writer.vector(3, () => writer.put(info))
      extensions.writeExtensions(writer, extra)
      return writer.written().slice()
    }
    const certificate = (list: readonly Uint8Array[], context = new Uint8Array(0)): Uint8Array => {
      const writer = new Writer()
      writer.vector(1, () => writer.put(context))
      writer.vector(3, () => list.forEach((one) => writer.put(one)))
      return writer.written()
    }
    const info = encodePublicKey(alice.publicKey)
    const ed25519 = fromHex(`302a300506032b6570032100${'11'.repeat(32)}`)!
    const cases: readonly [Uint8Array, number][] = [
      [certificate([]), 116],
      [certificate([entry(info)], Uint8Array.of(1)), 47],
      [certificate([entry(info), entry(info)]), 47],
      [certificate([entry(ed25519)]), 43],
      [certificate([entry(info.subarray(0, 1973))]), 42],
      [certificate([entry(new Uint8Array(0))]), 50],
      [certificate([entry(info, [[5, new Uint8Array(0)]])]), 110],
      [certificate([entry(info).subarray(0, 1000)]), 50],
      [new Uint8Array([...certificate([entry(info)]), 0]), 50],
      [new Uint8Array(0), 50],
    ]
    for (const [body, alert] of cases) assert.equal(alertCode(rawPeerOf(body)), alert)
  })

  it('read back a signature, and refuse a scheme that was not offered', () => {
    const signature = new Uint8Array(3309).fill(7)
    const body = bodyOf(messages.encodeCertificateVerify({ scheme: 0x0905, signature }), 15)
    assert.deepEqual(messages.decodeCertificateVerify(body), { scheme: 0x0905, signature })
    const other = Uint8Array.from(body)
    other[1] = 0x04
    const claim = { peer: alice, signer: 'server', transcriptHash: new Uint8Array(32), trust: null } as const
    assert.equal(alertCode(verifyWork(other, claim)), 47)
    assert.equal(alertCode(verifyWork(body.subarray(1), claim)), 50)
    assert.equal(verifyWork(body, claim).kind, 'verify')
  })

  it('sign the content RFC 8446 section 4.4.3 gives as its example', () => {
    const content = messages.signedContent('server', new Uint8Array(32).fill(1))
    assert.equal(
      toHex(content),
      `${'20'.repeat(64)}544c5320312e332c207365727665722043657274696669636174655665726966790000`.slice(0, -2) +
        '01'.repeat(32),
    )
  })

  it('refuse a Finished of any length but that of the hash', () => {
    for (const [hashBytes, sizes] of [
      [32, [0, 31, 33, 48]],
      [48, [0, 32, 47, 49]],
    ] as const) {
      const inputs = { secret: new Uint8Array(hashBytes), transcriptHash: new Uint8Array(hashBytes), sender: 'client' }
      const objection = (body: Uint8Array) => finishedObjection(crypto, body, { ...inputs, sender: 'client' })
      for (const size of sizes) assert.equal(objection(new Uint8Array(size))?.alert, 50)
      assert.equal(objection(new Uint8Array(hashBytes))?.alert, 51)
      assert.equal(objection(finishedMessage(crypto, inputs).subarray(4)), null)
    }
  })
})

describe('raw public keys', () => {
  it('are read back', () => {
    fc.assert(
      fc.property(bytesOf(PUBLIC_KEY_BYTES), (key) => {
        assert.deepEqual(decodePublicKey(encodePublicKey(key)), key)
      }),
      { numRuns: 20 },
    )
  })
})

describe('decoders', () => {
  const { client, server } = converse(configOf(alice), configOf(bob))
  const real = [client, server].flatMap((outputs) =>
    messagesOf(Buffer.concat([sentAt(outputs, 'initial'), sentAt(outputs, 'handshake')])),
  )
  const decoders: readonly ((body: Uint8Array) => object)[] = [
    (body) => judged(hello.decodeClientHello(body), (decoded) => judgeClientHello(decoded, ['sallyport/1'], terms)),
    (body) =>
      judged(hello.decodeServerHello(body), (decoded) =>
        judgeServerHello(decoded, { terms, shares: [0x11ec], retried: null, resumes: null }),
      ),
    (body) =>
      judged(messages.decodeEncryptedExtensions(body), (decoded) =>
        judgeEncryptedExtensions(decoded, ['sallyport/1'], { terms, resumes: null }),
      ),
    (body) => judged(messages.decodeCertificateRequest(body), judgeCertificateRequest),
    messages.decodeCertificate,
    rawPeerOf,
    messages.decodeCertificateVerify,
    decodePublicKey,
  ]

  it('give a value or a refusal for any bytes, and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (body) => {
        for (const decode of decoders) assert.equal(typeof decode(body), 'object')
      }),
      { numRuns: 500 },
    )
  })

  it('give a value or a refusal for real messages cut short or altered, and never throw', () => {
    fc.assert(
      fc.property(fc.nat(real.length - 1), fc.nat(), fc.nat(255), fc.nat(), (which, at, byte, cut) => {
        const body = Uint8Array.from(real[which]!.subarray(4))
        body[at % Math.min(body.length, 200)] = byte
        const short = body.subarray(0, cut % (body.length + 1))
        for (const decode of decoders) {
          assert.equal(typeof decode(body), 'object')
          assert.equal(typeof decode(short), 'object')
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('handshake buffer', () => {
  it('gives back the messages that went in, however they were cut', () => {
    const message = fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 300 }))
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 12 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 90 })),
        (list, cuts) => {
          const all = Buffer.concat(
            list.map(([type, body]) => messages.encodeMessage(type, (writer) => writer.put(body))),
          )
          const buffer = new HandshakeBuffer(8192)
          const found: (readonly [number, Uint8Array])[] = []
          for (let at = 0; at < all.length;) {
            const size = Math.min(cuts.next().value ?? 1, all.length - at)
            buffer.push(Uint8Array.from(all.subarray(at, at + size)))
            at += size
            for (let next = buffer.take(); next !== null; next = buffer.take()) {
              assert.ok(next.kind === 'message')
              found.push([next.type, next.body])
            }
          }
          assert.ok(buffer.empty)
          assert.deepEqual(found, list)
        },
      ),
    )
  })

  it('refuses a message that says it is too long, before it is there', () => {
    const buffer = new HandshakeBuffer(8192)
    const header = new Writer()
    header.u8(11)
    header.u24(8193)
    buffer.push(header.written())
    assert.equal(alertCode(buffer.take() ?? {}), 47)
  })
})

const judged = <T extends object>(decoded: T, judge: (decoded: Exclude<T, Refusal>) => object): object =>
  refused(decoded) ? decoded : judge(decoded as Exclude<T, Refusal>)

const alertCode = (outcome: object): Refusal['alert'] | null => (refused(outcome) ? outcome.alert : null)
