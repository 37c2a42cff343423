// One request or message of a peer: read whole within bounds, handed to its handler, answered.
//
//   reading ──end of stream──► handling ──answer──► answering ──acknowledged──► over
//      └── refused (busy, unsupported, too large) ──────►┘ (a message: over at once)
//   reset, stop, connection lost, a deadline of the state: over
//
// A message whose end has come was acknowledged whole: its sender believes it was taken, and would never hear of a refusal. So it is not
// refused for want of room but left unread, or kept when it was read, until there is room:
//
//   reading ──no room──► reading, later        reading ──end, no place──► kept ──a place──► handling
import { Assembly } from '../core/dispatch/assembly.ts'
import type { Address } from '../core/address.ts'
import type { PeerId, StreamId } from '../core/ids.ts'
import { STATUS, STREAM } from '../core/messages/codes.ts'
import {
  decodeMessageHeader,
  decodeRequestHeader,
  encodeResponseHeader,
  type RequestHeader,
} from '../core/messages/requests.ts'
import { type Conversation, type ConversationOwner, StreamWriter } from './conversation.ts'
import { READ_BYTES_PER_TURN } from './dispatcher.ts'
import { type HandlerRun, mayRun, runHandler } from './handler-run.ts'
import type { Answer, InboundCall } from './handlers.ts'
import { type Charged, InboundCharge } from './inbound-charge.ts'
import type { Due } from './schedule.ts'

type State =
  | Reading
  | Kept
  | { readonly kind: 'handling'; readonly abort: AbortController }
  | { readonly kind: 'answering'; readonly writer: StreamWriter }
  | { readonly kind: 'over' }

interface Reading {
  readonly kind: 'reading'
  /** What came is kept here and nowhere else: who is answered may take for ever to acknowledge that, and is not charged for it any more. */
  readonly assembly: Assembly<RequestHeader>
  /** When it will have brought nothing for too long. */
  stalledAt: number
  /** How long it waits for room before it looks again; 0: it does not wait. */
  lookAgainMs: number
}

interface Kept {
  readonly kind: 'kept'
  readonly run: HandlerRun
  readonly abort: AbortController
  lookAgainMs: number
}

/** What a peer that is to come back later is told. */
const RETRY_AFTER_MS = 1000

/** What has to wait for room looks again after so long, each time twice as long after, up to the last. */
const LOOK_AGAIN_MS = 50
const LOOK_AGAIN_MS_MAX = 2000

const BUSY: Answer = { status: STATUS.busy, retryAfterMs: RETRY_AFTER_MS }

/** An inbound call; what it holds of the node's room is said in inbound-charge.ts. */
export class InboundConversation implements Conversation, Charged, Due {
  readonly peerId: PeerId
  readonly #stream: StreamId
  readonly kind: 'request' | 'message'
  readonly #owner: ConversationOwner
  readonly #charge: InboundCharge
  #state: State
  queued = false

  constructor(stream: { id: StreamId; bidirectional: boolean; peerId: PeerId }, owner: ConversationOwner) {
    this.peerId = stream.peerId
    this.#stream = stream.id
    this.kind = stream.bidirectional ? 'request' : 'message'
    this.#owner = owner
    this.#charge = new InboundCharge(owner.workshop, this)
    const { messageBytesMax } = owner.workshop.limits
    this.#state = this.#read(new Assembly(stream.bidirectional ? decodeRequestHeader : decodeMessage, messageBytesMax))
  }

  get over(): boolean {
    return this.#state.kind === 'over'
  }

  get remote(): Address {
    return this.#owner.link.remote
  }

  /** Whether it is being read, and its sender would hear of a refusal: one who is not done sending does, or who waits for an answer. */
  get mayGiveUp(): boolean {
    return this.#state.kind === 'reading' && this.#restOfMessage === null
  }

  readSome(): boolean {
    const { link } = this.#owner
    if (this.#state.kind === 'reading' && !this.#reserve(this.#state)) return this.#lookLater(this.#state)
    for (let bytes = 0; bytes < READ_BYTES_PER_TURN;) {
      const state = this.#state
      if (state.kind !== 'reading') return false
      const piece = link.readStream(this.#stream)
      if (piece === null) {
        if (link.ended(this.#stream)) this.#complete(state)
        return false
      }
      bytes += piece.length
      this.#receive(state, piece)
    }
    return true
  }

  writable(): void {
    if (this.#state.kind === 'answering') this.#state.writer.write()
  }

  acknowledged(): void {
    this.#finish()
  }

  resetByPeer(): void {
    if (this.#state.kind === 'reading') this.#abort(STREAM.cancelled)
  }

  stoppedByPeer(): void {
    this.#abort(STREAM.cancelled)
  }

  /** A message that is kept needs its connection no more. */
  lost(): void {
    if (this.#state.kind === 'kept') this.#owner.ended(this.#stream)
    else this.#finish()
  }

  giveUp(): void {
    this.#owner.workshop.counters.streamsDisplaced++
    this.#refuse(BUSY, STREAM.busy)
  }

  giveUpAnswer(): void {
    this.#owner.workshop.counters.streamsDisplaced++
    this.#abort(STREAM.busy)
  }

  /** The time of its state is over. */
  run(): void {
    const { counters, clock, limits } = this.#owner.workshop
    const state = this.#state
    if (state.kind === 'kept') return this.#handle(state)
    // What came and was not read yet waits for us, and not for its sender.
    if (state.kind === 'reading' && this.queued) return this.#wait(limits.stallTimeoutMs)
    if (state.kind === 'reading' && state.lookAgainMs > 0) {
      if (!this.#charge.isHalfCharged || clock.now() < state.stalledAt) return this.#owner.again(this)
    }
    if (state.kind !== 'handling') {
      counters.streamsStalled++
      return this.#abort(STREAM.deadline)
    }
    counters.handlerTimeouts++
    this.#refuse(BUSY, STREAM.busy)
  }

  #receive({ assembly }: Reading, piece: Uint8Array): void {
    const { counters, handlers } = this.#owner.workshop
    if (!this.#charge.take(piece.length)) {
      counters.requestsBusy++
      return this.#refuse(BUSY, STREAM.busy)
    }
    this.#state = this.#read(assembly)
    const state = assembly.receive(piece)
    if (state === 'bad') return this.#violate('a malformed header')
    if (state === 'too-large') return this.#refuse({ status: STATUS.badRequest, reason: 'too large' }, STREAM.tooLarge)
    const { header } = assembly
    if (header !== null && handlers.get(header.protocol) === null) {
      this.#refuse({ status: STATUS.unsupported }, STREAM.unsupported)
    }
  }

  #complete({ assembly }: Reading): void {
    const payload = assembly.finish()
    const { header } = assembly
    if (payload === null || header === null) return this.#violate('a stream without its header')
    const { counters, handlers } = this.#owner.workshop
    const handler = handlers.get(header.protocol)
    if (handler === null) return this.#refuse({ status: STATUS.unsupported }, STREAM.unsupported)
    if (this.kind === 'request') counters.requestsServed++
    else counters.messagesServed++
    const abort = new AbortController()
    const call: InboundCall = { kind: this.kind, peer: this.peerId, payload, signal: abort.signal, ...header }
    this.#handle({ kind: 'kept', run: { handler, call, bytes: this.#charge.bytes }, abort, lookAgainMs: 0 })
  }

  /** Takes what is still to come of a message whose end has come; false when there is no room for it. */
  #reserve({ assembly, lookAgainMs }: Reading): boolean {
    const rest = this.#restOfMessage
    if (rest === null) return true
    if (!this.#charge.reserve(rest, assembly.bytes)) return false
    if (lookAgainMs > 0) this.#state = this.#read(assembly)
    return true
  }

  /** How much is still to be read of a message whose end has come; null for any other, and for a request. */
  get #restOfMessage(): number | null {
    return this.kind === 'request' ? null : this.#owner.link.toEnd(this.#stream)
  }

  #lookLater(state: Reading | Kept): false {
    if (state.lookAgainMs === 0) this.#owner.workshop.counters.laneFull++
    state.lookAgainMs = Math.min(LOOK_AGAIN_MS_MAX, Math.max(LOOK_AGAIN_MS, 2 * state.lookAgainMs))
    this.#wait(state.lookAgainMs)
    return false
  }

  /** Calls its handler, or keeps a message until there is a place for that. */
  #handle(kept: Kept): void {
    const { workshop } = this.#owner
    const { run, abort } = kept
    if (mayRun(workshop, run)) {
      this.#state = { kind: 'handling', abort }
      this.#wait(workshop.limits.handlerTimeoutMs)
      const returned = this.#charge.handOver()
      return runHandler(workshop, run, { answered: (answer) => this.#answer(answer), returned })
    }
    if (this.#charge.isWhole) {
      this.#state = kept
      this.#lookLater(kept)
      return
    }
    workshop.counters.requestsBusy++
    this.#refuse(BUSY, STREAM.busy)
  }

  #answer(answer: Answer): void {
    if (this.#state.kind === 'over' || this.#state.kind === 'answering') return
    this.#charge.release()
    if (this.kind === 'message') return this.#finish()
    const { limits, counters } = this.#owner.workshop
    const { status, payload = NOTHING, reason = null, retryAfterMs = null, outcome = null } = answer
    if (payload.length > limits.messageBytesMax) return this.#answer({ status: STATUS.refused, reason: 'too large' })
    if (!this.#charge.answer(payload.length)) {
      counters.requestsBusy++
      return this.#answer(BUSY)
    }
    const header = encodeResponseHeader({ status, reason, retryAfterMs, outcome })
    const writer = new StreamWriter(this.#owner.link, this.#stream, [header, payload])
    this.#state = { kind: 'answering', writer }
    this.#wait(limits.handlerTimeoutMs)
    writer.write()
  }

  /** Takes no more of the stream; a request is told why. */
  #refuse(answer: Answer, code: number): void {
    if (this.#state.kind === 'handling') this.#abortLater(this.#state.abort)
    this.#owner.link.stop(this.#stream, code)
    this.#answer(answer)
  }

  #violate(what: string): void {
    this.#finish()
    this.#owner.violated(what)
  }

  #abort(code: number): void {
    this.#owner.link.stop(this.#stream, code)
    if (this.kind === 'request') this.#owner.link.reset(this.#stream, code)
    this.#finish()
  }

  #finish(): void {
    const before = this.#state
    if (before.kind === 'over') return
    this.#state = { kind: 'over' }
    this.#owner.workshop.schedule.clear(this)
    this.#charge.release()
    this.#owner.ended(this.#stream)
    if (before.kind === 'handling') this.#abortLater(before.abort)
  }

  /** Who listens to the signal is the application: not in the turn that a datagram brought, and not while we are in the middle of something. */
  #abortLater(abort: AbortController): void {
    this.#owner.workshop.timers.soon(() => abort.abort())
  }

  /** It is being read, and has so long for the next bytes. */
  #read(assembly: Assembly<RequestHeader>): Reading {
    const { clock, limits } = this.#owner.workshop
    this.#wait(limits.stallTimeoutMs)
    return { kind: 'reading', assembly, stalledAt: clock.now() + limits.stallTimeoutMs, lookAgainMs: 0 }
  }

  #wait(ms: number): void {
    this.#owner.workshop.schedule.set(this, this.#owner.workshop.clock.now() + ms)
  }
}

const NOTHING = new Uint8Array(0)

const decodeMessage: typeof decodeRequestHeader = (map) => {
  const header = decodeMessageHeader(map)
  return header === null ? null : { protocol: header.protocol, target: null, count: null }
}
