// Which chunk a holder takes, decided before any byte of it is hashed or written. Whose share of the space it counts to is in quota.ts, what
// goes when there is no room in eviction.ts.
import { STORED_BYTES_MAX, isStoredSize } from './chunk.ts'
import { isAmongClosest } from './closeness.ts'
import type { ChunkAddress, PeerId } from '../ids.ts'

/** Chunks being taken or given for one peer at once, and for all peers. */
export interface SlotLimits {
  readonly perPeerMax: number
  readonly totalMax: number
}

/** Chunk-puts in progress: up to 128 MiB in memory, a peer's part at most an eighth of it. */
export const PUT_SLOTS: SlotLimits = Object.freeze({ perPeerMax: 4, totalMax: 32 })

/** Chunk-gets being read from disk. */
export const GET_SLOTS: SlotLimits = Object.freeze({ perPeerMax: 8, totalMax: 32 })

/** When a peer that was told to wait may come again: about the time a few chunks take to be written. */
export const RETRY_AFTER_MS = 250

/** Counts what is in progress, so that neither one peer nor all together exceed the limits. */
export class Slots {
  readonly #limits: SlotLimits
  /** Bounded by totalMax. */
  readonly #byPeer = new Map<PeerId, number>()
  #total = 0

  constructor(limits: SlotLimits) {
    this.#limits = limits
  }

  get total(): number {
    return this.#total
  }

  /** Takes a slot for that peer; false when there is none. */
  enter(peer: PeerId): boolean {
    const held = this.#byPeer.get(peer) ?? 0
    if (held >= this.#limits.perPeerMax || this.#total >= this.#limits.totalMax) return false
    this.#byPeer.set(peer, held + 1)
    this.#total++
    return true
  }

  /** Gives back a slot that `enter` granted. */
  leave(peer: PeerId): void {
    const held = this.#byPeer.get(peer) ?? 0
    if (held > 1) this.#byPeer.set(peer, held - 1)
    else this.#byPeer.delete(peer)
    this.#total--
  }
}

/** A chunk somebody wants held here. */
export interface Offer {
  readonly address: ChunkAddress
  /** Stored bytes. */
  readonly bytes: number
}

/** What is known here when a chunk is offered. */
export interface Position {
  readonly self: PeerId
  /** The peers known closest to the chunk's address, at least CLOSEST_ASKED where so many are known. */
  readonly known: readonly PeerId[]
}

/** The verdict on an offer; the reasons are the protocol's words. */
export type Admission =
  | { readonly kind: 'welcome' }
  | { readonly kind: 'malformed'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: 'not-closest' }

/** Judges an offer by its size, and by how close we are to its address. */
export const admit = (offer: Offer, position: Position): Admission => {
  if (!isStoredSize(offer.bytes)) {
    return { kind: 'malformed', reason: `a stored chunk has 17 to ${STORED_BYTES_MAX} bytes` }
  }
  if (!isAmongClosest(offer.address, position.self, position.known)) return { kind: 'refused', reason: 'not-closest' }
  return { kind: 'welcome' }
}
