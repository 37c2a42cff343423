// The chunk protocols' messages. Their headers are the common ones; what is particular to them is told apart here.
//   chunk-put: header target = address, payload = the stored bytes    -> ok (outcome stored or already stored) · refused
//   chunk-get: header target = address                                -> ok, payload = the stored bytes · absent
//   chunk-has: payload = up to 1,024 addresses, 32 bytes each         -> ok, payload = bitmap
import type { ChunkAddress } from '../ids.ts'
import { chunkAddressOf, ID_BYTES, idBytes } from '../ids.ts'
import { concat } from '../bytes.ts'
import { PROTOCOL } from './codes.ts'
import type { RequestHeader } from './requests.ts'

/** Addresses in one chunk-has request at most. */
export const HAS_ADDRESSES_MAX = 1024

/** The outcome of a successful chunk-put. */
export const PUT_OUTCOME = { stored: 0, alreadyStored: 1 } as const

/** Reasons with which a chunk-put is refused; any other may come, too. */
export const PUT_REFUSAL = {
  notClosest: 'not-closest',
  full: 'full',
  quota: 'quota',
  corrupt: 'corrupt',
  client: 'client',
} as const

/** The header of a chunk-put; the stored bytes follow as payload. */
export const chunkPutRequest = (address: ChunkAddress): RequestHeader => about(PROTOCOL.chunkPut, address)

/** The header of a chunk-get, which has no payload. */
export const chunkGetRequest = (address: ChunkAddress): RequestHeader => about(PROTOCOL.chunkGet, address)

/** The header of a chunk-has; `encodeHasAddresses` is its payload. */
export const chunkHasRequest = (): RequestHeader => ({ protocol: PROTOCOL.chunkHas, target: null, count: null })

/** The address a chunk-put or chunk-get is about, or null when it names none (status bad request). */
export const chunkTarget = (header: RequestHeader): ChunkAddress | null =>
  header.target === null ? null : chunkAddressOf(header.target)

/** The payload of a chunk-has request. */
export const encodeHasAddresses = (addresses: readonly ChunkAddress[]): Uint8Array => concat(...addresses.map(idBytes))

/** The addresses of a chunk-has request, or null when their number is 0, above 1,024 or not whole. */
export const decodeHasAddresses = (payload: Uint8Array): readonly ChunkAddress[] | null => {
  const count = payload.length / ID_BYTES
  if (!Number.isInteger(count) || count === 0 || count > HAS_ADDRESSES_MAX) return null
  return Array.from({ length: count }, (_, i) => chunkAddressOf(payload.subarray(i * ID_BYTES, (i + 1) * ID_BYTES)))
}

/** The payload of a chunk-has response: bit i is byte i>>3, mask 0x80>>(i&7); the bits left over are 0. */
export const encodeHasBitmap = (held: readonly boolean[]): Uint8Array => {
  const bitmap = new Uint8Array(Math.ceil(held.length / 8))
  for (const [i, is] of held.entries()) if (is) bitmap[i >> 3] = (bitmap[i >> 3] ?? 0) | (0x80 >> (i & 7))
  return bitmap
}

/** Which of `count` addresses are held, or null when the bitmap is not the one of `count` bits. */
export const decodeHasBitmap = (payload: Uint8Array, count: number): readonly boolean[] | null => {
  if (payload.length !== Math.ceil(count / 8)) return null
  const held = Array.from({ length: payload.length * 8 }, (_, i) => ((payload[i >> 3] ?? 0) & (0x80 >> (i & 7))) !== 0)
  return held.slice(count).some(Boolean) ? null : held.slice(0, count)
}

const about = (protocol: string, address: ChunkAddress): RequestHeader => ({
  protocol,
  target: idBytes(address),
  count: null,
})
