// The receiving half of a stream (RFC 9000 section 3.2).
//
//   receiving ──all bytes up to FIN read──► done
//       └──────RESET_STREAM──────────────► done       (unread bytes are dropped)
import { type GrowthBudget, ReceiveWindow } from './flow-control.ts'
import { type PieceCount, Reassembly } from './reassembly.ts'
import { FINAL_SIZE_ERROR, FLOW_CONTROL_ERROR, INTERNAL_ERROR, type Violation, violation } from './transport-error.ts'

export class ReceiveStream {
  readonly window: ReceiveWindow
  readonly #reassembly: Reassembly
  /** What it holds of the connection's credit; kept by stream-credit.ts. */
  charged = 0
  /** One above the highest byte received: what connection flow control counts. */
  highest = 0
  #finalSize: number | null = null
  isDone = false
  /** We asked the peer to stop: what still comes is dropped. */
  stopped: { readonly code: number; frame: 'pending' | 'sent' | 'acknowledged' } | null = null
  /** `read` gave null since the last announcement: the next bytes are news. */
  wantsNews = true

  constructor(
    size: { initial: number; max: number; opening?: number },
    shared: { growth: GrowthBudget; pieces: PieceCount },
  ) {
    this.window = new ReceiveWindow(size, shared.growth)
    this.#reassembly = new Reassembly(shared.pieces)
  }

  /** Bytes the peer may still make us keep: granted, or up to its end, and not read. */
  get unread(): number {
    return (this.#finalSize ?? this.window.limit) - this.window.consumed
  }

  /** Bytes and pieces that wait to be read. */
  get held(): { readonly bytes: number; readonly pieces: number } {
    return this.#reassembly.held
  }

  get finalSize(): number | null {
    return this.#finalSize
  }

  /** Bytes that wait to be read, when they are all there are up to the end; null while some have not come. */
  get toEnd(): number | null {
    const { bytes, offset } = this.#reassembly
    return this.#finalSize === offset + bytes ? bytes : null
  }

  /** Whether `read` would give bytes, or the end has come. */
  get hasNews(): boolean {
    return this.#reassembly.readable || this.#reassembly.offset === this.#finalSize
  }

  /** A STREAM frame; a violation closes the connection. */
  receive(offset: number, data: Uint8Array, fin: boolean): Violation | null {
    const end = offset + data.length
    const breach = this.#check(end, fin)
    if (breach !== null || this.isDone) return breach
    this.highest = Math.max(this.highest, end)
    if (fin) this.#finalSize = end
    if (!this.#reassembly.insert(offset, data)) return violation(INTERNAL_ERROR, 'a stream has too many gaps')
    if (this.stopped !== null) this.#drop()
    return null
  }

  /** RESET_STREAM; what was never read is dropped, and returned to the connection's credit by the caller. */
  reset(finalSize: number): Violation | null {
    const breach = this.#check(finalSize, true)
    if (breach !== null) return breach
    this.highest = Math.max(this.highest, finalSize)
    this.#finalSize = finalSize
    this.#reassembly.clear()
    return null
  }

  /** The next bytes in order, or null. */
  read(): Uint8Array | null {
    const bytes = this.isDone ? null : this.#reassembly.read()
    if (bytes === null) this.wantsNews = true
    else this.window.consume(bytes.length)
    if (this.#reassembly.offset === this.#finalSize) this.isDone = true
    return bytes
  }

  stop(code: number): void {
    if (this.isDone || this.stopped !== null) return
    this.stopped = { code, frame: 'pending' }
    this.#drop()
  }

  /** Reads what is there into nothing. */
  #drop(): void {
    while (this.read() !== null);
  }

  #check(end: number, isFinal: boolean): Violation | null {
    if (this.#finalSize !== null && (end > this.#finalSize || (isFinal && end !== this.#finalSize))) {
      return violation(FINAL_SIZE_ERROR, 'the final size of a stream changed')
    }
    if (isFinal && end < this.highest) return violation(FINAL_SIZE_ERROR, 'a final size below what was received')
    if (end > this.window.limit) return violation(FLOW_CONTROL_ERROR, 'more than the stream was granted')
    return null
  }
}
