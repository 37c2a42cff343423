// Who holds the established connections: how many each host and network has, and which one goes when all are taken. The registry feeds it
// where it inserts and removes, and when a connection is used; the gate asks. It owns no connection: it only counts them.
//
//   add ─► client ◄─► node ◄─► kept        `stand` moves a connection between these; `used` puts it behind the others of its host
//
// A kept connection is counted and never named. Connections half-open are not in here: the gate adds those it has given slots to.
import { assert } from '../assert.ts'
import type { ConnectionHandle } from '../ids.ts'
import type { Ip } from '../ip.ts'
import { Population } from './population.ts'
import { Source } from './source.ts'

/** How many connections there may be, and how many of them in one place. */
export interface ShareLimits {
  readonly connectionsMax: number
  readonly perHostMax: number
  /** The part of `connectionsMax` that one network may hold. */
  readonly networkShare: number
}

/** How much a connection is worth when one has to go: clients, and those who have not said what they are, go before nodes. */
export type Worth = 'client' | 'node' | 'kept'

/** What the gate asks. */
export interface ShareView {
  /** Whether a source's host and network may each have one more beside those and the `halfOpen` ones. */
  admits(source: Source, halfOpen: { readonly host: number; readonly network: number }): boolean
  /**
   * The connection that gives way to a newcomer: of the prefix that holds most, at least two more than the newcomer's, those included that
   * it has `halfOpen` by the depth of the prefix, 1 the widest.
   */
  rival(source: Source, halfOpen?: (depth: number) => number): ConnectionHandle | null
}

const RANKS: Readonly<Record<Exclude<Worth, 'kept'>, number>> = { client: 0, node: 1 }

interface Member {
  source: Source
  worth: Worth
}

/** The established connections by prefix. Bounded by the registry's connections. */
export class Shares implements ShareView {
  readonly #perHostMax: number
  readonly #perNetworkMax: number
  readonly #members = new Map<ConnectionHandle, Member>()
  /** Connections by the key of their host and of their network, which never look alike. */
  readonly #counts = new Map<string, number>()
  /** All but the kept ones. */
  readonly #mayGo = new Population<ConnectionHandle>()

  constructor(limits: ShareLimits) {
    this.#perHostMax = limits.perHostMax
    this.#perNetworkMax = Math.max(1, Math.floor(limits.connectionsMax * limits.networkShare))
  }

  /** Connections counted. */
  get size(): number {
    return this.#members.size
  }

  /** A connection became established. */
  add(handle: ConnectionHandle, remote: Ip): void {
    assert(!this.#members.has(handle), 'a connection is counted once')
    const source = new Source(remote)
    this.#members.set(handle, { source, worth: 'client' })
    this.#mayGo.add(handle, source.path, RANKS.client)
    this.#count(source, 1)
  }

  /** It is elsewhere now, and counted there; false when there are more than may be there. `hasShare`: whether that counts at all. */
  move(handle: ConnectionHandle, remote: Ip, hasShare: boolean): boolean {
    const member = this.#members.get(handle)
    if (member === undefined) return true
    const source = new Source(remote)
    if (source.key('host') === member.source.key('host')) return true
    this.#count(member.source, -1)
    const fits = !hasShare || this.admits(source, { host: 0, network: 0 })
    this.#count(source, 1)
    member.source = source
    if (member.worth === 'kept') return fits
    this.#mayGo.remove(handle)
    this.#mayGo.add(handle, source.path, RANKS[member.worth])
    return fits
  }

  /** It is no more; false when it was not in. */
  remove(handle: ConnectionHandle): boolean {
    const member = this.#members.get(handle)
    if (member === undefined) return false
    this.#members.delete(handle)
    this.#mayGo.remove(handle)
    this.#count(member.source, -1)
    return true
  }

  /** What the connection is worth from now on. */
  stand(handle: ConnectionHandle, worth: Worth): void {
    const member = this.#members.get(handle)
    if (member === undefined || member.worth === worth) return
    this.#mayGo.remove(handle)
    member.worth = worth
    if (worth !== 'kept') this.#mayGo.add(handle, member.source.path, RANKS[worth])
  }

  /** It was used now: others of its host are idler. */
  used(handle: ConnectionHandle): void {
    const member = this.#members.get(handle)
    if (member !== undefined && member.worth !== 'kept') this.#mayGo.postpone(handle, RANKS[member.worth])
  }

  admits(source: Source, halfOpen: { readonly host: number; readonly network: number }): boolean {
    if (this.#held(source.key('host')) + halfOpen.host >= this.#perHostMax) return false
    return this.#held(source.key('network')) + halfOpen.network < this.#perNetworkMax
  }

  rival(source: Source, halfOpen?: (depth: number) => number): ConnectionHandle | null {
    return this.#mayGo.rival(source.path, 2, halfOpen)
  }

  /** Connections of a source's host. */
  countOf(source: Source, level: 'host' | 'network'): number {
    return this.#held(source.key(level))
  }

  checkInvariants(): void {
    this.#mayGo.checkInvariants()
    const counts = new Map<string, number>()
    let mayGo = 0
    for (const [handle, { source, worth }] of this.#members) {
      assert(this.#mayGo.has(handle) === (worth !== 'kept'), 'all but kept connections may go')
      if (worth !== 'kept') mayGo++
      for (const key of [source.key('host'), source.key('network')]) counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    assert(mayGo === this.#mayGo.size, 'whoever may go is a member')
    assert(counts.size === this.#counts.size, 'a prefix without connections is forgotten')
    for (const [key, count] of counts) assert(this.#counts.get(key) === count, 'prefixes are counted as held')
  }

  #held(key: string): number {
    return this.#counts.get(key) ?? 0
  }

  #count(source: Source, by: 1 | -1): void {
    for (const key of [source.key('host'), source.key('network')]) {
      const count = this.#held(key) + by
      if (count === 0) this.#counts.delete(key)
      else this.#counts.set(key, count)
    }
  }
}
