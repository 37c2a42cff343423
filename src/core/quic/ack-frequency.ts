// How often we ask the peer to acknowledge (draft-ietf-quic-ack-frequency-14): sixteen times a window is enough to steer by, and each
// acknowledgement less is a datagram that nobody seals, sends and opens. Asked again only when the answer would be twice or half of it.
import type { PacketBuilder } from './packet-builder.ts'

/** Acknowledgements in a window, and in a round trip. */
const ACKS_PER_WINDOW = 16
const ACKS_PER_ROUND_TRIP = 8

/** Packets that may wait for one acknowledgement at the most: more would save nothing. */
const PACKETS_MAX = 32

/** Packets behind the largest at which the peer shall say so at once: as many as make us think of a loss. */
const REORDERING = 3

/** Bytes of the frame at the most: type, sequence, packets, delay in µs, reordering. */
const FRAME_BYTES_MAX = 2 + 8 + 1 + 4 + 1

/** What the wish follows from. */
export interface SendingFacts {
  readonly window: number
  readonly datagramBytes: number
  readonly roundTripMs: number
}

interface Wish {
  readonly packets: number
  readonly delayUs: number
}

export class AckFrequency {
  /** What the peer can do, in µs; null: it does not know the frame. */
  #peer: { readonly min: number; readonly max: number } | null = null
  #sequence = 0
  /** What was asked for last; null when nothing was, or when that was lost. */
  #asked: Wish | null = null

  /** The peer takes ACK_FREQUENCY, and acknowledges not earlier than its `minUs` when it may wait, nor later than its `maxUs` unasked. */
  begin(minUs: number, maxUs: number): void {
    this.#peer = { min: minUs, max: maxUs }
  }

  /** Whether ACK_FREQUENCY and IMMEDIATE_ACK may be sent. */
  get isUnderstood(): boolean {
    return this.#peer !== null
  }

  /** Asks with this packet, if there is something new to ask for. */
  fill(packet: PacketBuilder, facts: SendingFacts): void {
    if (this.#peer === null || packet.room < FRAME_BYTES_MAX) return
    const packets = Math.floor(facts.window / facts.datagramBytes / ACKS_PER_WINDOW)
    const wish = {
      packets: Math.min(PACKETS_MAX, Math.max(1, packets)),
      delayUs: Math.floor(
        Math.max(this.#peer.min, Math.min(this.#peer.max, (facts.roundTripMs * 1000) / ACKS_PER_ROUND_TRIP)),
      ),
    }
    if (!this.#isNews(wish)) return
    const sequence = this.#sequence++
    const { packets: threshold, delayUs } = wish
    packet.add(
      { type: 'ack-frequency', sequence, threshold, delayUs, reordering: REORDERING },
      { kind: 'ack-frequency', sequence },
    )
    this.#asked = wish
  }

  /** A frame was lost: unless a later one was sent, what is wished then is asked for again. */
  lost(sequence: number): void {
    if (sequence === this.#sequence - 1) this.#asked = null
  }

  #isNews(wish: Wish): boolean {
    // Every second packet is what a peer does unasked.
    if (this.#asked === null) return this.#sequence > 0 || wish.packets > 1
    return isOther(wish.packets, this.#asked.packets) || isOther(wish.delayUs, this.#asked.delayUs)
  }
}

const isOther = (wish: number, before: number): boolean => wish >= 2 * before || 2 * wish <= before
