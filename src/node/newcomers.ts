// First flights, begun a few a turn. A turn of the event loop brings up to some dozens of datagrams, and a handshake costs more to begin
// than to go on with: were all begun as they come, a crowd would make every one of them late together. So those in progress go first,
// whatever arrives, and newcomers wait here in the order they came, where the gate can see how long.
import type { Timers } from '../io/ports.ts'

/** What newcomers are made of. */
export interface NewcomersParts<Arrival> {
  readonly timers: Timers
  /** Judges one; whether it took a slot. */
  readonly begin: (arrival: Arrival) => boolean
  /** There is no room for one to wait. */
  readonly turnAway: (arrival: Arrival) => void
}

/** Handshakes begun in one turn: about as much work as the rest of a busy turn. */
const BEGUN_PER_TURN = 2

/** Newcomers judged in one turn, when the gate refuses or drops them, which costs little. */
const JUDGED_PER_TURN = 64

/** Those that wait, and their bytes: 2 a handshake, and as much as the socket's own buffer. */
const WAITING_MAX = 2048
const WAITING_BYTES_MAX = 4 * 1024 * 1024

/** Newcomers of one endpoint. */
export class Newcomers<Arrival extends { readonly bytes: Uint8Array }> {
  readonly #parts: NewcomersParts<Arrival>
  /** Bounded by WAITING_MAX and WAITING_BYTES_MAX. Those before `#head` are through. */
  #waiting: Arrival[] = []
  #head = 0
  #bytes = 0
  #begun = 0
  #turnAhead = false

  constructor(parts: NewcomersParts<Arrival>) {
    this.#parts = parts
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length - this.#head
  }

  /** Takes one: at once while the turn has room, later when it has not. */
  arrived(arrival: Arrival): void {
    if (this.waiting === 0 && this.#begun < BEGUN_PER_TURN) this.#begin(arrival)
    else if (this.waiting >= WAITING_MAX || this.#bytes >= WAITING_BYTES_MAX) return this.#parts.turnAway(arrival)
    else this.#wait(arrival)
    this.#armTurn()
  }

  #begin(arrival: Arrival): void {
    if (this.#parts.begin(arrival)) this.#begun++
  }

  #wait(arrival: Arrival): void {
    this.#waiting.push(arrival)
    this.#bytes += arrival.bytes.length
  }

  #armTurn(): void {
    if (this.#turnAhead || (this.#begun === 0 && this.waiting === 0)) return
    this.#turnAhead = true
    this.#parts.timers.soon(() => this.#turn())
  }

  #turn(): void {
    this.#turnAhead = false
    this.#begun = 0
    for (let judged = 0; judged < JUDGED_PER_TURN && this.#begun < BEGUN_PER_TURN; judged++) {
      const next = this.#next()
      if (next === null) break
      this.#begin(next)
    }
    this.#armTurn()
  }

  #next(): Arrival | null {
    const next = this.#waiting[this.#head]
    if (next === undefined) return null
    this.#head++
    this.#bytes -= next.bytes.length
    if (this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
    return next
  }
}
