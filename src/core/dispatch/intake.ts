// How many bytes one peer, the peers of one shard and all peers may make this node keep. What does not fit is refused as busy before it
// is taken from its stream, so that the bytes wait at the sender.
import { assert } from '../assert.ts'
import type { PeerId } from '../ids.ts'
import { shardOf, SHARDS } from './shards.ts'

/** Bytes kept at most, headers included. */
export interface IntakeLimits {
  readonly bytesPerPeerMax: number
  readonly bytesPerShardMax: number
  readonly bytesMax: number
}

/**
 * How some bytes more of a peer would fit: with some to spare, into the last quarter of what its shard or all may hold, not at all, or beyond what the
 * peer may hold by itself.
 */
export type Fit = 'easily' | 'scarcely' | 'not' | 'never'

/** What is left for everybody is scarce below this share of the whole. */
const SCARCE = 1 / 4

/** Bytes by peer. Bounded by bytesMax. */
export class Intake {
  readonly #limits: IntakeLimits
  readonly #byPeer = new Map<PeerId, number>()
  readonly #byShard: number[] = Array.from({ length: SHARDS }, () => 0)
  #bytes = 0

  constructor(limits: IntakeLimits) {
    this.#limits = limits
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Bytes charged to one peer. */
  of(peerId: PeerId): number {
    return this.#byPeer.get(peerId) ?? 0
  }

  /** Bytes charged to the peers of one shard. */
  ofShard(shard: number): number {
    return this.#byShard[shard] ?? 0
  }

  /** Whether one peer may have so many bytes more, however much others hold. */
  mayHave(peerId: PeerId, bytes: number): boolean {
    return this.of(peerId) + bytes <= this.#limits.bytesPerPeerMax
  }

  /** Whether, and how easily, so many bytes more would fit. */
  fit(peerId: PeerId, bytes: number): Fit {
    if (!this.mayHave(peerId, bytes)) return 'never'
    return worse(this.fitInShard(shardOf(peerId), bytes), this.fitInAll(bytes))
  }

  /** The same of all, whoever's they are. */
  fitInAll(bytes: number): Exclude<Fit, 'never'> {
    return fitIn(this.#limits.bytesMax, this.#bytes + bytes)
  }

  /** The same of a shard, whoever's they are and however much all hold. */
  fitInShard(shard: number, bytes: number): Exclude<Fit, 'never'> {
    return fitIn(this.#limits.bytesPerShardMax, this.ofShard(shard) + bytes)
  }

  /** Charges bytes that fit to a peer. */
  take(peerId: PeerId, bytes: number): void {
    const fit = this.fit(peerId, bytes)
    assert(fit === 'easily' || fit === 'scarcely', 'only what fits is taken')
    this.#add(peerId, bytes)
  }

  /** Gives charged bytes back. */
  give(peerId: PeerId, bytes: number): void {
    assert(this.of(peerId) >= bytes, 'no more is given back than was taken')
    this.#add(peerId, -bytes)
  }

  #add(peerId: PeerId, bytes: number): void {
    const held = this.of(peerId) + bytes
    const shard = shardOf(peerId)
    this.#byShard[shard] = (this.#byShard[shard] ?? 0) + bytes
    this.#bytes += bytes
    if (held === 0) this.#byPeer.delete(peerId)
    else this.#byPeer.set(peerId, held)
  }
}

const fitIn = (whole: number, bytes: number): Exclude<Fit, 'never'> => {
  if (bytes > whole) return 'not'
  return bytes > whole * (1 - SCARCE) ? 'scarcely' : 'easily'
}

/** The scarcer of two. */
export const worse = (a: Exclude<Fit, 'never'>, b: Exclude<Fit, 'never'>): Exclude<Fit, 'never'> =>
  ORDER.indexOf(a) > ORDER.indexOf(b) ? a : b

const ORDER = ['easily', 'scarcely', 'not'] as const
