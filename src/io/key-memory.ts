// Memory for short secrets, many to a block. An array of its own becomes three objects and two pieces of memory as soon as OpenSSL is
// given it, and each connection keeps a dozen. A secret's bytes are zeroed by its owner and never given out again.

/** Some hundred packet keys share a block, which is there as long as any of them. */
const BLOCK_BYTES = 4096

let block = new Uint8Array(BLOCK_BYTES)
let at = 0

/** A copy of a secret, a view of a block. */
export const keptSecret = (secret: Uint8Array): Uint8Array => {
  const { length } = secret
  if (length > BLOCK_BYTES) return secret.slice()
  if (at + length > BLOCK_BYTES) {
    block = new Uint8Array(BLOCK_BYTES)
    at = 0
  }
  const kept = block.subarray(at, at + length)
  kept.set(secret)
  at += length
  return kept
}
