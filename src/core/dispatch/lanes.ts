// Who is heard when. Control goes first; bulk is spread over shards by peer and taken round robin, one item a shard, so that neither a
// busy peer nor a busy shard holds up another. A full shard takes no more: its streams stay unread, and flow control tells the sender.
import { assert } from '../assert.ts'
import type { PeerId } from '../ids.ts'

/** How many shards there are and how many items one may hold. */
export interface LaneLimits {
  readonly shards: number
  readonly itemsPerShardMax: number
  readonly controlItemsMax: number
}

/** Lanes of items. Bounded by shards × itemsPerShardMax + controlItemsMax. */
export class Lanes<Item> {
  readonly #limits: LaneLimits
  readonly #control = new Queue<Item>()
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

  /** Adds control work; false when the lane is full. */
  control(item: Item): boolean {
    return this.#add(this.#control, item, this.#limits.controlItemsMax)
  }

  /** Adds bulk work of a peer; false when its shard is full: the item is then the caller's to keep unread. */
  bulk(peerId: PeerId, item: Item): boolean {
    return this.#add(this.#shard(peerId), item, this.#limits.itemsPerShardMax)
  }

  /** The next item to be worked on, or null. */
  next(): Item | null {
    if (this.#size === 0) return null
    this.#size--
    if (this.#control.length > 0) return this.#control.shift()
    for (;;) {
      const shard = this.#shards[this.#turn]
      this.#turn = (this.#turn + 1) % this.#shards.length
      if (shard !== undefined && shard.length > 0) return shard.shift()
    }
  }

  #add(lane: Queue<Item>, item: Item, max: number): boolean {
    if (lane.length >= max) return false
    lane.push(item)
    this.#size++
    return true
  }

  #shard(peerId: PeerId): Queue<Item> {
    const shard = this.#shards[Number.parseInt(peerId.slice(0, 8), 16) % this.#shards.length]
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
