// Drives one lookup of core/kademlia: asks whom it wants asked, hands back what came of it, keeps its timer.
import type { PeerId } from '../core/ids.ts'
import type { Ip } from '../core/ip.ts'
import type { Candidate, Lookup } from '../core/kademlia/lookup.ts'
import type { Clock, Timer, Timers } from '../io/ports.ts'

/** What came of asking a peer. */
export type AskOutcome =
  | { readonly kind: 'answered'; readonly from: Ip; readonly records: readonly Candidate[] }
  | { readonly kind: 'failed' }

/** Asks one peer; never rejects, and settles soon after `signal` is aborted. */
export type Ask = (peer: PeerId, signal: AbortSignal) => Promise<AskOutcome>

/** See the head of this file. */
export class LookupRun {
  /** The result; rejects with what `cancel` was given. */
  readonly outcome: Promise<readonly PeerId[]>
  readonly #lookup: Lookup
  readonly #time: { readonly clock: Clock; readonly timers: Timers }
  readonly #ask: Ask
  readonly #settle: { resolve(peers: readonly PeerId[]): void; reject(reason: Error): void }
  /** Ends the requests under way when the lookup is given up; those that are merely late go on, for what they tell of their peers. */
  readonly #givenUp = new AbortController()
  #over = false
  #timer: Timer | null = null

  constructor(lookup: Lookup, time: { readonly clock: Clock; readonly timers: Timers }, ask: Ask) {
    const { promise, resolve, reject } = Promise.withResolvers<readonly PeerId[]>()
    this.outcome = promise
    this.#settle = { resolve, reject }
    this.#lookup = lookup
    this.#time = time
    this.#ask = ask
    this.#drive()
  }

  /** Ends the lookup without a result. */
  cancel(reason: Error): void {
    this.#end()
    this.#givenUp.abort()
    this.#settle.reject(reason)
  }

  #drive(): void {
    if (this.#over) return
    const now = this.#time.clock.now()
    for (let output = this.#lookup.poll(now); output !== null; output = this.#lookup.poll(now)) {
      if (output.kind === 'query') void this.#query(output.peer.peerId)
      else return this.#finish(output.peers)
    }
    this.#timer?.cancel()
    const at = this.#lookup.timerAt()
    this.#timer = at === Infinity ? null : this.#time.timers.at(at, () => this.#drive())
  }

  async #query(peer: PeerId): Promise<void> {
    const outcome = await this.#ask(peer, this.#givenUp.signal)
    if (this.#over) return
    if (outcome.kind === 'answered') this.#lookup.answered(peer, outcome.from, outcome.records)
    else this.#lookup.failed(peer)
    this.#drive()
  }

  #finish(peers: readonly PeerId[]): void {
    this.#end()
    this.#settle.resolve(peers)
  }

  #end(): void {
    this.#over = true
    this.#timer?.cancel()
  }
}
