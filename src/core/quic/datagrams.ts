// Datagrams (RFC 9221): pieces that arrive whole or not at all, in any order, and are never sent again. They wait for the congestion window
// like everything else, but for no credit; so both queues are bounded, and where one is full the oldest goes, which is worth the least.
//
//   send ─► queued ──goes into a packet──► sent ──► acknowledged, or lost
//             └─ dropped: too many wait, or the path carries no more such large ones
import { assert } from '../assert.ts'
import { datagramFrameBytes } from './frames.ts'
import type { ConnectionOutput } from './outputs.ts'
import type { PacketBuilder } from './packet-builder.ts'
import { PACKET_NUMBER_BYTES_MAX, TAG_BYTES } from './packet.ts'
import { PROTOCOL_VIOLATION, type Violation, violation } from './transport-error.ts'

/** What datagrams a connection takes, and how many of them wait, received or to be sent. */
export interface DatagramSettings {
  /** The largest DATAGRAM frame that is taken, announced as max_datagram_frame_size; 65,535 is whatever fits a packet. */
  readonly frameBytesMax: number
  readonly heldMax: number
  readonly heldBytesMax: number
}

/** What became of a datagram that was taken to be sent. One that counts as lost may have arrived after all. */
export type DatagramFate = 'acknowledged' | 'lost' | 'dropped'

/** Whether a datagram was taken to be sent, and if not why: `bytesMax` is what could be sent just then. */
export type DatagramSent =
  | { readonly kind: 'queued'; readonly id: number }
  | { readonly kind: 'refused'; readonly reason: 'not-negotiated' | 'too-large' | 'closed'; readonly bytesMax: number }

/** How many there were: received and sent, and of each those that were dropped because too many waited. */
export interface DatagramCounts {
  readonly received: number
  readonly receivedDropped: number
  readonly sent: number
  readonly sentDropped: number
}

/** The datagrams of one connection. */
export class Datagrams {
  readonly #settings: DatagramSettings | null
  readonly #emit: (output: ConnectionOutput) => void
  readonly #received: Queue
  readonly #sending: Queue
  /** The peer's max_datagram_frame_size; 0: it takes none. */
  #peerFrameBytes = 0
  #nextId = 0
  /** Whether they go before the streams in the next packet: in every second one, where both have something to say. */
  #isFirst = true
  /** Whether a reader found nothing, and has to be told of the next. */
  #wantsNews = true
  #counts = { received: 0, receivedDropped: 0, sent: 0, sentDropped: 0 }

  /** Without settings none is taken nor sent: nodes have none. */
  constructor(settings: DatagramSettings | null, emit: (output: ConnectionOutput) => void) {
    this.#settings = settings
    this.#emit = emit
    this.#received = new Queue(settings ?? NOTHING)
    this.#sending = new Queue(settings ?? NOTHING)
  }

  /** The peer's transport parameters arrived. */
  applyPeer(maxFrameBytes: number): void {
    this.#peerFrameBytes = maxFrameBytes
  }

  get counts(): DatagramCounts {
    return { ...this.#counts }
  }

  /** Those that were received and not read, and those that wait to be sent. */
  get waiting(): { readonly received: Waiting; readonly sending: Waiting } {
    return { received: this.#received.waiting, sending: this.#sending.waiting }
  }

  checkInvariants(): void {
    this.#received.checkInvariants()
    this.#sending.checkInvariants()
  }

  // ── sending ──

  /** The largest datagram that can be sent in packets of `packetBytes` to an id of `idBytes`; -1 where none can be. */
  bytesMax(packetBytes: number, idBytes: number): number {
    if (this.#settings === null || this.#peerFrameBytes === 0) return -1
    const room = packetBytes - (1 + idBytes + PACKET_NUMBER_BYTES_MAX + TAG_BYTES)
    return payloadOf(Math.min(room, this.#peerFrameBytes))
  }

  /** Takes a datagram of which the caller knows that it fits; it is copied. The number is what its fate is told by. */
  send(bytes: Uint8Array): number {
    const id = this.#nextId++
    this.#counts.sent++
    for (const dropped of this.#sending.put(id, bytes.slice())) this.#drop(dropped)
    return id
  }

  /** Whether one waits that fits a packet with so much room for it. Those that no packet of the path can hold any more are dropped. */
  pending(bytesMax: number, room: number): boolean {
    for (let first = this.#sending.first; first !== null; first = this.#sending.first) {
      if (first.bytes.length <= bytesMax) return datagramFrameBytes(first.bytes.length) <= room
      this.#sending.take()
      this.#drop(first.id)
    }
    return false
  }

  /** Whether any waits to be sent. */
  get isWaiting(): boolean {
    return this.#sending.first !== null
  }

  /** Whether it is their turn before the streams'. */
  get isFirst(): boolean {
    return this.#isFirst && this.#sending.first !== null
  }

  /**
   * As many as fit, the oldest first; then it is the others' turn. False when none did that would fit a packet of its own: what comes behind
   * must not fill this one, or an acknowledgement in each would keep the largest back for ever.
   */
  fill(packet: PacketBuilder): boolean {
    let filled = false
    for (let first = this.#sending.first; first !== null; first = this.#sending.first) {
      const bytes = datagramFrameBytes(first.bytes.length)
      if (bytes > packet.room) {
        if (filled || bytes > packet.capacity) break
        this.#isFirst = true
        return false
      }
      packet.add({ type: 'datagram', data: first.bytes }, { kind: 'datagram', id: first.id })
      this.#sending.take()
      filled = true
    }
    this.#isFirst = !this.#isFirst
    return true
  }

  acknowledged(id: number): void {
    this.#emit({ kind: 'datagram-settled', id, fate: 'acknowledged' })
  }

  lost(id: number): void {
    this.#emit({ kind: 'datagram-settled', id, fate: 'lost' })
  }

  #drop(id: number): void {
    this.#counts.sentDropped++
    this.#emit({ kind: 'datagram-settled', id, fate: 'dropped' })
  }

  // ── receiving ──

  /** A DATAGRAM frame of so many bytes came. */
  receive(data: Uint8Array, frameBytes: number): Violation | null {
    if (this.#settings === null) return violation(PROTOCOL_VIOLATION, 'a datagram where none is taken')
    if (frameBytes > this.#settings.frameBytesMax) return violation(PROTOCOL_VIOLATION, 'a datagram that is too large')
    const dropped = this.#received.put(this.#counts.received++, data.slice())
    this.#counts.receivedDropped += dropped.length
    if (!this.#wantsNews || this.#received.first === null) return null
    this.#wantsNews = false
    this.#emit({ kind: 'datagram-readable' })
    return null
  }

  /** The oldest that was received and not read, or null: then the next is told. */
  read(): Uint8Array | null {
    const first = this.#received.take()
    this.#wantsNews = first === null
    return first === null ? null : first.bytes
  }
}

/** How much waits in one direction. */
export interface Waiting {
  readonly bytes: number
  readonly count: number
}

interface Item {
  readonly id: number
  readonly bytes: Uint8Array
}

const NOTHING = { heldMax: 0, heldBytesMax: 0 }

/** Datagrams in order, the oldest of which goes where there are too many. */
class Queue {
  readonly #max: Omit<DatagramSettings, 'frameBytesMax'>
  /** From `#at` on. Bounded by `#max`. */
  readonly #items: Item[] = []
  #at = 0
  #bytes = 0

  constructor(max: Omit<DatagramSettings, 'frameBytesMax'>) {
    this.#max = max
  }

  get first(): Item | null {
    return this.#items[this.#at] ?? null
  }

  /** Puts one in and returns which went for it: itself, where it alone is too much. */
  put(id: number, bytes: Uint8Array): readonly number[] {
    this.#items.push({ id, bytes })
    this.#bytes += bytes.length
    if (this.#count <= this.#max.heldMax && this.#bytes <= this.#max.heldBytesMax) return NOBODY
    const gone: number[] = []
    while (this.#count > this.#max.heldMax || this.#bytes > this.#max.heldBytesMax) gone.push(this.take()!.id)
    return gone
  }

  take(): Item | null {
    const first = this.#items[this.#at]
    if (first === undefined) return null
    this.#bytes -= first.bytes.length
    this.#at++
    // What was taken is let go of in one step, as often as half of the list was.
    if (2 * this.#at >= this.#items.length) {
      this.#items.splice(0, this.#at)
      this.#at = 0
    }
    return first
  }

  checkInvariants(): void {
    assert(this.#count <= this.#max.heldMax && this.#bytes <= this.#max.heldBytesMax, 'datagrams that wait are bounded')
    let bytes = 0
    for (const item of this.#items.slice(this.#at)) bytes += item.bytes.length
    assert(bytes === this.#bytes, 'bytes of datagrams are counted')
  }

  get waiting(): Waiting {
    return { bytes: this.#bytes, count: this.#count }
  }

  get #count(): number {
    return this.#items.length - this.#at
  }
}

const NOBODY: readonly number[] = []

/** What a DATAGRAM frame of at most so many bytes carries: all but its type and its length, which is the shorter the less there is. */
const payloadOf = (frameBytes: number): number => {
  let most = -1
  for (const [size, max] of LENGTHS) most = Math.max(most, Math.min(frameBytes - 1 - size, max))
  return most
}

/** Bytes of a length, and the greatest that they can say. */
const LENGTHS = [
  [1, 63],
  [2, 16_383],
  [4, 2 ** 30 - 1],
] as const
