// Doing work, wherever it is done: in a worker thread, or inline in tests. Synchronous, and whatever is wrong with the input is
// a result, not a throw.
import { createPrivateKey, sign, verify, type KeyObject } from 'node:crypto'
import type { Work, WorkDone } from '../core/ports.ts'
import type { Blake3 } from './blake3.ts'
import { openChunk, sealChunk } from './chunk-work.ts'
import { chainObjection } from './certificate-check.ts'
import { systemClock } from './clock.ts'
import type { CertificateKey, Identity } from './ports.ts'
import { importPublicKey, ML_DSA_65 } from './raw-keys.ts'
import { signBy } from './signature-schemes.ts'

/** What signing needs: a private key, and a name that no other key has. */
export type Signer = CertificateKey | Pick<Identity, 'peerId' | 'privateKey'>

/** The name of a signer's key. */
export const keyName = (signer: Signer): string => ('peerId' in signer ? signer.peerId : signer.name)

/** Does one piece of work; `signer` is whose key signs, and is not looked at for anything else. */
export type Perform = (work: Work, signer: Signer | null) => WorkDone

/** Imported private keys kept; importing one expands it, which costs as much as a fifth of a signature. */
const KEYS_MAX = 256

/** A performer with a key cache of its own. */
export const createPerform = (blake3: Blake3): Perform => {
  /** Least recently used first. Bounded by KEYS_MAX. */
  const keys = new Map<string, KeyObject>()
  return (work, signer) => {
    try {
      return perform(blake3, work, () => keyOf(keys, signer))
    } catch (error) {
      return { id: work.id, kind: 'failed', reason: error instanceof Error ? error.message : String(error) }
    }
  }
}

const perform = (blake3: Blake3, work: Work, key: () => KeyObject): WorkDone => {
  const { id, kind } = work
  switch (kind) {
    case 'sign':
      return { id, kind, signature: signature(work, key()) }
    case 'verify':
      return { id, kind, valid: isSignature(work) }
    case 'verify-chain':
      return { id, kind, objection: chainObjection(work, systemClock.wall()) }
    case 'seal-chunk':
      return { id, kind, ...sealChunk(blake3, work.plaintext, work.context) }
    case 'open-chunk':
      return { id, kind, plaintext: openChunk(blake3, work, work.context) }
    case 'hash-chunk':
      return { id, kind, address: blake3(work.stored), stored: work.stored }
  }
}

const signature = ({ content, scheme }: Extract<Work, { kind: 'sign' }>, key: KeyObject): Uint8Array =>
  scheme === undefined ? Uint8Array.from(sign(null, content, key)) : signBy(scheme, key, content)

const isSignature = (work: Extract<Work, { kind: 'verify' }>): boolean => {
  const publicKey = importPublicKey(ML_DSA_65, work.key)
  return publicKey !== null && verify(null, work.content, publicKey, work.signature)
}

const keyOf = (keys: Map<string, KeyObject>, signer: Signer | null): KeyObject => {
  if (signer === null) throw new Error('no identity to sign with')
  const name = keyName(signer)
  const known = keys.get(name)
  const key = known ?? createPrivateKey({ key: Buffer.from(signer.privateKey), format: 'der', type: 'pkcs8' })
  keys.delete(name)
  keys.set(name, key)
  if (keys.size > KEYS_MAX) keys.delete(keys.keys().next().value ?? '')
  return key
}
