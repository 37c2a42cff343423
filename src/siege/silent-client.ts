// A silent client: a source of its own that keeps up one kind of silence for as long as a siege lasts. What a deadline ends comes again,
// each time with a handshake of its own and never before the last is over, so that one client holds one place at a time.
import type { Address } from '../core/address.ts'
import type { Identity, Ports, Timer, UdpSocket } from '../io/ports.ts'
import { Attempt } from './attempt.ts'
import type { AttemptEnd, AttemptKind } from './attempt.ts'

/** What silent clients did, all of a process together. */
export interface AttackTally {
  /** Handshakes begun. */
  attempts: number
  /** Handshakes that were finished. */
  finished: number
  /** Attempts the target ended, or did not begin. */
  closed: number
  turnedAway: number
}

/** A tally of nothing. */
export const noTally = (): AttackTally => ({ attempts: 0, finished: 0, closed: 0, turnedAway: 0 })

/** What a silent client is made of. */
export interface SilentClientParts {
  readonly kind: AttemptKind
  readonly target: Address
  readonly local: Address
  readonly identity: Identity
  readonly ports: Ports
  readonly tally: AttackTally
}

/** As long as a handshake may take: whoever is left alone comes again after it, more or less. */
const HOLD_MS = 10_000
/** Whoever hears that it was ended or turned away comes again after this, more or less. */
const AGAIN_MS = 2_000
/** Arrivals are spread by half of that either way, so that they are a pressure and not a pulse. */
const SPREAD = 0.5

/** One silent client, from `bind` to `close`. */
export class SilentClient {
  readonly #parts: SilentClientParts
  #socket: UdpSocket | null = null
  #attempt: Attempt | null = null
  #timer: Timer | null = null
  #closed = false

  /** Binds its socket and says nothing yet; rejects with BIND_FAILED. */
  static async bind(parts: SilentClientParts): Promise<SilentClient> {
    const client = new SilentClient(parts)
    client.#socket = await parts.ports.udp.bind(parts.local, {
      datagram: (bytes, from) => client.#attempt?.receive(bytes, from),
      failed: () => {},
    })
    return client
  }

  private constructor(parts: SilentClientParts) {
    this.#parts = parts
  }

  /** Begins its first attempt after `delayMs`. */
  begin(delayMs: number): void {
    this.#after(delayMs, () => this.#try())
  }

  /** Leaves without a word and gives its socket back. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.#attempt?.leave()
    await this.#socket?.close()
  }

  #try(): void {
    const { kind, target, identity, ports, tally } = this.#parts
    if (this.#socket === null || this.#closed) return
    tally.attempts++
    const attempt: Attempt = new Attempt({
      kind,
      target,
      socket: this.#socket,
      identity,
      ports,
      finished: () => tally.finished++,
      over: (end) => this.#over(end),
    })
    this.#attempt = attempt
    this.#after(about(HOLD_MS), () => attempt.leave())
  }

  #over(end: AttemptEnd): void {
    this.#attempt = null
    if (end === 'closed') this.#parts.tally.closed++
    if (end === 'turned-away') this.#parts.tally.turnedAway++
    // Who leaves by itself has waited long enough; whoever vanishes does so again at once.
    if (!this.#closed) this.#after(end === 'left' ? 0 : about(AGAIN_MS), () => this.#try())
  }

  #after(ms: number, run: () => void): void {
    this.#timer?.cancel()
    this.#timer = this.#parts.ports.timers.at(this.#parts.ports.clock.now() + ms, run)
  }
}

const about = (ms: number): number => ms * (1 - SPREAD + 2 * SPREAD * Math.random())
