// Room for what peers make this node keep, shared so that a few that keep it for long cannot keep the others out. First come, first
// served, until room is scarce; then whoever's host has used more than its part lately (usage.ts) gets no more, and when there is none left
// for another, its unfinished stays are given up, until a quarter is free again:
//
//   begun ──finish──► finished ──leave──► left          finished: all of it came, and is in our hands; no more the peer's to hurry
//     ├─────────────────leave──────────────►│
//     └──given up, for another who has not overdrawn
import { assert } from '../assert.ts'
import { Intake, type IntakeLimits } from './intake.ts'
import { shardOf, SHARDS } from './shards.ts'
import type { Usage, User } from './usage.ts'

/** Whoever takes room. */
export interface Tenant extends User {
  /** Whether its unfinished stay can be given up, and its peer will hear of it. */
  readonly mayGiveUp: boolean
  /** Gives it up: it leaves before this returns. */
  giveUp(): void
}

/** Bytes of one tenant. The room's to change. */
export class Stay {
  readonly tenant: Tenant
  bytes = 0
  /** Bytes it held, times the milliseconds since it was last charged for them. */
  byteMs = 0
  /** Until when that was reckoned. */
  reckonedAt = 0

  constructor(tenant: Tenant) {
    this.tenant = tenant
  }
}

/** Everybody's use is reckoned no more often than this, and that plus a millisecond for each ten unfinished stays, since each takes a step. */
const RECKON_MS = 100
const RECKONED_PER_MS = 10

/** See the head of this file. Bounded by its limits; stays by those who hold at least a few KiB each. */
export class Room {
  readonly #intake: Intake
  readonly #usage: Usage
  /** In the order in which they began. */
  readonly #unfinished = new Set<Stay>()
  /** Those of them that were overdrawn when that was last reckoned, by shard. */
  #overdrawn: Stay[][] = []
  #reckonedNextAt = -Infinity

  constructor(limits: IntakeLimits, usage: Usage) {
    this.#intake = new Intake(limits)
    this.#usage = usage
  }

  /** Bytes kept, of all stays. */
  get bytes(): number {
    return this.#intake.bytes
  }

  /** Takes bytes more; false, and nothing taken, when there is no room for them. */
  take(stay: Stay, bytes: number, now: number): boolean {
    const { tenant } = stay
    const fit = this.#intake.fit(tenant.peerId, bytes)
    if (fit === 'never') return false
    if (fit !== 'easily') {
      this.#reckon(now)
      // What has ended is not refused: it goes when it has been handled.
      if (tenant.mayGiveUp && this.#usage.overdrawn(tenant, now)) return false
      if (fit === 'not' && !this.#reclaim(tenant, bytes)) return false
    }
    this.#intake.take(tenant.peerId, bytes)
    if (stay.bytes === 0) this.#begin(stay, now)
    else reckon(stay, now)
    stay.bytes += bytes
    return true
  }

  /** All of it came: from now on it is not for its tenant to hurry, nor given up. */
  finish(stay: Stay, now: number): void {
    if (!this.#unfinished.delete(stay)) return
    reckon(stay, now)
    this.#charge(stay, now)
  }

  /** Gives some of its bytes back. */
  give(stay: Stay, bytes: number, now: number): void {
    reckon(stay, now)
    this.#intake.give(stay.tenant.peerId, bytes)
    stay.bytes -= bytes
  }

  /** Gives all of them back. */
  leave(stay: Stay, now: number): void {
    this.finish(stay, now)
    this.give(stay, stay.bytes, now)
  }

  #begin(stay: Stay, now: number): void {
    stay.reckonedAt = now
    this.#unfinished.add(stay)
  }

  #charge(stay: Stay, now: number): void {
    if (stay.byteMs > 0) this.#usage.charge(stay.tenant, stay.byteMs / 1000, now)
    stay.byteMs = 0
  }

  #reckon(now: number): void {
    if (now < this.#reckonedNextAt) return
    this.#reckonedNextAt = now + RECKON_MS + this.#unfinished.size / RECKONED_PER_MS
    this.#overdrawn = Array.from({ length: SHARDS }, () => [])
    for (const stay of this.#unfinished) {
      reckon(stay, now)
      this.#charge(stay, now)
    }
    for (const stay of this.#unfinished) {
      const { peerId } = stay.tenant
      if (this.#usage.overdrawn(stay.tenant, now)) this.#overdrawn[shardOf(peerId)]?.push(stay)
    }
    for (const stays of this.#overdrawn) stays.reverse()
  }

  /** Gives up what is overdrawn until the bytes fit easily, or there is no more of it; whether they fit. */
  #reclaim({ peerId }: Tenant, bytes: number): boolean {
    const shard = shardOf(peerId)
    for (;;) {
      const fit = this.#intake.fit(peerId, bytes)
      const stay = fit === 'easily' ? undefined : this.#nextOverdrawn(shard, bytes)
      if (stay === undefined) return fit !== 'not'
      if (!this.#unfinished.has(stay) || !stay.tenant.mayGiveUp) continue
      stay.tenant.giveUp()
      assert(stay.bytes === 0, 'a stay that was given up has left')
    }
  }

  /** The oldest of the shard, when that is what is full; else of any. */
  #nextOverdrawn(shard: number, bytes: number): Stay | undefined {
    const own = this.#overdrawn[shard]?.pop()
    if (own !== undefined || this.#intake.fitInShard(shard, bytes) !== 'easily') return own
    return this.#overdrawn.find((stays) => stays.length > 0)?.pop()
  }
}

const reckon = (stay: Stay, now: number): void => {
  stay.byteMs += stay.bytes * (now - stay.reckonedAt)
  stay.reckonedAt = now
}
