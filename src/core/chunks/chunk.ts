// The sizes every room agrees on. A chunk is at most 4 MiB of plaintext, sealed with a 16-byte tag; its address is the BLAKE3-256
// hash of the sealed bytes, so whoever holds it can be checked by anyone.

/** Plaintext bytes of one chunk at most: 4 MiB, a part a slow peer can still take within one deadline. */
export const PLAINTEXT_BYTES_MAX = 4 * 1024 * 1024

/** Bytes that sealing adds: the AES-256-GCM tag. */
export const SEAL_BYTES = 16

/** Sealed bytes of one chunk at most. */
export const STORED_BYTES_MAX = PLAINTEXT_BYTES_MAX + SEAL_BYTES

/** The context of convergent sealing: the same plaintext gives the same chunk everywhere. */
export const CONVERGENT_CONTEXT: Uint8Array = new Uint8Array(32)

/** Whether a sealed chunk can be of this many bytes. */
export const isStoredSize = (bytes: number): boolean => bytes > SEAL_BYTES && bytes <= STORED_BYTES_MAX

/** What identifies one chunk to a downloader: where it is, what its plaintext hashes to, and how long the plaintext is. */
export interface ChunkEntry {
  /** BLAKE3-256 of the stored bytes, 32 bytes. */
  readonly address: Uint8Array
  /** BLAKE3-256 of the plaintext, 32 bytes. */
  readonly contentHash: Uint8Array
  /** Plaintext bytes, 1 to 4 MiB. */
  readonly size: number
}
