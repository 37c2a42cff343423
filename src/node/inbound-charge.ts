// What one call of a peer holds of the node's room: the bytes that came, charged to the peer's intake until its handler has returned,
// however long after its time that is; a place among the messages that have ended and not been handled; and the bytes of its answer until
// they were acknowledged.
//
//   nothing ──take──► begun ──reserve──► whole ──hand over──► the handler's
//      └──────────────reserve──────────────┘
import type { PeerId } from '../core/ids.ts'
import type { Workshop } from './conversation.ts'

/** What a message costs beside its bytes while it is kept. */
const KEPT_BYTES = 1024

/** What a message is charged ahead when it is begun before its end has come, so that a small one has room for the rest. */
const AHEAD_BYTES = 4096

/** See the head of this file. Each thing held is given back once. */
export class InboundCharge {
  readonly #workshop: Workshop
  readonly #peerId: PeerId
  readonly #kind: 'request' | 'message'
  #bytes = 0
  /** Of them, those charged for bytes that have not come. */
  #ahead = 0
  /** Whether the bytes of all that is still to come were charged. */
  #isPaid = false
  #isWhole = false
  #isArriving = false
  #answerBytes = 0

  constructor(workshop: Workshop, peerId: PeerId, kind: 'request' | 'message') {
    this.#workshop = workshop
    this.#peerId = peerId
    this.#kind = kind
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
    const ahead = this.#kind === 'message' && !this.#isBegun ? AHEAD_BYTES : 0
    const charge = Math.max(0, bytes - this.#ahead) + ahead
    if (!this.#workshop.intake.take(this.#peerId, charge)) return false
    this.#bytes += charge
    this.#ahead = Math.max(0, this.#ahead - bytes) + ahead
    return true
  }

  /**
   * Charges the `rest` of a message that has ended, of which `received` bytes came; false when there is no room for it yet. One that can
   * never fit waits for nothing.
   */
  reserve(rest: number, received: number): boolean {
    const { intake, limits, arriving } = this.#workshop
    if (this.#isWhole || received + rest > limits.messageBytesMax) return true
    const hasPlace = arriving.free(this.#peerId)
    if (!this.#isPaid) {
      const bytes = Math.max(0, rest + KEPT_BYTES - this.#ahead)
      if (this.#bytes + bytes > Math.min(limits.inboundBytesPerPeerMax, limits.inboundBytesPerShardMax)) return true
      // What is not begun holds nothing while it waits; what is, needs no more than a place once it has its bytes.
      if ((!this.#isBegun && !hasPlace) || !intake.take(this.#peerId, bytes)) return false
      this.#bytes += bytes
      this.#isPaid = true
    }
    if (!hasPlace) return false
    arriving.take(this.#peerId)
    this.#isWhole = this.#isArriving = true
    return true
  }

  /** What came is the handler's from now on; what is returned gives its bytes back, to be called once. */
  handOver(): () => void {
    const bytes = this.#bytes
    this.#bytes = 0
    this.#arrived()
    return () => this.#workshop.intake.give(this.#peerId, bytes)
  }

  /** Charges an answer, the only one; false when there is no room. */
  answer(bytes: number): boolean {
    if (!this.#workshop.answers.take(this.#peerId, bytes)) return false
    this.#answerBytes += bytes
    return true
  }

  /** Gives back whatever is held. */
  release(): void {
    this.#arrived()
    const { intake, answers } = this.#workshop
    intake.give(this.#peerId, this.#bytes)
    answers.give(this.#peerId, this.#answerBytes)
    this.#bytes = this.#answerBytes = 0
  }

  get #isBegun(): boolean {
    return this.#bytes > 0
  }

  #arrived(): void {
    if (this.#isArriving) this.#workshop.arriving.give(this.#peerId)
    this.#isArriving = false
  }
}
