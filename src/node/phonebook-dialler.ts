// Dials peers by their id: finds their addresses in the book, keeps to the limits of dialling, and joins those who want the same peer at
// the same time. A dial belongs to the node and not to who asked for it first, so that nobody's leaving ends another's wait.
import type { PeerAddress } from '../core/address.ts'
import { type ErrorCode, SallyportError } from '../core/errors.ts'
import type { PeerId } from '../core/ids.ts'
import type { AddressBook } from '../core/kademlia/address-book.ts'
import type { DialBackoff, DialEnd } from '../core/kademlia/dial-backoff.ts'
import type { Clock } from '../io/ports.ts'
import type { PhonebookTransport } from './phonebook-ports.ts'

/** What became of a dial. `limited`: the limits of dialling forbid it for so long, if that is known, which says nothing about the peer. */
export type DialOutcome =
  | { readonly kind: 'reached'; readonly peerId: PeerId }
  | { readonly kind: 'failed'; readonly error: SallyportError }
  | { readonly kind: 'limited'; readonly retryAfterMs: number | null }

/** What a dialler is made of. */
export interface DiallerOptions {
  readonly transport: PhonebookTransport
  readonly book: AddressBook
  readonly backoff: DialBackoff
  readonly clock: Clock
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

  async #tryAll(peerId: PeerId): Promise<DialOutcome> {
    const { book, clock, timeoutMs } = this.#options
    const deadline = clock.now() + timeoutMs
    const addresses = book.dialable(peerId)
    /** Bounded by the addresses of one peer. */
    const outcomes: DialOutcome[] = []
    for (const [i, address] of addresses.entries()) {
      // What is left is shared evenly, so that a dead address does not use up a living one's time.
      const outcome = await this.dial({ address, peerId }, (deadline - clock.now()) / (addresses.length - i))
      if (outcome.kind === 'reached') return outcome
      if (outcome.kind === 'failed') book.failed(peerId, address)
      outcomes.push(outcome)
      if (clock.now() >= deadline) break
    }
    // An address that was not tried may be the one that works.
    const untried = outcomes.find(({ kind }) => kind === 'limited')
    return untried ?? outcomes.at(-1) ?? failure(new SallyportError('NO_ADDRESS', `no address of ${peerId} is known`))
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
