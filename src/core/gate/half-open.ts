// Handshakes in progress. Each holds a slot from its first datagram until it is established, fails, reaches its deadline, which is
// absolute, or is displaced. Inbound and outbound have slots of their own, so that strangers cannot stop our dials; and of the inbound
// ones, three pools lie apart, so that whoever proves more never waits for whoever proves less:
//
//   ordinary   sources that have shown that they receive what is sent to them
//   reserved   a quarter, for those who were here before: they hold a NEW_TOKEN
//   strangers  a few for everybody else
//
// When a pool is full, the prefix that holds most of it gives up its oldest, to whoever's prefix holds at least two fewer. When nobody
// holds so many more, as when each attacker has a prefix of its own, one that has been silent for long gives way.
import { assert } from '../assert.ts'
import type { Direction, Standing } from '../counters.ts'
import type { ConnectionHandle } from '../ids.ts'
import { Population } from './population.ts'
import type { Source } from './source.ts'

/** How many slots there are and how long one may be held (milliseconds). */
export interface HalfOpenLimits {
  readonly inboundMax: number
  readonly outboundMax: number
  readonly timeoutMs: number
  /** The part of the inbound slots kept for holders of a NEW_TOKEN; below 1. */
  readonly reservedShare: number
  /** Inbound slots for sources that are not validated, at most a quarter of all; and how many one network may hold. */
  readonly strangersMax: number
  readonly strangersPerNetworkMax: number
  /** One that was not heard of for so long may be displaced though its prefix holds no two more. */
  readonly silentAfterMs: number
}

/** Where the inbound slots are. */
export type PoolName = 'ordinary' | 'reserved' | 'strangers'

/** A slot that can be had, and who has to go for it. */
export interface SlotPlan {
  readonly pool: PoolName
  readonly displaced: ConnectionHandle | null
}

/** The pools a standing may take from, in the order in which they are asked. */
const POOLS: Readonly<Record<Standing, readonly PoolName[]>> = {
  stranger: ['strangers'],
  retry: ['ordinary'],
  'new-token': ['reserved', 'ordinary'],
  trusted: ['ordinary', 'reserved', 'strangers'],
}

/** How far down a path its network is. */
const NETWORK_DEPTH = 2

interface Pool {
  readonly max: number
  readonly holders: Population<ConnectionHandle>
}

type Slot = { readonly deadline: number; heardAt: number } & (
  | { readonly direction: 'outbound' }
  | { readonly direction: 'inbound'; readonly pool: PoolName }
)

/** The slots of handshakes in progress. Bounded by inboundMax + outboundMax. */
export class HalfOpen {
  readonly #limits: HalfOpenLimits
  readonly #pools: Readonly<Record<PoolName, Pool>>
  readonly #slots = new Map<ConnectionHandle, Slot>()
  readonly #held = { inbound: 0, outbound: 0 }
  /** The inbound ones, the one not heard of for longest first. */
  readonly #byHearing = new Set<ConnectionHandle>()

  constructor(limits: HalfOpenLimits) {
    this.#limits = limits
    const { inboundMax, reservedShare, strangersMax } = limits
    const reserved = Math.floor(inboundMax * reservedShare)
    const strangers = Math.min(strangersMax, Math.floor(inboundMax / 4))
    assert(reserved + strangers < inboundMax, 'some slots are for everybody')
    const pool = (max: number): Pool => ({ max, holders: new Population() })
    this.#pools = {
      ordinary: pool(inboundMax - reserved - strangers),
      reserved: pool(reserved),
      strangers: pool(strangers),
    }
  }

  /** Slots held in one direction. */
  count(direction: Direction): number {
    return this.#held[direction]
  }

  /** Slots held in one pool. */
  countOf(pool: PoolName): number {
    return this.#pools[pool].holders.size
  }

  /** Slots that the region with most of them holds in one pool. */
  get fullest(): number {
    return Math.max(...Object.values(this.#pools).map(({ holders }) => holders.fullest))
  }

  /** How many slots a pool has. */
  maxOf(pool: PoolName): number {
    return this.#pools[pool].max
  }

  /** Slots that validated sources of this source's host or network hold. */
  heldBy(source: Source, level: 'host' | 'network'): number {
    return this.heldAt(source, level === 'network' ? NETWORK_DEPTH : source.path.length)
  }

  /** The same of its prefix of a depth, 1 the widest. */
  heldAt(source: Source, depth: number): number {
    const { ordinary, reserved } = this.#pools
    return ordinary.holders.count(source.path, depth) + reserved.holders.count(source.path, depth)
  }

  /** Whether an outbound slot is free. */
  get outboundFree(): boolean {
    return this.#held.outbound < this.#limits.outboundMax
  }

  /** Which slot a newcomer can have, or null. Changes nothing; takes the same few steps however many slots there are. */
  plan(source: Source, standing: Standing, now: number): SlotPlan | null {
    const names = POOLS[standing]
    const free = names.find((name) => this.#pools[name].holders.size < this.#pools[name].max)
    if (standing === 'stranger') {
      const held = this.#pools.strangers.holders.count(source.path, NETWORK_DEPTH)
      return free === undefined || held >= this.#limits.strangersPerNetworkMax ? null : { pool: free, displaced: null }
    }
    if (free !== undefined) return { pool: free, displaced: null }
    return this.#displace(source, names, now)
  }

  /** The inbound handshake that was not heard of for longest, if it has been silent for long; otherwise null. */
  longestSilent(now: number): ConnectionHandle | null {
    const [first] = this.#byHearing
    return first !== undefined && this.#isSilent(first, now) ? first : null
  }

  /** Takes the slot that was planned for a connection whose first datagram came at `since`; returns its deadline. */
  take(handle: ConnectionHandle, pool: PoolName, source: Source, since: number): number {
    const { max, holders } = this.#pools[pool]
    assert(holders.size < max, 'a slot is taken only when one is free')
    holders.add(handle, source.path)
    return this.#take(handle, { direction: 'inbound', pool, deadline: since + this.#limits.timeoutMs, heardAt: since })
  }

  /** Takes a free outbound slot for a dial; returns its deadline. */
  takeOutbound(handle: ConnectionHandle, now: number): number {
    assert(this.outboundFree, 'a slot is taken only when one is free')
    return this.#take(handle, { direction: 'outbound', deadline: now + this.#limits.timeoutMs, heardAt: now })
  }

  /** A datagram came for a handshake in progress: it is not silent. Moves no deadline. */
  heard(handle: ConnectionHandle, now: number): void {
    const slot = this.#slots.get(handle)
    if (slot?.direction !== 'inbound') return
    slot.heardAt = now
    this.#byHearing.delete(handle)
    this.#byHearing.add(handle)
    this.#pools[slot.pool].holders.touch(handle)
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
    if (slot.direction === 'inbound') {
      this.#pools[slot.pool].holders.remove(handle)
      this.#byHearing.delete(handle)
    }
    return true
  }

  checkInvariants(): void {
    const held = { inbound: 0, outbound: 0 }
    for (const [handle, slot] of this.#slots) {
      held[slot.direction]++
      if (slot.direction === 'inbound') assert(this.#pools[slot.pool].holders.has(handle), 'a slot is in its pool')
    }
    assert(held.inbound === this.#held.inbound && held.outbound === this.#held.outbound, 'slots are counted as held')
    assert(held.inbound <= this.#limits.inboundMax, 'inbound slots are bounded')
    assert(held.outbound <= this.#limits.outboundMax, 'outbound slots are bounded')
    let pooled = 0
    for (const { max, holders } of Object.values(this.#pools)) {
      holders.checkInvariants()
      assert(holders.size <= max, 'each pool is bounded')
      pooled += holders.size
    }
    assert(pooled === held.inbound, 'each inbound slot is in one pool')
    assert(this.#byHearing.size === held.inbound, 'each inbound slot has its place in the order of hearing')
  }

  #take(handle: ConnectionHandle, slot: Slot): number {
    assert(!this.#slots.has(handle), 'a connection holds one slot')
    this.#slots.set(handle, slot)
    this.#held[slot.direction]++
    if (slot.direction === 'inbound') this.#byHearing.add(handle)
    return slot.deadline
  }

  #displace(source: Source, names: readonly PoolName[], now: number): SlotPlan | null {
    for (const pool of names) {
      const displaced = this.#pools[pool].holders.rival(source.path, 2)
      if (displaced !== null) return { pool, displaced }
    }
    for (const pool of names) {
      const displaced = this.#pools[pool].holders.rival(source.path, 0)
      if (displaced !== null && this.#isSilent(displaced, now)) return { pool, displaced }
    }
    return null
  }

  #isSilent(handle: ConnectionHandle, now: number): boolean {
    return now - (this.#slots.get(handle)?.heardAt ?? now) >= this.#limits.silentAfterMs
  }
}
