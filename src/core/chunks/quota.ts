// How much of a holder's space who may fill: one peer at most a 64th, and all peers of one /24 or /48 together at most a 16th, so that nobody
// can crowd the others out. Counted is what was stored since the start, and no longer than it is held.
import { STORED_BYTES_MAX } from './chunk.ts'
import type { ChunkAddress, PeerId } from '../ids.ts'

/** Parts of the capacity. */
const PEER_PART = 64
const NETWORK_PART = 16

/** Who had a chunk stored; `network` is its /24 or /48 as text, or null where diversity does not count. */
export interface Storer {
  readonly peer: PeerId
  readonly network: string | null
}

interface Share extends Storer {
  readonly bytes: number
}

/** The shares of one holder's space. */
export class Quota {
  readonly #peerMax: number
  readonly #networkMax: number
  /** Bounded by the chunks held and those being stored. */
  readonly #shares = new Map<ChunkAddress, Share>()
  /** Bounded by the shares. */
  readonly #byPeer = new Map<PeerId, number>()
  readonly #byNetwork = new Map<string, number>()

  /** A share is never less than the largest chunk, however small the capacity. */
  constructor(capacityBytes: number) {
    this.#peerMax = Math.max(capacityBytes / PEER_PART, STORED_BYTES_MAX)
    this.#networkMax = Math.max(capacityBytes / NETWORK_PART, STORED_BYTES_MAX)
  }

  /** Charges a chunk to who has it stored; false, and nothing is charged, when that is above its share or its network's. */
  take(address: ChunkAddress, storer: Storer, bytes: number): boolean {
    if (this.#shares.has(address)) return true
    const { peer, network } = storer
    if ((this.#byPeer.get(peer) ?? 0) + bytes > this.#peerMax) return false
    if (network !== null && (this.#byNetwork.get(network) ?? 0) + bytes > this.#networkMax) return false
    this.#shares.set(address, { ...storer, bytes })
    this.#add(storer, bytes)
    return true
  }

  /** The chunk is not held, or not any more. */
  give(address: ChunkAddress): void {
    const share = this.#shares.get(address)
    if (share === undefined) return
    this.#shares.delete(address)
    this.#add(share, -share.bytes)
  }

  #add({ peer, network }: Storer, bytes: number): void {
    raise(this.#byPeer, peer, bytes)
    if (network !== null) raise(this.#byNetwork, network, bytes)
  }
}

/** What is used up is not remembered. */
const raise = <Key>(counts: Map<Key, number>, key: Key, by: number): void => {
  const count = (counts.get(key) ?? 0) + by
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}
