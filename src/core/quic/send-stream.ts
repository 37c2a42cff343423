// The sending half of a stream (RFC 9000 section 3.1).
//
//   open ──finish──► finishing ──all acknowledged──► done
//     └──────────────reset──────► resetting ──RESET_STREAM acknowledged──► done
import { SendBuffer } from './send-buffer.ts'

/** Bytes a stream holds that were written and are not yet acknowledged. */
export const SEND_BUFFER_BYTES_MAX = 1024 * 1024

export type SendState =
  | { readonly kind: 'open' }
  /** `fin` says where the FIN bit stands: to be sent, in flight, acknowledged. */
  | { readonly kind: 'finishing'; readonly fin: 'pending' | 'sent' | 'acknowledged' }
  | { readonly kind: 'resetting'; readonly code: number; readonly frame: 'pending' | 'sent' }
  | { readonly kind: 'done' }

export class SendStream {
  readonly buffer = new SendBuffer()
  state: SendState = { kind: 'open' }
  /** The peer's limit (MAX_STREAM_DATA). */
  limit: number
  /** A write was cut short: say when there is room again. */
  wantsRoom = false

  constructor(limit: number) {
    this.limit = limit
  }

  /** How many of `bytes` were taken. */
  write(bytes: Uint8Array): number {
    if (this.state.kind !== 'open') return 0
    const taken = Math.min(bytes.length, SEND_BUFFER_BYTES_MAX - this.buffer.held)
    if (taken < bytes.length) this.wantsRoom = true
    if (taken > 0) this.buffer.write(taken === bytes.length ? bytes : bytes.subarray(0, taken))
    return taken
  }

  finish(): void {
    if (this.state.kind === 'open') this.state = { kind: 'finishing', fin: 'pending' }
  }

  /** The final size of a reset stream is what was sent of it. */
  reset(code: number): void {
    if (this.state.kind === 'done' || this.state.kind === 'resetting') return
    this.buffer.end = this.buffer.next
    this.buffer.clear()
    this.state = { kind: 'resetting', code, frame: 'pending' }
  }

  /** What a STREAM frame may carry now, `newBytes` being the connection's credit; a frame may consist of FIN alone. */
  pending(newBytes: number): { start: number; end: number } | null {
    if (this.state.kind !== 'open' && this.state.kind !== 'finishing') return null
    const range = this.buffer.pending(Math.min(this.limit, this.buffer.next + newBytes))
    if (range !== null) return range
    const finOnly =
      this.state.kind === 'finishing' && this.state.fin === 'pending' && this.buffer.next === this.buffer.end
    return finOnly ? { start: this.buffer.end, end: this.buffer.end } : null
  }

  /** Whether anything waits to be sent, credit or not. */
  get hasUnsent(): boolean {
    const { state, buffer } = this
    if (state.kind !== 'open' && state.kind !== 'finishing') return false
    return buffer.hasLost || buffer.next < buffer.end || (state.kind === 'finishing' && state.fin === 'pending')
  }

  /** Records a STREAM frame and tells whether it carries FIN. */
  sent(start: number, end: number): boolean {
    this.buffer.sent(start, end)
    const fin = this.state.kind === 'finishing' && end === this.buffer.end
    if (fin && this.state.kind === 'finishing' && this.state.fin === 'pending') {
      this.state = { kind: 'finishing', fin: 'sent' }
    }
    return fin
  }

  acknowledge(start: number, end: number, fin: boolean): void {
    if (this.state.kind !== 'open' && this.state.kind !== 'finishing') return
    this.buffer.acknowledge(start, end)
    if (fin && this.state.kind === 'finishing') this.state = { kind: 'finishing', fin: 'acknowledged' }
    if (this.state.kind !== 'finishing' || this.state.fin !== 'acknowledged') return
    if (this.buffer.allAcknowledged) this.state = { kind: 'done' }
  }

  lose(start: number, end: number, fin: boolean): void {
    if (this.state.kind !== 'open' && this.state.kind !== 'finishing') return
    this.buffer.lose(start, end)
    if (fin && this.state.kind === 'finishing' && this.state.fin === 'sent') {
      this.state = { kind: 'finishing', fin: 'pending' }
    }
  }

  resetAcknowledged(): void {
    if (this.state.kind === 'resetting') this.state = { kind: 'done' }
  }

  resetLost(): void {
    if (this.state.kind === 'resetting') this.state = { kind: 'resetting', code: this.state.code, frame: 'pending' }
  }
}
