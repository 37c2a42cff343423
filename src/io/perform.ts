// Doing work, wherever it is done: in a worker thread, or inline in tests. Synchronous, and whatever is wrong with the input is
// a result, not a throw.
import { createPrivateKey, sign, verify, type KeyObject } from 'node:crypto'
import type { Work, WorkDone } from '../core/ports.ts'
import type { Blake3 } from './blake3.ts'
import { openChunk, sealChunk } from './chunk-work.ts'
import type { Identity } from './ports.ts'
import { importPublicKey, ML_DSA_65 } from './raw-keys.ts'

/** What signing needs of an identity. */
export type Signer = Pick<Identity, 'peerId' | 'privateKey'>

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
      return { id, kind, signature: Uint8Array.from(sign(null, work.content, key())) }
    case 'verify':
      return { id, kind, valid: isSignature(work) }
    case 'seal-chunk':
      return { id, kind, ...sealChunk(blake3, work.plaintext, work.context) }
    case 'open-chunk':
      return { id, kind, plaintext: openChunk(blake3, work, work.context) }
    case 'hash-chunk':
      return { id, kind, address: blake3(work.stored), stored: work.stored }
  }
}

const isSignature = (work: Extract<Work, { kind: 'verify' }>): boolean => {
  const publicKey = importPublicKey(ML_DSA_65, work.key)
  return publicKey !== null && verify(null, work.content, publicKey, work.signature)
}

const keyOf = (keys: Map<string, KeyObject>, signer: Signer | null): KeyObject => {
  if (signer === null) throw new Error('no identity to sign with')
  const known = keys.get(signer.peerId)
  const key = known ?? createPrivateKey({ key: Buffer.from(signer.privateKey), format: 'der', type: 'pkcs8' })
  keys.delete(signer.peerId)
  keys.set(signer.peerId, key)
  if (keys.size > KEYS_MAX) keys.delete(keys.keys().next().value ?? '')
  return key
}
