// A siege: a target, a crowd of honest clients and any number of attackers, each in a process of its own, on this machine's loopback
// interface alone. What is to happen when, the caller says; nothing outlives `close`.
import { classify, parseAddress } from '../core/address.ts'
import type { Address } from '../core/address.ts'
import { SallyportError } from '../index.ts'
import { Child } from '../testnet/child.ts'
import type { AcceptanceKind } from './acceptances.ts'
import { addAttackTotals, noTotals, sharesOf } from './attack.ts'
import type { Attack, AttackTotals, AttackerRequest } from './attack.ts'
import type { CrowdRequest, WrittenIdentity } from './crowd.ts'
import type { Fate } from './fates.ts'
import type { Spread } from './sources.ts'
import type { TargetReport, TargetRequest } from './target.ts'

/** What a siege is made of; `address` null starts a target. */
export interface SiegeOptions {
  readonly address: string | null
  readonly acceptance: AcceptanceKind
  /** From many prefixes, loopback is the outside to a target that is started here. */
  readonly spread: Spread
  readonly signal?: AbortSignal
}

/** How long what is held may outlast who held it: a connection that nobody answers on idles out after 30 s. */
const SETTLE_MS = 45_000
const SETTLE_STEP_MS = 100
/** More sockets than a process has. */
const CLIENTS_MAX = 10_000
/** First attempts of an attack come within this. */
const ONSET_MS = 1_000

/** One siege, from `open` to `close`. */
export class Siege implements AsyncDisposable {
  readonly #options: SiegeOptions
  readonly #cancelled = Promise.withResolvers<never>()
  readonly #cancel = (): void => this.#cancelled.reject(new SallyportError('CANCELLED', 'interrupted'))
  readonly #children = new Set<Child>()
  readonly #target: Child | null
  /** Bounded by the attack's processes. */
  #attackers: Child[] = []
  #crowd: Child
  #address = ''

  /** Starts target and crowd; rejects with ARGUMENT_INVALID for a target that is not on this machine. */
  static async open(options: SiegeOptions): Promise<Siege> {
    if (options.address !== null) loopbackOf(options.address)
    const siege = new Siege(options)
    try {
      const loopback = options.spread === 'prefixes' ? 'as-outside' : 'trusted'
      siege.#address = options.address ?? (await siege.#askTarget<string>({ kind: 'listen', loopback }))
      await siege.#introduce(siege.#crowd)
      return siege
    } catch (error) {
      await siege.close()
      throw error
    }
  }

  private constructor(options: SiegeOptions) {
    this.#options = options
    this.#cancelled.promise.catch(() => {})
    options.signal?.addEventListener('abort', this.#cancel)
    if (options.signal?.aborted === true) this.#cancel()
    this.#target = options.address === null ? this.#start('target', [options.acceptance]) : null
    this.#crowd = this.#start('crowd', [])
  }

  /** Where the target listens. */
  get address(): string {
    return this.#address
  }

  /** Whether the target's own counters can be read. */
  get ownsTarget(): boolean {
    return this.#target !== null
  }

  // ── honest clients ──

  /** Makes honest clients, those of before kept. */
  async gather(clients: number, identities: readonly WrittenIdentity[] = []): Promise<void> {
    await this.#askCrowd({ kind: 'gather', clients, identities })
  }

  /** All honest clients dial: all at once and each once, unless it is said otherwise. */
  dial({ atOnce = CLIENTS_MAX, triesMax = 1 } = {}): Promise<Fate[]> {
    return this.#askCrowd<Fate[]>({ kind: 'dial', atOnce, triesMax })
  }

  /** All honest clients say goodbye. */
  async disperse(): Promise<void> {
    await this.#askCrowd({ kind: 'disperse' })
  }

  /**
   * The process of all honest clients is killed, so that none says a word. Another is ready, in which as many clients have been gathered,
   * with the identities given.
   */
  async crash(identities: readonly WrittenIdentity[]): Promise<void> {
    const before = this.#crowd
    this.#crowd = this.#start('crowd', [])
    await this.#introduce(this.#crowd)
    await this.gather(identities.length, identities)
    this.#children.delete(before)
    await before.kill()
  }

  /** A new honest client every so often, so many in all. */
  async probe({ everyMs, count }: { readonly everyMs: number; readonly count: number }): Promise<Fate[]> {
    await this.#askCrowd({ kind: 'arm', count })
    return this.#askCrowd<Fate[]>({ kind: 'probe', everyMs })
  }

  /** Handshakes that honest clients of this crowd finished. */
  connected(): Promise<number> {
    return this.#askCrowd<number>({ kind: 'connected' })
  }

  // ── attackers ──

  /** Begins an attack and resolves when it stands: every silent client has made its first attempt. */
  async besiege(attack: Attack): Promise<void> {
    const shares = sharesOf(attack, loopbackOf(this.#address))
    this.#attackers = shares.map(() => this.#start('attacker', []))
    await Promise.all(shares.map((share, n) => this.#askAttacker(this.#attackers[n], { kind: 'prepare', share })))
    const begin = { kind: 'begin', withinMs: ONSET_MS } as const
    await Promise.all(this.#attackers.map((attacker) => this.#askAttacker(attacker, begin)))
    if (shares.length > 0) await this.pause(ONSET_MS)
  }

  /** What the attack has done so far. */
  async attackTotals(): Promise<AttackTotals> {
    const reports = this.#attackers.map((attacker) => this.#askAttacker<AttackTotals>(attacker, { kind: 'report' }))
    return (await Promise.all(reports)).reduce(addAttackTotals, noTotals())
  }

  /** Ends the attack; resolves to what it did. */
  async lift(): Promise<AttackTotals> {
    const totals = await this.attackTotals()
    await Promise.all(this.#attackers.splice(0).map((attacker) => this.#end(attacker)))
    return totals
  }

  // ── the target ──

  /** What the target says of itself; rejects when it was not started here. */
  report(): Promise<TargetReport> {
    return this.#askTarget<TargetReport>({ kind: 'report' })
  }

  /** The target's report once `holds` of it, or what it is when the time is up. */
  async reportOnce(holds: (report: TargetReport) => boolean, withinMs: number = SETTLE_MS): Promise<TargetReport> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const report = await this.report()
      if (holds(report) || performance.now() > deadline) return report
      await this.pause(SETTLE_STEP_MS)
    }
  }

  /** Waits, unless it is interrupted. */
  async pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    try {
      await this.#whileAll(promise)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends all processes. Idempotent. */
  async close(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#cancel)
    // Attackers first, so that nobody attacks what is going.
    await Promise.all(this.#attackers.splice(0).map((attacker) => this.#end(attacker)))
    await Promise.all([...this.#children].map((child) => this.#end(child)))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #start(program: 'target' | 'crowd' | 'attacker', words: readonly string[]): Child {
    const child = new Child(new URL(`./${program}${EXTENSION}`, import.meta.url), words)
    this.#children.add(child)
    return child
  }

  async #end(child: Child): Promise<void> {
    this.#children.delete(child)
    await child.end()
  }

  async #introduce(crowd: Child): Promise<void> {
    const { spread } = this.#options
    await this.#whileAll(crowd.request<null>({ kind: 'target', address: this.#address, spread } satisfies CrowdRequest))
  }

  #askCrowd<Result>(request: CrowdRequest): Promise<Result> {
    return this.#whileAll(this.#crowd.request<Result>(request))
  }

  async #askAttacker<Result>(attacker: Child | undefined, request: AttackerRequest): Promise<Result> {
    if (attacker === undefined) throw new SallyportError('INTERNAL', 'a share of an attack without a process')
    return this.#whileAll(attacker.request<Result>(request))
  }

  async #askTarget<Result>(request: TargetRequest): Promise<Result> {
    if (this.#target === null) throw new SallyportError('ARGUMENT_INVALID', 'the target is not ours to ask')
    return this.#whileAll(this.#target.request<Result>(request))
  }

  /** Whatever is waited for ends when the siege is interrupted or one of its processes dies. */
  #whileAll<Result>(work: Promise<Result>): Promise<Result> {
    return Promise.race([work, this.#cancelled.promise, ...[...this.#children].map((child) => child.died)])
  }
}

const EXTENSION = import.meta.filename.endsWith('.ts') ? '.ts' : '.js'

/** The socket address of a target on this machine; anything else is refused before a packet is sent. */
const loopbackOf = (address: string): Address => {
  const parsed = parseAddress(address)
  if (parsed === null || classify(parsed.address) !== 'loopback') {
    throw new SallyportError('ARGUMENT_INVALID', `a flood dials loopback addresses only, not ${address}`)
  }
  return parsed.address
}
