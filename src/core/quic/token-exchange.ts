// Address validation tokens as a connection deals with them (RFC 9000 section 8.1): a client's, which it puts on every Initial, and
// those a server gives for a later connection. What is in them is the server's own business (tokens.ts).
import { assert } from '../assert.ts'
import { NO_BYTES, sameBytes } from '../bytes.ts'
import type { ConnectionOutput } from './outputs.ts'
import type { PacketBuilder } from './packet-builder.ts'

/** A longer token is not taken: it would leave too little of an Initial for the ClientHello. Ours are under 50 bytes. */
export const TOKEN_BYTES_MAX = 512

/** Tokens of one connection that a client hands out: one for each address it has had. A flood of them gets no further. */
const RECEIVED_MAX = 16

/** A NEW_TOKEN frame but for its token: type and a length of two bytes. */
const FRAME_BYTES = 3

export class TokenExchange {
  /** What a client's Initials carry; empty for none, and for servers. */
  presented: Uint8Array
  /** The source id of the one Retry that a client followed or a server sent; null for none. */
  retryId: Uint8Array | null
  readonly #emit: (output: ConnectionOutput) => void
  /** Bounded by RECEIVED_MAX and TOKEN_BYTES_MAX. */
  readonly #received: Uint8Array[] = []
  #given: Uint8Array | null = null
  #owed = false

  constructor(
    start: { readonly presented: Uint8Array | null; readonly retryId: Uint8Array | null },
    emit: (output: ConnectionOutput) => void,
  ) {
    assert((start.presented?.length ?? 0) <= TOKEN_BYTES_MAX, 'a token that was handed out is not too long')
    this.presented = start.presented ?? NO_BYTES
    this.retryId = start.retryId?.slice() ?? null
    this.#emit = emit
  }

  /** A Retry was followed. */
  follow(retry: { readonly token: Uint8Array; readonly sourceId: Uint8Array }): void {
    this.presented = retry.token.slice()
    this.retryId = retry.sourceId.slice()
  }

  /** A server gives its client a token, the last of which counts: one for each address it has. It is copied. */
  give(token: Uint8Array): void {
    assert(token.length > 0 && token.length <= TOKEN_BYTES_MAX, 'a token fits its frame')
    this.#given = token.slice()
    this.#owed = true
  }

  /** Tokens that are kept. */
  get count(): number {
    return this.#received.length + (this.#given === null ? 0 : 1)
  }

  /** Whether a NEW_TOKEN frame waits to be sent. */
  get pending(): boolean {
    return this.#owed
  }

  fill(packet: PacketBuilder): void {
    if (!this.#owed || this.#given === null || packet.room < FRAME_BYTES + this.#given.length) return
    packet.add({ type: 'new-token', token: this.#given }, { kind: 'new-token' })
    this.#owed = false
  }

  lost(): void {
    this.#owed = true
  }

  /** A client got a token: each is handed out once, however often it was sent (RFC 9000 section 8.1.3). */
  receive(token: Uint8Array): void {
    if (token.length > TOKEN_BYTES_MAX || this.#received.length >= RECEIVED_MAX) return
    if (this.#received.some((known) => sameBytes(known, token))) return
    const kept = token.slice()
    this.#received.push(kept)
    this.#emit({ kind: 'new-token', token: kept })
  }
}
