// The handshake messages of both ends in order (RFC 8446 section 4.4.1). They are kept as bytes and hashed in one call each time a
// hash is needed: a handshake needs six, the hash is not known before its first two messages, and this keeps the port free of hash states.
import { assert } from '../assert.ts'
import { Writer } from '../bytes.ts'
import type { Crypto } from '../ports.ts'
import type { SuiteHash } from './suites.ts'

/** Bytes a transcript can reach: what a peer may send plus what we send, both bounded before they come here. */
export const TRANSCRIPT_BYTES_MAX = 16_384

/** Bounded by TRANSCRIPT_BYTES_MAX. */
export class Transcript {
  readonly #crypto: Crypto
  #messages = new Writer()

  constructor(crypto: Crypto) {
    this.#crypto = crypto
  }

  /** Appends whole handshake messages, header included; they are copied. */
  add(messages: Uint8Array): void {
    assert(this.#messages.at + messages.length <= TRANSCRIPT_BYTES_MAX, 'a transcript is at most 16 KiB')
    this.#messages.put(messages)
  }

  /** The digest of everything so far. */
  hash(name: SuiteHash): Uint8Array {
    return this.#crypto.hash(name, this.#messages.written())
  }

  /** Gives the memory back once the handshake is complete; nothing can be added any more. */
  release(): void {
    this.#messages = new Writer(new Uint8Array(0))
  }
}
