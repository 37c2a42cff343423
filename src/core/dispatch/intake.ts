// How many bytes of messages not yet handled one peer, the peers of one shard and all peers may make this node keep. What does not fit is refused as busy
// before it is taken from its stream, so that the bytes wait at the sender.
import { assert } from '../assert.ts'
import type { PeerId } from '../ids.ts'
import { shardOf, SHARDS } from './shards.ts'

/** Bytes kept at most, headers included. */
export interface IntakeLimits {
  readonly bytesPerPeerMax: number
  readonly bytesPerShardMax: number
  readonly bytesMax: number
}

/** The bytes of inbound messages in assembly or in a handler's hands, by peer. Bounded by bytesMax. */
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

  /** Charges bytes to a peer; false, and nothing charged, when they do not fit. */
  take(peerId: PeerId, bytes: number): boolean {
    const { bytesPerPeerMax, bytesPerShardMax, bytesMax } = this.#limits
    const held = this.of(peerId) + bytes
    const shard = shardOf(peerId)
    const inShard = (this.#byShard[shard] ?? 0) + bytes
    if (held > bytesPerPeerMax || inShard > bytesPerShardMax || this.#bytes + bytes > bytesMax) return false
    if (bytes > 0) this.#byPeer.set(peerId, held)
    this.#byShard[shard] = inShard
    this.#bytes += bytes
    return true
  }

  /** Gives charged bytes back. */
  give(peerId: PeerId, bytes: number): void {
    const held = this.of(peerId) - bytes
    assert(held >= 0, 'no more is given back than was taken')
    const shard = shardOf(peerId)
    this.#byShard[shard] = (this.#byShard[shard] ?? 0) - bytes
    this.#bytes -= bytes
    if (held === 0) this.#byPeer.delete(peerId)
    else this.#byPeer.set(peerId, held)
  }
}
