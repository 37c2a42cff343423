// The TLS 1.3 key schedule (RFC 8446 section 7.1), built on `Crypto.hmac` alone: HKDF (RFC 5869), the labelled expansions, and the
// chain of secrets from no pre-shared key to the application traffic secrets. Which hash is meant shows in how long a secret is.
import { assert } from '../assert.ts'
import { concat } from '../bytes.ts'
import type { Crypto } from '../ports.ts'
import { HASH_BYTES, hashOf, type SuiteHash } from './suites.ts'
import { hexBytes } from './vectors.ts'

const EMPTY = new Uint8Array(0)

/** What is the same in every handshake of a hash. */
interface Constants {
  readonly zeros: Uint8Array
  /** The hash of no message at all. */
  readonly emptyHash: Uint8Array
  /** What "derived" makes of the early secret where there is no pre-shared key (for SHA-256: RFC 8448 section 3). */
  readonly derivedEarly: Uint8Array
}

const CONSTANTS: Readonly<Record<SuiteHash, Constants>> = {
  sha256: {
    zeros: new Uint8Array(HASH_BYTES.sha256),
    emptyHash: hexBytes('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'),
    derivedEarly: hexBytes('6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba'),
  },
  sha384: {
    zeros: new Uint8Array(HASH_BYTES.sha384),
    emptyHash: hexBytes(
      '38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b',
    ),
    derivedEarly: hexBytes(
      '1591dac5cbbf0330a4a84de9c753330e92d01f0a88214b4464972fd668049e93e52f2b16fad922fdc0584478428f282b',
    ),
  },
}

/** HKDF-Extract: a pseudorandom key of one digest. */
export const extract = (crypto: Crypto, salt: Uint8Array, secret: Uint8Array, hash: SuiteHash = 'sha256'): Uint8Array =>
  crypto.hmac(hash, salt, secret)

/** HKDF-Expand by the hash whose digest `secret` is as long as: `length` bytes, at most 255 digests of them. */
export const expand = (crypto: Crypto, secret: Uint8Array, info: Uint8Array, length: number): Uint8Array => {
  const hash = hashOf(secret)
  assert(length <= 255 * HASH_BYTES[hash], 'HKDF-Expand gives at most 255 digests')
  const input = new Uint8Array(info.length + 1)
  input.set(info)
  input[info.length] = 1
  let block = crypto.hmac(hash, secret, input)
  if (length <= block.length) return cut(block, length)
  const output = new Uint8Array(length)
  output.set(block)
  for (let at = block.length, counter = 2; at < length; at += block.length, counter++) {
    const further = new Uint8Array(block.length + input.length)
    further.set(block)
    further.set(input, block.length)
    further[further.length - 1] = counter
    block = crypto.hmac(hash, secret, further)
    output.set(cut(block, Math.min(block.length, length - at)), at)
  }
  return output
}

const cut = (block: Uint8Array, length: number): Uint8Array =>
  block.length === length ? block : block.slice(0, length)

/**
 * HKDF-Expand-Label with an empty context: `label` without its "tls13 " prefix (RFC 8446 section 7.1). One digest is enough for whatever keys
 * are made of, and then the message is a constant.
 */
export const expandLabel = (crypto: Crypto, secret: Uint8Array, label: string, length: number): Uint8Array => {
  const hash = hashOf(secret)
  if (length > HASH_BYTES[hash]) return expandWithContext(crypto, { secret, label, context: EMPTY, length })
  return cut(crypto.hmac(hash, secret, firstMessage(label, length)), length)
}

/** By label, then by length. Bounded by the labels and lengths that this code names. */
const FIRST_MESSAGES = new Map<string, Map<number, Uint8Array>>()

/** What is hashed for the first digest of an expansion without a context: HkdfLabel and 1. */
const firstMessage = (label: string, length: number): Uint8Array => {
  let ofLabel = FIRST_MESSAGES.get(label)
  if (ofLabel === undefined) FIRST_MESSAGES.set(label, (ofLabel = new Map()))
  let message = ofLabel.get(length)
  if (message === undefined) ofLabel.set(length, (message = concat(hkdfLabel(label, EMPTY, length), Uint8Array.of(1))))
  return message
}

/** Derive-Secret: the secret of a label over a transcript hash, which is as long as the secret. */
export const deriveSecret = (
  crypto: Crypto,
  secret: Uint8Array,
  label: string,
  transcriptHash: Uint8Array,
): Uint8Array => expandWithContext(crypto, { secret, label, context: transcriptHash, length: secret.length })

/** The secrets of one direction each: what a client sends is protected under `client`. */
export interface TrafficSecrets {
  readonly client: Uint8Array
  readonly server: Uint8Array
}

/** What the key exchange leads to: handshake traffic secrets, and the master secret for what follows. */
export interface HandshakeSecrets extends TrafficSecrets {
  readonly master: Uint8Array
}

/**
 * Secrets after ServerHello: `shared` is the agreed secret of the key exchange, `helloHash` covers ClientHello and ServerHello, `preShared`
 * is the key of an earlier session, if it was taken up.
 */
export const handshakeSecrets = (
  crypto: Crypto,
  shared: Uint8Array,
  helloHash: Uint8Array,
  preShared: Uint8Array | null = null,
): HandshakeSecrets => {
  const hash = hashOf(helloHash)
  const { zeros, emptyHash, derivedEarly } = CONSTANTS[hash]
  const salt =
    preShared === null ? derivedEarly : deriveSecret(crypto, earlySecret(crypto, preShared), 'derived', emptyHash)
  const handshake = extract(crypto, salt, shared, hash)
  return {
    client: deriveSecret(crypto, handshake, 'c hs traffic', helloHash),
    server: deriveSecret(crypto, handshake, 's hs traffic', helloHash),
    master: extract(crypto, deriveSecret(crypto, handshake, 'derived', emptyHash), zeros, hash),
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

/** The binder of a pre-shared key of an earlier session: `truncatedHash` covers the ClientHello up to its binders. */
export const binderOf = (crypto: Crypto, preShared: Uint8Array, truncatedHash: Uint8Array): Uint8Array => {
  const { emptyHash } = CONSTANTS[hashOf(preShared)]
  const key = deriveSecret(crypto, earlySecret(crypto, preShared), 'res binder', emptyHash)
  return finishedData(crypto, key, truncatedHash)
}

/** What pre-shared keys of later sessions follow from: `clientFinishedHash` covers ClientHello to the client's Finished. */
export const resumptionSecret = (crypto: Crypto, master: Uint8Array, clientFinishedHash: Uint8Array): Uint8Array =>
  deriveSecret(crypto, master, 'res master', clientFinishedHash)

/** The pre-shared key that goes with one ticket, by its nonce. */
export const preSharedKey = (crypto: Crypto, resumption: Uint8Array, nonce: Uint8Array): Uint8Array =>
  expandWithContext(crypto, { secret: resumption, label: 'resumption', context: nonce, length: resumption.length })

const earlySecret = (crypto: Crypto, preShared: Uint8Array): Uint8Array => {
  const hash = hashOf(preShared)
  return extract(crypto, CONSTANTS[hash].zeros, preShared, hash)
}

/** What keying material is asked for: by whom (a registered label), about what, and how many bytes. */
export interface ExportRequest {
  readonly label: string
  readonly context: Uint8Array
  readonly length: number
}

/** Keying material that both ends have, and nobody else, out of a session's exporter secret (RFC 8446 section 7.5). */
export const exportKeys = (
  crypto: Crypto,
  secret: Uint8Array,
  { label, context, length }: ExportRequest,
): Uint8Array => {
  const hash = hashOf(secret)
  const own = deriveSecret(crypto, secret, label, CONSTANTS[hash].emptyHash)
  return expandWithContext(crypto, { secret: own, label: 'exporter', context: crypto.hash(hash, context), length })
}

/** verify_data of a Finished message (RFC 8446 section 4.4.4): `traffic` is the sender's handshake traffic secret. */
export const finishedData = (crypto: Crypto, traffic: Uint8Array, transcriptHash: Uint8Array): Uint8Array =>
  crypto.hmac(hashOf(traffic), expandLabel(crypto, traffic, 'finished', traffic.length), transcriptHash)

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
