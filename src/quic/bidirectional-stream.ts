// A stream with both halves.
import type { StreamId } from '../core/ids.ts'
import type { ReceiveStream } from './receive-stream.ts'
import type { SendStream } from './send-stream.ts'

/** A stream that both ends send on; each half ends by itself. */
export class BidirectionalStream {
  readonly id: StreamId
  readonly #send: SendStream
  readonly #receive: ReceiveStream

  /** @internal */
  constructor(send: SendStream, receive: ReceiveStream) {
    this.id = send.id
    this.#send = send
    this.#receive = receive
  }

  /** What the peer sends. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#receive.readable
  }

  /** What we send; `close` is done when the peer has everything. */
  get writable(): WritableStream<Uint8Array> {
    return this.#send.writable
  }

  /** Ends our half at once: what has not arrived may never do so. */
  reset(code = 0): void {
    this.#send.reset(code)
  }

  /** Tells the peer to send no more. */
  stop(code = 0): void {
    this.#receive.stop(code)
  }

  /** Gives up both halves, as far as they are not over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.reset()
    this.stop()
  }
}
