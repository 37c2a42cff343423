// The key schedule against RFC 8448 section 3 (simple 1-RTT handshake), RFC 5869 appendix A and RFC 9001 appendix A.1.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import { ascii, concat, fromHex, toHex } from '../../../src/core/bytes.ts'
import {
  applicationSecrets,
  deriveSecret,
  expand,
  expandLabel,
  exportKeys,
  extract,
  finishedData,
  handshakeSecrets,
} from '../../../src/core/tls/key-schedule.ts'
import { createCrypto } from '../../../src/io/crypto.ts'

const crypto = await createCrypto()

const hex = (...digits: readonly string[]): Uint8Array => {
  const bytes = fromHex(digits.join(''))
  assert.ok(bytes !== null)
  return bytes
}

const CLIENT_HELLO = hex(
  '010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000910000000b000900',
  '0006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d002099381de560e4bd',
  '43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e0403050306030203080408050806040105010601',
  '02010402050206020202002d00020101001c00024001',
)
const SERVER_HELLO = hex(
  '020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d0020c9828876112095',
  'fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304',
)
const ENCRYPTED_EXTENSIONS = hex('080000240022000a00140012001d00170018001901000101010201030104001c0002400100000000')
const CERTIFICATE = hex(
  '0b0001b9000001b50001b0308201ac30820115a003020102020102300d06092a864886f70d01010b0500300e310c300a06035504031303727361',
  '301e170d3136303733303031323335395a170d3236303733303031323335395a300e310c300a0603550403130372736130819f300d06092a8648',
  '86f70d010101050003818d0030818902818100b4bb498f8279303d980836399b36c6988c0c68de55e1bdb826d3901a2461eafd2de49a91d015ab',
  'bc9a95137ace6c1af19eaa6af98c7ced43120998e187a80ee0ccb0524b1b018c3e0b63264d449a6d38e22a5fda430846748030530ef0461c8ca9',
  'd9efbfae8ea6d1d03e2bd193eff0ab9a8002c47428a6d35a8d88d79f7f1e3f0203010001a31a301830090603551d1304023000300b0603551d0f',
  '0404030205a0300d06092a864886f70d01010b05000381810085aad2a0e5b9276b908c65f73a7267170618a54c5f8a7b337d2df7a594365417f2',
  'eae8f8a58c8f8172f9319cf36b7fd6c55b80f21a03015156726096fd335e5e67f2dbf102702e608ccae6bec1fc63a42a99be5c3eb7107c3c54e9',
  'b9eb2bd5203b1c3b84e0a8b2f759409ba3eac9d91d402dcc0cc8f8961229ac9187b42b4de10000',
)
const CERTIFICATE_VERIFY = hex(
  '0f000084080400805a747c5d88fa9bd2e55ab085a61015b7211f824cd484145ab3ff52f1fda8477b0b7abc90db78e2d33a5c141a078653fa6bef',
  '780c5ea248eeaaa785c4f394cab6d30bbe8d4859ee511f602957b15411ac027671459e46445c9ea58c181e818e95b8c3fb0bf3278409d3be152a',
  '3da5043e063dda65cdf5aea20d53dfacd42f74f3',
)
const SERVER_FINISHED = hex('140000209b9b141d906337fbd2cbdce71df4deda4ab42c309572cb7fffee5454b78f0718')
const SHARED = hex('8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d')

/** RFC 5869 with SHA-384 by node:crypto, which knows nothing of TLS. */
const hkdf384 = (secret: Uint8Array, info: Uint8Array, length: number): Uint8Array => {
  const blocks: Buffer[] = []
  for (let at = 0; at < length; at += 48) {
    const block = createHmac('sha384', secret)
    block.update(blocks.at(-1) ?? '')
    blocks.push(
      block
        .update(info)
        .update(Uint8Array.of(blocks.length + 1))
        .digest(),
    )
  }
  return Uint8Array.from(Buffer.concat(blocks).subarray(0, length))
}

const label384 = (label: string, context: Uint8Array): Uint8Array =>
  concat(Uint8Array.of(0, 48, 6 + label.length), ascii(`tls13 ${label}`), Uint8Array.of(context.length), context)

describe('key schedule', () => {
  const secrets = handshakeSecrets(crypto, SHARED, crypto.hash('sha256', concat(CLIENT_HELLO, SERVER_HELLO)))
  const untilVerify = concat(CLIENT_HELLO, SERVER_HELLO, ENCRYPTED_EXTENSIONS, CERTIFICATE, CERTIFICATE_VERIFY)

  it('derives the handshake secrets of RFC 8448 section 3', () => {
    assert.equal(toHex(secrets.client), 'b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21')
    assert.equal(toHex(secrets.server), 'b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38')
    assert.equal(toHex(secrets.master), '18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919')
  })

  it('derives the traffic keys of RFC 8448 section 3', () => {
    assert.equal(toHex(expandLabel(crypto, secrets.server, 'key', 16)), '3fce516009c21727d0f2e4e86ee403bc')
    assert.equal(toHex(expandLabel(crypto, secrets.server, 'iv', 12)), '5d313eb2671276ee13000b30')
  })

  it("makes the server's Finished of RFC 8448 section 3", () => {
    const data = finishedData(crypto, secrets.server, crypto.hash('sha256', untilVerify))
    assert.deepEqual(concat(SERVER_FINISHED.subarray(0, 4), data), SERVER_FINISHED)
  })

  it('derives the application secrets and the client Finished of RFC 8448 section 3', () => {
    const hash = crypto.hash('sha256', concat(untilVerify, SERVER_FINISHED))
    const application = applicationSecrets(crypto, secrets.master, hash)
    assert.equal(toHex(application.client), '9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5')
    assert.equal(toHex(application.server), 'a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643')
    const finished = finishedData(crypto, secrets.client, hash)
    assert.equal(toHex(finished), 'a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61')
  })

  it('derives the exporter secret of RFC 8448 section 3, and keying material of RFC 8446 section 7.5 from it', () => {
    const hash = crypto.hash('sha256', concat(untilVerify, SERVER_FINISHED))
    const secret = deriveSecret(crypto, secrets.master, 'exp master', hash)
    assert.equal(toHex(secret), 'fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50')
    const request = { label: 'EXPORTER-test', context: ascii('about this'), length: 70 }
    const hkdf = (key: Uint8Array, label: string, context: Uint8Array, length: number): Uint8Array => {
      const info = concat(
        Uint8Array.of(0, length, label.length + 6),
        ascii(`tls13 ${label}`),
        Uint8Array.of(32),
        context,
      )
      return expand(crypto, key, info, length)
    }
    const own = hkdf(secret, request.label, crypto.hash('sha256', new Uint8Array(0)), 32)
    const expected = hkdf(own, 'exporter', crypto.hash('sha256', request.context), 70)
    assert.deepEqual(exportKeys(crypto, secret, request), expected)
  })

  it('does the same by SHA-384 where the transcript is hashed by that', () => {
    const zeros = new Uint8Array(48)
    const mac = (key: Uint8Array, data: Uint8Array): Uint8Array => createHmac('sha384', key).update(data).digest()
    const derived = label384('derived', crypto.hash('sha384', new Uint8Array(0)))
    const helloHash = crypto.hash('sha384', concat(CLIENT_HELLO, SERVER_HELLO))
    const handshake = mac(hkdf384(mac(zeros, zeros), derived, 48), SHARED)
    const secrets = handshakeSecrets(crypto, SHARED, helloHash)
    assert.deepEqual(secrets.client, hkdf384(handshake, label384('c hs traffic', helloHash), 48))
    assert.deepEqual(secrets.server, hkdf384(handshake, label384('s hs traffic', helloHash), 48))
    assert.deepEqual(secrets.master, Uint8Array.from(mac(hkdf384(handshake, derived, 48), zeros)))
    const application = applicationSecrets(crypto, secrets.master, helloHash)
    assert.deepEqual(application.client, hkdf384(secrets.master, label384('c ap traffic', helloHash), 48))
    const finished = mac(hkdf384(secrets.server, label384('finished', new Uint8Array(0)), 48), helloHash)
    assert.deepEqual(finishedData(crypto, secrets.server, helloHash), Uint8Array.from(finished))
  })

  it('expands over several digests as RFC 5869 appendix A.1 does', () => {
    const key = extract(crypto, hex('000102030405060708090a0b0c'), new Uint8Array(22).fill(0x0b))
    assert.equal(toHex(key), '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5')
    assert.equal(
      toHex(expand(crypto, key, hex('f0f1f2f3f4f5f6f7f8f9'), 42)),
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    )
  })

  it("derives QUIC's client Initial keys of RFC 9001 appendix A.1", () => {
    const initial = extract(crypto, hex('38762cf7f55934b34d179ae6a4c80cadccbb7f0a'), hex('8394c8f03e515708'))
    const client = expandLabel(crypto, initial, 'client in', 32)
    assert.equal(toHex(client), 'c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea')
    assert.equal(toHex(expandLabel(crypto, client, 'quic key', 16)), '1f369613dd76d5467730efcbe3b1a22d')
    assert.equal(toHex(expandLabel(crypto, client, 'quic iv', 12)), 'fa044b2f42a3fd3b46fb255c')
    assert.equal(toHex(expandLabel(crypto, client, 'quic hp', 16)), '9f50449e04a0e810283a1e9933adedd2')
  })
})
