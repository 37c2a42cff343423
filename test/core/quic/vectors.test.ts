// The vectors of RFC 9001 appendix A: Initial keys, a client's and a server's Initial packet, Retry; and of RFC 9000 appendix A.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { concat, fromHex, Reader, toHex, VARINT_MAX, varintSize, Writer } from '../../../src/core/bytes.ts'
import { readFrame } from '../../../src/core/quic/frames.ts'
import { initialKeys, initialSecrets, packetKeyOf, retryIntegrityTag } from '../../../src/core/quic/keys.ts'
import { expandPacketNumber, packetNumberBytes, parseHeader } from '../../../src/core/quic/packet.ts'
import { openPacket, sealPacket } from '../../../src/core/quic/protection.ts'
import { expandLabel } from '../../../src/core/tls/key-schedule.ts'
import { createCrypto } from '../../../src/io/crypto.ts'
import { crypto } from './pair.ts'

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, ''))!

/** A.1: the destination id of the client's first Initial. */
const DESTINATION_ID = hex('8394c8f03e515708')

/** A.2: the CRYPTO frame of the client's Initial, padded to 1,162 bytes. */
const CLIENT_CRYPTO = hex(`
  060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868 04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578
  616d706c652e636f6dff01000100000a00080006001d00170018001000070005 04616c706e000500050100000000003300260024001d00209370b2c9caa47fba
  baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400 0d0010000e0403050306030203080408050806002d00020101001c0002400100
  3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000 75300901100f088394c8f03e51570806048000ffff`)

describe('RFC 9001 appendix A', () => {
  it('A.1: derives the Initial secrets and keys', () => {
    const { client, server } = initialSecrets(crypto, DESTINATION_ID)
    assert.equal(toHex(client), 'c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea')
    assert.equal(toHex(server), '3c199828fd139efd216c155ad844cc81fb82fa8d7446fa7d78be803acdda951b')
    assert.equal(toHex(expandLabel(crypto, client, 'quic key', 16)), '1f369613dd76d5467730efcbe3b1a22d')
    assert.equal(toHex(expandLabel(crypto, client, 'quic iv', 12)), 'fa044b2f42a3fd3b46fb255c')
    assert.equal(toHex(expandLabel(crypto, client, 'quic hp', 16)), '9f50449e04a0e810283a1e9933adedd2')
    assert.equal(toHex(expandLabel(crypto, server, 'quic key', 16)), 'cf3a5331653c364c88f0f379b6067e37')
    assert.equal(toHex(expandLabel(crypto, server, 'quic iv', 12)), '0ac1493ca1905853b0bba03e')
    assert.equal(toHex(expandLabel(crypto, server, 'quic hp', 16)), 'c206b8d9b9f0f37644430b490eeaa314')
  })

  it('A.2: protects and opens the client’s Initial', () => {
    const header = hex('c300000001088394c8f03e5157080000449e00000002')
    const packet = new Uint8Array(1200)
    packet.set(header)
    packet.set(CLIENT_CRYPTO, header.length)
    const keys = initialKeys(crypto, DESTINATION_ID, 'client')
    const written = { start: 0, packetNumberAt: header.length - 4, packetNumberBytes: 4, end: 1200 - 16 }
    sealPacket(keys.write, packet, written, 2)
    assert.equal(toHex(packet.subarray(0, 22)), 'c000000001088394c8f03e5157080000449e7b9aec34')
    assert.equal(toHex(packet.subarray(22, 54)), 'd1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356c0bab7df5976d')
    assert.equal(toHex(packet.subarray(1184)), 'e221af44860018ab0856972e194cd934')
    const parsed = parseHeader(packet, 0, 8)
    assert.ok(parsed?.form === 'long' && parsed.type === 'initial')
    assert.deepEqual([...parsed.destinationId], [...DESTINATION_ID])
    const server = initialKeys(crypto, DESTINATION_ID, 'server')
    const opened = openPacket(server.read, packet, { start: 0, packetNumberAt: parsed.payload, end: parsed.end }, -1)
    assert.ok(opened.kind === 'opened' && opened.packetNumber === 2)
    const frame = readFrame(new Reader(packet, opened.payload, opened.end))
    assert.ok(frame?.type === 'crypto' && frame.data.length === 241)
  })

  it('A.3: protects and opens the server’s Initial', () => {
    const header = hex('c1000000010008f067a5502a4262b50040750001')
    const payload = hex(`
      02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf739 88cfc79825df566dc5430b9a045a1200130100002e00330024001d00209d3c94
      0d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00 020304`)
    const packet = concat(header, payload, new Uint8Array(16))
    const keys = initialKeys(crypto, DESTINATION_ID, 'server')
    const end = packet.length - 16
    sealPacket(keys.write, packet, { start: 0, packetNumberAt: header.length - 2, packetNumberBytes: 2, end }, 1)
    assert.equal(
      toHex(packet),
      toHex(
        hex(`
      cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a 5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3
      dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84 022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4
      2158407dd074ee`),
      ),
    )
  })

  it('A.4: computes the integrity tag of a Retry packet', () => {
    const packet = hex('ff000000010008f067a5502a4262b5746f6b656e')
    assert.equal(toHex(retryIntegrityTag(crypto, DESTINATION_ID, packet)), '04a265ba2eff4d829058fb3f0f2496ba')
    const parsed = parseHeader(concat(packet, hex('04a265ba2eff4d829058fb3f0f2496ba')), 0, 8)
    assert.ok(parsed?.form === 'retry')
    assert.equal(new TextDecoder().decode(parsed.token), 'token')
    assert.equal(toHex(parsed.sourceId), 'f067a5502a4262b5')
  })
})

for (const sodium of [true, false]) {
  describe(`RFC 9001 appendix A.5, ${sodium ? 'whatever is installed' : 'without sodium-native'}`, async () => {
    const crypto = await createCrypto({ sodium })
    const secret = hex('9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b')

    it('derives the keys of ChaCha20-Poly1305', () => {
      const label = (name: string, length: number): string => toHex(expandLabel(crypto, secret, name, length))
      assert.equal(label('quic key', 32), 'c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8')
      assert.equal(label('quic iv', 12), 'e0459b3474bdd0e44a41c144')
      assert.equal(label('quic hp', 32), '25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4')
      assert.equal(label('quic ku', 32), '1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9')
    })

    it('protects and opens a short header packet', () => {
      const packet = concat(hex('4200bff401'), new Uint8Array(16))
      const key = packetKeyOf(crypto, 0x1303, secret)
      sealPacket(key, packet, { start: 0, packetNumberAt: 1, packetNumberBytes: 3, end: 5 }, 654_360_564)
      assert.equal(toHex(packet), '4cfe4189655e5cd55c41f69080575d7999c25a5bfb')
      const at = { start: 0, packetNumberAt: 1, end: packet.length }
      assert.deepEqual(openPacket(key, packet, at, 654_360_563), {
        kind: 'opened',
        key,
        packetNumber: 654_360_564,
        payload: 4,
        end: 5,
      })
      assert.equal(toHex(packet.subarray(0, 5)), '4200bff401')
    })
  })
}

describe('RFC 9000 appendix A', () => {
  it('A.1: reads and writes the sample integers', () => {
    const samples: [string, number][] = [
      ['9d7f3e7d', 494_878_333],
      ['7bbd', 15_293],
      ['25', 37],
    ]
    for (const [encoded, value] of samples) {
      assert.equal(new Reader(hex(encoded)).varint(), value)
      const writer = new Writer()
      writer.varint(value)
      assert.equal(toHex(writer.written()), encoded)
    }
    // 151,288,809,941,952,652 is above 2⁵³−1 and is read as that; two bytes may say what one could.
    assert.equal(new Reader(hex('c2197c5eff14e88c')).varint(), VARINT_MAX)
    assert.equal(new Reader(hex('4025')).varint(), 37)
  })

  it('reads back every integer it writes, in as many bytes as it says', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const writer = new Writer()
        writer.varint(value)
        assert.equal(writer.at, varintSize(value))
        assert.equal(new Reader(writer.written()).varint(), value)
      }),
    )
  })

  it('A.2 and A.3: expands the sample packet number', () => {
    assert.equal(expandPacketNumber(0x9b32, 2, 0xa82f30ea), 0xa82f9b32)
    assert.equal(packetNumberBytes(0xac5c02, 0xabe8b3), 2)
    assert.equal(packetNumberBytes(0xace8fe, 0xabe8b3), 3)
  })

  it('expands every packet number whose receiver is not too far behind', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.nat(1_000_000), (acknowledged, ahead) => {
        const packetNumber = acknowledged + 1 + ahead
        const size = packetNumberBytes(packetNumber, acknowledged)
        const short = packetNumber % 2 ** (8 * size)
        for (const largest of [acknowledged, packetNumber - 1]) {
          assert.equal(expandPacketNumber(short, size, largest), packetNumber)
        }
      }),
    )
  })
})
