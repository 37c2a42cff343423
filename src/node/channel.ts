// The streams of one connection from the turn in which it is registered: it says HELLO, hears the peer's, and until both are known
// leaves every other stream unread and opens none. Afterwards it carries requests and messages both ways.
import { type Address, mayShare } from '../core/address.ts'
import { assert, unreachable } from '../core/assert.ts'
import type { PeerId, StreamId } from '../core/ids.ts'
import { CLOSE, type CloseCode, PROTOCOL_VERSION, STREAM } from '../core/messages/codes.ts'
import type { ControlMessage } from '../core/messages/control.ts'
import type { Hello } from '../core/messages/hello.ts'
import type { PeerInfo } from '../core/peers/connection-record.ts'
import { IdentityExchange } from '../core/peers/identity-exchange.ts'
import { goingAway, type Loss, lossOf } from './close-reasons.ts'
import { ControlStreams } from './control-stream.ts'
import type { Conversation, ConversationOwner, Workshop } from './conversation.ts'
import type { Dispatcher } from './dispatcher.ts'
import { InboundConversation } from './inbound-call.ts'
import type { Link, StreamEvents, StreamOutput } from './link.ts'
import { type CallParts, OutboundCall } from './outbound-call.ts'

/** Calls of ours that wait for a stream on one connection; more are refused as busy. */
const WAITING_CALLS_MAX = 256

/** What a channel tells the node, and what it asks. */
export interface ChannelOwner {
  readonly workshop: Workshop
  readonly dispatcher: Dispatcher
  /** Our HELLO to the peer at `remote`. */
  hello(remote: Address): Hello
  identified(channel: Channel, hello: Hello): void
  goesAway(channel: Channel, code: CloseCode): void
  violated(channel: Channel, code: CloseCode, reason: string): void
  streamBegan(channel: Channel): void
  streamEnded(channel: Channel): void
}

/** One connection's streams. */
export class Channel implements StreamEvents, ConversationOwner {
  readonly link: Link
  readonly peerId: PeerId
  readonly #owner: ChannelOwner
  readonly #control: ControlStreams
  readonly #exchange = new IdentityExchange()
  /** Streams of the peer that came before it was identified. Bounded by the streams it may open. */
  readonly #unread = new Map<StreamId, boolean>()
  /** Bounded by the streams both ends may open. */
  readonly #conversations = new Map<StreamId, Conversation>()
  /** Bounded by WAITING_CALLS_MAX. */
  readonly #waiting = new Set<OutboundCall>()
  peer: PeerInfo | null = null

  constructor(link: Link, owner: ChannelOwner) {
    assert(link.peer !== null, 'a channel is made when the peer is known')
    this.link = link
    this.peerId = link.peer.peerId
    this.#owner = owner
    this.#control = new ControlStreams(link)
  }

  get workshop(): Workshop {
    return this.#owner.workshop
  }

  /** Says HELLO and arms the reader: from now on every stream event is heard. What came before is answered behind our HELLO. */
  open(now: number): void {
    const allowed = this.#control.open()
    if (allowed) this.#control.send({ kind: 'hello', hello: this.#owner.hello(this.link.remote) })
    this.link.read(this, now)
    if (!allowed) this.violated('no stream for control is allowed')
  }

  /** Both sides have identified themselves: what came before is read now. */
  identified(info: PeerInfo): void {
    this.peer = info
    for (const [stream, bidirectional] of this.#unread) this.#converse(stream, bidirectional)
    this.#unread.clear()
  }

  /** Tells the peer to open no new streams; calls that have none yet fail. */
  goAway(code: CloseCode): void {
    this.#control.send({ kind: 'goaway', reason: code, retryAfterMs: null })
    this.#failWaiting(goingAway(code))
  }

  /** Begins a call of ours; its end is told to `parts.finished`. */
  call(parts: CallParts): OutboundCall {
    const finished: CallParts['finished'] = (outcome) => {
      this.#waiting.delete(call)
      parts.finished(outcome)
    }
    const call = new OutboundCall({ ...parts, finished }, this)
    this.#waiting.add(call)
    if (!this.link.alive) call.lost(lossOf({ kind: 'abandoned' }))
    else this.#startWaiting(call.kind === 'request')
    if (this.#waiting.size > WAITING_CALLS_MAX) call.refuse('PEER_BUSY', 'too many calls wait for this peer')
    return call
  }

  /** The peer is elsewhere. */
  migrated(info: PeerInfo): void {
    if (this.peer !== null) this.peer = info
  }

  /** The connection is closed: whatever still goes on is lost. */
  end(loss: Loss): void {
    this.#failWaiting(loss)
    for (const conversation of this.#conversations.values()) conversation.lost(loss)
    this.#unread.clear()
  }

  // ── what the connection tells ──

  stream(output: StreamOutput, now: number): void {
    if (output.kind === 'peer-hears') return this.#onPeerHears()
    if (output.kind === 'streams-available') return this.#startWaiting(output.bidirectional)
    if (this.#control.has(output.stream)) return this.#onControl(output, now)
    const conversation = this.#conversations.get(output.stream)
    switch (output.kind) {
      case 'stream-opened':
        return this.#opened(output.stream, output.bidirectional)
      case 'stream-readable':
        if (conversation !== undefined) this.#owner.dispatcher.ready(conversation)
        return
      case 'stream-writable':
        return conversation?.writable()
      case 'stream-acknowledged':
        return conversation?.acknowledged()
      case 'stream-reset':
        if (this.#unread.delete(output.stream)) this.link.reset(output.stream, STREAM.cancelled)
        return conversation?.resetByPeer(output.code)
      case 'stream-stopped':
        return conversation?.stoppedByPeer(output.code)
      default:
        unreachable(output)
    }
  }

  // ── what conversations ask ──

  again(conversation: Conversation): void {
    this.#owner.dispatcher.ready(conversation)
  }

  ended(stream: StreamId): void {
    if (this.#conversations.delete(stream)) this.#owner.streamEnded(this)
  }

  violated(reason: string): void {
    this.workshop.counters.badMessages++
    this.#owner.violated(this, CLOSE.badMessage, reason)
  }

  // ── control ──

  #onControl(output: StreamOutput, now: number): void {
    if (output.kind === 'stream-writable') return this.#control.write()
    if (output.kind === 'stream-reset' || output.kind === 'stream-stopped') return this.violated('control was reset')
    if (output.kind !== 'stream-readable') return
    for (;;) {
      const input = this.#control.read()
      if (input.kind === 'nothing') return
      if (input.kind === 'ended') return this.violated('control ended')
      if (input.kind === 'bad') return this.violated('a malformed control message')
      for (const message of input.messages) if (!this.#onMessage(message, now)) return
    }
  }

  /** False when nothing after this message is to be read. */
  #onMessage(message: ControlMessage, _now: number): boolean {
    const step = this.#exchange.receive(message)
    switch (step.kind) {
      case 'violation':
        this.violated(step.reason)
        return false
      case 'acknowledge':
        return this.#acknowledge(message)
      case 'identified':
        this.#owner.identified(this, this.#believed(step.hello))
        return true
      case 'pass':
        this.#pass(message)
        return true
    }
  }

  #onPeerHears(): void {
    const step = this.#exchange.peerHears()
    if (step.kind === 'identified') this.#owner.identified(this, this.#believed(step.hello))
  }

  #acknowledge(message: ControlMessage): boolean {
    if (message.kind === 'hello' && message.hello.version !== PROTOCOL_VERSION) {
      this.#owner.violated(this, CLOSE.versionUnsupported, 'version')
      return false
    }
    this.#control.send({ kind: 'hello-ack' })
    return true
  }

  #pass(message: ControlMessage): void {
    if (message.kind === 'ping' && !this.#control.send({ kind: 'pong', token: message.token })) {
      this.workshop.counters.pingsUnanswered++
    }
    if (message.kind !== 'goaway') return
    const code = closeCode(message.reason)
    this.#owner.goesAway(this, code)
    this.#failWaiting(goingAway(code))
  }

  /** A peer's addresses count only as far as they mean the same place to us. */
  #believed(hello: Hello): Hello {
    return { ...hello, addresses: hello.addresses.filter((address) => mayShare(address, this.link.remote)) }
  }

  // ── streams ──

  #opened(stream: StreamId, bidirectional: boolean): void {
    if (this.peer === null) this.#unread.set(stream, bidirectional)
    else this.#converse(stream, bidirectional)
  }

  #converse(id: StreamId, bidirectional: boolean): void {
    const conversation = new InboundConversation({ id, bidirectional, peerId: this.peerId }, this)
    this.#begin(id, conversation)
    this.#owner.dispatcher.ready(conversation)
  }

  #begin(stream: StreamId, conversation: Conversation): void {
    this.#conversations.set(stream, conversation)
    this.#owner.streamBegan(this)
  }

  /** Gives streams to the calls that wait, in order, as far as the peer allows. */
  #startWaiting(bidirectional: boolean): void {
    for (const call of this.#waiting) {
      if ((call.kind === 'request') !== bidirectional) continue
      const stream = this.link.open(bidirectional)
      if (stream === null) return
      this.#waiting.delete(call)
      this.#begin(stream, call)
      call.start(stream)
    }
  }

  #failWaiting(loss: Loss): void {
    for (const call of this.#waiting) call.lost(loss)
  }
}

/** A reason nobody knows says no more than that the connection goes away. */
const closeCode = (reason: number): CloseCode => Object.values(CLOSE).find((code) => code === reason) ?? CLOSE.noError
