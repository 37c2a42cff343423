// Handshakes in progress. Each holds a slot from its first datagram until it is established, fails, or reaches its deadline, which is
// absolute: no progress moves it. Inbound and outbound have slots of their own, so that strangers cannot stop our dials.
import { assert } from '../assert.ts'
import type { Direction } from '../counters.ts'
import type { ConnectionHandle } from '../ids.ts'

/** How many slots there are and how long one may be held (milliseconds). */
export interface HalfOpenLimits {
  readonly inboundMax: number
  readonly outboundMax: number
  readonly timeoutMs: number
}

interface Slot {
  readonly direction: Direction
  readonly deadline: number
}

/** The slots of handshakes in progress. Bounded by inboundMax + outboundMax. */
export class HalfOpen {
  readonly #limits: HalfOpenLimits
  readonly #slots = new Map<ConnectionHandle, Slot>()
  readonly #held = { inbound: 0, outbound: 0 }

  constructor(limits: HalfOpenLimits) {
    this.#limits = limits
  }

  /** Slots held in one direction. */
  count(direction: Direction): number {
    return this.#held[direction]
  }

  /** Whether a slot of this direction is free. */
  free(direction: Direction): boolean {
    const { inboundMax, outboundMax } = this.#limits
    return this.#held[direction] < (direction === 'inbound' ? inboundMax : outboundMax)
  }

  /** Takes a free slot for a connection whose first datagram came or goes now; returns its deadline. */
  take(handle: ConnectionHandle, direction: Direction, now: number): number {
    assert(this.free(direction), 'a slot is taken only when one is free')
    assert(!this.#slots.has(handle), 'a connection holds one slot')
    const deadline = now + this.#limits.timeoutMs
    this.#slots.set(handle, { direction, deadline })
    this.#held[direction]++
    return deadline
  }

  /** The deadline of a handshake in progress; Infinity when the connection holds no slot. */
  deadline(handle: ConnectionHandle): number {
    return this.#slots.get(handle)?.deadline ?? Infinity
  }

  /** Gives a slot back; false when it was given back before. */
  release(handle: ConnectionHandle): boolean {
    const slot = this.#slots.get(handle)
    if (slot === undefined) return false
    this.#slots.delete(handle)
    this.#held[slot.direction]--
    return true
  }

  checkInvariants(): void {
    const held = { inbound: 0, outbound: 0 }
    for (const slot of this.#slots.values()) held[slot.direction]++
    assert(held.inbound === this.#held.inbound && held.outbound === this.#held.outbound, 'slots are counted as held')
    assert(held.inbound <= this.#limits.inboundMax, 'inbound slots are bounded')
    assert(held.outbound <= this.#limits.outboundMax, 'outbound slots are bounded')
  }
}
