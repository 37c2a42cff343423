// Room for what peers make this node keep, shared so that a few that keep it for long cannot keep the others out. First come, first
// served, until room is scarce. Then whoever's host has used more than its part lately (usage.ts) gets no more, and neither does who would
// hold more than its place's part of what is left (holders.ts); and when there is none for another, the unfinished stays of those who
// used too much are given up, and those that come too slowly, until a quarter is free again:
//
//   begun ──finish──► finished ──leave──► left          finished: all of it came, and is in our hands; no more the peer's to hurry
//     ├─────────────────leave──────────────►│
//     └──given up, for another who has not overdrawn, and comes faster
//
// A few that are begun and would be refused have a turn instead (turns.ts), where that leaves everybody's part: they grow beyond their own.
import { assert } from '../assert.ts'
import { Holder } from './holders.ts'
import { type Fit, Intake, type IntakeLimits, worse } from './intake.ts'
import { Level } from './level.ts'
import { shardOf, SHARDS } from './shards.ts'
import { BYTES_PER_SECOND_MIN, Turns } from './turns.ts'
import type { Place, Usage, User } from './usage.ts'

/** Whoever takes room. */
export interface Tenant extends User {
  /** Whether its unfinished stay can be given up, and its peer will hear of it. Once it cannot, it never can again. */
  readonly mayGiveUp: boolean
  /** Gives it up: it leaves before this returns. */
  giveUp(): void
}

/** What a room holds at most, and how much of it one stay. */
export interface RoomLimits extends IntakeLimits {
  readonly bytesPerStayMax: number
}

/** Bytes of one tenant. The room's to change. */
export class Stay {
  readonly tenant: Tenant
  bytes = 0
  /** When it began. */
  since = 0
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

/** From this age on a stay is slow while it has less than `BYTES_PER_SECOND_MIN` would have brought: a loss or two are behind it. */
const SLOW_AFTER_MS = 10_000

/** Given up at most for one who asks, once its bytes fit: with each goes a word to its peer. */
const GIVEN_UP_EACH = 64

/** Of the whole, and of a shard, what those may hold that have their turn. */
const TURNS_SHARE = 1 / 2

/** For one in turn half of what came is reserved ahead: what has come far has the less to come, and how long it is is not known. */
const AHEAD_SHARE = 1 / 2

/** However small messages are: to give a turn is to look at all who have one. */
const TURNS_MAX = 64

/** For so long after a turn was wanted others leave room for it. */
const WANTED_MS = 5000

/** See the head of this file. Bounded by its limits; stays by those who hold at least a few KiB each. */
export class Room {
  readonly #limits: RoomLimits
  readonly #intake: Intake
  readonly #usage: Usage
  /** Those who have unfinished stays, by the last key of their path; the one reckoned longest ago first. */
  readonly #holders = new Map<string, Holder<Stay>>()
  /** Those of them that were overdrawn when they were last reckoned, where something of them may be given up, by shard. */
  readonly #overdrawn = Array.from({ length: SHARDS }, () => new Set<Holder<Stay>>())
  /** Those whose oldest of a shard was slow then, by shard. */
  readonly #slow = Array.from({ length: SHARDS }, () => new Set<Holder<Stay>>())
  readonly #all: Level
  readonly #inShard: readonly Level[]
  readonly #turns: Turns<Stay>
  #reckonedAt = -Infinity
  /** When there was last no room for a turn. */
  #wantedAt = -Infinity

  constructor(limits: RoomLimits, usage: Usage) {
    const turns = (bytes: number): number => Math.floor((TURNS_SHARE * bytes) / limits.bytesPerStayMax)
    this.#limits = limits
    this.#turns = new Turns({
      max: Math.min(TURNS_MAX, turns(limits.bytesMax)),
      perShardMax: turns(limits.bytesPerShardMax),
    })
    this.#intake = new Intake(limits)
    this.#usage = usage
    this.#all = new Level({
      bytesMax: limits.bytesMax,
      taken: () => this.#intake.bytes,
      reserved: () => this.#turns.reserved,
      fit: (bytes) => this.#intake.fitInAll(bytes),
    })
    this.#inShard = Array.from(
      { length: SHARDS },
      (_, shard) =>
        new Level({
          bytesMax: limits.bytesPerShardMax,
          taken: () => this.#intake.ofShard(shard),
          reserved: () => this.#turns.reservedInShard(shard),
          fit: (bytes) => this.#intake.fitInShard(shard, bytes),
        }),
    )
  }

  /** Bytes kept, of all stays. */
  get bytes(): number {
    return this.#intake.bytes
  }

  /** Where what somebody keeps is counted. */
  placeOf(user: User): Place {
    return this.#usage.placeOf(user)
  }

  /** Takes bytes more; false, and nothing taken, when there is no room for them. */
  take(stay: Stay, bytes: number, now: number): boolean {
    const { tenant, holder } = stay
    const fit = this.#fit(stay, bytes)
    if (fit === 'never') return false
    if (this.#turns.has(stay)) this.#endLate(now)
    const place = holder?.place ?? this.#usage.placeOf(tenant)
    if (!this.#growInTurn(stay, bytes, now) && fit !== 'easily') {
      this.#reckon(now)
      const newcomer = { stay, bytes, place, now }
      if (!this.#mayTake(newcomer) && !this.#takeTurn(newcomer)) return false
    }
    this.#intake.take(tenant.peerId, bytes)
    this.#turns.heard(stay, bytes)
    if (stay.bytes === 0) this.#begin(stay, place, now)
    stay.bytes += bytes
    this.#hold(stay, bytes, now)
    return true
  }

  /** All of it came: from now on it is not for its tenant to hurry, nor given up. */
  finish(stay: Stay, now: number): void {
    const { holder, tenant } = stay
    if (holder === null) return
    this.#turns.end(stay)
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
    stay.since = now
  }

  /** Whether it fits without a turn. What has ended is not refused for what its host used: it goes when it has been handled. */
  #mayTake(newcomer: Newcomer): boolean {
    const { stay, place, now } = newcomer
    if (stay.tenant.mayGiveUp && this.#usage.overdrawn(place, now)) return false
    return this.#reclaim(newcomer)
  }

  /** One that is begun has a turn where some bytes for it can be spared. */
  #takeTurn({ stay, bytes, place, now }: Newcomer): boolean {
    const { holder, tenant } = stay
    const [region] = place.path
    if (holder === null || region === undefined || !tenant.mayGiveUp) return false
    const shard = shardOf(tenant.peerId)
    if (!this.#turns.free({ region, shard }, now) || !this.#spares(stay, bytes, now)) return false
    this.#turns.give(stay, { region, shard }, now)
    this.#keep(stay, holder, shard)
    return this.#growInTurn(stay, bytes, now)
  }

  #growInTurn(stay: Stay, bytes: number, now: number): boolean {
    if (!this.#turns.has(stay)) return false
    if (this.#turns.use(stay, bytes)) return true
    const ahead = this.#ahead(stay, bytes)
    const spare = this.#spare(stay)
    if (spare < ahead) this.#wantedAt = now
    if (Math.min(spare, ahead) < bytes) return false
    this.#turns.reserve(stay, Math.min(spare, ahead))
    return this.#turns.use(stay, bytes)
  }

  /** Bytes that are reserved for one in turn that asks for some. */
  #ahead({ bytes: held }: Stay, bytes: number): number {
    return Math.min(this.#limits.bytesPerStayMax - held, Math.max(bytes, Math.ceil(AHEAD_SHARE * held)))
  }

  /** Whether all that is reserved for it when it has a turn leaves everybody's part; where it does not, others leave room for it from now on. */
  #spares(stay: Stay, bytes: number, now: number): boolean {
    const ahead = this.#ahead(stay, bytes)
    if (ahead < bytes) return false
    const spares = ahead <= this.#spare(stay)
    if (!spares) this.#wantedAt = now
    return spares
  }

  /** Bytes that can be reserved for it without taking of anybody's part. */
  #spare(stay: Stay): number {
    return Math.floor(Math.min(this.#all.spare, this.#levelOf(stay).spare))
  }

  /** They may be given up again. */
  #endLate(now: number): void {
    for (const stay of this.#turns.endLate(now)) stay.holder?.enter(stay, shardOf(stay.tenant.peerId))
  }

  #fit(stay: Stay, bytes: number): Fit {
    if (!this.#intake.mayHave(stay.tenant.peerId, bytes)) return 'never'
    return worse(this.#levelOf(stay).fit(bytes), this.#all.fit(bytes))
  }

  /** What is unfinished and held becomes more or less. */
  #hold(stay: Stay, bytes: number, now: number): void {
    const { holder } = stay
    if (holder === null) return
    holder.hold(bytes, now)
    if (holder.unchargedMs(now) >= CHARGED_EVERY_MS) this.#charge(holder, now)
    for (const level of [this.#all, this.#levelOf(stay)]) level.held.add(holder.place.path, bytes)
  }

  #charge(holder: Holder<Stay>, now: number): void {
    const due = holder.due(now)
    if (due > 0) this.#usage.charge(holder.place, due, now)
  }

  #keep(stay: Stay, holder: Holder<Stay>, shard: number): void {
    if (!holder.keep(stay, shard)) return
    this.#overdrawn[shard]?.delete(holder)
    this.#slow[shard]?.delete(holder)
  }

  /** The next few: what a turn costs does not grow with those who hold something. */
  #reckon(now: number): void {
    const due = Math.min(RECKONED_MAX, RECKONED_EACH * Math.floor((now - this.#reckonedAt) / RECKON_MS))
    if (due === 0) return
    this.#reckonedAt = now
    this.#endLate(now)
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
        const [oldest] = holder.mayGo(shard)
        if (oldest !== undefined && isSlow(oldest, now)) this.#slow[shard]?.add(holder)
      }
    }
  }

  /** Gives up what may go until there is room for the bytes of a newcomer; whether there is. What is still too much goes for the next. */
  #reclaim(newcomer: Newcomer): boolean {
    const { stay, bytes } = newcomer
    if (this.#suits(newcomer)) return true
    for (let gone = 0; this.#fit(stay, bytes) !== 'easily';) {
      const other = this.#nextToGo(newcomer)
      if (other === null) return this.#suits(newcomer)
      if (gone >= GIVEN_UP_EACH && bytes <= Math.min(this.#all.left, this.#levelOf(stay).left)) return true
      if (this.#giveUp(other)) gone++
    }
    return true
  }

  /** Whether it could be; whoever cannot is not asked again. */
  #giveUp(stay: Stay): boolean {
    const { tenant, holder } = stay
    if (holder !== null) this.#keep(stay, holder, shardOf(tenant.peerId))
    if (!tenant.mayGiveUp) return false
    tenant.giveUp()
    assert(stay.bytes === 0, 'a stay that was given up has left')
    return true
  }

  /** Whether the bytes fit, and, where they do scarcely, are no more than what others leave to its place; what has ended needs but fit. */
  #suits(newcomer: Newcomer): boolean {
    return this.#suitsIn(this.#all, newcomer) && this.#suitsIn(this.#levelOf(newcomer.stay), newcomer)
  }

  #suitsIn(level: Level, newcomer: Newcomer): boolean {
    const { stay, bytes, place } = newcomer
    const left = level.left - bytes
    if (left < 0 || !stay.tenant.mayGiveUp) return left >= 0
    return (
      level.fit(bytes) === 'easily' || level.held.mayHold(place.path, bytes, this.#lent(newcomer, left, level.part))
    )
  }

  /** Of what is left, what others may have: while a turn is wanted, no more than their parts and what is not needed for it. */
  #lent({ now }: Newcomer, left: number, part: number): number {
    if (now - this.#wantedAt >= WANTED_MS) return left
    return Math.max(Math.min(left, part), left - this.#limits.bytesPerStayMax)
  }

  #levelOf({ tenant }: Stay): Level {
    const level = this.#inShard[shardOf(tenant.peerId)]
    assert(level !== undefined, 'every peer has a shard')
    return level
  }

  /** Something of its shard; where it finds room in that and not in all, else something of any. */
  #nextToGo(newcomer: Newcomer): Stay | null {
    const { stay, bytes } = newcomer
    const own = this.#nextInShard(shardOf(stay.tenant.peerId), newcomer)
    if (own !== null || this.#all.fit(bytes) === 'easily' || !this.#suitsIn(this.#levelOf(stay), newcomer)) return own
    for (let other = 0; other < SHARDS; other++) {
      const found = this.#nextInShard(other, newcomer)
      if (found !== null) return found
    }
    return null
  }

  #nextInShard(shard: number, { stay, now }: Newcomer): Stay | null {
    return this.#oldestOverdrawn(shard, stay) ?? (isSlow(stay, now) ? null : this.#oldestSlow(shard, now))
  }

  /** But not who asks: it may have been forgiven a moment ago, and have been overdrawn when it was last reckoned. */
  #oldestOverdrawn(shard: number, except: Stay): Stay | null {
    for (const holder of this.#overdrawn[shard] ?? []) {
      for (const stay of holder.mayGo(shard)) if (stay !== except) return stay
    }
    return null
  }

  #oldestSlow(shard: number, now: number): Stay | null {
    for (const holder of this.#slow[shard] ?? []) {
      const [oldest] = holder.mayGo(shard)
      if (oldest !== undefined && isSlow(oldest, now)) return oldest
      this.#slow[shard]?.delete(holder)
    }
    return null
  }
}

const isSlow = ({ bytes, holder, since }: Stay, now: number): boolean => {
  const ms = now - since
  return holder !== null && ms >= SLOW_AFTER_MS && bytes < (BYTES_PER_SECOND_MIN * ms) / 1000
}

/** A stay that begins or grows. */
interface Newcomer {
  readonly stay: Stay
  readonly bytes: number
  readonly place: Place
  readonly now: number
}

const keyOf = ({ path }: Place): string => path.at(-1) ?? ''
