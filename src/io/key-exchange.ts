// Post-quantum key exchange over node:crypto: ML-KEM-768 alone, or joined with X25519 (draft-ietf-tls-ecdhe-mlkem: for this
// group the ML-KEM part comes first, in both shares and in the secret). Whatever a peer sends, the outcome is a secret or null.
import { decapsulate, diffieHellman, encapsulate, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { concat } from '../core/bytes.ts'
import type { Group, KeyShare } from '../core/ports.ts'
import { exportPublicKey, importPublicKey, ML_KEM_768, X25519 } from './raw-keys.ts'

const CIPHERTEXT_BYTES = 1088
const HYBRID: Group = 0x11ec

/** The client's half: share 1,184 bytes of ML-KEM, followed by 32 of X25519 when `group` is the hybrid. */
export const makeKeyShare = (group: Group): KeyShare => (group === HYBRID ? hybridShare() : kemShare())

/** The server's half: share 1,088 bytes of ML-KEM (and 32 of X25519) and the secret; null when the peer's share is bad. */
export const answerKeyShare = (group: Group, peerShare: Uint8Array): { share: Uint8Array; secret: Uint8Array } | null =>
  group === HYBRID ? answerHybrid(peerShare) : answerKem(peerShare)

const kemShare = (): KeyShare => {
  const pair = generateKeyPairSync('ml-kem-768')
  return {
    share: exportPublicKey(ML_KEM_768, pair.publicKey),
    agree: (peerShare) => openKem(pair.privateKey, peerShare),
  }
}

const hybridShare = (): KeyShare => {
  const kem = kemShare()
  const curve = generateKeyPairSync('x25519')
  return {
    share: concat(kem.share, exportPublicKey(X25519, curve.publicKey)),
    agree: (peerShare) => {
      if (peerShare.length !== CIPHERTEXT_BYTES + X25519.rawBytes) return null
      const first = kem.agree(peerShare.subarray(0, CIPHERTEXT_BYTES))
      const second = agreeX25519(curve.privateKey, peerShare.subarray(CIPHERTEXT_BYTES))
      return first === null || second === null ? null : concat(first, second)
    },
  }
}

const answerKem = (peerShare: Uint8Array): { share: Uint8Array; secret: Uint8Array } | null => {
  const key = importPublicKey(ML_KEM_768, peerShare)
  if (key === null) return null
  try {
    const { ciphertext, sharedKey } = encapsulate(key)
    return { share: Uint8Array.from(ciphertext), secret: Uint8Array.from(sharedKey) }
  } catch {
    return null
  }
}

const answerHybrid = (peerShare: Uint8Array): { share: Uint8Array; secret: Uint8Array } | null => {
  if (peerShare.length !== ML_KEM_768.rawBytes + X25519.rawBytes) return null
  const kem = answerKem(peerShare.subarray(0, ML_KEM_768.rawBytes))
  if (kem === null) return null
  const curve = generateKeyPairSync('x25519')
  const second = agreeX25519(curve.privateKey, peerShare.subarray(ML_KEM_768.rawBytes))
  if (second === null) return null
  return {
    share: concat(kem.share, exportPublicKey(X25519, curve.publicKey)),
    secret: concat(kem.secret, second),
  }
}

const openKem = (privateKey: KeyObject, ciphertext: Uint8Array): Uint8Array | null => {
  if (ciphertext.length !== CIPHERTEXT_BYTES) return null
  try {
    return Uint8Array.from(decapsulate(privateKey, ciphertext))
  } catch {
    return null
  }
}

/** RFC 7748 section 6.1: an all-zero result means a point of small order, and is refused whether or not OpenSSL does so. */
const agreeX25519 = (privateKey: KeyObject, peerRaw: Uint8Array): Uint8Array | null => {
  const publicKey = importPublicKey(X25519, peerRaw)
  if (publicKey === null) return null
  try {
    const secret = diffieHellman({ privateKey, publicKey })
    return secret.every((byte) => byte === 0) ? null : Uint8Array.from(secret)
  } catch {
    return null
  }
}
