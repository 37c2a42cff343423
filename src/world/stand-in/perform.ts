// Workers' work for simulations: signatures of the real size that another key, other content or another byte makes invalid; chunks that are
// masked and tagged, and hashed by the stand-in's hash.
import { sameBytes } from '../../core/bytes.ts'
import type { Work, WorkDone } from '../../core/ports.ts'
import type { Job } from '../../io/ports.ts'
import { standInHash } from './crypto.ts'
import { Digest } from './digest.ts'
import { publicKeyOf } from './identity.ts'

const SIGNATURE_BYTES = 3309
const PUBLIC_KEY_BYTES = 1952
const TAG_BYTES = 16
const SALTS = { signature: 12, chunk: 13 } as const

/** Does one piece of work; whatever is wrong with the input is a result. */
export const standInPerform = (work: Work, signer: Job['identity']): WorkDone => {
  const { id, kind } = work
  switch (kind) {
    case 'sign':
      if (signer === null || !('publicKey' in signer)) return { id, kind: 'failed', reason: 'nodes sign as themselves' }
      if (!sameBytes(publicKeyOf(signer.privateKey), signer.publicKey)) {
        return { id, kind: 'failed', reason: 'the private key is not that of the identity' }
      }
      return { id, kind, signature: signatureOf(signer.publicKey, work.content) }
    case 'verify':
      return { id, kind, valid: isSignature(work) }
    case 'verify-chain':
      return { id, kind: 'failed', reason: 'nodes have no certificates' }
    case 'seal-chunk':
      return { id, kind, ...seal(work.plaintext, work.context) }
    case 'open-chunk':
      return { id, kind, plaintext: open(work) }
    case 'hash-chunk':
      return { id, kind, address: standInHash('blake3', work.stored), stored: work.stored }
  }
}

const signatureOf = (publicKey: Uint8Array, content: Uint8Array): Uint8Array =>
  new Digest(SALTS.signature).take(publicKey).take(content).bytes(SIGNATURE_BYTES)

const isSignature = ({ key, content, signature }: Extract<Work, { kind: 'verify' }>): boolean =>
  key.length === PUBLIC_KEY_BYTES && sameBytes(signature, signatureOf(key, content))

const seal = (
  plaintext: Uint8Array,
  context: Uint8Array,
): { stored: Uint8Array; address: Uint8Array; contentHash: Uint8Array } => {
  const contentHash = standInHash('blake3', plaintext)
  const stored = new Uint8Array(plaintext.length + TAG_BYTES)
  stored.set(plaintext)
  mask(stored, plaintext.length, contentHash, context)
  tagOf(stored, plaintext.length, context).write(stored, plaintext.length, TAG_BYTES)
  return { stored, address: standInHash('blake3', stored), contentHash }
}

const open = ({ stored, address, contentHash, context }: Extract<Work, { kind: 'open-chunk' }>): Uint8Array | null => {
  const end = stored.length - TAG_BYTES
  if (end < 0 || !sameBytes(standInHash('blake3', stored), address)) return null
  if (!sameBytes(tagOf(stored, end, context).bytes(TAG_BYTES), stored.subarray(end))) return null
  const plaintext = stored.slice(0, end)
  mask(plaintext, end, contentHash, context)
  return sameBytes(standInHash('blake3', plaintext), contentHash) ? plaintext : null
}

const tagOf = (stored: Uint8Array, end: number, context: Uint8Array): Digest =>
  new Digest(SALTS.chunk).take(context).take(stored, 0, end)

const mask = (bytes: Uint8Array, end: number, contentHash: Uint8Array, context: Uint8Array): void => {
  const byte = 1 + ((new Digest(SALTS.chunk).take(contentHash).take(context).word >>> 24) % 255)
  const isAligned = (bytes.byteOffset & 3) === 0
  const words = new Int32Array(bytes.buffer, isAligned ? bytes.byteOffset : 0, isAligned ? end >> 2 : 0)
  const word = Math.imul(byte, 0x0101_0101)
  for (let at = 0; at < words.length; at++) words[at] = (words[at] ?? 0) ^ word
  for (let at = 4 * words.length; at < end; at++) bytes[at] = (bytes[at] ?? 0) ^ byte
}
