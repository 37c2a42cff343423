// One bucket of the table: up to k peers that share the same number of leading bits with us, longest known first. A peer that was in
// stays in as long as it lives, because who has been up for long will be up for longer; newcomers wait as candidates for a death.
import type { Ip } from '../ip.ts'
import type { PeerId } from '../ids.ts'
import type { Diversity } from './diversity.ts'
import { Crowd } from './diversity.ts'

/** A peer in the table. */
export interface Entry {
  readonly peerId: PeerId
  /** Where it was last seen; what diversity counts. */
  readonly ip: Ip
  /** Monotonic milliseconds. */
  readonly seenAt: number
}

/** What became of a peer that was seen. `crowded`: its address already has its share of the bucket. */
export type Seen =
  | { readonly kind: 'added' | 'refreshed' | 'crowded' }
  /** `oldest` is the member that was not seen for longest: whoever asks it and hears nothing should remove it. */
  | { readonly kind: 'full'; readonly oldest: Entry }

/** Peers waiting for a place in a full bucket: the freshest eight. */
export const CANDIDATES_MAX = 8

/** See the head of this file. */
export class Bucket {
  readonly #capacity: number
  readonly #diversity: Diversity
  /** Bounded by the capacity; in order of entry. */
  readonly #members = new Map<PeerId, Entry>()
  /** Bounded by CANDIDATES_MAX; freshest last. */
  readonly #candidates = new Map<PeerId, Entry>()

  constructor(capacity: number, diversity: Diversity) {
    this.#capacity = capacity
    this.#diversity = diversity
  }

  get size(): number {
    return this.#members.size
  }

  entries(): Iterable<Entry> {
    return this.#members.values()
  }

  get(peerId: PeerId): Entry | null {
    return this.#members.get(peerId) ?? null
  }

  seen(entry: Entry): Seen {
    if (this.#members.has(entry.peerId)) return this.#refresh(entry)
    if (!this.#crowdWithout(entry.peerId).admits(entry.ip)) return this.#await(entry, { kind: 'crowded' })
    const oldest = this.#members.size < this.#capacity ? null : this.#oldest()
    if (oldest !== null) return this.#await(entry, { kind: 'full', oldest })
    this.#candidates.delete(entry.peerId)
    this.#members.set(entry.peerId, entry)
    return { kind: 'added' }
  }

  /** Takes a peer out, and lets the freshest fitting candidate in. Whether it was in. */
  remove(peerId: PeerId): boolean {
    this.#candidates.delete(peerId)
    const was = this.#members.delete(peerId)
    if (was) this.#promote()
    return was
  }

  #refresh(entry: Entry): Seen {
    const known = this.#members.get(entry.peerId)
    const moved = known !== undefined && known.ip.ip !== entry.ip.ip
    if (moved && !this.#crowdWithout(entry.peerId).admits(entry.ip)) {
      this.remove(entry.peerId)
      return { kind: 'crowded' }
    }
    // Setting an existing key keeps its place.
    this.#members.set(entry.peerId, entry)
    if (moved) this.#promote()
    return { kind: 'refreshed' }
  }

  #await<Outcome extends Seen>(entry: Entry, outcome: Outcome): Outcome {
    this.#candidates.delete(entry.peerId)
    this.#candidates.set(entry.peerId, entry)
    const [stalest] = this.#candidates.keys()
    if (this.#candidates.size > CANDIDATES_MAX && stalest !== undefined) this.#candidates.delete(stalest)
    return outcome
  }

  #promote(): void {
    if (this.#members.size >= this.#capacity) return
    const crowd = this.#crowdWithout(null)
    const fitting = [...this.#candidates.values()].findLast((candidate) => crowd.admits(candidate.ip))
    if (fitting === undefined) return
    this.#candidates.delete(fitting.peerId)
    this.#members.set(fitting.peerId, fitting)
  }

  #crowdWithout(peerId: PeerId | null): Crowd {
    const others = [...this.#members.values()].filter((member) => member.peerId !== peerId)
    return new Crowd(
      this.#diversity,
      others.map((member) => member.ip),
    )
  }

  #oldest(): Entry | null {
    let oldest: Entry | null = null
    for (const member of this.#members.values()) if (oldest === null || member.seenAt < oldest.seenAt) oldest = member
    return oldest
  }
}
