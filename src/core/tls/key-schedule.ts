// The TLS 1.3 key schedule (RFC 8446 section 7.1) over SHA-256, built on `Crypto.hmac` alone: HKDF (RFC 5869), the labelled
// expansions, and the chain of secrets from no pre-shared key to the application traffic secrets.
import { assert } from '../assert.ts'
import type { Crypto } from '../ports.ts'
import { hexBytes } from './vectors.ts'

/** Bytes of a SHA-256 digest, and so of every secret here. */
export const HASH_BYTES = 32

const ZEROS = new Uint8Array(HASH_BYTES)
const EMPTY = new Uint8Array(0)

/** The hash of no message at all. */
const EMPTY_HASH = hexBytes('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')

/** What "derived" makes of the early secret, which is the same in every handshake without a pre-shared key (RFC 8448 section 3). */
const DERIVED_EARLY = hexBytes('6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba')

/** HKDF-Extract with SHA-256: a 32-byte pseudorandom key. */
export const extract = (crypto: Crypto, salt: Uint8Array, secret: Uint8Array): Uint8Array =>
  crypto.hmac('sha256', salt, secret)

/** HKDF-Expand with SHA-256: `length` bytes, at most 255 digests of them. */
export const expand = (crypto: Crypto, secret: Uint8Array, info: Uint8Array, length: number): Uint8Array => {
  assert(length <= 255 * HASH_BYTES, 'HKDF-Expand gives at most 255 digests')
  const output = new Uint8Array(length)
  let block: Uint8Array = EMPTY
  for (let at = 0, counter = 1; at < length; counter++) {
    const input = new Uint8Array(block.length + info.length + 1)
    input.set(block)
    input.set(info, block.length)
    input[input.length - 1] = counter
    block = crypto.hmac('sha256', secret, input)
    output.set(length - at < block.length ? block.subarray(0, length - at) : block, at)
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
  const handshake = extract(crypto, DERIVED_EARLY, shared)
  return {
    client: deriveSecret(crypto, handshake, 'c hs traffic', helloHash),
    server: deriveSecret(crypto, handshake, 's hs traffic', helloHash),
    master: extract(crypto, deriveSecret(crypto, handshake, 'derived', EMPTY_HASH), ZEROS),
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

const expandWithContext = (crypto: Crypto, { secret, label, context, length }: LabelledExpansion): Uint8Array =>
  expand(crypto, secret, hkdfLabel(label, context, length), length)

const LABEL_PREFIX = 'tls13 '

/** HkdfLabel: the length in two bytes, then label and context behind a length byte each. Written by hand: a handshake makes 30. */
const hkdfLabel = (label: string, context: Uint8Array, length: number): Uint8Array => {
  const text = LABEL_PREFIX + label
  const info = new Uint8Array(4 + text.length + context.length)
  info[0] = length >> 8
  info[1] = length & 0xff
  info[2] = text.length
  for (let i = 0; i < text.length; i++) info[3 + i] = text.charCodeAt(i)
  info[3 + text.length] = context.length
  info.set(context, 4 + text.length)
  return info
}
