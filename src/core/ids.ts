// Branded identifiers, made and checked here and nowhere else. PeerIds and chunk addresses are texts, so that they can be keys.
import { assert } from './assert.ts'
import { fromHex, toHex } from './bytes.ts'

/** BLAKE3-256 of a raw ML-DSA-65 public key, as 64 lower-case hexadecimal digits. */
export type PeerId = string & { readonly __brand: 'PeerId' }

/** BLAKE3-256 of a chunk's stored bytes, as 64 lower-case hexadecimal digits. */
export type ChunkAddress = string & { readonly __brand: 'ChunkAddress' }

/** Names one connection of this process for good: counted up, never used again. Not a QUIC connection id. */
export type ConnectionHandle = number & { readonly __brand: 'ConnectionHandle' }

/** A QUIC stream id (RFC 9000 section 2.1): bit 0 says who opened it, bit 1 whether it is unidirectional. */
export type StreamId = number & { readonly __brand: 'StreamId' }

/** Bytes of a PeerId or a chunk address. */
export const ID_BYTES = 32

const ID_TEXT = /^[0-9a-f]{64}$/

/** The PeerId a text spells, or null; upper-case digits are not canonical and are refused. */
export const parsePeerId = (text: string): PeerId | null => (ID_TEXT.test(text) ? (text as PeerId) : null)

/** The PeerId of 32 bytes. */
export const peerIdOf = (bytes: Uint8Array): PeerId => idText(bytes) as PeerId

/** The chunk address a text spells, or null. */
export const parseChunkAddress = (text: string): ChunkAddress | null =>
  ID_TEXT.test(text) ? (text as ChunkAddress) : null

/** The chunk address of 32 bytes. */
export const chunkAddressOf = (bytes: Uint8Array): ChunkAddress => idText(bytes) as ChunkAddress

/** The 32 bytes of a PeerId or chunk address. */
export const idBytes = (id: PeerId | ChunkAddress): Uint8Array => {
  const bytes = fromHex(id)
  assert(bytes !== null && bytes.length === ID_BYTES, 'an id is 64 hexadecimal digits')
  return bytes
}

/** The `n`th handle of a process, counting from 1. */
export const connectionHandle = (n: number): ConnectionHandle => n as ConnectionHandle

/** A number read from a frame or counted up, as a stream id. */
export const streamId = (n: number): StreamId => n as StreamId

const idText = (bytes: Uint8Array): string => {
  assert(bytes.length === ID_BYTES, 'an id is 32 bytes')
  return toHex(bytes)
}
