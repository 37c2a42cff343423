// Where peers can be reached. What we saw ourselves (we reached a peer there, or it reached us from there) may be told to others;
// what was only claimed, by itself or by others, is good for dialling it and for nothing else. Claims are worth as much as the networks
// they come from are many, and nobody's word takes more than its place, so that a liar cannot bury where a peer really is.
import type { Address } from '../address.ts'
import { mayShare, neighbourhood, sameAddress } from '../address.ts'
import type { PeerId } from '../ids.ts'
import type { Ip } from '../ip.ts'
import type { PeerRecord } from '../messages/find-node.ts'
import { ADDRESSES_MAX } from '../messages/codes.ts'

/** A record is given out only for a peer that was heard from within this time: 30 minutes. */
export const RECORD_AGE_MAX_MS = 30 * 60_000

/** Peers remembered at most; the one that was changed longest ago is forgotten. */
export const BOOK_PEERS_MAX = 4096

/** Claims about a peer kept at most: those of eight networks. */
export const CLAIMS_MAX = 16

/** Whose word a peer's own HELLO is. */
const ITSELF = 'itself'

interface Claim {
  readonly address: Address
  /** The networks that say so, and ITSELF. Bounded by CLAIMS_MAX; more would change nothing. */
  readonly by: readonly string[]
}

interface Page {
  /** Freshest first. Bounded by ADDRESSES_MAX. */
  seen: readonly Address[]
  /** What most say first, of equals what was said first. Bounded by CLAIMS_MAX. */
  claims: readonly Claim[]
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

  /** The peer itself, seen at `source`, says that it can be reached at these addresses. */
  claimed(peerId: PeerId, addresses: readonly Address[], source: Ip): void {
    this.#hear(peerId, { by: ITSELF, addresses: credible(addresses, source).slice(0, ADDRESSES_MAX) })
  }

  /**
   * Somebody else at `source` says that the peer can be reached at these addresses. One of each family is taken, in place of what that
   * network said before.
   */
  told(peerId: PeerId, addresses: readonly Address[], source: Ip): void {
    const believed = credible(addresses, source)
    const each = [4, 6].flatMap((family) => believed.find((address) => address.family === family) ?? [])
    this.#hear(peerId, { by: neighbourhood(source), addresses: each })
  }

  /** A dial to this address failed: it is no longer something we have seen to work. */
  failed(peerId: PeerId, address: Address): void {
    const page = this.#pages.get(peerId)
    if (page === undefined) return
    page.seen = page.seen.filter((other) => !sameAddress(other, address))
    page.claims = page.claims.filter((claim) => !sameAddress(claim.address, address))
    if (page.seen.length + page.claims.length === 0) this.#pages.delete(peerId)
  }

  /** Where to dial a peer: what we have seen to work first, then what most say; at most 8. */
  dialable(peerId: PeerId): readonly Address[] {
    const page = this.#pages.get(peerId)
    return page === undefined ? [] : distinct([...page.seen, ...page.claims.map(({ address }) => address)])
  }

  /** What may be told about a peer to somebody at `asker`; null when it is too old or there is nothing to tell. */
  record(peerId: PeerId, asker: Ip, now: number): PeerRecord | null {
    const page = this.#pages.get(peerId)
    if (page === undefined || page.heardAt === null) return null
    const ageMs = Math.max(0, now - page.heardAt)
    const addresses = page.seen.filter((address) => mayShare(address, asker))
    return addresses.length === 0 || ageMs > RECORD_AGE_MAX_MS ? null : { peerId, addresses, ageMs }
  }

  #hear(peerId: PeerId, word: { readonly by: string; readonly addresses: readonly Address[] }): void {
    if (word.addresses.length === 0) return
    const page = this.#page(peerId)
    const others = page.claims.map(({ address, by }) => ({ address, by: by.filter((each) => each !== word.by) }))
    for (const address of word.addresses) {
      const at = others.findIndex((claim) => sameAddress(claim.address, address))
      const known = others[at]
      if (known === undefined) others.push({ address, by: [word.by] })
      else others[at] = { address, by: [...known.by, word.by].slice(-CLAIMS_MAX) }
    }
    const claims = others.filter(({ by }) => by.length > 0).sort((a, b) => b.by.length - a.by.length)
    page.claims = claims.slice(0, CLAIMS_MAX)
  }

  #page(peerId: PeerId): Page {
    const page = this.#pages.get(peerId) ?? { seen: [], claims: [], heardAt: null }
    this.#pages.delete(peerId)
    this.#pages.set(peerId, page)
    const [oldest] = this.#pages.keys()
    if (this.#pages.size > this.#peersMax && oldest !== undefined) this.#pages.delete(oldest)
    return page
  }
}

/** Without what may not be believed from somebody at `source`. */
const credible = (addresses: readonly Address[], source: Ip): Address[] =>
  addresses.filter((address) => mayShare(address, source))

/** The first of equal ones, and no more than ADDRESSES_MAX. */
const distinct = (addresses: readonly Address[]): readonly Address[] =>
  addresses
    .filter((address, i) => addresses.findIndex((other) => sameAddress(other, address)) === i)
    .slice(0, ADDRESSES_MAX)
