// How much of a room each host has used lately: bytes kept, times how long they were kept, without anything having come of them yet. A
// host may use so much at once, and that again only after a while; one that used more has overdrawn. Told by where it is and not by who
// it is, since identities cost nothing; but on this machine, where everybody has the same address, by who.
import type { Address } from '../address.ts'
import { KeyedHash } from '../gate/keyed-hash.ts'
import { RateLimiter } from '../gate/rate-limiter.ts'
import { RateSketch } from '../gate/rate-sketch.ts'
import { Source } from '../gate/source.ts'
import { idBytes, type PeerId } from '../ids.ts'
import type { Random } from '../ports.ts'

/** What a host may use at once, in byte-seconds, and whether hosts on this machine are told apart by their PeerIds. */
export interface UsageLimits {
  readonly byteSeconds: number
  readonly isLoopbackTrusted: boolean
}

/** Whose use it is, and where that is. */
export interface User {
  readonly peerId: PeerId
  readonly remote: Address
}

/** All that a host may use at once is forgiven within so many seconds. */
const FORGIVEN_WITHIN_S = 80

/** A site and a network may use so many times what one host may. */
const WIDER = 10

/** Use by host, site and network. Fixed memory: four sketches, made when they are first needed. */
export class Usage {
  readonly #isLoopbackTrusted: boolean
  readonly #places: RateLimiter
  readonly #peers: RateSketch

  constructor({ byteSeconds, isLoopbackTrusted }: UsageLimits, random: Random) {
    const host = { perSecond: byteSeconds / FORGIVEN_WITHIN_S, burst: byteSeconds }
    this.#isLoopbackTrusted = isLoopbackTrusted
    this.#places = new RateLimiter({ host, wider: WIDER }, random)
    this.#peers = new RateSketch(host, KeyedHash.random(random))
  }

  /** Bytes that were kept for so long, in byte-seconds. */
  charge(user: User, byteSeconds: number, now: number): void {
    const source = this.#sourceOf(user)
    if (source === null) this.#peers.charge(idBytes(user.peerId), now, byteSeconds)
    else this.#places.charge(source, now, byteSeconds)
  }

  /** Whether its host, site or network has used all it may. */
  overdrawn(user: User, now: number): boolean {
    const source = this.#sourceOf(user)
    return !(source === null ? this.#peers.admits(idBytes(user.peerId), now) : this.#places.admits(source, now))
  }

  /** Null: it goes by its PeerId. */
  #sourceOf({ remote }: User): Source | null {
    const source = new Source(remote)
    return source.loopback && this.#isLoopbackTrusted ? null : source
  }
}
