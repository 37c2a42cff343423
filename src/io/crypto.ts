// The core's Crypto port over node:crypto (OpenSSL 3.5) and one BLAKE3 library.
import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import { peerIdOf } from '../core/ids.ts'
import type { Crypto } from '../core/ports.ts'
import { loadBlake3 } from './blake3.ts'
import { answerKeyShare, makeKeyShare } from './key-exchange.ts'
import { aesGcmPacketKey, aesGcmTag } from './packet-key.ts'

/** Makes the Crypto port; asynchronous only because BLAKE3 has to be compiled first. */
export const createCrypto = async (): Promise<Crypto> => {
  const blake3 = await loadBlake3()
  return Object.freeze<Crypto>({
    hash: (name, data) => (name === 'blake3' ? blake3(data) : plain(hash(name, data, 'buffer'))),
    hmac: (name, key, data) => plain(createHmac(name, key).update(data).digest()),
    peerId: (publicKey) => peerIdOf(blake3(publicKey)),
    packetKey: (_suite, key, iv, headerKey) => aesGcmPacketKey(key, iv, headerKey),
    retryTag: aesGcmTag,
    keyShare: makeKeyShare,
    encapsulate: answerKeyShare,
    equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
  })
}

/** The same memory without Buffer's own `slice` and prototype, so that all implementations of the port give equal values. */
const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
