// One packet number space of a connection (RFC 9000 section 12.3): its keys, what it received, its part of the handshake, and the
// probes it owes. What it sent is kept by recovery.ts.
import type { PacketKey, Suite } from '../ports.ts'
import { cryptoHeaderBytes } from './frames.ts'
import { AEAD_LIMITS, type AeadLimits } from './keys.ts'
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

export class PacketSpace {
  readonly name: SpaceName
  readonly received = new ReceivedPackets()
  readonly cryptoOut = new SendBuffer()
  readonly #cryptoIn = new Reassembly(new PieceCount(CRYPTO_PIECES_MAX))
  #read: PacketKey | null = null
  #write: PacketKey | null = null
  #discarded = false
  #limits: AeadLimits = AEAD_LIMITS[0x1301]
  #rejected = 0
  /** Ack-eliciting packets to send whatever the congestion window says (RFC 9002 section 6.2.4). */
  probes = 0

  constructor(name: SpaceName) {
    this.name = name
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
    const before = direction === 'read' ? this.#read : this.#write
    before?.release()
    if (direction === 'read') this.#read = key
    else this.#write = key
  }

  /** What the suite of the keys allows; that of Initial packets to begin with. */
  set suite(suite: Suite) {
    this.#limits = AEAD_LIMITS[suite]
  }

  /** A packet did not open. */
  reject(): void {
    this.#rejected++
  }

  /** The keys were used as often as they may be (RFC 9001 section 6.6), to protect `sent` packets or on forged ones. */
  isWornOut(sent: number): boolean {
    return sent >= this.#limits.protectedMax || this.#rejected >= this.#limits.rejectedMax
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
  }

  receiveCrypto(offset: number, data: Uint8Array): Violation | null {
    const tooFar = offset + data.length > this.#cryptoIn.offset + CRYPTO_AHEAD_BYTES_MAX
    if (tooFar || !this.#cryptoIn.insert(offset, data)) {
      return violation(CRYPTO_BUFFER_EXCEEDED, 'handshake data far ahead of what can be read')
    }
    return null
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
