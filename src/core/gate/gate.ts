// Judges a datagram that belongs to no known connection, by its header, its source, its token and by how full and how late the node is; it
// never reads TLS. The first step of the ladder that applies wins, and each verdict is counted once: the verdicts always sum to the
// datagrams judged. What a source is charged, it is charged when it is given a slot, and only where it is known to be there. The reasons
// for the order are in docs/decisions/08-the-ladder-attacked.md.
import { type Address, addressText } from '../address.ts'
import { assert, unreachable } from '../assert.ts'
import { toHex } from '../bytes.ts'
import type { Counters, DropReason, RefuseReason, Standing } from '../counters.ts'
import type { ConnectionHandle } from '../ids.ts'
import type { Random } from '../ports.ts'
import { Budget } from './budget.ts'
import { HalfOpen, type PoolName } from './half-open.ts'
import { KeyedHash } from './keyed-hash.ts'
import type { GateOptions } from './options.ts'
import { PrefixSet } from './prefix-lists.ts'
import { RateLimiter } from './rate-limiter.ts'
import { RateSketch } from './rate-sketch.ts'
import { RecentVerdicts } from './recent-verdicts.ts'
import type { ShareView } from './shares.ts'
import { Source } from './source.ts'

/** A first datagram must be this long (RFC 9000 section 14.1), so that an answer is no amplification. */
export const FIRST_DATAGRAM_BYTES_MIN = 1200

/** A client's first destination id must be this long (RFC 9000 section 7.2). */
export const FIRST_ID_BYTES_MIN = 8

/** A stateless reset has at least 21 bytes (RFC 9000 section 10.3) and is smaller than what it answers. */
const RESET_TRIGGER_BYTES_MIN = 22

/**
 * Handshakes a second that a network is forgiven when those it began made the node late: a slot that is held for its ten seconds counts as
 * long as twenty of these.
 */
const FORGIVEN_PER_SECOND = 2

/** What the token of an Initial says (core/quic/tokens.ts reads it). */
export type TokenResult =
  | { readonly kind: 'retry'; readonly originalId: Uint8Array; readonly retryId: Uint8Array }
  | { readonly kind: 'new-token' }
  | { readonly kind: 'invalid-retry' }
  | { readonly kind: 'none' }

/** What the gate looks at. */
export interface FirstLook {
  /** The length of the datagram. */
  readonly bytes: number
  readonly from: Address
  /** Null: not QUIC. */
  readonly header:
    | null
    | { readonly form: 'short' | 'retry' | 'version-negotiation' | 'unknown-version' }
    | { readonly form: 'long'; readonly type: string; readonly destinationId: Uint8Array }
  /** Reads the token; called at most once, and only where it matters: it costs a MAC. */
  readonly token: () => TokenResult
}

/** How full and how late the node is. */
export interface Situation {
  readonly closing: boolean
  /** Connections there are, half-open ones included. */
  readonly connections: number
  readonly shares: ShareView
  /** The delay of the event loop or of signing, whichever is longer, in milliseconds. */
  readonly lateMs: number
}

/** What is to be done with a datagram. An answer that is not `answered` is not sent: so many were that one more would cost too much. */
export type Verdict =
  | { readonly kind: 'drop'; readonly reason: DropReason }
  | { readonly kind: 'version-negotiation'; readonly answered: boolean }
  | {
      readonly kind: 'refuse'
      readonly reason: RefuseReason
      readonly retryAfterMs: number | null
      readonly answered: boolean
    }
  /** Close INVALID_TOKEN. */
  | { readonly kind: 'invalid-token'; readonly answered: boolean }
  | { readonly kind: 'retry' }
  /** A stateless reset of at most so many bytes. */
  | { readonly kind: 'reset'; readonly bytesMax: number }
  /** The second datagram of a flight just judged: nothing is done again. */
  | { readonly kind: 'repeat' }
  | SlotVerdict

/** A handshake may begin, once those named have gone, and goes on if the datagram opens under its Initial keys. */
export interface SlotVerdict {
  readonly kind: 'slot'
  readonly standing: Standing
  readonly token: TokenResult
  readonly source: Source
  readonly pool: PoolName
  /** A half-open connection. */
  readonly displaced: ConnectionHandle | null
  /** An established connection. */
  readonly evicted: ConnectionHandle | null
}

/** What a gate is made of. */
export interface GateConfig extends GateOptions {
  readonly halfOpenInMax: number
  readonly halfOpenOutMax: number
  readonly handshakeTimeoutMs: number
  readonly connectionsMax: number
}

/** The gate of one node. Its memory is fixed but for the slots it gave away; a verdict takes the same few steps however many there are. */
export class Gate {
  readonly halfOpen: HalfOpen
  readonly #config: GateConfig
  readonly #counters: Counters
  readonly #allow: PrefixSet
  readonly #deny: PrefixSet
  readonly #recent: RecentVerdicts
  readonly #rates: RateLimiter
  readonly #trusted: Budget
  readonly #signatures: Budget
  /** Half of the Retries each: for networks that had few, and for everybody. */
  readonly #retriesOfFew: Budget
  readonly #retriesOfAll: Budget
  readonly #retriesByNetwork: RateSketch
  /** What each network began while the node was late. */
  readonly #begunLate: RateSketch
  readonly #answers: Budget
  readonly #resets: Budget

  constructor(config: GateConfig, random: Random, counters: Counters) {
    this.#config = config
    this.#counters = counters
    this.halfOpen = new HalfOpen({
      ...config,
      inboundMax: config.halfOpenInMax,
      outboundMax: config.halfOpenOutMax,
      timeoutMs: config.handshakeTimeoutMs,
    })
    this.#allow = new PrefixSet(config.allow)
    this.#deny = new PrefixSet(config.deny)
    const { retriesPerSecond, answersPerSecond, trustedPerSecond, repeatWithinMs } = config
    const rememberedPerSecond = retriesPerSecond + answersPerSecond + trustedPerSecond
    this.#recent = new RecentVerdicts(Math.ceil((rememberedPerSecond * repeatWithinMs) / 1000), repeatWithinMs)
    const host = { perSecond: config.ratePerSecond, burst: config.rateBurst }
    this.#rates = new RateLimiter({ host, wider: config.rateWider }, random)
    this.#trusted = everySecond(trustedPerSecond)
    this.#signatures = everySecond(config.strangerSignaturesPerSecond)
    this.#retriesOfFew = everySecond(retriesPerSecond / 2)
    this.#retriesOfAll = everySecond(retriesPerSecond / 2)
    const perSecond = config.retriesPerNetworkPerSecond
    this.#retriesByNetwork = new RateSketch({ perSecond, burst: Math.max(1, 2 * perSecond) }, KeyedHash.random(random))
    this.#begunLate = new RateSketch({ perSecond: FORGIVEN_PER_SECOND, burst: 1 }, KeyedHash.random(random))
    this.#answers = everySecond(answersPerSecond)
    this.#resets = everySecond(config.resetsPerSecond)
  }

  /** The verdict on one datagram of no known connection, which the driver carries out and then has counted. */
  judge(look: FirstLook, situation: Situation, now: number): Verdict {
    const { header, bytes } = look
    if (situation.closing) return drop('closing')
    if (header === null) return drop('not-quic')
    if (header.form === 'unknown-version') {
      if (bytes < FIRST_DATAGRAM_BYTES_MIN) return drop('initial-too-small')
      return { kind: 'version-negotiation', answered: this.#answers.take(now) }
    }
    if (header.form === 'short') return this.#reset(bytes, now)
    if (header.form !== 'long' || header.type !== 'initial') return drop('unknown-connection')
    if (bytes < FIRST_DATAGRAM_BYTES_MIN) return drop('initial-too-small')
    if (header.destinationId.length < FIRST_ID_BYTES_MIN) return drop('id-too-short')
    const flight = `${addressText(look.from)} ${toHex(header.destinationId)}`
    if (this.#recent.repeats(flight, now)) return { kind: 'repeat' }
    const verdict = this.#judgeInitial(look, situation, now)
    // What was not answered is not remembered: that costs nothing, and is not the flood's to fill.
    if (verdict.kind !== 'drop' && !('answered' in verdict && !verdict.answered)) this.#recent.remember(flight, now)
    return verdict
  }

  /** Takes the slot of a verdict for a datagram that came at `since`, after those named in it have gone; returns the handshake's deadline. */
  take(verdict: SlotVerdict, handle: ConnectionHandle, since: number): number {
    return this.halfOpen.take(handle, verdict.pool, verdict.source, since)
  }

  /** Counts a verdict that was carried out; once for each datagram judged. */
  count(verdict: Verdict): void {
    const counters = this.#counters
    counters.judged++
    if ('answered' in verdict && !verdict.answered) counters.unanswered++
    switch (verdict.kind) {
      case 'drop':
        counters.dropped[verdict.reason]++
        return
      case 'refuse':
        counters.refused[verdict.reason]++
        return
      case 'version-negotiation':
        counters.versionNegotiations++
        return
      case 'invalid-token':
        counters.invalidTokens++
        return
      case 'retry':
        counters.retries++
        return
      case 'reset':
        counters.resets++
        return
      case 'repeat':
        counters.repeats++
        return
      case 'slot':
        counters.slots++
        counters.slotsByStanding[verdict.standing]++
        return
      default:
        unreachable(verdict)
    }
  }

  /** Bytes that sources are accounted in, however many there are. */
  get sketchBytes(): number {
    return this.#rates.bytes + this.#retriesByNetwork.bytes + this.#begunLate.bytes
  }

  checkInvariants(): void {
    this.halfOpen.checkInvariants()
    const { dropped, refused, slotsByStanding, ...counters } = this.#counters
    const kinds = ['slots', 'versionNegotiations', 'retries', 'invalidTokens', 'resets', 'repeats'] as const
    const sums = [...Object.values(dropped), ...Object.values(refused), ...kinds.map((kind) => counters[kind])]
    assert(total(sums) === counters.judged, 'every datagram judged has one verdict')
    assert(total(Object.values(slotsByStanding)) === counters.slots, 'every slot was given to some standing')
  }

  // ── the ladder, from the token on ──

  #judgeInitial(look: FirstLook, situation: Situation, now: number): Verdict {
    const source = new Source(look.from)
    if (this.#isDenied(source)) return this.#refuse('denied', now)
    const token = look.token()
    if (token.kind === 'invalid-retry') return { kind: 'invalid-token', answered: this.#answers.take(now) }
    if (source.loopback && this.#config.loopback === 'trusted') {
      return this.#judgeValidated({ source, standing: 'trusted', token }, situation, now)
    }
    if (token.kind === 'none') return this.#judgeStranger(source, situation, now)
    return this.#judgeValidated({ source, standing: token.kind, token }, situation, now)
  }

  /** Nobody gives way to a stranger, and nothing is charged to the prefix it claims: it may be anybody's. */
  #judgeStranger(source: Source, situation: Situation, now: number): Verdict {
    const { halfOpen } = this
    const atEase = situation.lateMs <= this.#config.lateMs && !this.#isFull(situation)
    const plan = atEase && this.#hasShare(source, situation) ? halfOpen.plan(source, 'stranger', now) : null
    if (plan !== null && this.#signatures.take(now)) {
      return { kind: 'slot', standing: 'stranger', token: { kind: 'none' }, source, ...plan, evicted: null }
    }
    return this.#mayRetry(source, now) ? { kind: 'retry' } : drop('retries-spent')
  }

  #judgeValidated(
    { source, standing, token }: { source: Source; standing: Exclude<Standing, 'stranger'>; token: TokenResult },
    situation: Situation,
    now: number,
  ): Verdict {
    const isTrusted = standing === 'trusted'
    if (situation.lateMs > this.#config.tooLateMs) return drop('late')
    if (!(isTrusted ? this.#trusted.left(now) : this.#rates.admits(source, now))) return this.#refuse('rate', now)
    if (!isTrusted && this.#isCrowding(source, situation, now)) return drop('late')
    const slot = this.halfOpen.plan(source, standing, now)
    if (slot === null) return this.#refuse('slots-full', now)
    if (!isTrusted && !this.#hasShare(source, situation)) return this.#refuse('share-full', now)
    // Whoever is displaced makes room for a connection too, and one that is silent goes before one that is established.
    const isFull = this.#isFull(situation)
    const plan = { ...slot, displaced: slot.displaced ?? (isFull ? this.halfOpen.longestSilent(now) : null) }
    const mustEvict = isFull && plan.displaced === null
    const evicted = mustEvict ? situation.shares.rival(source, (depth) => this.halfOpen.heldAt(source, depth)) : null
    if (mustEvict && evicted === null) return this.#refuse('connections-full', now)
    if (isTrusted) this.#trusted.take(now)
    else this.#charge(source, situation, now)
    return { kind: 'slot', standing, token, source, ...plan, evicted }
  }

  /**
   * Whether a network already has more than its share of slots: of those it holds, or, for who begins and lets go at once costs as much, of
   * those it was given since the node became late. The share shrinks from all of them to one as signing or the event loop falls half as
   * far behind as ends everything: those who cause the delay are kept back by it, and a newcomer from elsewhere is not.
   */
  #isCrowding(source: Source, { lateMs }: Situation, now: number): boolean {
    if (lateMs <= this.#config.lateMs) return false
    const begun = this.#begunLate.owed(source.prefix('network'), now)
    const had = Math.max(begun, this.halfOpen.heldBy(source, 'network'))
    return had > 0 && had >= this.halfOpen.maxOf('ordinary') * (1 - (2 * lateMs) / this.#config.tooLateMs)
  }

  #charge(source: Source, { lateMs }: Situation, now: number): void {
    this.#rates.charge(source, now)
    if (lateMs > this.#config.lateMs) this.#begunLate.charge(source.prefix('network'), now)
  }

  /** Whether only our own dials may add a connection. */
  #isFull({ connections }: Situation): boolean {
    const { connectionsMax, dialReserve } = this.#config
    return connections >= connectionsMax - Math.min(dialReserve, Math.floor(connectionsMax / 4))
  }

  #hasShare(source: Source, { shares }: Situation): boolean {
    const host = this.halfOpen.heldBy(source, 'host')
    return shares.admits(source, { host, network: this.halfOpen.heldBy(source, 'network') })
  }

  /** Whether no prefix list keeps a source out. */
  welcomes(source: Source): boolean {
    return !this.#isDenied(source)
  }

  #isDenied({ family, bytes }: Source): boolean {
    return this.#deny.has(family, bytes) || (!this.#allow.empty && !this.#allow.has(family, bytes))
  }

  #mayRetry(source: Source, now: number): boolean {
    const network = source.prefix('network')
    if (this.#retriesOfFew.left(now) && this.#retriesByNetwork.admits(network, now)) {
      this.#retriesOfFew.take(now)
      this.#retriesByNetwork.charge(network, now)
      return true
    }
    return this.#retriesOfAll.take(now)
  }

  #reset(bytes: number, now: number): Verdict {
    if (bytes < RESET_TRIGGER_BYTES_MIN) return drop('unknown-connection')
    return this.#resets.take(now) ? { kind: 'reset', bytesMax: bytes - 1 } : drop('resets-spent')
  }

  #refuse(reason: RefuseReason, now: number): Verdict {
    const isFull = reason === 'connections-full' || reason === 'share-full'
    const retryAfterMs = isFull ? this.#config.retryAfterMs : null
    return { kind: 'refuse', reason, retryAfterMs, answered: this.#answers.take(now) }
  }
}

const everySecond = (perSecond: number): Budget => new Budget({ perSecond, burst: Math.max(1, perSecond) })

const drop = (reason: DropReason): Verdict => ({ kind: 'drop', reason })

const total = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0)
