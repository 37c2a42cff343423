// What one call of a peer holds of the node's room: the bytes that came, charged to the peer's intake until its handler has returned,
// however long after its time that is; a place among the messages that have ended and not been handled; and the bytes of its answer until
// they were acknowledged.
//
//   nothing ──take──► begun ──reserve──► whole ──hand over──► the handler's
//      └──────────────reserve──────────────┘
import { type Room, Stay } from '../core/dispatch/room.ts'
import type { User } from '../core/dispatch/usage.ts'
import type { Workshop } from './conversation.ts'

/** What a message costs beside its bytes while it is kept. */
const KEPT_BYTES = 1024

/** A call and an answer are charged so much at least, and a message that is begun before its end has come so much ahead: a small one has room for the rest. */
const CHARGED_BYTES_MIN = 4096

/** What one holds at most that was begun small, as long as it is. */
const PROMISED_BYTES_MAX = 2 * CHARGED_BYTES_MIN

/** What a call is charged at most beside its bytes. */
export const CHARGED_BESIDE_MAX = CHARGED_BYTES_MIN + KEPT_BYTES

/** Whose call it is, and what becomes of it when its room is needed by others. */
export interface Charged extends User {
  readonly kind: 'request' | 'message'
  /** Whether what has not come of it can still be refused. */
  readonly mayGiveUp: boolean
  /** Refuses what has not come of it. */
  giveUp(): void
  /** Takes back what was not acknowledged of the answer. */
  giveUpAnswer(): void
}

/** See the head of this file. Each thing held is given back once. */
export class InboundCharge {
  readonly #workshop: Workshop
  readonly #call: Charged
  /** Its bytes, until they are the handler's. */
  #kept: Stay
  #answer: Stay | null = null
  /** Of the bytes kept, those charged for what has not come. */
  #ahead = 0
  /** Whether the bytes of all that is still to come were charged. */
  #isPaid = false
  #isWhole = false
  #isArriving = false
  /** Gives back its part of the backlog, or of what is promised. */
  #handled: (() => void) | null = null

  constructor(workshop: Workshop, call: Charged) {
    this.#workshop = workshop
    this.#call = call
    this.#kept = new Stay(call)
  }

  /** What it holds of the room for messages, until that is the handler's. */
  get bytes(): number {
    return this.#kept.bytes
  }

  /** Whether it holds a part of the room and waits for more of it, as others may that wait for what it holds. */
  get isHalfCharged(): boolean {
    return this.#isBegun && !this.#isPaid
  }

  /** Whether all that is still to come was charged, and there is a place for it. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Charges bytes that came, unless they were before; false when there is no room. */
  take(bytes: number): boolean {
    if (this.#isWhole) return true
    const begins = this.#call.kind === 'message' && !this.#isBegun
    if (begins && !this.#mayBegin(bytes)) return false
    const ahead = this.#isBegun ? 0 : this.#charged(bytes) - bytes
    const charge = Math.max(0, bytes - this.#ahead) + ahead
    if (charge > 0 && !this.#room.take(this.#kept, charge, this.#now)) return false
    if (begins && charge <= PROMISED_BYTES_MAX) this.#handled = this.#workshop.promised.add(this.#path, charge)
    else if (!begins && charge > 0) this.#waitNoMore()
    this.#ahead = Math.max(0, this.#ahead - bytes) + ahead
    return true
  }

  /**
   * Charges the `rest` of a message that has ended, of which `received` bytes came; false when there is no room for it yet. One that can
   * never fit waits for nothing.
   */
  reserve(rest: number, received: number): boolean {
    const { limits, arriving } = this.#workshop
    const { peerId } = this.#call
    if (this.#isWhole || received + rest > limits.messageBytesMax) return true
    const hasPlace = arriving.free(peerId)
    if (!this.#isPaid) {
      const bytes = Math.max(0, rest + KEPT_BYTES - this.#ahead)
      if (this.#kept.bytes + bytes > Math.min(limits.inboundBytesPerPeerMax, limits.inboundBytesPerShardMax))
        return true
      // What is not begun holds nothing while it waits; what is, needs no more than a place once it has its bytes.
      if (!this.#isBegun && !hasPlace) return false
      // A small one that was begun has had room for its rest from then on.
      const isPromised = bytes === 0 && this.#handled !== null
      if (!isPromised && !this.#mayWait(this.#kept.bytes + bytes)) return false
      if (bytes > 0 && !this.#room.take(this.#kept, bytes, this.#now)) return false
      this.#room.finish(this.#kept, this.#now)
      this.#isPaid = true
      if (!isPromised) this.#wait()
    }
    if (!hasPlace) return false
    arriving.take(peerId)
    this.#isWhole = this.#isArriving = true
    return true
  }

  /** What came is the handler's from now on; what is returned gives its bytes back, to be called once. */
  handOver(): () => void {
    const kept = this.#kept
    this.#kept = new Stay(this.#call)
    this.#room.finish(kept, this.#now)
    this.#arrived()
    return () => this.#room.leave(kept, this.#now)
  }

  /** Charges an answer, the only one; false when there is no room. */
  answer(bytes: number): boolean {
    if (bytes === 0) return true
    const call = this.#call
    const { peerId, remote } = call
    const stay = new Stay({ peerId, remote, mayGiveUp: true, giveUp: () => call.giveUpAnswer() })
    if (!this.#workshop.answers.take(stay, Math.max(bytes, CHARGED_BYTES_MIN), this.#now)) return false
    this.#answer = stay
    return true
  }

  /** Gives back whatever is held. */
  release(): void {
    this.#arrived()
    this.#room.leave(this.#kept, this.#now)
    if (this.#answer !== null) this.#workshop.answers.leave(this.#answer, this.#now)
    this.#answer = null
  }

  get #room(): Room {
    return this.#workshop.intake
  }

  get #now(): number {
    return this.#workshop.clock.now()
  }

  get #path(): readonly string[] {
    return this.#room.placeOf(this.#call).path
  }

  /** One that begins small has the promise that it is kept when it has ended, and so there are not too many of those. */
  #mayBegin(bytes: number): boolean {
    const charge = this.#charged(bytes)
    const isLarge = charge > PROMISED_BYTES_MAX
    return this.#mayWait(bytes) && (isLarge || this.#workshop.promised.free(this.#path, charge))
  }

  #wait(): void {
    this.#waitNoMore()
    this.#handled = this.#workshop.backlog.add(this.#path, this.#kept.bytes)
  }

  #waitNoMore(): void {
    this.#handled?.()
    this.#handled = null
  }

  #mayWait(bytes: number): boolean {
    return this.#workshop.backlog.free(this.#path, bytes)
  }

  get #isBegun(): boolean {
    return this.#kept.bytes > 0
  }

  /** What is charged for the first bytes of a call. */
  #charged(bytes: number): number {
    return this.#call.kind === 'message' ? bytes + CHARGED_BYTES_MIN : Math.max(bytes, CHARGED_BYTES_MIN)
  }

  #arrived(): void {
    if (this.#isArriving) this.#workshop.arriving.give(this.#call.peerId)
    this.#isArriving = false
    this.#waitNoMore()
  }
}
