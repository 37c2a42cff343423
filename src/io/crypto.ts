// The core's Crypto port over node:crypto (OpenSSL 3.5), one BLAKE3 library, and libsodium where it is installed.
import { timingSafeEqual } from 'node:crypto'
import { peerIdOf } from '../core/ids.ts'
import type { Crypto } from '../core/ports.ts'
import { loadBlake3 } from './blake3.ts'
import { digestOf, hmac } from './hmac.ts'
import { answerKeyShare, makeKeyShare } from './key-exchange.ts'
import { aesGcmTag, createPacketKey } from './packet-key.ts'
import { loadSodium } from './sodium.ts'

/** What the port is made of. */
export interface CryptoOptions {
  /** Whether sodium-native is used where it is installed. Default true. */
  readonly sodium?: boolean
}

/** Makes the Crypto port; asynchronous only because BLAKE3 has to be compiled and libsodium loaded first. */
export const createCrypto = async (options: CryptoOptions = {}): Promise<Crypto> => {
  const blake3 = await loadBlake3()
  const sodium = options.sodium === false ? null : await loadSodium()
  return Object.freeze<Crypto>({
    hash: (name, data) => (name === 'blake3' ? blake3(data) : digestOf(name, data)),
    hmac,
    peerId: (publicKey) => peerIdOf(blake3(publicKey)),
    swiftest: sodium === null ? 0x1301 : 0x1303,
    packetKey: (suite, key, iv, headerKey) => createPacketKey(suite, { key, iv, headerKey }, sodium),
    retryTag: aesGcmTag,
    keyShare: makeKeyShare,
    encapsulate: answerKeyShare,
    equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
  })
}
