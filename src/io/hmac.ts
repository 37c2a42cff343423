// HMAC (RFC 2104) of short messages, as the key schedule makes some forty of for each connection: two one-shot hashes, whose results come
// as text of one character a byte. An Hmac object of node:crypto and the memory of a Buffer each cost more than the hashing itself.
import { createHmac, hash } from 'node:crypto'
import { assert } from '../core/assert.ts'

/** Bytes of a block and of a digest. */
const SIZES = { sha256: { block: 64, digest: 32 }, sha384: { block: 128, digest: 48 } } as const

/** A longer message, or a key longer than a block, is left to node:crypto. */
const DATA_BYTES_MAX = 512

const INNER_PAD = 0x36
const OUTER_PAD = 0x5c

const inner = new Uint8Array(SIZES.sha384.block + DATA_BYTES_MAX)
const outer = new Uint8Array(SIZES.sha384.block + SIZES.sha384.digest)

/** The first bytes of each, by how many they are: a view costs as much as a fifth of a hash. Bounded by their lengths. */
const innerViews: Uint8Array[] = []
const outerViews: Uint8Array[] = []

const firstOf = (bytes: Uint8Array, views: Uint8Array[], length: number): Uint8Array =>
  (views[length] ??= bytes.subarray(0, length))

/** The digest of some bytes, in memory of its own. */
export const digestOf = (name: 'sha256' | 'sha384', data: Uint8Array): Uint8Array => {
  const digest = new Uint8Array(SIZES[name].digest)
  put(hash(name, data, 'latin1'), digest, 0)
  return digest
}

/** HMAC of `data` under `key`, in memory of its own. Nothing of the key stays in the memory that every call uses. */
export const hmac = (name: 'sha256' | 'sha384', key: Uint8Array, data: Uint8Array): Uint8Array => {
  const { block, digest } = SIZES[name]
  if (key.length > block || data.length > DATA_BYTES_MAX) {
    return Uint8Array.from(createHmac(name, key).update(data).digest())
  }
  inner.fill(INNER_PAD, 0, block)
  outer.fill(OUTER_PAD, 0, block)
  for (let i = 0; i < key.length; i++) {
    const byte = key[i] ?? 0
    inner[i] = byte ^ INNER_PAD
    outer[i] = byte ^ OUTER_PAD
  }
  inner.set(data, block)
  put(hash(name, firstOf(inner, innerViews, block + data.length), 'latin1'), outer, block)
  const result = digestOf(name, firstOf(outer, outerViews, block + digest))
  inner.fill(0, 0, block + data.length)
  outer.fill(0)
  return result
}

const put = (text: string, into: Uint8Array, at: number): void => {
  assert(at + text.length <= into.length, 'a digest has room')
  for (let i = 0; i < text.length; i++) into[at + i] = text.charCodeAt(i)
}
