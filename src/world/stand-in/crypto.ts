// The core's Crypto port for simulations: the real sizes, no secrecy. Whoever has the same bytes has the same secret; a share or a tag
// that was changed on the way is refused, or leads to another secret, as with the real ones.
import { sameBytes } from '../../core/bytes.ts'
import { peerIdOf } from '../../core/ids.ts'
import type { Crypto, Group, HashName, Random } from '../../core/ports.ts'
import { Digest } from './digest.ts'
import { StandInPacketKey } from './packet-key.ts'

const HYBRID: Group = 0x11ec
const KEM_SHARE_BYTES = 1184
const KEM_ANSWER_BYTES = 1088
const CURVE_BYTES = 32
const SECRET_BYTES = 32
const SEED_BYTES = 32

/** What hashes and keys are told apart by. */
const SALTS = { sha256: 3, sha384: 4, blake3: 5, hmac: 6, tag: 7, share: 8, answer: 9, secret: 10 } as const

/** The stand-in's primitives, drawing from `random`. */
export const standInCrypto = (random: Random): Crypto => ({
  hash: standInHash,
  hmac: (name, key, data) => new Digest(SALTS.hmac).take(key).take(data).bytes(digestBytes(name)),
  peerId: (publicKey) => peerIdOf(standInHash('blake3', publicKey)),
  swiftest: 0x1301,
  packetKey: (_suite, key, iv, headerKey) => new StandInPacketKey(key, iv, headerKey),
  retryTag: (key, nonce, data) => new Digest(SALTS.tag).take(key).take(nonce).take(data).bytes(16),
  keyShare: (group) => {
    const share = madeShare(random, SALTS.share, extra(group) + KEM_SHARE_BYTES)
    return { share, agree: (peerShare) => (isAnswer(group, peerShare) ? secretOf(group, share, peerShare) : null) }
  },
  encapsulate: (group, peerShare) => {
    if (!isShare(group, peerShare)) return null
    const share = madeShare(random, SALTS.answer, extra(group) + KEM_ANSWER_BYTES)
    return { share, secret: secretOf(group, peerShare, share) }
  },
  equal: sameBytes,
})

/** The stand-in for every hash: 48 bytes for sha384, 32 for the others. */
export const standInHash = (name: HashName, data: Uint8Array): Uint8Array =>
  new Digest(SALTS[name]).take(data).bytes(digestBytes(name))

const digestBytes = (name: HashName): number => (name === 'sha384' ? 48 : 32)

const extra = (group: Group): number => (group === HYBRID ? CURVE_BYTES : 0)

/** A seed followed by what it determines, so that a share that was changed can be told. */
const madeShare = (random: Random, salt: number, length: number): Uint8Array => {
  const share = new Uint8Array(length)
  random.fill(share.subarray(0, SEED_BYTES))
  determined(share, salt)
  return share
}

const determined = (share: Uint8Array, salt: number): void =>
  new Digest(salt).take(share, 0, SEED_BYTES).write(share, SEED_BYTES, share.length - SEED_BYTES)

const isDetermined = (share: Uint8Array, salt: number, length: number): boolean => {
  if (share.length !== length) return false
  const made = share.slice()
  determined(made, salt)
  return sameBytes(share, made)
}

const isShare = (group: Group, share: Uint8Array): boolean =>
  isDetermined(share, SALTS.share, extra(group) + KEM_SHARE_BYTES)

const isAnswer = (group: Group, share: Uint8Array): boolean =>
  isDetermined(share, SALTS.answer, extra(group) + KEM_ANSWER_BYTES)

const secretOf = (group: Group, share: Uint8Array, answer: Uint8Array): Uint8Array =>
  new Digest(SALTS.secret)
    .take(share)
    .take(answer)
    .bytes(SECRET_BYTES + extra(group))
