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

export class AckFrequency {
  /** What the peer can do, in µs; null: it does not know the frame. */
  #peer: { readonly min: number; readonly max: number } | null = null
  #sequence = 0
  /** What was asked for last; 0 when nothing was, or when that was lost. */
  #packets = 0
  #delayUs = 0

  /** The peer takes ACK_FREQUENCY, and acknowledges not earlier than its `minUs` when it may wait, nor later than its `maxUs` unasked. */
  begin(minUs: number, maxUs: number): void {
    this.#peer = { min: minUs, max: maxUs }
  }

  /** Whether ACK_FREQUENCY and IMMEDIATE_ACK may be sent. */
  get isUnderstood(): boolean {
    return this.#peer !== null
  }

  /** Asks with this packet, if there is something new to ask for, with a window of so many datagrams. */
  fill(packet: PacketBuilder, windowDatagrams: number, roundTripMs: number): void {
    const peer = this.#peer
    if (peer === null || packet.room < FRAME_BYTES_MAX) return
    const threshold = Math.min(PACKETS_MAX, Math.max(1, Math.floor(windowDatagrams / ACKS_PER_WINDOW)))
    const delayUs = Math.floor(Math.max(peer.min, Math.min(peer.max, (roundTripMs * 1000) / ACKS_PER_ROUND_TRIP)))
    if (!this.#isNews(threshold, delayUs)) return
    const sequence = this.#sequence++
    packet.add(
      { type: 'ack-frequency', sequence, threshold, delayUs, reordering: REORDERING },
      { kind: 'ack-frequency', sequence },
    )
    this.#packets = threshold
    this.#delayUs = delayUs
  }

  /** A frame was lost: unless a later one was sent, what is wished then is asked for again. */
  lost(sequence: number): void {
    if (sequence === this.#sequence - 1) this.#packets = 0
  }

  #isNews(packets: number, delayUs: number): boolean {
    // Every second packet is what a peer does unasked.
    if (this.#packets === 0) return this.#sequence > 0 || packets > 1
    return isOther(packets, this.#packets) || isOther(delayUs, this.#delayUs)
  }
}

const isOther = (wish: number, before: number): boolean => wish >= 2 * before || 2 * wish <= before
