// The handshake messages of both ends in order (RFC 8446 section 4.4.1). They are kept as bytes and hashed in one call each time a
// hash is needed: a handshake needs six, the hash is not known before its first two messages, and this keeps the port free of hash states.
import { assert } from '../assert.ts'
import { concat, NO_BYTES, Writer } from '../bytes.ts'
import type { Crypto } from '../ports.ts'
import type { SuiteHash } from './suites.ts'

/** The message that stands for the first ClientHello once a HelloRetryRequest followed it. */
const MESSAGE_HASH = 254

/** What is left of all transcripts that are released. */
const NOTHING = new Writer(NO_BYTES)

export class Transcript {
  readonly #crypto: Crypto
  readonly #bytesMax: number
  #messages = new Writer()

  /** `bytesMax` is what it can reach: what a peer may send plus what we send, both bounded before they come here. */
  constructor(crypto: Crypto, bytesMax: number) {
    this.#crypto = crypto
    this.#bytesMax = bytesMax
  }

  /** Appends whole handshake messages, header included; they are copied. */
  add(messages: Uint8Array): void {
    assert(this.#messages.at + messages.length <= this.#bytesMax, 'a transcript is bounded')
    this.#messages.put(messages)
  }

  /** The digest of everything so far. */
  hash(name: SuiteHash): Uint8Array {
    return this.#crypto.hash(name, this.#messages.written())
  }

  /** The digest of everything so far and a further message, which is not added. */
  hashWith(message: Uint8Array, name: SuiteHash): Uint8Array {
    return this.#crypto.hash(name, concat(this.#messages.written(), message))
  }

  /** Replaces everything so far by its digest. */
  restart(name: SuiteHash): void {
    const digest = this.hash(name)
    this.#messages = new Writer()
    this.#messages.put(Uint8Array.of(MESSAGE_HASH, 0, 0, digest.length))
    this.#messages.put(digest)
  }

  /** Gives the memory back once the handshake is complete; nothing can be added any more. */
  release(): void {
    this.#messages = NOTHING
  }
}
