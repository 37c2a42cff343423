// The datagrams of one session (RFC 9221). What came waits in the connection, which drops the oldest where nobody takes it; here wait those who
// want the next, and those who want to know what became of theirs.
import { SallyportError } from '../core/errors.ts'
import type { DatagramFate } from '../core/quic/datagrams.ts'
import type { Link } from '../node/link.ts'
import { Inbox } from './inbox.ts'
import type { AbortOptions } from './options.ts'

/** What became of a datagram; `unknown` where the session ended before that could be told. One that counts as lost may have arrived after all. */
export type DatagramOutcome = DatagramFate | 'unknown'

/**
 * Whether a datagram was taken to be sent. `outcome` never rejects: `dropped` says that it was not sent, because too many waited or the path
 * carries no such large ones any more. Too large is what has more than `bytesMax` bytes.
 */
export type DatagramSending =
  | { readonly kind: 'taken'; readonly outcome: Promise<DatagramOutcome> }
  | { readonly kind: 'refused'; readonly reason: 'too-large'; readonly bytesMax: number }
  | { readonly kind: 'refused'; readonly reason: 'not-negotiated' | 'closed' }

/** See the head of this file. */
export class SessionDatagrams implements AsyncIterable<Uint8Array> {
  readonly #link: Link
  /** Empty but for those who wait. */
  readonly #inbox = new Inbox<Uint8Array>()
  /** Bounded by those that the connection lets wait, and those in its congestion window. */
  readonly #outcomes = new Map<number, (outcome: DatagramOutcome) => void>()

  constructor(link: Link) {
    this.#link = link
  }

  /** The largest that can be sent now; null where none can be. */
  get bytesMax(): number | null {
    const { datagramBytesMax } = this.#link.connection
    return datagramBytesMax < 0 ? null : datagramBytesMax
  }

  send(bytes: Uint8Array): DatagramSending {
    if (!(bytes instanceof Uint8Array)) throw new SallyportError('ARGUMENT_INVALID', 'a datagram is a Uint8Array')
    const sent = this.#link.sendDatagram(bytes)
    if (sent.kind === 'refused') {
      const { reason, bytesMax } = sent
      return reason === 'too-large' ? { kind: 'refused', reason, bytesMax } : { kind: 'refused', reason }
    }
    const { promise, resolve } = Promise.withResolvers<DatagramOutcome>()
    this.#outcomes.set(sent.id, resolve)
    return { kind: 'taken', outcome: promise }
  }

  /** The next one; null when the session is over and none is left. */
  async take(options: AbortOptions = {}): Promise<Uint8Array | null> {
    if (options.signal?.aborted === true) return this.#inbox.take(options)
    return this.#link.connection.readDatagram() ?? this.#inbox.take(options)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const bytes = await this.take()
      if (bytes === null) return
      yield bytes
    }
  }

  // ── what the connection tells ──

  onReadable(): void {
    while (this.#inbox.waiters > 0) {
      const bytes = this.#link.connection.readDatagram()
      if (bytes === null) return
      this.#inbox.put(bytes)
    }
  }

  onSettled(id: number, fate: DatagramFate): void {
    this.#outcomes.get(id)?.(fate)
    this.#outcomes.delete(id)
  }

  /** The session is over: nobody waits any more. */
  onLost(): void {
    this.onReadable()
    this.#inbox.close()
    for (const tell of this.#outcomes.values()) tell('unknown')
    this.#outcomes.clear()
  }
}
