// One stream that is not a control stream, whoever opened it: what its channel tells it, and what it needs of its channel.
import type { Counters } from '../core/counters.ts'
import type { Backlog } from '../core/dispatch/backlog.ts'
import type { Places } from '../core/dispatch/places.ts'
import type { Room } from '../core/dispatch/room.ts'
import type { Histograms } from '../core/histograms.ts'
import type { PeerId, StreamId } from '../core/ids.ts'
import type { PeerInfo } from '../core/peers/connection-record.ts'
import type { Clock, Timers, Tracing } from '../io/ports.ts'
import type { Loss } from './close-reasons.ts'
import type { Readable } from './dispatcher.ts'
import type { Handlers } from './handlers.ts'
import type { Link } from './link.ts'
import type { Limits } from './options.ts'
import type { Schedule } from './schedule.ts'
import type { TaskSet } from './task-set.ts'

/** Hears what happens to its stream; after `over` it hears nothing. */
export interface Conversation extends Readable {
  writable(): void
  acknowledged(): void
  /** The peer reset its half. */
  resetByPeer(code: number): void
  /** The peer wants no more of our half. */
  stoppedByPeer(code: number): void
  /** The connection ended. */
  lost(loss: Loss): void
}

/** What the streams of a node share. */
export interface Workshop {
  readonly clock: Clock
  readonly timers: Timers
  readonly schedule: Schedule
  readonly limits: Limits
  readonly counters: Counters
  readonly histograms: Histograms
  readonly tracing: Tracing
  /** Bytes of inbound messages in assembly or in a handler's hands. */
  readonly intake: Room
  /** Bytes of answers that were not acknowledged. */
  readonly answers: Room
  readonly handlers: Handlers
  readonly tasks: TaskSet
  /** Handlers that have not returned, by protocol and by peer, and the bytes of the payloads in their hands. */
  readonly running: {
    readonly byProtocol: Places<string>
    readonly bytesByProtocol: Places<string>
    readonly byPeer: Places<PeerId>
  }
  /** Messages received whole, or about to be, whose handlers have not been called, by peer. */
  readonly arriving: Places<PeerId>
  /** What those hold of the room. */
  readonly backlog: Backlog
  /** The same of those that were begun small, from then on. */
  readonly promised: Backlog
}

/** What a conversation may ask of the channel it is on. */
export interface ConversationOwner {
  readonly link: Link
  readonly workshop: Workshop
  /** Who is at the other end; null until identified. */
  readonly peer: PeerInfo | null
  /** The conversation has something to read again, in a later turn. */
  again(conversation: Conversation): void
  /** The conversation is over and hears nothing more. */
  ended(stream: StreamId): void
  /** The peer broke the protocol: the connection closes. */
  violated(reason: string): void
}

/** Writes a header and a payload to a stream as fast as they are taken, then ends our half. */
export class StreamWriter {
  readonly #link: Link
  readonly #stream: StreamId
  readonly #parts: Uint8Array[]
  #finished = false

  /** The parts are not copied: they must not change until they were sent. */
  constructor(link: Link, stream: StreamId, parts: readonly Uint8Array[]) {
    this.#link = link
    this.#stream = stream
    this.#parts = parts.filter((part) => part.length > 0)
  }

  /** Whether all was taken, the end included. */
  get finished(): boolean {
    return this.#finished
  }

  /** Writes what is taken; called at first, and whenever there is room again. */
  write(): void {
    for (let part = this.#parts[0]; part !== undefined; part = this.#parts[0]) {
      const taken = this.#link.write(this.#stream, part)
      if (taken < part.length) {
        this.#parts[0] = part.subarray(taken)
        return
      }
      this.#parts.shift()
    }
    if (this.#finished) return
    this.#finished = true
    this.#link.finish(this.#stream)
  }
}
