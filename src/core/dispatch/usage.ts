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

/** Where use is counted: the prefixes around it, widest first, as keys that no two prefixes share. */
export interface Place {
  readonly path: readonly string[]
  readonly source: Source | null
  readonly peer: Uint8Array
}

/** All that a host may use at once is forgiven within so many seconds. */
const FORGIVEN_WITHIN_S = 80

/** And no more than twice as much is held against it: who let go of all has not overdrawn any more after as long. */
const OWED_MAX_MS = 2 * FORGIVEN_WITHIN_S * 1000

/** A site and a network may use so many times what one host may. */
const WIDER = 10

/** Use by host, site and network. Fixed memory: four sketches, made when they are first needed. */
export class Usage {
  readonly #isLoopbackTrusted: boolean
  readonly #places: RateLimiter
  readonly #peers: RateSketch

  constructor({ byteSeconds, isLoopbackTrusted }: UsageLimits, random: Random) {
    const host = { perSecond: byteSeconds / FORGIVEN_WITHIN_S, burst: byteSeconds, owedMaxMs: OWED_MAX_MS }
    this.#isLoopbackTrusted = isLoopbackTrusted
    this.#places = new RateLimiter({ host, wider: WIDER }, random)
    this.#peers = new RateSketch(host, KeyedHash.random(random))
  }

  /** Where a user's use is counted. */
  placeOf({ peerId, remote }: User): Place {
    const source = new Source(remote)
    const isHere = source.loopback && this.#isLoopbackTrusted
    return { path: isHere ? [peerId] : source.path, source: isHere ? null : source, peer: idBytes(peerId) }
  }

  /** Bytes that were kept for so long, in byte-seconds. */
  charge({ source, peer }: Place, byteSeconds: number, now: number): void {
    if (source === null) this.#peers.charge(peer, now, byteSeconds)
    else this.#places.charge(source, now, byteSeconds)
  }

  /** Whether its host, site or network has used all it may. */
  overdrawn({ source, peer }: Place, now: number): boolean {
    return !(source === null ? this.#peers.admits(peer, now) : this.#places.admits(source, now))
  }
}
