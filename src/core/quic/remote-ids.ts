// Connection ids of the peer (RFC 9000 section 5.1.2): each path that we send on uses one, and none is used on two paths (section 9.5).
// One that is used no more, or that the peer wants back, is retired, and never comes again.
import { assert } from '../assert.ts'
import { sameBytes } from '../bytes.ts'
import type { Frame } from './frames.ts'
import { CONTROL_FRAME_BYTES_MAX, type PacketBuilder } from './packet-builder.ts'
import { Ranges } from './ranges.ts'
import { CONNECTION_ID_LIMIT_ERROR, PROTOCOL_VIOLATION, type Violation, violation } from './transport-error.ts'

/** Ids whose retirement is not acknowledged, for each that we keep: at twice our limit a peer may be slow, beyond it it floods us. */
const RETIRING_SHARE = 4

/** Gaps between the numbers of retired ids that are remembered. An honest peer counts up, and leaves as many as it has ids in flight. */
const RETIRED_RANGES_MAX = 16

/** One id; the first changes once, when the peer has chosen its own. */
export interface RemoteId {
  readonly sequence: number
  id: Uint8Array
  /** Null while it is not known, as for the id of a first packet. */
  resetToken: Uint8Array | null
}

type NewConnectionId = Omit<Frame & { type: 'new-connection-id' }, 'type'>

/** The ids of a peer that we may use. */
export class RemoteIds {
  readonly #max: number
  /** The first: that of the path the connection begins on. */
  readonly first: RemoteId
  /** Those that are not retired, by sequence number. Bounded by our active_connection_id_limit. */
  readonly #ids = new Map<number, RemoteId>()
  /** Those that were given to a path. */
  readonly #used = new Set<number>([0])
  #initial: Uint8Array
  #retirePriorTo = 0
  /** Sequence numbers that were retired; all below the floor count as such. Bounded by RETIRED_RANGES_MAX. */
  readonly #retired = new Ranges()
  #floor = 0
  /** RETIRE_CONNECTION_ID frames to send, and those not acknowledged. Bounded by RETIRING_SHARE ids for each of `max`. */
  readonly #retire = new Set<number>()
  readonly #retiring = new Set<number>()

  /** `max` is the active_connection_id_limit that we announce. */
  constructor(first: Uint8Array, max: number) {
    this.#max = max
    this.first = { sequence: 0, id: first, resetToken: null }
    this.#initial = first
    this.#ids.set(0, this.first)
  }

  /** Whether a long header may come with this source id: the peer's first one never changes (RFC 9000 section 7.2). */
  isInitial(id: Uint8Array): boolean {
    return sameBytes(this.#initial, id)
  }

  /** The peer chose its own id in its first packet, or in a Retry. */
  setInitial(id: Uint8Array): void {
    this.first.id = this.#initial = id.slice()
  }

  /** Whether the peer has ids at all; if not, every path uses the same empty one. */
  get isEmpty(): boolean {
    return this.#initial.length === 0
  }

  /** Ids that may be used, those whose retirement is not acknowledged, and gaps between those that were retired. */
  get count(): number {
    return this.#ids.size + this.#retiring.size + this.#retired.count
  }

  /** Whether an id may still be used. */
  has(id: RemoteId): boolean {
    return this.#ids.has(id.sequence)
  }

  /** An id that no path has used, or null: then no other path can be used. */
  take(): RemoteId | null {
    if (this.isEmpty) return this.first
    for (const id of this.#ids.values()) {
      if (this.#used.has(id.sequence)) continue
      this.#used.add(id.sequence)
      return id
    }
    return null
  }

  /** Whether `take` would give one. */
  get hasSpare(): boolean {
    return this.isEmpty || this.#ids.size > this.#used.size
  }

  /** No path uses the id any more. */
  retire({ sequence }: RemoteId): void {
    if (!this.isEmpty && this.#ids.has(sequence)) this.#retireOne(sequence)
  }

  /** The peer gives another id, and may want others back. */
  onNew(frame: NewConnectionId): Violation | null {
    if (this.isEmpty) return violation(PROTOCOL_VIOLATION, 'an id for a peer that uses none')
    const breach = this.#objection(frame)
    if (breach !== null) return breach
    const { sequence } = frame
    if (!this.#ids.has(sequence) && !this.#isRetired(sequence)) {
      this.#ids.set(sequence, { sequence, id: frame.id.slice(), resetToken: frame.resetToken.slice() })
    }
    this.#retirePriorTo = Math.max(this.#retirePriorTo, frame.retirePriorTo)
    for (const known of this.#ids.keys()) if (known < this.#retirePriorTo) this.#retireOne(known)
    const tooMany = this.#ids.size > this.#max || this.#retiring.size > RETIRING_SHARE * this.#max
    return tooMany ? violation(CONNECTION_ID_LIMIT_ERROR, 'more ids than we asked for') : null
  }

  checkInvariants(): void {
    assert(this.#ids.size <= this.#max, 'ids of the peer are bounded')
    assert(this.#retiring.size <= RETIRING_SHARE * this.#max, 'retirements are bounded')
    for (const sequence of this.#retire) assert(this.#retiring.has(sequence), 'what is to be retired is being retired')
  }

  get pending(): boolean {
    return this.#retire.size > 0
  }

  fill(packet: PacketBuilder): void {
    for (const sequence of this.#retire) {
      if (packet.room < CONTROL_FRAME_BYTES_MAX) return
      packet.add({ type: 'retire-connection-id', sequence }, { kind: 'retire-connection-id', sequence })
      this.#retire.delete(sequence)
    }
  }

  acknowledged(sequence: number): void {
    this.#retiring.delete(sequence)
    this.#retire.delete(sequence)
  }

  lost(sequence: number): void {
    if (this.#retiring.has(sequence)) this.#retire.add(sequence)
  }

  /** What is wrong about an id that the peer gives, beside how many it gives. */
  #objection({ sequence, id, resetToken }: NewConnectionId): Violation | null {
    for (const known of this.#ids.values()) {
      const isSame = sameBytes(known.id, id)
      if (known.sequence !== sequence) {
        if (isSame) return violation(PROTOCOL_VIOLATION, 'one id for two sequence numbers')
      } else if (!isSame) return violation(PROTOCOL_VIOLATION, 'one sequence number for two ids')
      else if (known.resetToken !== null && !sameBytes(known.resetToken, resetToken)) {
        return violation(PROTOCOL_VIOLATION, 'two reset tokens for one id')
      }
    }
    return null
  }

  #isRetired(sequence: number): boolean {
    return sequence < this.#floor || this.#retired.has(sequence)
  }

  #retireOne(sequence: number): void {
    this.#ids.delete(sequence)
    this.#used.delete(sequence)
    this.#retired.add(sequence, sequence + 1)
    this.#floor = Math.max(this.#floor, this.#retired.dropLowest(RETIRED_RANGES_MAX))
    this.#retire.add(sequence)
    this.#retiring.add(sequence)
  }
}
