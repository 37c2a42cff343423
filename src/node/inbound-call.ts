// One request or message of a peer: read whole within bounds, handed to its handler, answered.
//
//   reading ──end of stream──► handling ──answer──► answering ──acknowledged──► over
//      └── refused (busy, unsupported, too large) ──────►┘ (a message: over at once)
//   reset, stop, connection lost, a deadline of the state: over
import { Assembly } from '../core/dispatch/assembly.ts'
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
import type { Answer, Handler, InboundCall } from './handlers.ts'
import type { Due } from './schedule.ts'

type State =
  | { readonly kind: 'reading' }
  | { readonly kind: 'handling'; readonly abort: AbortController }
  | { readonly kind: 'answering'; readonly writer: StreamWriter }
  | { readonly kind: 'over' }

/** What a peer that is to come back later is told. */
const RETRY_AFTER_MS = 1000

const BUSY: Answer = { status: STATUS.busy, retryAfterMs: RETRY_AFTER_MS }

/**
 * An inbound call. What came is charged to the peer's intake until its handler has returned, however long after its time that is;
 * what goes is charged to its answers until it was acknowledged.
 */
export class InboundConversation implements Conversation, Due {
  readonly peerId: PeerId
  readonly #stream: StreamId
  readonly #kind: 'request' | 'message'
  readonly #owner: ConversationOwner
  readonly #assembly: Assembly<RequestHeader>
  #state: State = { kind: 'reading' }
  #charged = 0
  #answerBytes = 0
  queued = false

  constructor(stream: { id: StreamId; bidirectional: boolean; peerId: PeerId }, owner: ConversationOwner) {
    this.peerId = stream.peerId
    this.#stream = stream.id
    this.#kind = stream.bidirectional ? 'request' : 'message'
    this.#owner = owner
    const { messageBytesMax } = owner.workshop.limits
    this.#assembly = new Assembly(stream.bidirectional ? decodeRequestHeader : decodeMessage, messageBytesMax)
    this.#wait(owner.workshop.limits.stallTimeoutMs)
  }

  get over(): boolean {
    return this.#state.kind === 'over'
  }

  readSome(): boolean {
    const { link } = this.#owner
    for (let bytes = 0; bytes < READ_BYTES_PER_TURN;) {
      if (this.#state.kind !== 'reading') return false
      const piece = link.readStream(this.#stream)
      if (piece === null) {
        if (link.ended(this.#stream)) this.#complete()
        return false
      }
      bytes += piece.length
      this.#receive(piece)
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

  lost(): void {
    this.#finish()
  }

  /** The time of its state is over. */
  run(): void {
    const { counters } = this.#owner.workshop
    if (this.#state.kind !== 'handling') {
      counters.streamsStalled++
      return this.#abort(STREAM.deadline)
    }
    counters.handlerTimeouts++
    this.#refuse(BUSY, STREAM.busy)
  }

  #receive(piece: Uint8Array): void {
    const { intake, limits, counters, handlers } = this.#owner.workshop
    if (!intake.take(this.peerId, piece.length)) {
      counters.requestsBusy++
      return this.#refuse(BUSY, STREAM.busy)
    }
    this.#charged += piece.length
    this.#wait(limits.stallTimeoutMs)
    const state = this.#assembly.receive(piece)
    if (state === 'bad') return this.#violate('a malformed header')
    if (state === 'too-large') return this.#refuse({ status: STATUS.badRequest, reason: 'too large' }, STREAM.tooLarge)
    const { header } = this.#assembly
    if (header !== null && handlers.get(header.protocol) === null) {
      this.#refuse({ status: STATUS.unsupported }, STREAM.unsupported)
    }
  }

  #complete(): void {
    const payload = this.#assembly.finish()
    const { header } = this.#assembly
    if (payload === null || header === null) return this.#violate('a stream without its header')
    const { counters, handlers } = this.#owner.workshop
    const handler = handlers.get(header.protocol)
    if (handler === null) return this.#refuse({ status: STATUS.unsupported }, STREAM.unsupported)
    if (this.#kind === 'request') counters.requestsServed++
    else counters.messagesServed++
    this.#handle(handler, header, payload)
  }

  #handle(handler: Handler, header: RequestHeader, payload: Uint8Array): void {
    const { counters, limits } = this.#owner.workshop
    const abort = new AbortController()
    const call: InboundCall = { kind: this.#kind, peer: this.peerId, payload, signal: abort.signal, ...header }
    this.#state = { kind: 'handling', abort }
    this.#wait(limits.handlerTimeoutMs)
    if (this.#run(handler, call)) return
    counters.requestsBusy++
    this.#refuse(BUSY, STREAM.busy)
  }

  /** Starts the handler, whose places and bytes are given back when it returns and not before; false when there is no place. */
  #run(handler: Handler, call: InboundCall): boolean {
    const { clock, histograms, tasks, running, intake } = this.#owner.workshop
    const { peer, protocol } = call
    if (!running.byProtocol.free(protocol) || !running.byPeer.free(peer)) return false
    const charged = this.#charged
    this.#charged = 0
    running.byProtocol.take(protocol)
    running.byPeer.take(peer)
    const giveBack = (): void => {
      running.byProtocol.give(protocol)
      running.byPeer.give(peer)
      intake.give(peer, charged)
    }
    const calledAt = clock.now()
    const returned = (): void => {
      histograms.handler.record(clock.now() - calledAt)
      giveBack()
    }
    const task = { name: 'handler', protocol, peerId: peer } as const
    const started = tasks.run(task, () => this.#supervise(handler, call).finally(returned))
    if (!started) giveBack()
    return started
  }

  /** The application's code runs here; whatever it does ends in an answer, and the task set tells of a failure. */
  async #supervise(handler: Handler, call: InboundCall): Promise<void> {
    try {
      this.#answer((await handler(call)) ?? { status: STATUS.ok })
    } catch (error) {
      this.#answer({ status: STATUS.refused, reason: 'the handler failed' })
      throw error
    }
  }

  #answer(answer: Answer): void {
    if (this.#state.kind === 'over' || this.#state.kind === 'answering') return
    this.#release()
    if (this.#kind === 'message') return this.#finish()
    const { limits, answers, counters } = this.#owner.workshop
    const { status, payload = NOTHING, reason = null, retryAfterMs = null, outcome = null } = answer
    if (payload.length > limits.messageBytesMax) return this.#answer({ status: STATUS.refused, reason: 'too large' })
    if (!answers.take(this.peerId, payload.length)) {
      counters.requestsBusy++
      return this.#answer(BUSY)
    }
    this.#answerBytes = payload.length
    const header = encodeResponseHeader({ status, reason, retryAfterMs, outcome })
    const writer = new StreamWriter(this.#owner.link, this.#stream, [header, payload])
    this.#state = { kind: 'answering', writer }
    this.#wait(limits.handlerTimeoutMs)
    writer.write()
  }

  /** Takes no more of the stream; a request is told why. */
  #refuse(answer: Answer, code: number): void {
    if (this.#state.kind === 'handling') this.#state.abort.abort()
    this.#owner.link.stop(this.#stream, code)
    this.#answer(answer)
  }

  #violate(what: string): void {
    this.#finish()
    this.#owner.violated(what)
  }

  #abort(code: number): void {
    this.#owner.link.stop(this.#stream, code)
    if (this.#kind === 'request') this.#owner.link.reset(this.#stream, code)
    this.#finish()
  }

  #finish(): void {
    const before = this.#state
    if (before.kind === 'over') return
    this.#state = { kind: 'over' }
    this.#owner.workshop.schedule.clear(this)
    this.#release()
    this.#owner.ended(this.#stream)
    if (before.kind === 'handling') before.abort.abort()
  }

  #release(): void {
    const { intake, answers } = this.#owner.workshop
    intake.give(this.peerId, this.#charged)
    answers.give(this.peerId, this.#answerBytes)
    this.#charged = this.#answerBytes = 0
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
