// Dials peers by their id: finds their addresses in the book, keeps to the limits of dialling, and joins those who want the same peer at
// the same time. A dial belongs to the node and not to who asked for it first, so that nobody's leaving ends another's wait.
import { type Address, addressText, type PeerAddress } from '../core/address.ts'
import { type ErrorCode, SallyportError } from '../core/errors.ts'
import type { PeerId } from '../core/ids.ts'
import type { AddressBook } from '../core/kademlia/address-book.ts'
import type { DialBackoff, DialEnd } from '../core/kademlia/dial-backoff.ts'
import { ADDRESSES_MAX } from '../core/messages/codes.ts'
import type { Clock, Timers } from '../io/ports.ts'
import type { PhonebookTransport } from './phonebook-ports.ts'

/** What became of a dial. `limited`: the limits of dialling forbid it for so long, if that is known, which says nothing about the peer. */
export type DialOutcome =
  | { readonly kind: 'reached'; readonly peerId: PeerId }
  | { readonly kind: 'failed'; readonly error: SallyportError }
  | { readonly kind: 'limited'; readonly retryAfterMs: number | null }

/** Addresses of one peer that are dialled at a time; lookups ask up to 20 peers, and a node has 256 dials in all. */
const AT_ONCE = 3

/** How long an address is waited for before the next is dialled beside it (as RFC 8305 section 5 has it). */
const BESIDE_MS = 250

interface Known extends PeerAddress {
  readonly peerId: PeerId
}

/** What a dialler is made of. */
export interface DiallerOptions {
  readonly transport: PhonebookTransport
  readonly book: AddressBook
  readonly backoff: DialBackoff
  readonly clock: Clock
  readonly timers: Timers
  readonly timeoutMs: number
}

/** See the head of this file. */
export class Dialler {
  readonly #options: DiallerOptions
  readonly #closing = new AbortController()
  /** Peers being dialled. Bounded by the peers that lookups ask at the same time. */
  readonly #peers = new Map<PeerId, Promise<DialOutcome>>()
  /** The dial under way to each place; the next to the same place waits for it. Bounded as the dials are. */
  readonly #places = new Map<string, Promise<DialOutcome>>()

  constructor(options: DiallerOptions) {
    this.#options = options
  }

  /** Connects to a peer, unless we are connected, at the addresses the book has; never rejects. Who said goodbye is not dialled. */
  reach(peerId: PeerId): Promise<DialOutcome> {
    const { transport } = this.#options
    if (transport.peer(peerId) !== null) return Promise.resolve({ kind: 'reached', peerId })
    if (transport.hasLeft(peerId)) return Promise.resolve(failure(new SallyportError('NOT_CONNECTED', GOODBYE)))
    const running = this.#peers.get(peerId)
    if (running !== undefined) return running
    const dial = this.#tryAll(peerId).finally(() => this.#peers.delete(peerId))
    this.#peers.set(peerId, dial)
    return dial
  }

  /** Dials one address, within `timeoutMs` all told; never rejects. */
  async dial(target: PeerAddress, timeoutMs = this.#options.timeoutMs): Promise<DialOutcome> {
    const { backoff, clock } = this.#options
    const { address } = target
    const deadline = clock.now() + timeoutMs
    const key = backoff.key(address)
    // Each round waits for a dial that ends by its own deadline; whoever comes too late gives up.
    for (let before = this.#places.get(key); before !== undefined; before = this.#places.get(key)) {
      await before
      if (clock.now() >= deadline) return { kind: 'limited', retryAfterMs: null }
    }
    if (this.#closing.signal.aborted) return failure(new SallyportError('CLOSED', 'the node is closed'))
    const now = clock.now()
    const at = backoff.mayDialAt(target, now)
    if (at > now) return { kind: 'limited', retryAfterMs: at - now }
    backoff.began(address, now)
    const dial = this.#connect(target, deadline - now).finally(() => this.#places.delete(key))
    this.#places.set(key, dial)
    return dial
  }

  /** Ends every dial; resolves when all have ended. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([...this.#peers.values(), ...this.#places.values()])
  }

  /**
   * Dials what the book has, a few addresses at a time and each a moment after the one before: a dead address, or a liar's, does not use
   * up a living one's time. What others tell of the peer meanwhile is tried too.
   */
  async #tryAll(peerId: PeerId): Promise<DialOutcome> {
    const { book, clock, timeoutMs } = this.#options
    const deadline = clock.now() + timeoutMs
    /** Bounded by ADDRESSES_MAX, as are the outcomes. */
    const tried = new Set<string>()
    const running = new Set<Promise<DialOutcome>>()
    const outcomes: DialOutcome[] = []
    const next = (): Address[] =>
      book.dialable(peerId).filter((address) => !tried.has(addressText(address)) && tried.size < ADDRESSES_MAX)
    for (let left = next(); left.length + running.size > 0 && clock.now() < deadline; left = next()) {
      const [address] = left
      if (address !== undefined && running.size < AT_ONCE) {
        tried.add(addressText(address))
        // What is left is shared evenly, so that a dead address gives way to a living one.
        const dial = this.#tryOne({ address, peerId }, (deadline - clock.now()) / left.length)
        running.add(dial)
        void dial.then((outcome) => outcomes.push(outcome) && running.delete(dial))
      }
      await this.#eitherOrSoon(running)
      const reached = outcomes.find(({ kind }) => kind === 'reached')
      if (reached !== undefined) return reached
    }
    // An address that was not tried may be the one that works.
    const untried = outcomes.find(({ kind }) => kind === 'limited')
    return untried ?? outcomes.at(-1) ?? failure(new SallyportError('NO_ADDRESS', `no address of ${peerId} is known`))
  }

  async #tryOne(target: Known, timeoutMs: number): Promise<DialOutcome> {
    const outcome = await this.dial(target, timeoutMs)
    if (outcome.kind === 'failed') this.#options.book.failed(target.peerId, target.address)
    return outcome
  }

  /** Until one of these has ended or, where there may be more, it is time for another beside it. */
  async #eitherOrSoon(dials: ReadonlySet<Promise<DialOutcome>>): Promise<void> {
    const { clock, timers } = this.#options
    if (dials.size >= AT_ONCE) return void (await Promise.race(dials))
    const { promise: soon, resolve } = Promise.withResolvers<void>()
    const timer = timers.at(clock.now() + BESIDE_MS, resolve)
    await Promise.race([...dials, soon])
    timer.cancel()
  }

  async #connect(target: PeerAddress, timeoutMs: number): Promise<DialOutcome> {
    const { transport } = this.#options
    try {
      const peerId = await transport.connect(target, { timeoutMs, signal: this.#closing.signal })
      this.#ended(target, 'reached')
      return { kind: 'reached', peerId }
    } catch (thrown) {
      const error = SallyportError.from(thrown)
      this.#ended(target, ENDS[error.code] ?? 'failed')
      return error.code === 'DIAL_TOO_SOON' ? { kind: 'limited', retryAfterMs: error.retryAfterMs } : failure(error)
    }
  }

  #ended(target: PeerAddress, outcome: DialEnd): void {
    this.#options.backoff.ended(target, outcome, this.#options.clock.now())
  }
}

/** What an error of the transport says about the place that was dialled; any other says that nobody of use is there. */
const ENDS: Partial<Record<ErrorCode, DialEnd>> = { DIAL_TOO_SOON: 'forbidden', IDENTITY_MISMATCH: 'another-peer' }

const GOODBYE = 'the peer said a moment ago that it shuts down'

const failure = (error: SallyportError): DialOutcome => ({ kind: 'failed', error })
