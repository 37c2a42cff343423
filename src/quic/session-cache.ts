// Sessions a client may come back to, in memory: with a ticket of an earlier one a handshake needs no signature. Each is used once (RFC 8446
// appendix C.4), by nobody but who names the cache, as whoever it was then, and only to verify what was verified before.
import type { ResumableSession } from '../core/tls/pre-shared-key.ts'
import type { Resumption } from '../core/tls/session.ts'
import { GivenTokens } from '../node/given-tokens.ts'
import type { VerifyFunction } from './peer.ts'

/** Servers that are remembered, by default: some kilobytes each, most of it the server's certificates. */
const SERVERS_MAX = 256

/** Where, who was trusted to be there, and who we were to whoever asked. */
export interface Place {
  readonly host: string
  readonly port: number
  /** What says the same trusts the same; a function is its own. */
  readonly trusted: string | VerifyFunction
  /** A ticket is to the server who we showed ourselves to be. */
  readonly shown: string
}

interface Kept {
  readonly session: ResumableSession
  readonly trusted: Place['trusted']
  readonly since: number
}

/** The last session with each server, as each of whom we were. Bounded by `serversMax`: the oldest goes. */
export class SessionCache {
  readonly #serversMax: number
  readonly #kept = new Map<string, Kept>()
  #tokens = new GivenTokens()

  constructor({ serversMax = SERVERS_MAX }: { readonly serversMax?: number } = {}) {
    this.#serversMax = serversMax
  }

  /** Servers that can be come back to. */
  get size(): number {
    return this.#kept.size
  }

  /** Forgets all of them. */
  clear(): void {
    this.#kept.clear()
    this.#tokens = new GivenTokens()
  }

  /** What servers gave to show that we were at our address before, which spares a Retry. @internal */
  get tokens(): GivenTokens {
    return this.#tokens
  }

  /** A ticket came at this time. @internal */
  keep(place: Place, session: ResumableSession, now: number): void {
    const key = keyOf(place)
    this.#kept.delete(key)
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined && this.#kept.size >= this.#serversMax) this.#kept.delete(oldest)
    this.#kept.set(key, { session, trusted: place.trusted, since: now })
  }

  /** The session for a connect, which nobody gets again; null when there is none. @internal */
  take(place: Place, now: number): Resumption | null {
    const key = keyOf(place)
    const kept = this.#kept.get(key)
    if (kept === undefined || kept.trusted !== place.trusted) return null
    this.#kept.delete(key)
    return { session: kept.session, ageMs: now - kept.since }
  }
}

const keyOf = ({ host, port, shown }: Place): string => `${host} ${port} ${shown}`
