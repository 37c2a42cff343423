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
import { SallyportError } from '../core/errors.ts'
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
  | { readonly kind: 'kept'; readonly handler: Handler; readonly call: InboundCall; readonly abort: AbortController }
  | { readonly kind: 'handling'; readonly abort: AbortController }
  | { readonly kind: 'answering'; readonly writer: StreamWriter }
  | { readonly kind: 'over' }

/** What a peer that is to come back later is told. */
const RETRY_AFTER_MS = 1000

/** What has to wait for room looks again after so long, each time twice as long after, up to the second. */
const LOOK_AGAIN_MS = 50
const LOOK_AGAIN_MS_MAX = 2000

/** What a message costs beside its bytes while it is kept. */
const KEPT_BYTES = 1024

/** What a message is charged ahead when it is begun before its end has come, so that a small one has room for the rest. */
const AHEAD_BYTES = 4096

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
  /** What was charged for bytes that have not come. */
  #ahead = 0
  /** Whether all that is to come was charged. */
  #reserved = false
  /** Whether it has a place among those arriving. */
  #isArriving = false
  /** How long it waits for room before it looks again; 0: it does not wait. */
  #lookAgainMs = 0
  /** When it will have brought nothing for too long. */
  #stalledAt = Infinity
  queued = false

  constructor(stream: { id: StreamId; bidirectional: boolean; peerId: PeerId }, owner: ConversationOwner) {
    this.peerId = stream.peerId
    this.#stream = stream.id
    this.#kind = stream.bidirectional ? 'request' : 'message'
    this.#owner = owner
    const { messageBytesMax } = owner.workshop.limits
    this.#assembly = new Assembly(stream.bidirectional ? decodeRequestHeader : decodeMessage, messageBytesMax)
    this.#waitForPeer()
  }

  get over(): boolean {
    return this.#state.kind === 'over'
  }

  readSome(): boolean {
    const { link } = this.#owner
    if (this.#state.kind === 'reading' && !this.#reserve()) return this.#lookLater()
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

  /** A message that is kept needs its connection no more. */
  lost(): void {
    if (this.#state.kind === 'kept') this.#owner.ended(this.#stream)
    else this.#finish()
  }

  /** The time of its state is over. */
  run(): void {
    const { counters, clock } = this.#owner.workshop
    if (this.#state.kind === 'kept') return this.#tryAgain(this.#state)
    const begun = this.#charged > 0
    if (this.#state.kind === 'reading' && this.#lookAgainMs > 0 && !(begun && clock.now() >= this.#stalledAt)) {
      return this.#owner.again(this)
    }
    if (this.#state.kind !== 'handling') {
      counters.streamsStalled++
      return this.#abort(STREAM.deadline)
    }
    counters.handlerTimeouts++
    this.#refuse(BUSY, STREAM.busy)
  }

  #receive(piece: Uint8Array): void {
    const { intake, counters, handlers } = this.#owner.workshop
    if (!this.#reserved) {
      if (this.#kind === 'message' && this.#charged === 0) this.#ahead = AHEAD_BYTES
      const bytes = piece.length + (this.#charged === 0 ? this.#ahead : 0)
      if (!intake.take(this.peerId, bytes)) {
        counters.requestsBusy++
        return this.#refuse(BUSY, STREAM.busy)
      }
      this.#charged += bytes
    }
    this.#waitForPeer()
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

  /** Takes what is still to come of a message whose end has come; false when there is no room for it. */
  #reserve(): boolean {
    const { intake, limits, arriving } = this.#owner.workshop
    if (this.#kind === 'request' || this.#reserved) return true
    const rest = this.#owner.link.toEnd(this.#stream)
    // Who is not done sending hears of a refusal; what can never fit waits for nothing.
    if (rest === null || this.#assembly.bytes + rest > limits.messageBytesMax) return true
    const bytes = Math.max(0, rest + KEPT_BYTES - this.#ahead)
    if (this.#charged + bytes > Math.min(limits.inboundBytesPerPeerMax, limits.inboundBytesPerShardMax)) return true
    if (!arriving.free(this.peerId) || !intake.take(this.peerId, bytes)) return false
    arriving.take(this.peerId)
    this.#charged += bytes
    this.#reserved = this.#isArriving = true
    if (this.#lookAgainMs > 0) this.#waitForPeer()
    this.#lookAgainMs = 0
    return true
  }

  #lookLater(): false {
    if (this.#lookAgainMs === 0) this.#owner.workshop.counters.laneFull++
    this.#lookAgainMs = Math.min(LOOK_AGAIN_MS_MAX, Math.max(LOOK_AGAIN_MS, 2 * this.#lookAgainMs))
    this.#wait(this.#lookAgainMs)
    return false
  }

  #handle(handler: Handler, header: RequestHeader, payload: Uint8Array): void {
    const { counters, limits } = this.#owner.workshop
    const abort = new AbortController()
    const call: InboundCall = { kind: this.#kind, peer: this.peerId, payload, signal: abort.signal, ...header }
    this.#state = { kind: 'handling', abort }
    this.#wait(limits.handlerTimeoutMs)
    if (this.#run(handler, call)) return
    if (this.#reserved) {
      this.#state = { kind: 'kept', handler, call, abort }
      this.#lookLater()
      return
    }
    counters.requestsBusy++
    this.#refuse(BUSY, STREAM.busy)
  }

  #tryAgain({ handler, call, abort }: State & { kind: 'kept' }): void {
    this.#state = { kind: 'handling', abort }
    if (this.#run(handler, call)) return this.#wait(this.#owner.workshop.limits.handlerTimeoutMs)
    this.#state = { kind: 'kept', handler, call, abort }
    this.#lookLater()
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
    const calledAt = clock.now()
    const returned = (): void => {
      histograms.handler.record(clock.now() - calledAt)
      running.byProtocol.give(protocol)
      running.byPeer.give(peer)
      intake.give(peer, charged)
    }
    const task = { name: 'handler', protocol, peerId: peer } as const
    const started = tasks.run(task, () => this.#supervise(handler, call).finally(returned))
    if (started) this.#arrived()
    else {
      running.byProtocol.give(protocol)
      running.byPeer.give(peer)
      this.#charged = charged
    }
    return started
  }

  /** The application's code runs here; whatever it does ends in an answer, and the task set tells of a failure. */
  async #supervise(handler: Handler, call: InboundCall): Promise<void> {
    try {
      const answer = (await handler(call)) ?? { status: STATUS.ok }
      if (!isAnswer(answer)) throw new SallyportError('ARGUMENT_INVALID', 'what a handler returned is no answer')
      this.#answer(answer)
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

  #arrived(): void {
    if (this.#isArriving) this.#owner.workshop.arriving.give(this.peerId)
    this.#isArriving = false
  }

  #release(): void {
    this.#arrived()
    const { intake, answers } = this.#owner.workshop
    intake.give(this.peerId, this.#charged)
    answers.give(this.peerId, this.#answerBytes)
    this.#charged = this.#answerBytes = 0
  }

  #waitForPeer(): void {
    const { clock, limits } = this.#owner.workshop
    this.#stalledAt = clock.now() + limits.stallTimeoutMs
    this.#wait(limits.stallTimeoutMs)
  }

  #wait(ms: number): void {
    this.#owner.workshop.schedule.set(this, this.#owner.workshop.clock.now() + ms)
  }
}

const NOTHING = new Uint8Array(0)

/** A handler may be written without types, and what has no length would make every bound on answers meaningless. */
const isAnswer = ({ status, payload }: Answer): boolean =>
  Number.isSafeInteger(status) && status >= 0 && (payload === undefined || payload instanceof Uint8Array)

const decodeMessage: typeof decodeRequestHeader = (map) => {
  const header = decodeMessageHeader(map)
  return header === null ? null : { protocol: header.protocol, target: null, count: null }
}
