// Whose the unfinished stays of a room are, by where they come from: how much each place holds and for how long it did, and how much is
// held within each prefix around it, in one shard and in all.
import { assert } from '../assert.ts'
import type { Place } from './usage.ts'

/** Bytes held by prefix. Bounded by those who hold some, three prefixes each. */
export class Holdings {
  readonly #bytes = new Map<string, number>()
  #sum = 0
  /** Among how many those who hold some share with whoever comes next. */
  #parts = 1

  add(path: readonly string[], bytes: number): void {
    this.#sum += bytes
    for (const [depth, key] of path.entries()) {
      const held = (this.#bytes.get(key) ?? 0) + bytes
      assert(held >= 0, 'no more is given back than was held')
      if (!this.#bytes.has(key)) this.#parts += NARROWER ** -depth
      if (held === 0) this.#parts -= NARROWER ** -depth
      if (held === 0) this.#bytes.delete(key)
      else this.#bytes.set(key, held)
    }
  }

  /** What of all this and the bytes left is left when everybody who holds some holds as much as he may. */
  part(left: number): number {
    return (this.#sum + left) / this.#parts
  }

  /**
   * Whether somebody may have so many bytes more when `left` are then left for all: its region may hold as much as is left, or its network
   * a quarter, or its host a sixteenth. Nothing is left only when everybody asks for nothing: each newcomer finds a part of what others left.
   */
  mayHold(path: readonly string[], bytes: number, left: number): boolean {
    return path.some((key, depth) => NARROWER ** depth * ((this.#bytes.get(key) ?? 0) + bytes) <= left)
  }
}

/** How many times less of what is left each narrower prefix may hold. */
const NARROWER = 4

/** One host, or on this machine one peer, that has unfinished stays. Its room's to change. */
export class Holder<Stay> {
  readonly place: Place
  /** Those that may yet be given up, by shard, the oldest first. No shard without any. */
  readonly #mayGo = new Map<number, Set<Stay>>()
  stays = 0
  #bytes = 0
  /** Bytes it held, times the milliseconds since it was last charged for them, as of `#reckonedAt`. */
  #byteMs = 0
  #reckonedAt: number
  #chargedAt: number

  constructor(place: Place, now: number) {
    this.place = place
    this.#reckonedAt = this.#chargedAt = now
  }

  /** For how long it was not charged. */
  unchargedMs(now: number): number {
    return now - this.#chargedAt
  }

  /** It holds so many bytes more, or less, from now on. */
  hold(bytes: number, now: number): void {
    this.#reckon(now)
    this.#bytes += bytes
  }

  /** What it is to be charged for, in byte-seconds; nothing of it is due again. */
  due(now: number): number {
    this.#reckon(now)
    const due = this.#byteMs / 1000
    this.#byteMs = 0
    this.#chargedAt = now
    return due
  }

  /** The shards in which something of it may be given up. */
  get shards(): Iterable<number> {
    return this.#mayGo.keys()
  }

  /** What of it in a shard may be given up, the oldest first. */
  mayGo(shard: number): Iterable<Stay> {
    return this.#mayGo.get(shard) ?? []
  }

  enter(stay: Stay, shard: number): void {
    const others = this.#mayGo.get(shard) ?? new Set()
    this.#mayGo.set(shard, others.add(stay))
  }

  /** It is not to be given up, or no more; true when nothing else of the shard is. */
  keep(stay: Stay, shard: number): boolean {
    const others = this.#mayGo.get(shard)
    others?.delete(stay)
    if (others?.size === 0) this.#mayGo.delete(shard)
    return !this.#mayGo.has(shard)
  }

  #reckon(now: number): void {
    this.#byteMs += this.#bytes * (now - this.#reckonedAt)
    this.#reckonedAt = now
  }
}
