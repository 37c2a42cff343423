// Ends a connection, in whichever way: by a close of ours or a breach of the peer's, by the peer's own close, or without a word. What
// state it is in then, and for how long, is kept by lifetime.ts.
import type { CloseReason, ConnectionOutput } from './outputs.ts'
import { discardSpace, type Parts } from './parts.ts'
import { SPACES } from './recovery.ts'
import type { Violation } from './transport-error.ts'

type SaidReason = CloseReason & { kind: 'application' | 'transport' }

/** How one connection ends. Each end is told once. */
export class Ending {
  readonly #parts: Parts
  readonly #emit: (output: ConnectionOutput) => void

  constructor(parts: Parts, emit: (output: ConnectionOutput) => void) {
    this.#parts = parts
    this.#emit = emit
  }

  /** How long a closing or draining connection stays: three probe timeouts (RFC 9000 section 10.2). */
  get closingMs(): number {
    return this.#parts.recovery.threePto(this.#parts.peer.maxAckDelayMs)
  }

  /** The connection has to end with this error of the transport. */
  violate(found: Violation, now: number): void {
    this.close({ kind: 'transport', ours: true, code: found.code, reason: found.reason }, now)
  }

  /** Ends it and says so; nothing happens where it is over already. */
  close(reason: SaidReason, now: number): void {
    if (!this.#parts.lifetime.isOpen) return
    this.#end(reason)
    this.#parts.lifetime.beginClosing(reason, now + this.closingMs)
  }

  /** The peer ended the connection, or lost it: nothing is said any more. */
  drain(reason: CloseReason, now: number): void {
    this.#end(reason)
    this.#parts.lifetime.beginDraining(now + this.closingMs)
  }

  /** It ends without closing or draining. */
  over(reason: CloseReason): void {
    this.#end(reason)
    this.gone()
  }

  /** Closing or draining is over: every key and buffer goes. */
  gone(): void {
    this.#parts.lifetime.end()
    for (const space of SPACES) discardSpace(this.#parts, space)
    this.#parts.streams.clear()
    this.#emit({ kind: 'gone' })
    this.#parts.observer?.gone()
  }

  #end(reason: CloseReason): void {
    this.#parts.held.take()
    this.#parts.streams.clear()
    this.#parts.observer?.closed(reason)
    this.#emit({ kind: 'closed', reason })
  }
}
