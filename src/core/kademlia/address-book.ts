// Where peers can be reached. What we saw ourselves (we reached a peer there, or it reached us from there) may be told to others;
// what was only claimed, by itself or by others, is good for dialling it and for nothing else.
import type { Address } from '../address.ts'
import { mayShare, sameAddress } from '../address.ts'
import type { PeerId } from '../ids.ts'
import type { Ip } from '../ip.ts'
import type { PeerRecord } from '../messages/find-node.ts'
import { ADDRESSES_MAX } from '../messages/codes.ts'

/** A record is given out only for a peer that was heard from within this time: 30 minutes. */
export const RECORD_AGE_MAX_MS = 30 * 60_000

/** Peers remembered at most; the one that was changed longest ago is forgotten. */
export const BOOK_PEERS_MAX = 4096

interface Page {
  /** Freshest first. Bounded by ADDRESSES_MAX. */
  seen: readonly Address[]
  /** Bounded by ADDRESSES_MAX. */
  claimed: readonly Address[]
  /** When the peer was last identified or heard from; null: never. */
  heardAt: number | null
}

/** See the head of this file. */
export class AddressBook {
  readonly #peersMax: number
  /** Bounded by peersMax; the one changed longest ago first. */
  readonly #pages = new Map<PeerId, Page>()

  constructor(peersMax = BOOK_PEERS_MAX) {
    this.#peersMax = peersMax
  }

  get size(): number {
    return this.#pages.size
  }

  /** The peer was identified at, or heard from, this address. */
  seen(peerId: PeerId, address: Address, now: number): void {
    const page = this.#page(peerId)
    page.seen = distinct([address, ...page.seen])
    page.heardAt = now
  }

  /** The peer, or somebody at `source` on its behalf, says that it can be reached at these addresses. */
  claimed(peerId: PeerId, addresses: readonly Address[], source: Ip): void {
    const credible = addresses.filter((address) => mayShare(address, source))
    if (credible.length === 0) return
    const page = this.#page(peerId)
    page.claimed = distinct([...credible, ...page.claimed])
  }

  /** A dial to this address failed: it is no longer something we have seen to work. */
  failed(peerId: PeerId, address: Address): void {
    const page = this.#pages.get(peerId)
    if (page === undefined) return
    page.seen = page.seen.filter((other) => !sameAddress(other, address))
    page.claimed = page.claimed.filter((other) => !sameAddress(other, address))
    if (page.seen.length + page.claimed.length === 0) this.#pages.delete(peerId)
  }

  /** Where to dial a peer: what we have seen to work first; at most 8. */
  dialable(peerId: PeerId): readonly Address[] {
    const page = this.#pages.get(peerId)
    return page === undefined ? [] : distinct([...page.seen, ...page.claimed])
  }

  /** What may be told about a peer to somebody at `asker`; null when it is too old or there is nothing to tell. */
  record(peerId: PeerId, asker: Ip, now: number): PeerRecord | null {
    const page = this.#pages.get(peerId)
    if (page === undefined || page.heardAt === null) return null
    const ageMs = Math.max(0, now - page.heardAt)
    const addresses = page.seen.filter((address) => mayShare(address, asker))
    return addresses.length === 0 || ageMs > RECORD_AGE_MAX_MS ? null : { peerId, addresses, ageMs }
  }

  #page(peerId: PeerId): Page {
    const page = this.#pages.get(peerId) ?? { seen: [], claimed: [], heardAt: null }
    this.#pages.delete(peerId)
    this.#pages.set(peerId, page)
    const [oldest] = this.#pages.keys()
    if (this.#pages.size > this.#peersMax && oldest !== undefined) this.#pages.delete(oldest)
    return page
  }
}

/** The first of equal ones, and no more than ADDRESSES_MAX. */
const distinct = (addresses: readonly Address[]): readonly Address[] =>
  addresses
    .filter((address, i) => addresses.findIndex((other) => sameAddress(other, address)) === i)
    .slice(0, ADDRESSES_MAX)
