// Who answers which protocol. Handlers are the application's code: they run in supervised tasks, never in the accept path, and one that
// throws or never returns spoils its own request only.
import type { PeerId } from '../core/ids.ts'
import { SallyportError } from '../core/errors.ts'

/** An inbound request or message, received whole. */
export interface InboundCall {
  /** A message wants no answer; what the handler returns is dropped. */
  readonly kind: 'request' | 'message'
  readonly protocol: string
  readonly peer: PeerId
  /** The handler's to keep. */
  readonly payload: Uint8Array
  /** The 32 bytes a request is about, or null. */
  readonly target: Uint8Array | null
  readonly count: number | null
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

/** The answer to a request: a status of `STATUS`, and what goes with it. */
export interface Answer {
  readonly status: number
  readonly payload?: Uint8Array
  /** Printable ASCII, at most 256 characters. */
  readonly reason?: string
  readonly retryAfterMs?: number
  readonly outcome?: number
}

/** Answers the calls of one protocol; for a message it may return nothing. */
// oxlint-disable-next-line typescript/no-invalid-void-type -- a handler of messages has nothing to return
export type Handler = (call: InboundCall) => Answer | void | Promise<Answer | void>

/** Protocols with a handler at once. */
const HANDLERS_MAX = 256

/** Handlers by protocol. Bounded by HANDLERS_MAX. */
export class Handlers {
  readonly #handlers = new Map<string, Handler>()

  get(protocol: string): Handler | null {
    return this.#handlers.get(protocol) ?? null
  }

  /** Answers a protocol from now on; returns what ends that. Throws ARGUMENT_INVALID when it is answered already. */
  add(protocol: string, handler: Handler): () => void {
    if (this.#handlers.has(protocol)) throw new SallyportError('ARGUMENT_INVALID', `${protocol} has a handler already`)
    if (this.#handlers.size >= HANDLERS_MAX) throw new SallyportError('ARGUMENT_INVALID', 'there are too many handlers')
    this.#handlers.set(protocol, handler)
    return () => {
      if (this.#handlers.get(protocol) === handler) this.#handlers.delete(protocol)
    }
  }
}
