// Address validation tokens (RFC 9000 section 8.1): what a server gives to whoever it wants to be sure about, and reads from an Initial.
// A token is readable but for its MAC; what it is bound to is not in it, but goes into the MAC:
//
//   Retry      1 ‖ wall time, ms (6) ‖ length ‖ original id ‖ HMAC(… ‖ ip ‖ port ‖ Retry id) (16)   one address, one handshake, 10 s
//   NEW_TOKEN  2 ‖ wall time, 10 min (4) ‖ nonce (8) ‖ HMAC(… ‖ ip) (16)                            one IP address, once, 24 h
//
// A look costs one MAC at the most, two where a NEW_TOKEN token is genuine, and none where form or time is wrong already.
import { neighbourhood } from '../address.ts'
import { assert } from '../assert.ts'
import { ascii, concat, Reader, Writer } from '../bytes.ts'
import type { Crypto, Random } from '../ports.ts'
import { CONNECTION_ID_BYTES_MAX } from './packet.ts'
import { UsedTokens } from './used-tokens.ts'

/** A client that got a Retry answers at once: this is enough for the slowest path with a few losses. Milliseconds. */
export const RETRY_TOKEN_MS = 10_000

/** A NEW_TOKEN token is good for this long at most, and for ten minutes less at least. Milliseconds. */
export const NEW_TOKEN_MS = 24 * 3_600_000

/**
 * NEW_TOKEN tokens say no more of their time than this: whoever sees one must not learn to which earlier connection it was given
 * (RFC 9000 section 8.1.3). Milliseconds.
 */
const NEW_TOKEN_UNIT_MS = 600_000

/** Keys are drawn anew this often; that of the time before still reads. Each is at least as long as its tokens live. Milliseconds. */
const RETRY_KEY_MS = 60_000
const NEW_TOKEN_KEY_MS = NEW_TOKEN_MS

/**
 * Of the NEW_TOKEN tokens of one network and ten minutes, so many can be used at the most. Otherwise a single host fills the filter of used
 * ones within a day, and everybody's tokens look used; or it keeps thousands, to speak in the name of its address when that is another's.
 */
const USES_PER_NETWORK = 64

const KEY_BYTES = 32
const MAC_BYTES = 16
const NONCE_BYTES = 8
const TIME_BYTES = 6
const UNIT_BYTES = 4

/** A client's first destination id is at least this long (RFC 9000 section 7.2), and so is every original id. */
const ORIGINAL_ID_BYTES_MIN = 8

const RETRY = 1
const NEW_TOKEN = 2
/** Begins what is no token. */
const USE = 3

/** What a Retry token is bound to. `ip` is canonical text. */
export interface RetryBinding {
  readonly ip: string
  readonly port: number
  /** The destination id of the Initial that is answered, and the source id of the Retry, which the next Initial goes to. */
  readonly originalId: Uint8Array
  readonly retryId: Uint8Array
}

/** Where an Initial with a token came from and goes to. */
export interface TokenBearer {
  readonly ip: string
  readonly port: number
  readonly destinationId: Uint8Array
}

/** What a token says. `invalid-retry` has the form of a Retry token of ours; everything else that is not valid is as if absent. */
export type TokenLook =
  | { readonly kind: 'retry'; readonly originalId: Uint8Array; readonly retryId: Uint8Array }
  | { readonly kind: 'new-token' }
  | { readonly kind: 'invalid-retry' }
  | { readonly kind: 'none' }

const NONE: TokenLook = { kind: 'none' }
const INVALID_RETRY: TokenLook = { kind: 'invalid-retry' }

/** The tokens of one process. Its memory is fixed: four keys and two filters. */
export class Tokens {
  readonly #crypto: Crypto
  readonly #random: Random
  readonly #retryKeys: KeyRing
  readonly #newTokenKeys: KeyRing

  constructor(ports: { readonly crypto: Crypto; readonly random: Random }) {
    this.#crypto = ports.crypto
    this.#random = ports.random
    this.#retryKeys = new KeyRing(RETRY_KEY_MS, ports.random)
    this.#newTokenKeys = new KeyRing(NEW_TOKEN_KEY_MS, ports.random)
  }

  /** A token for a Retry packet. `wall` is wall time in ms, as everywhere here. */
  mintRetry(binding: RetryBinding, wall: number): Uint8Array {
    assert(wall >= 0, 'wall time counts from 1970')
    const { originalId } = binding
    assert(
      originalId.length >= ORIGINAL_ID_BYTES_MIN && originalId.length <= CONNECTION_ID_BYTES_MAX,
      'an original id has a length that the gate lets through',
    )
    const issuedAt = Math.floor(wall)
    const head = new Writer()
    head.u8(RETRY)
    head.uint(issuedAt, TIME_BYTES)
    head.u8(originalId.length)
    head.put(originalId)
    const { key } = this.#retryKeys.at(issuedAt)
    return concat(head.written(), this.#mac(key, head.written(), retryBound(binding)))
  }

  /** A token for a NEW_TOKEN frame; no two are alike. */
  mintNew(ip: string, wall: number): Uint8Array {
    assert(wall >= 0, 'wall time counts from 1970')
    const unit = Math.floor(wall / NEW_TOKEN_UNIT_MS)
    const nonce = new Uint8Array(NONCE_BYTES)
    this.#random.fill(nonce)
    const head = new Writer()
    head.u8(NEW_TOKEN)
    head.uint(unit, UNIT_BYTES)
    head.put(nonce)
    const { key } = this.#newTokenKeys.at(unit * NEW_TOKEN_UNIT_MS)
    return concat(head.written(), this.#mac(key, head.written(), ascii(ip)))
  }

  /** What the token of an Initial says. Changes nothing: a NEW_TOKEN token is used up by `spend`. Never throws. */
  read(token: Uint8Array, bearer: TokenBearer, wall: number): TokenLook {
    switch (token[0]) {
      case RETRY:
        return this.#readRetry(token, bearer, wall)
      case NEW_TOKEN:
        return this.#readNew(token, bearer, wall)
      default:
        return NONE
    }
  }

  /**
   * Uses up a NEW_TOKEN token that was read as valid. Apart from reading it, because a holder that got nothing for it, as when there was
   * no time just then, comes again with the same.
   */
  spend(token: Uint8Array, ip: string): void {
    const issuedAt = new Reader(token, 1).uint(UNIT_BYTES) * NEW_TOKEN_UNIT_MS
    const generation = this.#newTokenKeys.find(issuedAt)
    generation?.used.add(this.#use(generation.key, token, ip))
  }

  #readRetry(token: Uint8Array, bearer: TokenBearer, wall: number): TokenLook {
    const reader = new Reader(token, 1)
    const issuedAt = reader.uint(TIME_BYTES)
    const length = reader.u8()
    const originalId = reader.take(length)
    const head = token.subarray(0, reader.at)
    const mac = reader.take(MAC_BYTES)
    if (reader.failed || reader.remaining > 0) return NONE
    if (length < ORIGINAL_ID_BYTES_MIN || length > CONNECTION_ID_BYTES_MAX) return NONE
    const generation = isOfAge(issuedAt, RETRY_TOKEN_MS, wall) ? this.#retryKeys.find(issuedAt) : null
    if (generation === null) return INVALID_RETRY
    const bound = retryBound({ ...bearer, originalId, retryId: bearer.destinationId })
    if (!this.#crypto.equal(mac, this.#mac(generation.key, head, bound))) return INVALID_RETRY
    return { kind: 'retry', originalId: originalId.slice(), retryId: bearer.destinationId.slice() }
  }

  #readNew(token: Uint8Array, bearer: TokenBearer, wall: number): TokenLook {
    if (token.length !== 1 + UNIT_BYTES + NONCE_BYTES + MAC_BYTES) return NONE
    const issuedAt = new Reader(token, 1).uint(UNIT_BYTES) * NEW_TOKEN_UNIT_MS
    const generation = isOfAge(issuedAt, NEW_TOKEN_MS, wall) ? this.#newTokenKeys.find(issuedAt) : null
    if (generation === null) return NONE
    const head = token.subarray(0, token.length - MAC_BYTES)
    const mac = token.subarray(token.length - MAC_BYTES)
    if (!this.#crypto.equal(mac, this.#mac(generation.key, head, ascii(bearer.ip)))) return NONE
    return generation.used.has(this.#use(generation.key, token, bearer.ip)) ? NONE : { kind: 'new-token' }
  }

  /** What a genuine token is remembered by once it was used: one of its network's uses in its ten minutes, which its nonce draws. */
  #use(key: Uint8Array, token: Uint8Array, ip: string): Uint8Array {
    const writer = new Writer()
    writer.u8(USE)
    writer.put(token.subarray(1, 1 + UNIT_BYTES))
    writer.u8((token[1 + UNIT_BYTES] ?? 0) % USES_PER_NETWORK)
    return this.#mac(key, writer.written(), ascii(neighbourhood({ family: ip.includes(':') ? 6 : 4, ip })))
  }

  #mac(key: Uint8Array, head: Uint8Array, bound: Uint8Array): Uint8Array {
    return this.#crypto.hmac('sha256', key, concat(head, bound)).subarray(0, MAC_BYTES)
  }
}

/** What a Retry token is bound to beyond what it says: each part's length is fixed or written before it. */
const retryBound = (binding: RetryBinding): Uint8Array => {
  const writer = new Writer()
  writer.u16(binding.port)
  writer.u8(binding.retryId.length)
  writer.put(binding.retryId)
  writer.put(ascii(binding.ip))
  return writer.written()
}

/** A time to come is no time of ours, unless the clock was set back: then nobody can say how old the token is. */
const isOfAge = (issuedAt: number, maxMs: number, wall: number): boolean => issuedAt <= wall && wall - issuedAt < maxMs

/** A key, and which of the tokens it made were used: both end together, so a token outlives neither. */
interface Generation {
  readonly epoch: number
  readonly key: Uint8Array
  readonly used: UsedTokens
}

/** Keys by the time their tokens are made in. */
class KeyRing {
  readonly #periodMs: number
  readonly #random: Random
  /** The two drawn last. */
  #generations: readonly Generation[] = []

  constructor(periodMs: number, random: Random) {
    this.#periodMs = periodMs
    this.#random = random
  }

  /** The generation of a time, or null when it has none or its key is gone. */
  find(time: number): Generation | null {
    const epoch = Math.floor(time / this.#periodMs)
    return this.#generations.find((generation) => generation.epoch === epoch) ?? null
  }

  /** The generation of a time, drawn when it has none. */
  at(time: number): Generation {
    const found = this.find(time)
    if (found !== null) return found
    const key = new Uint8Array(KEY_BYTES)
    this.#random.fill(key)
    const drawn = { epoch: Math.floor(time / this.#periodMs), key, used: new UsedTokens() }
    this.#generations = [drawn, ...this.#generations.slice(0, 1)]
    return drawn
  }
}
