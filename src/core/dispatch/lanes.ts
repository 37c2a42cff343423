// Which bulk stream is read next. Bulk is spread over shards by peer, and shards take turns, one item each, so that a busy peer delays
// others by little. A full shard takes no more: its streams stay unread, and flow control tells the sender. Control messages are not
// queued here or anywhere: they are heard in the turn in which they arrive.
import { assert } from '../assert.ts'
import type { PeerId } from '../ids.ts'
import { shardOf } from './shards.ts'

/** How many shards there are and how many items one may hold. */
export interface LaneLimits {
  readonly shards: number
  readonly itemsPerShardMax: number
}

/** Lanes of items. Bounded by shards × itemsPerShardMax. */
export class Lanes<Item> {
  readonly #limits: LaneLimits
  readonly #shards: readonly Queue<Item>[]
  #turn = 0
  #size = 0

  constructor(limits: LaneLimits) {
    assert(limits.shards > 0, 'there is at least one shard')
    this.#limits = limits
    this.#shards = Array.from({ length: limits.shards }, () => new Queue<Item>())
  }

  /** Items in all lanes. */
  get size(): number {
    return this.#size
  }

  /** Items in the shard of a peer. */
  depth(peerId: PeerId): number {
    return this.#shard(peerId).length
  }

  /** Items in each shard. */
  get depths(): readonly number[] {
    return this.#shards.map(({ length }) => length)
  }

  /** Adds work for a peer; false when its shard is full: the item is then the caller's to keep unread. */
  add(peerId: PeerId, item: Item): boolean {
    const shard = this.#shard(peerId)
    if (shard.length >= this.#limits.itemsPerShardMax) return false
    shard.push(item)
    this.#size++
    return true
  }

  /** The next item to be worked on, or null. */
  next(): Item | null {
    if (this.#size === 0) return null
    this.#size--
    for (;;) {
      const shard = this.#shards[this.#turn]
      this.#turn = (this.#turn + 1) % this.#shards.length
      if (shard !== undefined && shard.length > 0) return shard.shift()
    }
  }

  /** The number of a peer's shard: below `shards`. */
  shardOf(peerId: PeerId): number {
    return shardOf(peerId, this.#shards.length)
  }

  #shard(peerId: PeerId): Queue<Item> {
    const shard = this.#shards[this.shardOf(peerId)]
    assert(shard !== undefined, 'a shard number is below the number of shards')
    return shard
  }
}

/** First in, first out, without moving what waits. Bounded by its user. */
class Queue<Item> {
  #items: Item[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  shift(): Item | null {
    const item = this.#items[this.#head]
    if (item === undefined) return null
    this.#head++
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}
