// How often an address may be dialled. Whom to dial is told to us by strangers, so nobody may be able to make us, and with us the
// whole network, knock at a victim's door: one dial at a time and five a minute to an IP address, and after failures ever fewer.
import type { Address } from '../address.ts'
import { addressText, classify } from '../address.ts'

/** Dials to one IP address a minute. */
export const DIALS_PER_MINUTE = 5

/** The pause after the first failure in a row; each further one doubles it, up to BACKOFF_MAX_MS. */
export const BACKOFF_FIRST_MS = 2000

/** Half an hour. */
export const BACKOFF_MAX_MS = 30 * 60_000

/** Places remembered at most; the one dialled longest ago is forgotten. */
export const PLACES_MAX = 4096

const MINUTE_MS = 60_000

interface Place {
  dialling: boolean
  failures: number
  /** Not before this time, after failures. */
  pausedUntil: number
  /** Beginnings of the dials of the last minute. Bounded by DIALS_PER_MINUTE. */
  recent: readonly number[]
}

/** Keeps count of dials. Where limits by IP are off, and on loopback, an address with its port is a place of its own with no rate. */
export class DialBackoff {
  readonly #perIp: boolean
  readonly #placesMax: number
  /** Bounded by placesMax; the one dialled longest ago first. */
  readonly #places = new Map<string, Place>()

  constructor(options: { readonly perIp: boolean; readonly placesMax?: number }) {
    this.#perIp = options.perIp
    this.#placesMax = options.placesMax ?? PLACES_MAX
  }

  /** What counts as one place: dials with the same key exclude each other. */
  key(address: Address): string {
    return this.#limited(address) ? address.ip : addressText(address)
  }

  /** When a dial may begin, if nothing else happens: `now`, later, or Infinity while another dial to the place is under way. */
  mayDialAt(address: Address, now: number): number {
    const place = this.#places.get(this.key(address))
    if (place === undefined) return now
    if (place.dialling) return Infinity
    const [oldest] = place.recent
    const rated = this.#limited(address) && place.recent.length >= DIALS_PER_MINUTE && oldest !== undefined
    return Math.max(now, place.pausedUntil, rated ? oldest + MINUTE_MS : now)
  }

  began(address: Address, now: number): void {
    const key = this.key(address)
    const place = this.#places.get(key) ?? { dialling: false, failures: 0, pausedUntil: 0, recent: [] }
    place.dialling = true
    place.recent = [...place.recent, now].slice(-DIALS_PER_MINUTE)
    this.#places.delete(key)
    this.#places.set(key, place)
    if (this.#places.size > this.#placesMax) this.#forgetOne()
  }

  ended(address: Address, outcome: 'reached' | 'failed', now: number): void {
    const place = this.#places.get(this.key(address))
    if (place === undefined) return
    place.dialling = false
    place.failures = outcome === 'reached' ? 0 : place.failures + 1
    // Beyond thirty doublings the maximum has long been reached.
    const pause = BACKOFF_FIRST_MS * 2 ** Math.min(30, place.failures - 1)
    place.pausedUntil = outcome === 'reached' ? now : now + Math.min(BACKOFF_MAX_MS, pause)
  }

  /** A peer came to us from this address by itself: whatever ailed it has passed. */
  heard(address: Address): void {
    const place = this.#places.get(this.key(address))
    if (place === undefined) return
    place.failures = 0
    place.pausedUntil = 0
  }

  #limited(address: Address): boolean {
    return this.#perIp && classify(address) !== 'loopback'
  }

  #forgetOne(): void {
    for (const [key, place] of this.#places) {
      if (place.dialling) continue
      this.#places.delete(key)
      return
    }
  }
}
