// BLAKE3-256, which node:crypto has not. One WebAssembly instance per thread: it is made once, asynchronously, and hashes
// synchronously from then on; a hash is taken from start to end in one call, so that sharing the instance is safe.
import { createBLAKE3 } from 'hash-wasm'

/** BLAKE3-256 of `data`, 32 bytes in memory of their own. */
export type Blake3 = (data: Uint8Array) => Uint8Array

let instance: Promise<Blake3> | null = null

/** The thread's BLAKE3; the first call compiles it, which takes a few milliseconds. */
export const loadBlake3 = (): Promise<Blake3> => (instance ??= compile())

const compile = async (): Promise<Blake3> => {
  const hasher = await createBLAKE3(256)
  return (data) => hasher.init().update(data).digest('binary')
}
