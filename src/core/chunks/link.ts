// A link names a file for good: the address of its data map, and the hash of the map's plaintext, from which the key to open it
// comes. Whoever holds only the part before `#` can fetch bytes but read nothing. A `/` at the end says that the file is a directory.
import { fromHex, toHex } from '../bytes.ts'
import { parseChunkAddress } from '../ids.ts'
import type { ChunkAddress } from '../ids.ts'

/** What a link says: where the data map is stored, and the 32-byte BLAKE3 hash of its plaintext. */
export interface Link {
  readonly kind: 'file' | 'directory'
  readonly address: ChunkAddress
  readonly contentHash: Uint8Array
}

const SHAPE = /^sallyport:([0-9a-f]{64})#([0-9a-f]{64})(\/?)$/

/** Reads `sallyport:<64 hex address>#<64 hex hash>`, with `/` at the end for a directory; null for anything else, upper-case digits and spaces included. */
export const parseLink = (text: string): Link | null => {
  const parts = SHAPE.exec(text)
  const address = parts === null ? null : parseChunkAddress(parts[1] ?? '')
  const contentHash = parts === null ? null : fromHex(parts[2] ?? '')
  const kind = parts?.[3] === '/' ? 'directory' : 'file'
  return address === null || contentHash === null ? null : { kind, address, contentHash }
}

/** The text of a link, as `parseLink` reads it. */
export const formatLink = ({ kind, address, contentHash }: Link): string =>
  `sallyport:${address}#${toHex(contentHash)}${kind === 'directory' ? '/' : ''}`
