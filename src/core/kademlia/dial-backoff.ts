// How often an address may be dialled that others told us of. Strangers must not be able to make us, and with us the whole network, knock
// at a victim's door: one dial at a time and five a minute to a host, and after failures ever fewer. The transport has limits of its
// own for all dialling (core/dialling), which are wider: it is the application's, too.
import type { Address, PeerAddress } from '../address.ts'
import { addressText, classify } from '../address.ts'
import { DialRate, hostOf } from '../dialling/dial-rate.ts'
import { Pauses } from '../dialling/pauses.ts'

/** Dials to one host a minute. */
export const DIALS_PER_MINUTE = 5

/** The pause after the first failure in a row; each further one doubles it, up to BACKOFF_MAX_MS. */
export const BACKOFF_FIRST_MS = 2000

/** Half an hour. */
export const BACKOFF_MAX_MS = 30 * 60_000

/** Places remembered at most; the one longest ago is forgotten. */
export const PLACES_MAX = 4096

/**
 * What came of a dial. `another-peer`: somebody answers there, so that whoever is really there can still be dialled; were the place paused
 * for it, a peer could keep another out of every lookup by naming made-up ones at its address. `forbidden`: the transport did not dial,
 * which says nothing about the place.
 */
export type DialEnd = 'reached' | 'failed' | 'another-peer' | 'forbidden'

/** Keeps count of dials. Where limits by IP are off, and on loopback, an address with its port is a place of its own with no rate. */
export class DialBackoff {
  readonly #perIp: boolean
  /** Bounded by the dials of the phonebook. */
  readonly #dialling = new Set<string>()
  readonly #pauses: Pauses
  /** Of peers who were not where they were said to be, by place and peer. */
  readonly #elsewhere: Pauses
  readonly #rate: DialRate

  constructor(options: { readonly perIp: boolean; readonly placesMax?: number }) {
    const { perIp, placesMax = PLACES_MAX } = options
    this.#perIp = perIp
    const settings = { firstMs: BACKOFF_FIRST_MS, msMax: BACKOFF_MAX_MS, rowMs: Infinity, placesMax }
    this.#pauses = new Pauses(settings)
    this.#elsewhere = new Pauses(settings)
    this.#rate = new DialRate({ perMinute: DIALS_PER_MINUTE, hostsMax: placesMax })
  }

  /** What counts as one place: dials with the same key exclude each other. */
  key(address: Address): string {
    return this.#limited(address) ? hostOf(address) : addressText(address)
  }

  /** When a dial may begin, if nothing else happens: `now`, later, or Infinity while another dial to the place is under way. */
  mayDialAt(target: PeerAddress, now: number): number {
    const { address } = target
    const key = this.key(address)
    if (this.#dialling.has(key)) return Infinity
    const rated = this.#limited(address) ? this.#rate.mayDialAt(key, now) : now
    return Math.max(now, this.#pauses.until(key), this.#elsewhere.until(expectation(target)), rated)
  }

  began(address: Address, now: number): void {
    const key = this.key(address)
    this.#dialling.add(key)
    if (this.#limited(address)) this.#rate.began(key, now)
  }

  ended(target: PeerAddress, outcome: DialEnd, now: number): void {
    const key = this.key(target.address)
    if (!this.#dialling.delete(key) || outcome === 'forbidden') return
    if (outcome === 'failed') this.#pauses.failed(key, now)
    else this.#pauses.over(key)
    if (outcome === 'another-peer') this.#elsewhere.failed(expectation(target), now)
    if (outcome === 'reached') this.#elsewhere.over(expectation(target))
  }

  /** A peer came to us from this address by itself: whatever ailed it has passed. */
  heard(address: Address): void {
    this.#pauses.over(this.key(address))
  }

  #limited(address: Address): boolean {
    return this.#perIp && classify(address) !== 'loopback'
  }
}

const expectation = ({ address, peerId }: PeerAddress): string => `${addressText(address)} ${peerId ?? ''}`
