// Which connection a datagram belongs to: by the connection id it is addressed to, which we chose, and for first flights by where it
// comes from and the id the dialler chose, and for stateless resets by where they come from and the token they end in. No other map is
// keyed by an address.
import { type Address, addressText } from '../core/address.ts'
import { assert } from '../core/assert.ts'
import { toHex } from '../core/bytes.ts'
import type { Header } from '../core/quic/packet.ts'
import { RESET_TOKEN_BYTES } from '../core/quic/stateless-reset.ts'
import type { Link } from './link.ts'

/** Bounded by the links there are, and the ids each has: a handful. */
export class Routes {
  readonly #byId = new Map<string, Link>()
  readonly #byFirstFlight = new Map<string, Link>()
  readonly #byReset = new Map<string, Link>()
  readonly #keys = new Map<Link, Keys>()

  /** The connection a datagram belongs to, or null. */
  find(header: Header | null, from: Address): Link | null {
    if (header === null) return null
    const known = this.#byId.get(toHex(header.destinationId))
    if (known !== undefined || header.form !== 'long') return known ?? null
    return this.#byFirstFlight.get(firstFlight(from, header.destinationId)) ?? null
  }

  /** The connection that a datagram of no known id ends, as a stateless reset (RFC 9000 section 10.3.1), or null. */
  findReset(bytes: Uint8Array, from: Address): Link | null {
    if (this.#byReset.size === 0 || bytes.length < RESET_TOKEN_BYTES) return null
    return this.#byReset.get(resetKey(from, bytes.subarray(bytes.length - RESET_TOKEN_BYTES))) ?? null
  }

  /** Routes to a new link by the ids it has at birth, and by its first flight when it is the acceptor's. */
  add(link: Link, first: { readonly from: Address; readonly destinationId: Uint8Array } | null): void {
    const flight = first === null ? null : firstFlight(first.from, first.destinationId)
    this.#keys.set(link, { ids: new Set(), resets: new Set(), flight })
    for (const id of link.connection.localIds) this.issue(link, id)
    if (flight !== null) this.#byFirstFlight.set(flight, link)
  }

  /** An id of ours that datagrams for this link may come with. */
  issue(link: Link, id: Uint8Array): void {
    const key = toHex(id)
    const keys = this.#keys.get(link)
    if (keys === undefined || this.#byId.has(key)) return
    this.#byId.set(key, link)
    keys.ids.add(key)
  }

  retire(link: Link, id: Uint8Array): void {
    const key = toHex(id)
    if (this.#keys.get(link)?.ids.delete(key) === true) this.#byId.delete(key)
  }

  /** A stateless reset of the link's peer ends in this token, or no longer. */
  resets(link: Link, { token, remote, inUse }: ResetRoute): void {
    const key = resetKey(remote, token)
    const keys = this.#keys.get(link)
    if (keys === undefined) return
    if (!inUse) {
      if (keys.resets.delete(key)) this.#byReset.delete(key)
    } else if (!this.#byReset.has(key)) {
      this.#byReset.set(key, link)
      keys.resets.add(key)
    }
  }

  /** Nothing is routed to the link any more. */
  remove(link: Link): void {
    const keys = this.#keys.get(link)
    if (keys === undefined) return
    this.#keys.delete(link)
    for (const id of keys.ids) this.#byId.delete(id)
    for (const reset of keys.resets) this.#byReset.delete(reset)
    if (keys.flight !== null) this.#byFirstFlight.delete(keys.flight)
  }

  checkInvariants(): void {
    let ids = 0
    let flights = 0
    let resets = 0
    for (const [link, keys] of this.#keys) {
      for (const id of keys.ids) assert(this.#byId.get(id) === link, 'an id routes to the link that has it')
      for (const reset of keys.resets)
        assert(this.#byReset.get(reset) === link, 'a reset token ends the link that has it')
      ids += keys.ids.size
      resets += keys.resets.size
      if (keys.flight !== null) flights++
    }
    assert(ids === this.#byId.size && flights === this.#byFirstFlight.size, 'every route belongs to a link')
    assert(resets === this.#byReset.size, 'every reset token belongs to a link')
  }
}

/** What a stateless reset of a link's peer ends in, and where it comes from; or no longer. */
export interface ResetRoute {
  readonly token: Uint8Array
  readonly remote: Address
  readonly inUse: boolean
}

interface Keys {
  readonly ids: Set<string>
  /** Of the id in use: one, or two while it changes. */
  readonly resets: Set<string>
  readonly flight: string | null
}

const resetKey = (from: Address, token: Uint8Array): string => `${addressText(from)} ${toHex(token)}`

/** One dialler's first flight: where it comes from, and the id it chose for us. */
export const firstFlight = (from: Address, destinationId: Uint8Array): string =>
  `${addressText(from)} ${toHex(destinationId)}`
