// Who waits to learn that a connection, or some connection to a peer, became identified. A wait ends at once when that can no longer
// happen, and at its deadline, which nothing moves.
import { Deadlines } from '../deadlines.ts'
import type { ConnectionHandle, PeerId } from '../ids.ts'
import type { PeerInfo } from './connection-record.ts'

/** Names one wait, for good. */
export type WaiterId = number & { readonly __brand: 'WaiterId' }

/** What is waited for. */
export type WaitTarget = ConnectionHandle | PeerId

/** How a wait ended: `gone` when its connection, or the last one to its peer, ended first; `closed` when the node did. */
export type WaitOutput = { readonly waiter: WaiterId } & (
  | { readonly kind: 'identified'; readonly info: PeerInfo }
  | { readonly kind: 'gone' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'deadline' }
)

/** Waits at once; more are refused. */
export const WAITERS_MAX = 4096

/** All waits of one node. Bounded by WAITERS_MAX. */
export class IdentityWaiters {
  readonly #targets = new Map<WaiterId, WaitTarget>()
  readonly #byTarget = new Map<WaitTarget, Set<WaiterId>>()
  readonly #deadlines = new Deadlines<WaiterId>()
  /** Bounded by the waits that were ended. */
  readonly #outputs: WaitOutput[] = []
  #drawn = 0

  get size(): number {
    return this.#targets.size
  }

  /** Begins a wait that ends at `deadline` at the latest; null when WAITERS_MAX wait. */
  wait(target: WaitTarget, deadline: number): WaiterId | null {
    if (this.#targets.size >= WAITERS_MAX) return null
    const waiter = ++this.#drawn as WaiterId
    this.#targets.set(waiter, target)
    const others = this.#byTarget.get(target) ?? new Set()
    this.#byTarget.set(target, others.add(waiter))
    this.#deadlines.set(waiter, deadline)
    return waiter
  }

  /** Ends a wait without a word. */
  cancel(waiter: WaiterId): void {
    const target = this.#targets.get(waiter)
    if (target === undefined) return
    this.#targets.delete(waiter)
    this.#deadlines.clear(waiter)
    const others = this.#byTarget.get(target)
    others?.delete(waiter)
    if (others?.size === 0) this.#byTarget.delete(target)
  }

  /** A connection became identified. */
  identified(info: PeerInfo): void {
    for (const waiter of this.#take(info.connection)) this.#outputs.push({ kind: 'identified', waiter, info })
    for (const waiter of this.#take(info.peerId)) this.#outputs.push({ kind: 'identified', waiter, info })
  }

  /** What is waited for can no longer happen. */
  gone(target: WaitTarget): void {
    for (const waiter of this.#take(target)) this.#outputs.push({ kind: 'gone', waiter })
  }

  nextAt(): number {
    return this.#deadlines.nextAt
  }

  timeout(now: number): void {
    for (let waiter = this.#deadlines.due(now); waiter !== null; waiter = this.#deadlines.due(now)) {
      this.cancel(waiter)
      this.#outputs.push({ kind: 'deadline', waiter })
    }
  }

  poll(): WaitOutput | null {
    return this.#outputs.shift() ?? null
  }

  #take(target: WaitTarget): WaiterId[] {
    const waiters = [...(this.#byTarget.get(target) ?? [])]
    for (const waiter of waiters) this.cancel(waiter)
    return waiters
  }
}
