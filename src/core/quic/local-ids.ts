// Connection ids of ours (RFC 9000 section 5.1.1): the peer puts one of them on what it sends. It has one in use and one to change to, and
// gets another for each that it retires. We may ask it to change to new ones (section 5.1.2), and then keep the old until it has. What it
// sent with an id before it retired it may still be under way, on a slower path even: it is ours for a while longer, or the answer were
// a stateless reset, which ends the connection.
import { assert } from '../assert.ts'
import { sameBytes } from '../bytes.ts'
import type { Random } from '../ports.ts'
import type { ConnectionOutput } from './outputs.ts'
import { CONTROL_FRAME_BYTES_MAX, type PacketBuilder } from './packet-builder.ts'
import { LOCAL_ID_BYTES } from './packet.ts'
import { RESET_TOKEN_BYTES } from './stateless-reset.ts'
import { PROTOCOL_VIOLATION, type Violation, violation } from './transport-error.ts'

/** Ids of ours the peer may use at a time: one, and one to change to. More would only fill routing tables. */
const LOCAL_IDS = 2

/** Ids that were retired, and for which something may still come. Of more the oldest are let go at once. */
const LEAVING_MAX = 4

const NO_TOKEN = new Uint8Array(0)

/** One id. */
export interface LocalId {
  readonly id: Uint8Array
  /** Empty for the first id, which no frame announces. */
  readonly resetToken: Uint8Array
}

/** What ids of ours are made with. */
export interface LocalIdsConfig {
  readonly random: Random
  readonly emit: (output: ConnectionOutput) => void
  /** The stateless reset token of an id of ours; null where none will be sent: then one is drawn, which nobody can say. */
  readonly resetToken?: (id: Uint8Array) => Uint8Array | null
}

/** The ids of one end that its peer knows of. */
export class LocalIds {
  readonly #config: LocalIdsConfig
  /** Ours on long headers: the first one, which never changes there (RFC 9000 section 7.2). */
  readonly source: Uint8Array
  /** By sequence number, ascending. Bounded by LOCAL_IDS, twice as many while the peer changes to new ones. */
  readonly #ids = new Map<number, LocalId>()
  /** Retired, until when, ascending. Bounded by LEAVING_MAX. */
  readonly #leaving: { readonly id: Uint8Array; readonly until: number }[] = []
  #nextSequence = 1
  /** The peer can know of ids below this one. */
  #nextUnsaid = 1
  /** The peer has to retire all below. */
  #retirePriorTo = 0
  /** The peer's active_connection_id_limit. */
  #peerLimit = LOCAL_IDS
  /** NEW_CONNECTION_ID frames to send. Bounded by the ids there are. */
  readonly #announce = new Set<number>()

  constructor(first: Uint8Array, config: LocalIdsConfig) {
    this.#config = config
    this.source = first
    this.#ids.set(0, { id: first, resetToken: NO_TOKEN })
  }

  /** Those that datagrams may come with. */
  get all(): Uint8Array[] {
    return [...this.#ids.values(), ...this.#leaving].map(({ id }) => id)
  }

  get count(): number {
    return this.#ids.size + this.#leaving.length
  }

  /** When `timeout` has to be called next; Infinity for never. */
  get timerAt(): number {
    return this.#leaving[0]?.until ?? Infinity
  }

  /** Nothing comes any more with what was retired long ago. */
  timeout(now: number): void {
    while (this.timerAt <= now) this.#letGo()
  }

  has(id: Uint8Array): boolean {
    for (const own of this.#ids.values()) if (sameBytes(own.id, id)) return true
    return false
  }

  /** An id that goes with the transport parameters instead of a frame, which is the second (section 5.1.1). */
  reserve(): LocalId {
    const reserved = this.#draw()
    this.#announce.delete(1)
    this.#nextUnsaid = 2
    return reserved
  }

  /** The handshake is confirmed: the peer gets a spare id. */
  issue(peerLimit: number): void {
    this.#peerLimit = peerLimit
    while (this.#ids.size < Math.min(LOCAL_IDS, peerLimit)) this.#draw()
  }

  /** Gives the peer new ids and asks it to retire those it has; false while it has not done so for the last time. */
  rotate(): boolean {
    if ([...this.#ids.keys()].some((sequence) => sequence < this.#retirePriorTo)) return false
    this.#retirePriorTo = this.#nextSequence
    // For a moment there are more than its limit, which is allowed where a frame also retires what is too much (section 5.1.1).
    for (let i = 0; i < Math.min(LOCAL_IDS, this.#peerLimit); i++) this.#draw()
    return true
  }

  /** The peer retires an id in a packet that `arrivedWith` another; what it sent before that may come `until` then. */
  onRetire(sequence: number, { arrivedWith, until }: { arrivedWith: Uint8Array; until: number }): Violation | null {
    // Ids follow those retired at once: were it enough that they exist, one packet could retire hundreds that it guessed.
    if (sequence >= this.#nextUnsaid) return violation(PROTOCOL_VIOLATION, 'an id retired that was never sent')
    const id = this.#ids.get(sequence)?.id
    if (id === undefined) return null
    if (sameBytes(id, arrivedWith)) return violation(PROTOCOL_VIOLATION, 'an id retired by a packet that uses it')
    this.#ids.delete(sequence)
    this.#announce.delete(sequence)
    this.#leaving.push({ id, until: Math.max(until, this.#leaving.at(-1)?.until ?? until) })
    if (this.#leaving.length > LEAVING_MAX) this.#letGo()
    this.issue(this.#peerLimit)
    return null
  }

  checkInvariants(): void {
    assert(this.#ids.size <= 2 * LOCAL_IDS && this.#leaving.length <= LEAVING_MAX, 'ids of ours are bounded')
    for (const sequence of this.#announce) assert(this.#ids.has(sequence), 'only an id that is there is announced')
  }

  get pending(): boolean {
    return this.#announce.size > 0
  }

  fill(packet: PacketBuilder): void {
    for (const sequence of this.#announce) {
      const own = this.#ids.get(sequence)
      if (packet.room < CONTROL_FRAME_BYTES_MAX || own === undefined) return
      const retirePriorTo = Math.min(this.#retirePriorTo, sequence)
      packet.add(
        { type: 'new-connection-id', sequence, retirePriorTo, ...own },
        { kind: 'new-connection-id', sequence },
      )
      this.#announce.delete(sequence)
      this.#nextUnsaid = Math.max(this.#nextUnsaid, sequence + 1)
    }
  }

  /** A NEW_CONNECTION_ID frame was lost: it goes again, even where its id has to be retired by now, or the peer never would. */
  lost(sequence: number): void {
    if (this.#ids.has(sequence)) this.#announce.add(sequence)
  }

  #letGo(): void {
    const left = this.#leaving.shift()
    if (left !== undefined) this.#config.emit({ kind: 'id-retired', id: left.id })
  }

  #draw(): LocalId {
    const id = new Uint8Array(LOCAL_ID_BYTES)
    this.#config.random.fill(id)
    const resetToken = this.#config.resetToken?.(id) ?? this.#drawnToken()
    const sequence = this.#nextSequence++
    const drawn = { id, resetToken }
    this.#ids.set(sequence, drawn)
    this.#announce.add(sequence)
    this.#config.emit({ kind: 'id-issued', id })
    return drawn
  }

  #drawnToken(): Uint8Array {
    const token = new Uint8Array(RESET_TOKEN_BYTES)
    this.#config.random.fill(token)
    return token
  }
}
