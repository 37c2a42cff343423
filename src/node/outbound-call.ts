// One request or message of ours: waits for a stream, writes, and ends once, with the response, the acknowledgement or an error.
//
//   waiting ──stream──► sending ──response read, or all acknowledged──► over
//      └───────────────────┴── cancelled, reset, connection lost ──► over
//
// Its stage says how far it had come: open (no byte was written), write (its end was not), acknowledge, answer.
import { Assembly } from '../core/dispatch/assembly.ts'
import { type ErrorCode, SallyportError, type SendStage } from '../core/errors.ts'
import type { PeerId, StreamId } from '../core/ids.ts'
import { STREAM } from '../core/messages/codes.ts'
import { decodeResponseHeader, type ResponseHeader } from '../core/messages/requests.ts'
import type { Loss } from './close-reasons.ts'
import { type Conversation, type ConversationOwner, StreamWriter } from './conversation.ts'
import { READ_BYTES_PER_TURN } from './dispatcher.ts'

/** How a call ended; a message that was acknowledged has an empty response. */
export type CallOutcome =
  | { readonly kind: 'response'; readonly header: ResponseHeader; readonly payload: Uint8Array }
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'failed'; readonly error: SallyportError }
  /** Its connection ended or goes away. */
  | { readonly kind: 'lost'; readonly loss: Loss }

/** What a call is made of; `finished` is called once. Its deadline is its caller's affair: `cancel`. */
export interface CallParts {
  readonly kind: 'request' | 'message'
  readonly peerId: PeerId
  /** Encoded. */
  readonly header: Uint8Array
  readonly payload: Uint8Array
  readonly finished: (outcome: CallOutcome) => void
}

type State =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'sending'; readonly stream: StreamId; readonly writer: StreamWriter }
  | { readonly kind: 'over' }

/** An outbound call. Bounded in bytes by messageBytesMax. */
export class OutboundCall implements Conversation {
  readonly #parts: CallParts
  readonly #owner: ConversationOwner
  readonly #response: Assembly<ResponseHeader>
  #state: State = { kind: 'waiting' }
  #acknowledged = false
  #endedAt: SendStage | null = null
  queued = false

  constructor(parts: CallParts, owner: ConversationOwner) {
    this.#parts = parts
    this.#owner = owner
    this.#response = new Assembly(decodeResponseHeader, owner.workshop.limits.messageBytesMax)
  }

  get kind(): 'request' | 'message' {
    return this.#parts.kind
  }

  get peerId(): PeerId {
    return this.#parts.peerId
  }

  get over(): boolean {
    return this.#state.kind === 'over'
  }

  /** How far it has come, or had when it ended. */
  get stage(): SendStage {
    if (this.#endedAt !== null) return this.#endedAt
    if (this.#state.kind !== 'sending') return 'open'
    if (this.#acknowledged) return 'answer'
    return this.#state.writer.finished ? 'acknowledge' : 'write'
  }

  /** A stream was opened for it. */
  start(stream: StreamId): void {
    const { header, payload } = this.#parts
    const writer = new StreamWriter(this.#owner.link, stream, [header, payload])
    this.#state = { kind: 'sending', stream, writer }
    writer.write()
  }

  /** Nobody waits for it any more. */
  cancel(error: SallyportError): void {
    this.#abort(error.code === 'REQUEST_TIMEOUT' ? STREAM.deadline : STREAM.cancelled, error)
  }

  readSome(): boolean {
    for (let bytes = 0; bytes < READ_BYTES_PER_TURN;) {
      if (this.#state.kind !== 'sending') return false
      const piece = this.#owner.link.readStream(this.#state.stream)
      if (piece === null) {
        if (this.#owner.link.ended(this.#state.stream)) this.#complete()
        return false
      }
      bytes += piece.length
      const state = this.#response.receive(piece)
      if (state === 'too-large') this.#giveUp(STREAM.tooLarge, 'TOO_LARGE', 'the response is too large')
      if (state === 'bad') this.#bad('a malformed response')
    }
    return true
  }

  writable(): void {
    if (this.#state.kind === 'sending') this.#state.writer.write()
  }

  acknowledged(): void {
    this.#acknowledged = true
    if (this.#parts.kind === 'message') this.#finish({ kind: 'acknowledged' })
  }

  resetByPeer(code: number): void {
    this.#giveUp(STREAM.cancelled, codeOf(code), `the peer reset the ${this.#parts.kind}, code ${code}`)
  }

  /** A request may still be answered: with busy, say. A message cannot. */
  stoppedByPeer(code: number): void {
    if (this.#parts.kind === 'message') this.#fail(codeOf(code), `the peer does not take the message, code ${code}`)
  }

  lost(loss: Loss): void {
    this.#finish({ kind: 'lost', loss })
  }

  /** It was not even begun. */
  refuse(code: ErrorCode, message: string): void {
    this.#fail(code, message)
  }

  #complete(): void {
    const payload = this.#response.finish()
    const { header } = this.#response
    if (payload === null || header === null) return this.#bad('a response without its header')
    // Who answers before it has heard all wants no more: what was not sent never will be, and the stream must not wait for it.
    if (this.#state.kind === 'sending' && !this.#state.writer.finished) {
      this.#owner.link.reset(this.#state.stream, STREAM.cancelled)
    }
    this.#finish({ kind: 'response', header, payload })
  }

  #bad(what: string): void {
    this.#fail('BAD_RESPONSE', `the peer sent ${what}`)
    this.#owner.violated(what)
  }

  #giveUp(code: number, error: ErrorCode, message: string): void {
    this.#abort(code, new SallyportError(error, message))
  }

  #abort(code: number, error: SallyportError): void {
    if (this.#state.kind === 'sending') {
      this.#owner.link.reset(this.#state.stream, code)
      if (this.#parts.kind === 'request') this.#owner.link.stop(this.#state.stream, code)
    }
    this.#finish({ kind: 'failed', error })
  }

  #fail(code: ErrorCode, message: string): void {
    this.#finish({ kind: 'failed', error: new SallyportError(code, message) })
  }

  #finish(outcome: CallOutcome): void {
    const before = this.#state
    if (before.kind === 'over') return
    this.#endedAt = this.stage
    this.#state = { kind: 'over' }
    if (before.kind === 'sending') this.#owner.ended(before.stream)
    this.#parts.finished(outcome)
  }
}

const codeOf = (code: number): ErrorCode => {
  if (code === STREAM.unsupported) return 'REQUEST_UNSUPPORTED'
  if (code === STREAM.busy) return 'PEER_BUSY'
  return code === STREAM.tooLarge ? 'TOO_LARGE' : 'RESET_BY_PEER'
}
