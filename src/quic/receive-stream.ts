// The half of a stream that the peer sends on, as a Web stream of bytes. Bytes are taken out of the connection as they are read, and
// taking them is what grants the peer credit: who does not read stops who writes.
import { SallyportError } from '../core/errors.ts'
import type { StreamId } from '../core/ids.ts'
import type { Link } from '../node/link.ts'
import { checkCode } from './options.ts'
import { codeOf, type StreamOwner } from './stream.ts'

/** Bytes taken ahead of the reader: enough that short answers survive a close right behind them. */
const READ_AHEAD_BYTES = 64 * 1024

/** Bytes of one chunk: what came meanwhile is put together, since a chunk costs more than its bytes. */
const CHUNK_BYTES_MAX = 64 * 1024

type State = { readonly kind: 'open' } | { readonly kind: 'over'; readonly error: SallyportError | null }

/** What a peer sends, until it ends, resets it or is told to stop. */
export class ReceiveStream {
  readonly id: StreamId
  readonly #link: Link
  readonly #owner: StreamOwner
  #state: State = { kind: 'open' }
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | null = null
  #controller: ReadableByteStreamController | null = null
  /** Somebody reads and there was nothing. */
  #wanted: (() => void) | null = null

  /** @internal */
  constructor(id: StreamId, link: Link, owner: StreamOwner) {
    this.id = id
    this.#link = link
    this.#owner = owner
  }

  /** The bytes, in order. Cancelling it is the same as `stop`, with the code that is the reason if it is a number. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#readable ??= new ReadableStream(
      {
        type: 'bytes',
        start: (controller) => {
          this.#controller = controller
          if (this.#state.kind === 'over') this.#tell(this.#state.error)
        },
        pull: (controller) => this.#pull(controller),
        cancel: (reason) => {
          this.#controller = null
          this.#stop(codeOf(reason), null)
        },
      },
      { highWaterMark: READ_AHEAD_BYTES },
    )
    return this.#readable
  }

  /** Tells the peer to send no more; whoever reads gets CANCELLED. */
  stop(code = 0): void {
    this.#stop(checkCode(code), new SallyportError('CANCELLED', 'the stream was stopped here'))
  }

  /** Stops it, unless all was read. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
  }

  // ── what the session tells ──

  /** There is something to be read, or the end. @internal */
  onReadable(): void {
    if (this.#wanted === null || this.#controller === null) return
    const chunk = this.#take()
    if (chunk !== null) this.#give(this.#controller, chunk)
    // A stream that was reset has nothing to read either, and that is told next.
    else if (this.#isRead) this.#owner.soon(() => this.#end(null))
  }

  /** @internal */
  onReset(code: number): void {
    this.#end(SallyportError.byPeer('RESET_BY_PEER', `the peer reset the stream with code ${code}`, code))
  }

  /** The connection is over. @internal */
  onLost(error: SallyportError): void {
    this.#end(error)
  }

  #pull(controller: ReadableByteStreamController): Promise<void> | undefined {
    if (this.#state.kind === 'over') return undefined
    const chunk = this.#take()
    if (chunk !== null) this.#give(controller, chunk)
    else if (this.#isRead) this.#end(null)
    else return new Promise((resolve) => (this.#wanted = resolve))
    return undefined
  }

  #give(controller: ReadableByteStreamController, chunk: Uint8Array<ArrayBuffer>): void {
    controller.enqueue(chunk)
    if (this.#isRead) this.#end(null)
    else this.#satisfied()
  }

  /** Whether all was read. When the connection is over nothing can be, though it looks so. */
  get #isRead(): boolean {
    return this.#link.alive && this.#link.ended(this.id)
  }

  /** One chunk in memory of its own: a byte stream takes its chunks' memory away. */
  #take(): Uint8Array<ArrayBuffer> | null {
    const pieces: Uint8Array[] = []
    let bytes = 0
    while (bytes < CHUNK_BYTES_MAX) {
      const piece = this.#link.readStream(this.id)
      if (piece === null) break
      pieces.push(piece)
      bytes += piece.length
    }
    if (bytes === 0) return null
    const chunk = new Uint8Array(bytes)
    let at = 0
    for (const piece of pieces) {
      chunk.set(piece, at)
      at += piece.length
    }
    return chunk
  }

  #stop(code: number, error: SallyportError | null): void {
    if (this.#state.kind === 'over') return
    this.#link.stop(this.id, code)
    this.#end(error)
  }

  #end(error: SallyportError | null): void {
    if (this.#state.kind === 'over') return
    this.#state = { kind: 'over', error }
    this.#tell(error)
    this.#satisfied()
    this.#owner.received(this.id)
  }

  #tell(error: SallyportError | null): void {
    const controller = this.#controller
    this.#controller = null
    if (controller === null) return
    if (error !== null) return controller.error(error)
    controller.close()
    controller.byobRequest?.respond(0)
  }

  #satisfied(): void {
    const wanted = this.#wanted
    this.#wanted = null
    wanted?.()
  }
}
