// Packets that came before their keys: they are replayed, in order, as soon as those are there (accept-path.md, "Signing").
import { assert } from '../assert.ts'
import type { Arrived } from './intake.ts'

/** What a peer sends right behind its Finished, while its signature is being verified. */
const HELD_PACKETS_MAX = 16

/** A packet of a larger datagram is not held: a stranger's could have 64 KiB each. */
const HELD_DATAGRAM_BYTES_MAX = 2048

export class HeldPackets {
  /** Bounded by HELD_PACKETS_MAX. */
  #packets: Arrived[] = []

  /** Keeps a packet; false, and it is dropped, where it is too large or there are enough. */
  hold(packet: Arrived): boolean {
    if (this.#packets.length >= HELD_PACKETS_MAX || packet.buffer.length > HELD_DATAGRAM_BYTES_MAX) return false
    this.#packets.push(packet)
    return true
  }

  get count(): number {
    return this.#packets.length
  }

  /** Of the datagrams they came in. */
  get bytes(): number {
    return this.#packets.reduce((sum, { buffer }) => sum + buffer.length, 0)
  }

  checkInvariants(): void {
    assert(this.count <= HELD_PACKETS_MAX, 'packets before their keys are bounded')
    assert(this.bytes <= HELD_PACKETS_MAX * HELD_DATAGRAM_BYTES_MAX, 'and so are their bytes')
  }

  /** All of them, which are no longer held. */
  take(): readonly Arrived[] {
    const packets = this.#packets
    this.#packets = []
    return packets
  }
}
