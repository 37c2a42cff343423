// The two control streams of one connection: ours, the first unidirectional stream we open and sent before all others, and the peer's.
// What is written waits here only while the stream takes no more.
import type { StreamId } from '../core/ids.ts'
import { streamId } from '../core/ids.ts'
import { CONTROL_BYTES_MAX } from '../core/messages/codes.ts'
import { type ControlMessage, ControlReader, encodeControl } from '../core/messages/control.ts'
import type { Link } from './link.ts'

/** Messages that wait to be written. */
const WAITING_MAX = 32

/** Bytes on their way: the largest message and some. A peer that makes us say more while it reads nothing is not answered. */
const UNREAD_BYTES_MAX = 2 * CONTROL_BYTES_MAX

/** What came on the peer's control stream; `bad` and `ended` break the protocol. */
export type ControlInput =
  | { readonly kind: 'messages'; readonly messages: readonly ControlMessage[] }
  | { readonly kind: 'bad' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'nothing' }

/** Messages between the two ends about their connection. */
export class ControlStreams {
  /** The peer's: the first unidirectional stream of the other end (RFC 9000 section 2.1). */
  readonly theirs: StreamId
  readonly #link: Link
  readonly #reader = new ControlReader()
  #ours: StreamId | null = null
  /** Bounded by WAITING_MAX. */
  readonly #waiting: Uint8Array[] = []

  constructor(link: Link) {
    this.#link = link
    this.theirs = streamId(link.direction === 'inbound' ? 2 : 3)
    link.prioritise(this.theirs)
  }

  /** Opens ours; false when the peer allows no stream, which breaks the protocol. */
  open(): boolean {
    this.#ours = this.#link.open(false)
    if (this.#ours === null) return false
    this.#link.prioritise(this.#ours)
    return true
  }

  /** Whether a stream is one of the two. */
  has(stream: StreamId): boolean {
    return stream === this.theirs || stream === this.#ours
  }

  /** Sends a message behind those before it; false, and it is dropped, when too much waits. */
  send(message: Exclude<ControlMessage, { kind: 'unknown' }>): boolean {
    if (this.#waiting.length >= WAITING_MAX || this.#unread >= UNREAD_BYTES_MAX) return false
    this.#waiting.push(encodeControl(message))
    this.write()
    return true
  }

  get #unread(): number {
    return this.#ours === null ? 0 : this.#link.unacknowledged(this.#ours)
  }

  /** Writes what waits, as far as it is taken. */
  write(): void {
    if (this.#ours === null) return
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const taken = this.#link.write(this.#ours, first)
      if (taken < first.length) {
        this.#waiting[0] = first.subarray(taken)
        return
      }
      this.#waiting.shift()
    }
  }

  /** The next thing on the peer's stream; `nothing` until it is readable again. */
  read(): ControlInput {
    const bytes = this.#link.readStream(this.theirs)
    if (bytes === null) return { kind: this.#link.ended(this.theirs) ? 'ended' : 'nothing' }
    const messages = this.#reader.receive(bytes)
    return messages === null ? { kind: 'bad' } : { kind: 'messages', messages }
  }
}
