// Peers are spread over shards: what one peer does can crowd those of its own shard and nobody else.
import type { PeerId } from '../ids.ts'

/** How many shards there are. A power of two, so that peers are spread evenly. */
export const SHARDS = 16

/** The number of a peer's shard, below `shards`. */
export const shardOf = (peerId: PeerId, shards = SHARDS): number => Number.parseInt(peerId.slice(0, 8), 16) % shards
