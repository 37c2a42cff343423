// The phonebook's table: 256 buckets by how many leading bits a peer shares with us. It knows many peers near us and a few far away,
// which is what lets a lookup halve its distance with each step. Only peers we identified ourselves are put in.
import { assert } from '../assert.ts'
import type { PeerId } from '../ids.ts'
import type { Entry, Seen } from './bucket.ts'
import { Bucket } from './bucket.ts'
import type { Id } from './distance.ts'
import { compareDistance, ID_BITS, sharedBits } from './distance.ts'
import type { Diversity } from './diversity.ts'
import { Crowd } from './diversity.ts'

/** Peers in a bucket, records in an answer, peers in a lookup's result: Kademlia's k. */
export const K = 20

/** See the head of this file. */
export class Table {
  readonly #self: PeerId
  readonly #capacity: number
  readonly #diversity: Diversity
  /** Bounded by ID_BITS; made when first needed. */
  readonly #buckets = new Map<number, Bucket>()

  constructor(self: PeerId, diversity: Diversity, capacity = K) {
    this.#self = self
    this.#diversity = diversity
    this.#capacity = capacity
  }

  get size(): number {
    let size = 0
    for (const bucket of this.#buckets.values()) size += bucket.size
    return size
  }

  /** A node was identified or heard from. Not for clients, and not for ourselves. */
  seen(entry: Entry): Seen {
    const index = sharedBits(this.#self, entry.peerId)
    assert(index < ID_BITS, 'we are not in our own table')
    const bucket = this.#buckets.get(index) ?? new Bucket(this.#capacity, this.#diversity)
    this.#buckets.set(index, bucket)
    return bucket.seen(entry)
  }

  /** Takes out a peer that did not answer or could not be reached. Whether it was in. */
  remove(peerId: PeerId): boolean {
    return this.#buckets.get(sharedBits(this.#self, peerId))?.remove(peerId) ?? false
  }

  get(peerId: PeerId): Entry | null {
    return this.#buckets.get(sharedBits(this.#self, peerId))?.get(peerId) ?? null
  }

  /** Every peer, in no order. */
  *entries(): Iterable<Entry> {
    for (const bucket of this.#buckets.values()) yield* bucket.entries()
  }

  /** Indices of the buckets that hold somebody, far ones first. */
  occupied(): readonly number[] {
    const indices = [...this.#buckets].filter(([, bucket]) => bucket.size > 0).map(([index]) => index)
    return indices.sort((a, b) => a - b)
  }

  /** Of each occupied bucket the peer that has been in it for longest. */
  oldestOfEach(): readonly Entry[] {
    return [...this.#buckets.values()].flatMap((bucket) => [...bucket.entries()].slice(0, 1))
  }

  /** The `count` peers nearest to `target`, nearest first; fewer when fewer are known. */
  closest(target: Id, count: number): readonly Entry[] {
    const found: Entry[] = []
    for (const group of this.#groups(sharedBits(this.#self, target))) {
      found.push(...group.sort((a, b) => compareDistance(target, a.peerId, b.peerId)))
      if (found.length >= count) break
    }
    return found.slice(0, count)
  }

  /**
   * The peers in groups of which each is nearer to the target than the next. With `shared` bits in common with us, the target agrees
   * longest with the bucket of that index, then equally with all nearer to us, then with the farther ones in turn.
   */
  *#groups(shared: number): Iterable<Entry[]> {
    const indices = this.occupied()
    yield this.#members([shared])
    yield this.#members(indices.filter((index) => index > shared))
    for (const index of indices.filter((index) => index < shared).reverse()) yield this.#members([index])
  }

  #members(indices: readonly number[]): Entry[] {
    return indices.flatMap((index) => [...(this.#buckets.get(index)?.entries() ?? [])])
  }

  /** Asserts what must hold between any two calls. */
  checkInvariants(): void {
    for (const [index, bucket] of this.#buckets) {
      assert(bucket.size <= this.#capacity, 'a bucket holds at most k peers')
      const crowd = new Crowd(this.#diversity)
      for (const { peerId, ip } of bucket.entries()) {
        assert(sharedBits(this.#self, peerId) === index, 'a peer is in the bucket of its distance')
        assert(crowd.admits(ip), 'a bucket keeps to the limits of diversity')
        crowd.add(ip)
      }
    }
  }
}
