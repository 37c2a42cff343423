// Whose turn it is to grow to its end while room is scarce. Of many that come in slowly at once each would otherwise be refused when it
// has its part, and begin again: all of the room would be used, and nothing would ever end. Who has a turn has some room reserved
// ahead of what came, is given up for nobody, and keeps its turn while it goes on coming:
//
//   begun ──give──► in turn ──end──► over           end: it has left, or all of it came
//     ▲                │
//     └──────late──────┘                          late: it comes too slowly, or took too long
import { assert } from '../assert.ts'
import { SHARDS } from './shards.ts'

/** How many at once, in all and in one shard. */
export interface TurnLimits {
  readonly max: number
  readonly perShardMax: number
}

/** Who asks, by where it is. */
export interface Asking {
  readonly region: string
  readonly shard: number
}

/** One turn. */
interface Turn {
  readonly region: string
  readonly shard: number
  /** Bytes it may yet have without asking again. */
  reserved: number
  readonly since: number
  /** From when on `came` counts. */
  countedFrom: number
  came: number
}

/** In so long 5 MiB come at 44 KB/s. */
const TURN_MS = 120_000

/** It loses its turn when in so long less came than at `BYTES_PER_SECOND_MIN`. */
const COUNTED_MS = 5000

/** Half of what a slow line brings that is used for nothing else. */
export const BYTES_PER_SECOND_MIN = 25_000

/** For so long a region that had a turn stands back for those that had none. */
const HAD_MS = 600_000

/** It does so while one that had none was told that all are given no longer ago than this. */
const WANTED_MS = 10_000

/** Regions remembered to have had a turn; the one longest ago is forgotten for the next. */
const HAD_MAX = 1024

/** Turns at once. Bounded by `max`. */
export class Turns<Stay> {
  readonly #limits: TurnLimits
  readonly #given = new Map<Stay, Turn>()
  /** When each region last had one, longest ago first. Bounded by HAD_MAX. */
  readonly #had = new Map<string, number>()
  readonly #reservedInShard = Array.from({ length: SHARDS }, () => 0)
  #reserved = 0
  /** When one that had none was last told that all are given. */
  #wantedAt = -Infinity
  /** The same of those of a shard, by shard: others than its own have nothing that it wants. */
  readonly #wantedInShardAt = Array.from({ length: SHARDS }, () => -Infinity)

  constructor(limits: TurnLimits) {
    this.#limits = limits
  }

  /** Bytes that are reserved for those in turn. */
  get reserved(): number {
    return this.#reserved
  }

  /** The same of one shard. */
  reservedInShard(shard: number): number {
    return this.#reservedInShard[shard] ?? 0
  }

  has(stay: Stay): boolean {
    return this.#given.has(stay)
  }

  /** Whether there is a turn for it, as far as others go that have one or had none lately. */
  free({ region, shard }: Asking, now: number): boolean {
    const others = [...this.#given.values()]
    if (others.some((other) => other.region === region)) return false
    const had = now - (this.#had.get(region) ?? -Infinity) < HAD_MS
    if (had && now - Math.max(this.#wantedAt, this.#wantedInShardAt[shard] ?? 0) < WANTED_MS) return false
    const { max, perShardMax } = this.#limits
    const isFree = others.length < max
    const isFreeInShard = others.filter((other) => other.shard === shard).length < perShardMax
    if (!isFree && !had) this.#wantedAt = now
    if (!isFreeInShard && !had) this.#wantedInShardAt[shard] = now
    return isFree && isFreeInShard
  }

  /** Gives one that is free. */
  give(stay: Stay, { region, shard }: Asking, now: number): void {
    assert(!this.has(stay), 'nobody has two turns')
    this.#given.set(stay, { region, shard, reserved: 0, since: now, countedFrom: now, came: 0 })
    this.#had.delete(region)
    this.#had.set(region, now)
    for (const longestAgo of this.#had.keys()) {
      if (this.#had.size <= HAD_MAX) break
      this.#had.delete(longestAgo)
    }
  }

  /** Reserves so many bytes more for one in turn, or fewer. */
  reserve(stay: Stay, bytes: number): void {
    const turn = this.#given.get(stay)
    if (turn === undefined) return
    turn.reserved += bytes
    this.#reserved += bytes
    this.#reservedInShard[turn.shard] = this.reservedInShard(turn.shard) + bytes
    assert(turn.reserved >= 0 && this.#reserved >= 0, 'no more is used than was reserved')
  }

  /** It takes so many of the bytes that are reserved for it; false when more must be reserved first, or it has no turn. */
  use(stay: Stay, bytes: number): boolean {
    const turn = this.#given.get(stay)
    if (turn === undefined || turn.reserved < bytes) return false
    this.reserve(stay, -bytes)
    return true
  }

  /** So many bytes came of it, reserved or not: who finds room without that comes as fast. */
  heard(stay: Stay, bytes: number): void {
    const turn = this.#given.get(stay)
    if (turn !== undefined) turn.came += bytes
  }

  /** It needs no more: another may have its turn. */
  end(stay: Stay): void {
    this.reserve(stay, -(this.#given.get(stay)?.reserved ?? 0))
    this.#given.delete(stay)
  }

  /** Ends the turns of those that come too slowly, and says whose they were. */
  endLate(now: number): readonly Stay[] {
    const late = [...this.#given].filter(([, turn]) => isLate(turn, now)).map(([stay]) => stay)
    for (const stay of late) this.end(stay)
    return late
  }
}

const isLate = (turn: Turn, now: number): boolean => {
  if (now - turn.since >= TURN_MS) return true
  const ms = now - turn.countedFrom
  if (ms < COUNTED_MS) return false
  if (turn.came < (BYTES_PER_SECOND_MIN * ms) / 1000) return true
  turn.countedFrom = now
  turn.came = 0
  return false
}
