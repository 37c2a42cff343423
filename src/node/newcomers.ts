// First flights, begun a few a turn. A turn of the event loop brings up to some dozens of datagrams, and a handshake costs more to begin
// than to go on with: were all begun as they come, a crowd would make every one of them late together. So those in progress go first,
// whatever arrives, and newcomers wait here, where the gate can see how long. Suspects, whose host or network lately began what came to
// nothing, wait until nobody else does.
import { FIRST_DATAGRAM_BYTES_MIN } from '../core/gate/gate.ts'
import { Budget } from '../core/gate/budget.ts'
import type { Header, LongHeader } from '../core/quic/packet.ts'
import type { Clock, Timer, Timers } from '../io/ports.ts'
import { type OfFlight, WaitingRoom } from './waiting-room.ts'

/** What newcomers are made of. */
export interface NewcomersParts<Arrival> {
  readonly clock: Clock
  readonly timers: Timers
  /** Judges one; whether a handshake was begun for it, though its datagram may not have opened. */
  readonly begin: (arrival: Arrival) => boolean
  /** Whether others go before this one. */
  readonly isSuspect: (arrival: Arrival) => boolean
  /** There is no room for one to wait, or it waited too long, or no handshake begins any more. */
  readonly turnAway: (arrival: Arrival, reason: 'crowd' | 'closing') => void
}

/** Handshakes begun in one turn: about as much work as the rest of a busy turn. */
const BEGUN_PER_TURN = 2

/** Newcomers judged in one turn, when the gate refuses or drops them, which costs little. */
const JUDGED_PER_TURN = 64

/** Those that wait, 2 datagrams a handshake. */
const WAITING_MAX = 4096
const SUSPECTS_WAITING_MAX = 1024

/** Handshakes begun for suspects: an eighth of what one core can do, and never so many at once that a newcomer notices. */
const SUSPECTS = { perSecond: 10, burst: 2 }

/** How long suspects wait before it is looked again whether one may begin. */
const SUSPECTS_PAUSE_MS = 50

/**
 * Who waited longer is turned away: it has most likely sent again, and less than half of its time may be left. Diallers send again 1, 3 and 7 s
 * after the first time, so that within any 4 s each of them is here, and no turn is left unused while somebody wants one.
 */
const WAITING_MS_MAX = 4000

/** A larger first datagram, which no path outside a machine carries, does not wait: so 4,096 are 6 MB. */
const WAITING_BYTES_MAX = 1500

/** A first flight's datagram, and when it came. */
export interface Newcomer extends OfFlight {
  readonly bytes: Uint8Array
  readonly since: number
}

/** Newcomers of one endpoint. */
export class Newcomers<Arrival extends Newcomer> {
  readonly #parts: NewcomersParts<Arrival>
  readonly #room = new WaitingRoom<Arrival>(WAITING_MAX)
  /** They wait until nobody else does, and begin so many a second. */
  readonly #suspects = new WaitingRoom<Arrival>(SUSPECTS_WAITING_MAX)
  readonly #suspectsBudget = new Budget(SUSPECTS)
  #begun = 0
  #turnAhead = false
  #timer: Timer | null = null

  constructor(parts: NewcomersParts<Arrival>) {
    this.#parts = parts
  }

  /** How many wait. */
  get waiting(): number {
    return this.#room.size + this.#suspects.size
  }

  /** Takes one: at once while the turn has room, later when it has not. */
  arrived(arrival: Arrival): void {
    const suspect = this.#parts.isSuspect(arrival)
    const room = suspect ? this.#suspects : this.#room
    const isFree = this.#begun < BEGUN_PER_TURN && (suspect ? this.#suspectsMayBegin : room.size === 0)
    if (isFree && room.size === 0) this.#begin(arrival, suspect)
    else if (arrival.bytes.length > WAITING_BYTES_MAX || !room.enter(arrival)) this.#parts.turnAway(arrival, 'crowd')
    this.#armTurn()
  }

  /** Nobody is begun any more: those who wait are turned away, and no timer is left. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = null
    for (const room of [this.#room, this.#suspects]) {
      while (room.size > 0) for (const arrival of room.next()) this.#parts.turnAway(arrival, 'closing')
    }
  }

  get #suspectsMayBegin(): boolean {
    return this.#room.size === 0 && this.#suspectsBudget.left(this.#parts.clock.now())
  }

  #begin(arrival: Arrival, suspect: boolean): void {
    if (!this.#parts.begin(arrival)) return
    this.#begun++
    if (suspect) this.#suspectsBudget.take(this.#parts.clock.now())
  }

  /** The next turn is soon, but for suspects whose budget is spent: they look again a little later. */
  #armTurn(): void {
    if (this.#turnAhead || (this.#begun === 0 && this.waiting === 0)) return
    if (this.#begun === 0 && this.#room.size === 0 && !this.#suspectsMayBegin) return this.#pause()
    this.#turnAhead = true
    this.#parts.timers.soon(() => this.#turn())
  }

  #pause(): void {
    const { clock, timers } = this.#parts
    this.#timer ??= timers.at(clock.now() + SUSPECTS_PAUSE_MS, () => {
      this.#timer = null
      // A turn that newcomers have asked for meanwhile is the next one; with this one beside it, twice as many would begin.
      if (!this.#turnAhead) this.#turn()
    })
  }

  #turn(): void {
    this.#turnAhead = false
    this.#begun = 0
    let judged = 0
    while (judged < JUDGED_PER_TURN && this.#begun < BEGUN_PER_TURN) {
      const suspect = this.#room.size === 0
      if (suspect && !this.#suspectsMayBegin) break
      const flight = (suspect ? this.#suspects : this.#room).next()
      if (flight.length === 0) break
      this.#meet(flight, suspect)
      judged += flight.length
    }
    this.#armTurn()
  }

  /** Only the first of a flight begins a handshake; the others go on with it. */
  #meet(flight: readonly Arrival[], suspect: boolean): void {
    const now = this.#parts.clock.now()
    for (const arrival of flight) {
      if (now - arrival.since > WAITING_MS_MAX) this.#parts.turnAway(arrival, 'crowd')
      else this.#begin(arrival, suspect)
    }
  }
}

/** What a handshake may begin with; the gate has more to say about it. */
export const isFirstFlight = (bytes: Uint8Array, header: Header | null): header is LongHeader =>
  header?.form === 'long' && header.type === 'initial' && bytes.length >= FIRST_DATAGRAM_BYTES_MIN
