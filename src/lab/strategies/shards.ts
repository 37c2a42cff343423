// A model of the sharded dispatcher as it was: eight shards by source, 32 places each, and one consumer a shard, which looks into `peers` for
// each message. While somebody holds that lock the shards fill; what finds no place is dropped, after the transport has acknowledged it.
import type { Figures } from './figures.ts'
import type { Taken, WriteLock } from './write-lock.ts'

const SHARDS = 8
const PLACES = 32

/** One node's shards. */
export class Shards {
  readonly #peers: WriteLock
  readonly #figures: Figures
  /** By shard, each bounded by PLACES. */
  readonly #waiting: readonly Taken[][] = Array.from({ length: SHARDS }, () => [])
  readonly #busy = new Set<Taken[]>()

  constructor(peers: WriteLock, figures: Figures) {
    this.#peers = peers
    this.#figures = figures
  }

  put(source: string, now: number, heard: Taken): void {
    const shard = this.#waiting[shardOf(source)]
    if (shard === undefined || shard.length >= PLACES) return void this.#figures.messagesDropped++
    shard.push(heard)
    if (!this.#busy.has(shard)) this.#consume(shard, now)
  }

  #consume(shard: Taken[], now: number): void {
    const heard = shard.shift()
    if (heard === undefined) return void this.#busy.delete(shard)
    this.#busy.add(shard)
    this.#peers.pass(now, (at) => {
      heard(at)
      this.#consume(shard, at)
    })
  }
}

const shardOf = (source: string): number => {
  let hash = 0
  for (let i = 0; i < source.length; i++) hash = (Math.imul(hash, 31) + source.charCodeAt(i)) >>> 0
  return hash % SHARDS
}
