// The half of a stream that we send on, as a Web stream. A write is done when the connection has taken its bytes, which it does as the
// peer reads: so `await writer.write()` is real backpressure. A close is done when the peer has everything, or ended the session with code 0.
import { SallyportError } from '../core/errors.ts'
import type { StreamId } from '../core/ids.ts'
import type { Link } from '../node/link.ts'
import { checkCode } from './options.ts'
import { codeOf, type StreamOwner } from './stream.ts'

/** Bytes written and not yet taken, above which `writer.ready` waits. */
const WRITE_AHEAD_BYTES = 64 * 1024

/** A write or a close in flight. */
interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: SallyportError) => void
}

type State =
  | { readonly kind: 'open' }
  /** The end was written. */
  | { readonly kind: 'finishing' }
  | { readonly kind: 'over'; readonly error: SallyportError | null }

/** What we send, until we end or reset it or the peer asks us to stop. */
export class SendStream {
  readonly id: StreamId
  /** Takes `Uint8Array`s. Aborting it is the same as `reset`, with the code that is the reason if it is a number. */
  readonly writable: WritableStream<Uint8Array>
  readonly #link: Link
  readonly #owner: StreamOwner
  #state: State = { kind: 'open' }
  #controller: WritableStreamDefaultController | null = null
  #waiting: Waiting | null = null

  /** @internal */
  constructor(id: StreamId, link: Link, owner: StreamOwner) {
    this.id = id
    this.#link = link
    this.#owner = owner
    this.writable = new WritableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
          // A write that waits for the peer has to hear of it: `abort` below comes only when no write is in flight.
          controller.signal.addEventListener('abort', () => this.#abort(controller.signal.reason))
        },
        write: (chunk) => this.#write(chunk),
        close: () => this.#close(),
        abort: (reason) => this.#abort(reason),
      },
      { highWaterMark: WRITE_AHEAD_BYTES, size: bytesOf },
    )
  }

  /** Ends it at once: what has not arrived may never do so. Whoever writes gets CANCELLED. */
  reset(code = 0): void {
    this.#reset(checkCode(code))
  }

  /** Resets it, unless all of it was delivered. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.reset()
  }

  // ── what the session tells ──

  /** There is room again. @internal */
  onWritable(): void {
    if (this.#state.kind === 'open') this.#settle(null)
  }

  /** The peer has everything. @internal */
  onAcknowledged(): void {
    this.#end(null)
  }

  /** @internal */
  onStopped(code: number): void {
    this.#end(SallyportError.byPeer('RESET_BY_PEER', `the peer stopped the stream with code ${code}`, code))
  }

  /** The connection is over; who ends it `contentedly` has what it wanted of what was ended, though its acknowledgement may be missing. @internal */
  onLost(error: SallyportError, contentedly: boolean): void {
    this.#end(contentedly && this.#state.kind === 'finishing' ? null : error)
  }

  async #write(chunk: unknown): Promise<void> {
    if (!(chunk instanceof Uint8Array)) {
      this.#reset(0)
      throw new SallyportError('ARGUMENT_INVALID', 'a stream is written Uint8Arrays')
    }
    for (let rest: Uint8Array = chunk; rest.length > 0;) {
      if (this.#state.kind === 'over') throw this.#state.error ?? over()
      const taken = this.#link.write(this.id, rest)
      rest = rest.subarray(taken)
      if (rest.length > 0) await this.#progress()
    }
  }

  async #close(): Promise<void> {
    if (this.#state.kind === 'over') throw this.#state.error ?? over()
    this.#state = { kind: 'finishing' }
    this.#link.finish(this.id)
    await this.#progress()
  }

  #progress(): Promise<void> {
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }))
  }

  /** The stream is told by whoever aborts it. */
  #abort(reason: unknown): void {
    this.#controller = null
    this.#reset(codeOf(reason))
  }

  #reset(code: number): void {
    if (this.#state.kind === 'over') return
    this.#link.reset(this.id, code)
    this.#end(new SallyportError('CANCELLED', 'the stream was reset here'))
  }

  #end(error: SallyportError | null): void {
    if (this.#state.kind === 'over') return
    this.#state = { kind: 'over', error }
    if (error !== null) this.#controller?.error(error)
    this.#settle(error)
    this.#owner.sent(this.id)
  }

  #settle(error: SallyportError | null): void {
    const waiting = this.#waiting
    this.#waiting = null
    if (error === null) waiting?.resolve()
    else waiting?.reject(error)
  }
}

/** A chunk that is none is found out when its turn comes. */
const bytesOf = (chunk: unknown): number => (chunk instanceof Uint8Array ? chunk.byteLength : 0)

const over = (): SallyportError => new SallyportError('CLOSED', 'the stream is over')
