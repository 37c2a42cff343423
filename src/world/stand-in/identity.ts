// Identities for simulations: the real sizes, and a public key that the private one determines.
import { peerIdOf } from '../../core/ids.ts'
import type { Random } from '../../core/ports.ts'
import type { Identity } from '../../io/ports.ts'
import { standInHash } from './crypto.ts'
import { Digest } from './digest.ts'

const PUBLIC_KEY_BYTES = 1952
/** The seed of an ML-DSA key in a PKCS#8 file, with what stands around it. */
const PRIVATE_KEY_BYTES = 54
const SALT = 11

/** A new identity of what `random` gives. */
export const standInIdentity = (random: Random): Identity => {
  const privateKey = new Uint8Array(PRIVATE_KEY_BYTES)
  random.fill(privateKey)
  const publicKey = publicKeyOf(privateKey)
  return Object.freeze({ peerId: peerIdOf(standInHash('blake3', publicKey)), publicKey, privateKey })
}

/** The public key that belongs to a private one. */
export const publicKeyOf = (privateKey: Uint8Array): Uint8Array =>
  new Digest(SALT).take(privateKey).bytes(PUBLIC_KEY_BYTES)
