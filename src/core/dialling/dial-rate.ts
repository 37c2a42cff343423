// How many dials a minute begin towards one host: an IPv4 address, or the /64 of an IPv6 address, whose addresses cost their owner nothing.
import type { Address } from '../address.ts'
import { Source } from '../gate/source.ts'

const MINUTE_MS = 60_000

/** The host an address belongs to, as a key for maps. */
export const hostOf = (address: Address): string => new Source(address).key('host')

/** See the head of this file. */
export class DialRate {
  readonly #perMinute: number
  readonly #hostsMax: number
  /** When the dials of the last minute began, oldest first; the host dialled longest ago first. Bounded by hostsMax times perMinute. */
  readonly #hosts = new Map<string, readonly number[]>()

  constructor(settings: { readonly perMinute: number; readonly hostsMax: number }) {
    this.#perMinute = Math.ceil(settings.perMinute)
    this.#hostsMax = settings.hostsMax
  }

  get size(): number {
    return this.#hosts.size
  }

  /** When the next dial may begin: `now` or later. */
  mayDialAt(host: string, now: number): number {
    const recent = this.#hosts.get(host) ?? []
    const bar = recent.at(-this.#perMinute)
    return bar === undefined ? now : Math.max(now, bar + MINUTE_MS)
  }

  began(host: string, now: number): void {
    const recent = [...(this.#hosts.get(host) ?? []), now].slice(-this.#perMinute)
    this.#hosts.delete(host)
    this.#hosts.set(host, recent)
    const [oldest] = this.#hosts.keys()
    if (oldest !== undefined && this.#hosts.size > this.#hostsMax) this.#hosts.delete(oldest)
  }

  /** The dial that began at `began` is not counted any more. */
  giveBack(host: string, began: number): void {
    const recent = this.#hosts.get(host) ?? []
    const at = recent.indexOf(began)
    if (at < 0) return
    if (recent.length === 1) this.#hosts.delete(host)
    else this.#hosts.set(host, recent.toSpliced(at, 1))
  }
}
