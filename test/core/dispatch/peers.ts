// Peers told apart by a number, which also says in whose shard they are.
import { type PeerId, peerIdOf } from '../../../src/core/ids.ts'

/** The peer number `n`, below 256; its shard is `n` modulo the number of shards. */
export const peer = (n: number): PeerId => {
  const bytes = new Uint8Array(32)
  bytes[3] = n
  return peerIdOf(bytes)
}
