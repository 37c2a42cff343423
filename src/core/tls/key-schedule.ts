// The TLS 1.3 key schedule (RFC 8446 section 7.1) over SHA-256, built on `Crypto.hmac` alone: HKDF (RFC 5869), the labelled
// expansions, and the chain of secrets from no pre-shared key to the application traffic secrets.
import { assert } from '../assert.ts'
import { ascii, Writer } from '../bytes.ts'
import type { Crypto } from '../ports.ts'

/** Bytes of a SHA-256 digest, and so of every secret here. */
export const HASH_BYTES = 32

const ZEROS = new Uint8Array(HASH_BYTES)
const EMPTY = new Uint8Array(0)

/** HKDF-Extract with SHA-256: a 32-byte pseudorandom key. */
export const extract = (crypto: Crypto, salt: Uint8Array, secret: Uint8Array): Uint8Array =>
  crypto.hmac('sha256', salt, secret)

/** HKDF-Expand with SHA-256: `length` bytes, at most 255 digests of them. */
export const expand = (crypto: Crypto, secret: Uint8Array, info: Uint8Array, length: number): Uint8Array => {
  assert(length <= 255 * HASH_BYTES, 'HKDF-Expand gives at most 255 digests')
  const output = new Uint8Array(length)
  let block = EMPTY
  for (let at = 0, counter = 1; at < length; counter++) {
    const input = new Uint8Array(block.length + info.length + 1)
    input.set(block)
    input.set(info, block.length)
    input[input.length - 1] = counter
    block = Uint8Array.from(crypto.hmac('sha256', secret, input))
    output.set(block.subarray(0, length - at), at)
    at += block.length
  }
  return output
}

/** HKDF-Expand-Label with an empty context: `label` without its "tls13 " prefix (RFC 8446 section 7.1). */
export const expandLabel = (crypto: Crypto, secret: Uint8Array, label: string, length: number): Uint8Array =>
  expandWithContext(crypto, { secret, label, context: EMPTY, length })

/** Derive-Secret: the secret of a label over a transcript hash (`transcriptHash` 32 bytes). */
export const deriveSecret = (
  crypto: Crypto,
  secret: Uint8Array,
  label: string,
  transcriptHash: Uint8Array,
): Uint8Array => expandWithContext(crypto, { secret, label, context: transcriptHash, length: HASH_BYTES })

/** The secrets of one direction each: what a client sends is protected under `client`. */
export interface TrafficSecrets {
  readonly client: Uint8Array
  readonly server: Uint8Array
}

/** What the key exchange leads to: handshake traffic secrets, and the master secret for what follows. */
export interface HandshakeSecrets extends TrafficSecrets {
  readonly master: Uint8Array
}

/** Secrets after ServerHello: `shared` is the agreed secret of the key exchange, `helloHash` covers ClientHello and ServerHello. */
export const handshakeSecrets = (crypto: Crypto, shared: Uint8Array, helloHash: Uint8Array): HandshakeSecrets => {
  const emptyHash = crypto.hash('sha256', EMPTY)
  const early = extract(crypto, ZEROS, ZEROS)
  const handshake = extract(crypto, deriveSecret(crypto, early, 'derived', emptyHash), shared)
  return {
    client: deriveSecret(crypto, handshake, 'c hs traffic', helloHash),
    server: deriveSecret(crypto, handshake, 's hs traffic', helloHash),
    master: extract(crypto, deriveSecret(crypto, handshake, 'derived', emptyHash), ZEROS),
  }
}

/** Application traffic secrets: `serverFinishedHash` covers ClientHello to the server's Finished. */
export const applicationSecrets = (
  crypto: Crypto,
  master: Uint8Array,
  serverFinishedHash: Uint8Array,
): TrafficSecrets => ({
  client: deriveSecret(crypto, master, 'c ap traffic', serverFinishedHash),
  server: deriveSecret(crypto, master, 's ap traffic', serverFinishedHash),
})

/** verify_data of a Finished message (RFC 8446 section 4.4.4): `traffic` is the sender's handshake traffic secret. */
export const finishedData = (crypto: Crypto, traffic: Uint8Array, transcriptHash: Uint8Array): Uint8Array =>
  crypto.hmac('sha256', expandLabel(crypto, traffic, 'finished', HASH_BYTES), transcriptHash)

interface LabelledExpansion {
  readonly secret: Uint8Array
  readonly label: string
  readonly context: Uint8Array
  readonly length: number
}

const expandWithContext = (crypto: Crypto, { secret, label, context, length }: LabelledExpansion): Uint8Array => {
  const info = new Writer()
  info.u16(length)
  info.vector(1, () => info.put(ascii(`tls13 ${label}`)))
  info.vector(1, () => info.put(context))
  return expand(crypto, secret, info.written(), length)
}
