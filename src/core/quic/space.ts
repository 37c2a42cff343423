// One packet number space of a connection (RFC 9000 section 12.3): its keys, what it received, its part of the handshake, and the
// probes it owes. What it sent is kept by recovery.ts.
import { assert } from '../assert.ts'
import type { PacketKey } from '../ports.ts'
import { cryptoHeaderBytes } from './frames.ts'
import type { PacketBuilder } from './packet-builder.ts'
import { PieceCount, Reassembly } from './reassembly.ts'
import { ReceivedPackets } from './received-packets.ts'
import type { SpaceName } from './recovery.ts'
import { SendBuffer } from './send-buffer.ts'
import { CRYPTO_BUFFER_EXCEEDED, type Violation, violation } from './transport-error.ts'

/** Handshake bytes that may be ahead of what was read: more than any flight of ours, and all a stranger can make us hold. */
const CRYPTO_AHEAD_BYTES_MAX = 16 * 1024

/** Pieces of the handshake that wait for a gap to be filled; a flight is at most eight packets. */
const CRYPTO_PIECES_MAX = 64

/** A CRYPTO frame with less room than this waits for the next packet. */
const CRYPTO_ROOM_MIN = 16

/** What is left of a handshake's space once its keys are gone, in common to all: nothing comes to it any more, and nothing leaves it. */
const OVER = {
  received: new ReceivedPackets(),
  cryptoOut: new SendBuffer(),
  cryptoIn: new Reassembly(new PieceCount(CRYPTO_PIECES_MAX)),
} as const

export class PacketSpace {
  readonly name: SpaceName
  #received = new ReceivedPackets()
  #cryptoOut = new SendBuffer()
  #cryptoIn = new Reassembly(new PieceCount(CRYPTO_PIECES_MAX))
  #read: PacketKey | null = null
  #write: PacketKey | null = null
  #discarded = false
  /** Ack-eliciting packets to send whatever the congestion window says (RFC 9002 section 6.2.4). */
  probes = 0

  constructor(name: SpaceName) {
    this.name = name
  }

  get received(): ReceivedPackets {
    return this.#received
  }

  get cryptoOut(): SendBuffer {
    return this.#cryptoOut
  }

  get readKey(): PacketKey | null {
    return this.#read
  }

  get writeKey(): PacketKey | null {
    return this.#write
  }

  get isDiscarded(): boolean {
    return this.#discarded
  }

  /** Sets a key; the one before, as after a Retry, is released. */
  setKey(direction: 'read' | 'write', key: PacketKey): void {
    this.change(direction, key)?.release()
  }

  /** Sets a key and hands back the one before, which still works. */
  change(direction: 'read' | 'write', key: PacketKey): PacketKey | null {
    const before = direction === 'read' ? this.#read : this.#write
    if (direction === 'read') this.#read = key
    else this.#write = key
    return before
  }

  /** Ends the space: its keys are released and nothing of it is sent again. */
  discard(): void {
    this.#discarded = true
    this.#read?.release()
    this.#write?.release()
    this.#read = this.#write = null
    this.probes = 0
    this.cryptoOut.clear()
    this.received.sent()
    if (this.name === 'application') return
    this.#received = OVER.received
    this.#cryptoOut = OVER.cryptoOut
    this.#cryptoIn = OVER.cryptoIn
  }

  receiveCrypto(offset: number, data: Uint8Array): Violation | null {
    const tooFar = offset + data.length > this.#cryptoIn.offset + CRYPTO_AHEAD_BYTES_MAX
    if (tooFar || !this.#cryptoIn.insert(offset, data)) {
      return violation(CRYPTO_BUFFER_EXCEEDED, 'handshake data far ahead of what can be read')
    }
    return null
  }

  /** Handshake bytes that cannot be read yet. */
  get ahead(): { readonly bytes: number; readonly pieces: number } {
    return this.#cryptoIn.held
  }

  checkInvariants(): void {
    const { bytes, pieces } = this.ahead
    assert(bytes <= CRYPTO_AHEAD_BYTES_MAX && pieces <= CRYPTO_PIECES_MAX, 'handshake data ahead is bounded')
  }

  readCrypto(): Uint8Array | null {
    return this.#cryptoIn.read()
  }

  /** Whether a packet of this space has something to say that may leave now (congestion aside). */
  hasCrypto(): boolean {
    return this.cryptoOut.pending(Infinity) !== null
  }

  /** Puts as many handshake bytes into a packet as fit. */
  fillCrypto(packet: PacketBuilder): void {
    for (;;) {
      const range = this.cryptoOut.pending(Infinity)
      if (range === null) return
      const room = packet.room - cryptoHeaderBytes(range.start, packet.room)
      if (room < Math.min(CRYPTO_ROOM_MIN, range.end - range.start)) return
      const data = this.cryptoOut.view(range.start, Math.min(room, range.end - range.start))
      const end = range.start + data.length
      packet.add({ type: 'crypto', offset: range.start, data }, { kind: 'crypto', start: range.start, end })
      this.cryptoOut.sent(range.start, end)
    }
  }
}
