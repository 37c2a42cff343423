// Room for what peers make this node keep, shared so that a few that keep it for long cannot keep the others out. First come, first
// served, until room is scarce. Then whoever's host has used more than its part lately (usage.ts) gets no more, and neither does who would
// hold more than its place's part of what is left (holders.ts); and when there is none for another, the unfinished stays of those who
// used too much are given up, until a quarter is free again:
//
//   begun ──finish──► finished ──leave──► left          finished: all of it came, and is in our hands; no more the peer's to hurry
//     ├─────────────────leave──────────────►│
//     └──given up, for another who has not overdrawn
import { assert } from '../assert.ts'
import { Holder, Holdings } from './holders.ts'
import { Intake, type IntakeLimits } from './intake.ts'
import { shardOf, SHARDS } from './shards.ts'
import type { Place, Usage, User } from './usage.ts'

/** Whoever takes room. */
export interface Tenant extends User {
  /** Whether its unfinished stay can be given up, and its peer will hear of it. Once it cannot, it never can again. */
  readonly mayGiveUp: boolean
  /** Gives it up: it leaves before this returns. */
  giveUp(): void
}

/** Bytes of one tenant. The room's to change. */
export class Stay {
  readonly tenant: Tenant
  bytes = 0
  /** Null before it begins, and from when it is finished. */
  holder: Holder<Stay> | null = null

  constructor(tenant: Tenant) {
    this.tenant = tenant
  }
}

/** While room is scarce, holders are reckoned in turn: so many for each of these times that has passed, some 7 µs each. */
const RECKON_MS = 10
const RECKONED_EACH = 64

/** However long nobody asked, no more than so many in one turn. */
const RECKONED_MAX = 256

/** A holder whose stays do not finish is charged as often as this, so that what it uses is forgiven from then on. */
const CHARGED_EVERY_MS = 1000

/** See the head of this file. Bounded by its limits; stays by those who hold at least a few KiB each. */
export class Room {
  readonly #limits: IntakeLimits
  readonly #intake: Intake
  readonly #usage: Usage
  /** Those who have unfinished stays, by the last key of their path; the one reckoned longest ago first. */
  readonly #holders = new Map<string, Holder<Stay>>()
  /** Those of them that were overdrawn when they were last reckoned, where something of them may be given up, by shard. */
  readonly #overdrawn = Array.from({ length: SHARDS }, () => new Set<Holder<Stay>>())
  /** What unfinished stays hold: all, and by shard. */
  readonly #held = new Holdings()
  readonly #heldInShard = Array.from({ length: SHARDS }, () => new Holdings())
  #reckonedAt = -Infinity

  constructor(limits: IntakeLimits, usage: Usage) {
    this.#limits = limits
    this.#intake = new Intake(limits)
    this.#usage = usage
  }

  /** Bytes kept, of all stays. */
  get bytes(): number {
    return this.#intake.bytes
  }

  /** Takes bytes more; false, and nothing taken, when there is no room for them. */
  take(stay: Stay, bytes: number, now: number): boolean {
    const { tenant, holder } = stay
    const fit = this.#intake.fit(tenant.peerId, bytes)
    if (fit === 'never') return false
    const place = holder?.place ?? this.#usage.placeOf(tenant)
    if (fit !== 'easily') {
      this.#reckon(now)
      // What has ended is not refused: it goes when it has been handled.
      if (tenant.mayGiveUp && this.#usage.overdrawn(place, now)) return false
      if (!this.#reclaim({ stay, bytes, place })) return false
    }
    this.#intake.take(tenant.peerId, bytes)
    if (stay.bytes === 0) this.#begin(stay, place, now)
    stay.bytes += bytes
    this.#hold(stay, bytes, now)
    return true
  }

  /** All of it came: from now on it is not for its tenant to hurry, nor given up. */
  finish(stay: Stay, now: number): void {
    const { holder, tenant } = stay
    if (holder === null) return
    this.#hold(stay, -stay.bytes, now)
    this.#charge(holder, now)
    stay.holder = null
    this.#keep(stay, holder, shardOf(tenant.peerId))
    if (--holder.stays === 0) this.#holders.delete(keyOf(holder.place))
  }

  /** Gives all of its bytes back. */
  leave(stay: Stay, now: number): void {
    this.finish(stay, now)
    this.#intake.give(stay.tenant.peerId, stay.bytes)
    stay.bytes = 0
  }

  #begin(stay: Stay, place: Place, now: number): void {
    const key = keyOf(place)
    const holder = this.#holders.get(key) ?? new Holder<Stay>(place, now)
    this.#holders.set(key, holder)
    holder.stays++
    holder.enter(stay, shardOf(stay.tenant.peerId))
    stay.holder = holder
  }

  /** What is unfinished and held becomes more or less. */
  #hold({ holder, tenant }: Stay, bytes: number, now: number): void {
    if (holder === null) return
    holder.hold(bytes, now)
    if (holder.unchargedMs(now) >= CHARGED_EVERY_MS) this.#charge(holder, now)
    this.#held.add(holder.place.path, bytes)
    this.#heldInShard[shardOf(tenant.peerId)]?.add(holder.place.path, bytes)
  }

  #charge(holder: Holder<Stay>, now: number): void {
    const due = holder.due(now)
    if (due > 0) this.#usage.charge(holder.place, due, now)
  }

  #keep(stay: Stay, holder: Holder<Stay>, shard: number): void {
    if (holder.keep(stay, shard)) this.#overdrawn[shard]?.delete(holder)
  }

  /** The next few: what a turn costs does not grow with those who hold something. */
  #reckon(now: number): void {
    const due = Math.min(RECKONED_MAX, RECKONED_EACH * Math.floor((now - this.#reckonedAt) / RECKON_MS))
    if (due === 0) return
    this.#reckonedAt = now
    const next: Holder<Stay>[] = []
    for (const holder of this.#holders.values()) {
      next.push(holder)
      if (next.length === due) break
    }
    for (const holder of next) {
      this.#holders.delete(keyOf(holder.place))
      this.#holders.set(keyOf(holder.place), holder)
      this.#charge(holder, now)
      const isOverdrawn = this.#usage.overdrawn(holder.place, now)
      for (const shard of holder.shards) {
        if (isOverdrawn) this.#overdrawn[shard]?.add(holder)
        else this.#overdrawn[shard]?.delete(holder)
      }
    }
  }

  /** Gives up what is overdrawn until there is room for the bytes of a newcomer; whether there is. */
  #reclaim(newcomer: Newcomer): boolean {
    const { stay, bytes } = newcomer
    const { peerId } = stay.tenant
    if (this.#suits(newcomer)) return true
    while (this.#intake.fit(peerId, bytes) !== 'easily') {
      const other = this.#nextOverdrawn(newcomer)
      if (other === null) return this.#suits(newcomer)
      if (other.holder !== null) this.#keep(other, other.holder, shardOf(other.tenant.peerId))
      if (!other.tenant.mayGiveUp) continue
      other.tenant.giveUp()
      assert(other.bytes === 0, 'a stay that was given up has left')
    }
    return true
  }

  /** Whether the bytes fit, and, where they do scarcely, are no more than what others leave to its place; what has ended needs but fit. */
  #suits(newcomer: Newcomer): boolean {
    return this.#suitsAll(newcomer) && this.#suitsShard(newcomer)
  }

  #suitsAll({ stay: { tenant }, bytes, place: { path } }: Newcomer): boolean {
    const left = this.#limits.bytesMax - this.#intake.bytes - bytes
    if (left < 0 || !tenant.mayGiveUp) return left >= 0
    return this.#intake.fitInAll(bytes) === 'easily' || this.#held.mayHold(path, bytes, left)
  }

  #suitsShard({ stay: { tenant }, bytes, place: { path } }: Newcomer): boolean {
    const shard = shardOf(tenant.peerId)
    const left = this.#limits.bytesPerShardMax - this.#intake.ofShard(shard) - bytes
    if (left < 0 || !tenant.mayGiveUp) return left >= 0
    return (
      this.#intake.fitInShard(shard, bytes) === 'easily' ||
      this.#heldInShard[shard]?.mayHold(path, bytes, left) === true
    )
  }

  /** Something of its shard; where it finds room in that and not in all, else something of any. */
  #nextOverdrawn(newcomer: Newcomer): Stay | null {
    const { stay, bytes } = newcomer
    const own = this.#oldestOverdrawn(shardOf(stay.tenant.peerId), stay)
    if (own !== null || this.#intake.fitInAll(bytes) === 'easily' || !this.#suitsShard(newcomer)) return own
    for (let other = 0; other < SHARDS; other++) {
      const found = this.#oldestOverdrawn(other, stay)
      if (found !== null) return found
    }
    return null
  }

  /** But not who asks: it may have been forgiven a moment ago, and have been overdrawn when it was last reckoned. */
  #oldestOverdrawn(shard: number, except: Stay): Stay | null {
    for (const holder of this.#overdrawn[shard] ?? []) {
      for (const stay of holder.mayGo(shard)) if (stay !== except) return stay
    }
    return null
  }
}

/** A stay that begins or grows. */
interface Newcomer {
  readonly stay: Stay
  readonly bytes: number
  readonly place: Place
}

const keyOf = ({ path }: Place): string => path.at(-1) ?? ''
