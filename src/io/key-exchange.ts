// Key exchange over node:crypto: ML-KEM-768 alone, or joined with X25519 (draft-ietf-tls-ecdhe-mlkem: for this group the ML-KEM part
// comes first, in both shares and in the secret), and for the general entry X25519 or secp256r1 alone. Whatever a peer sends, the
// outcome is a secret or null.
import {
  createECDH,
  decapsulate,
  diffieHellman,
  type ECDH,
  encapsulate,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'
import { concat } from '../core/bytes.ts'
import type { Group, KeyShare } from '../core/ports.ts'
import { exportPublicKey, importPublicKey, ML_KEM_768, X25519 } from './raw-keys.ts'

const CIPHERTEXT_BYTES = 1088

/** An uncompressed point of secp256r1 (RFC 8446 section 4.2.8.2): 4, x and y. */
const P256_POINT_BYTES = 65
const UNCOMPRESSED = 4

/** What an acceptor answers, and the secret that comes of it. */
interface Answer {
  readonly share: Uint8Array
  readonly secret: Uint8Array
}

const GROUPS: Readonly<
  Record<Group, { readonly make: () => KeyShare; readonly answer: (peerShare: Uint8Array) => Answer | null }>
> = {
  0x11ec: { make: () => hybridShare(), answer: (peerShare) => answerHybrid(peerShare) },
  0x0201: { make: () => kemShare(), answer: (peerShare) => answerKem(peerShare) },
  0x001d: { make: () => curveShare(), answer: (peerShare) => answerBy(curveShare(), peerShare) },
  0x0017: { make: () => p256Share(), answer: (peerShare) => answerBy(p256Share(), peerShare) },
}

/**
 * The client's half: 1,184 bytes of ML-KEM, followed by 32 of X25519 when `group` is the hybrid; 32 of X25519 alone, 65 of secp256r1.
 */
export const makeKeyShare = (group: Group): KeyShare => GROUPS[group].make()

/** The server's half: 1,088 bytes of ML-KEM (and 32 of X25519), or as much as the client's; null when the peer's share is bad. */
export const answerKeyShare = (group: Group, peerShare: Uint8Array): Answer | null => GROUPS[group].answer(peerShare)

/** In an exchange of Diffie and Hellman's both halves are alike. */
const answerBy = (own: KeyShare, peerShare: Uint8Array): Answer | null => {
  const secret = own.agree(peerShare)
  return secret === null ? null : { share: own.share, secret }
}

const curveShare = (): KeyShare => {
  const pair = generateKeyPairSync('x25519')
  return {
    share: exportPublicKey(X25519, pair.publicKey),
    agree: (peerShare) => agreeX25519(pair.privateKey, peerShare),
  }
}

const p256Share = (): KeyShare => {
  const curve = createECDH('prime256v1')
  return { share: Uint8Array.from(curve.generateKeys()), agree: (peerShare) => agreeP256(curve, peerShare) }
}

/** OpenSSL checks that the point is on the curve. */
const agreeP256 = (curve: ECDH, peerShare: Uint8Array): Uint8Array | null => {
  if (peerShare.length !== P256_POINT_BYTES || peerShare[0] !== UNCOMPRESSED) return null
  try {
    return Uint8Array.from(curve.computeSecret(peerShare))
  } catch {
    return null
  }
}

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

const answerKem = (peerShare: Uint8Array): Answer | null => {
  const key = importPublicKey(ML_KEM_768, peerShare)
  if (key === null) return null
  try {
    const { ciphertext, sharedKey } = encapsulate(key)
    return { share: Uint8Array.from(ciphertext), secret: Uint8Array.from(sharedKey) }
  } catch {
    return null
  }
}

const answerHybrid = (peerShare: Uint8Array): Answer | null => {
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
