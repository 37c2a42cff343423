// How a connection ends (RFC 9000 section 10) and how long it may be idle.
//
//   open ──close() or a violation──► closing ──3 PTO──► gone         answers what still comes with CONNECTION_CLOSE, ever more rarely
//    │ └──CONNECTION_CLOSE received──► draining ──3 PTO──► gone       says nothing
//    └──idle timeout, abandon()──────────────────────────► gone
import type { CloseReason } from './outputs.ts'

export type LifeState =
  | { readonly kind: 'open' }
  | {
      readonly kind: 'closing'
      readonly until: number
      readonly reason: CloseReason & { kind: 'application' | 'transport' }
      /** Datagrams received since; an answer goes to the 1st, 2nd, 4th, 8th … */
      received: number
      owesAnswer: boolean
    }
  | { readonly kind: 'draining'; readonly until: number }
  | { readonly kind: 'gone' }

export class Lifetime {
  state: LifeState = { kind: 'open' }
  #idleMs: number
  #activeAt: number
  #sentSinceReceived = false

  constructor(idleMs: number, now: number) {
    this.#idleMs = idleMs
    this.#activeAt = now
  }

  get isOpen(): boolean {
    return this.state.kind === 'open'
  }

  /** The smaller of both ends' idle timeouts counts; 0 means that the peer has none. */
  agreeIdle(peerIdleMs: number): void {
    if (peerIdleMs > 0) this.#idleMs = Math.min(this.#idleMs, peerIdleMs)
  }

  onReceived(now: number): void {
    this.#activeAt = now
    this.#sentSinceReceived = false
  }

  /** Only the first ack-eliciting packet after one received counts as activity (section 10.1). */
  onElicitingSent(now: number): void {
    if (!this.#sentSinceReceived) this.#activeAt = now
    this.#sentSinceReceived = true
  }

  /** When an open connection is idle for too long; `minMs` is three probe timeouts. */
  idleAt(minMs: number): number {
    return this.#activeAt + Math.max(this.#idleMs, minMs)
  }

  beginClosing(reason: CloseReason & { kind: 'application' | 'transport' }, until: number): void {
    this.state = { kind: 'closing', until, reason, received: 0, owesAnswer: true }
  }

  beginDraining(until: number): void {
    this.state = { kind: 'draining', until }
  }

  end(): void {
    this.state = { kind: 'gone' }
  }

  /** A datagram came while closing: every power of two is answered. */
  onReceivedClosing(): void {
    if (this.state.kind !== 'closing') return
    const count = ++this.state.received
    if ((count & (count - 1)) === 0) this.state.owesAnswer = true
  }

  /** When closing or draining is over. */
  get endsAt(): number {
    return this.state.kind === 'closing' || this.state.kind === 'draining' ? this.state.until : Infinity
  }
}
