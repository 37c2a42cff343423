// Packet protection for simulations: the first bytes are masked, so that nobody reads what was not opened, and a tag over
// header and masked bytes finds every change. Works in place; a packet that is not genuine is left as it came.
import { assert } from '../../core/assert.ts'
import type { PacketKey } from '../../core/ports.ts'
import { Digest } from './digest.ts'

const TAG_BYTES = 16
const SAMPLE_BYTES = 16
const MASK_BYTES = 5

/** Frames begin within these: without them nothing of a packet can be read. */
const MASKED_BYTES = 64

/** A packet key of a key, an IV and a header key. */
export class StandInPacketKey implements PacketKey {
  readonly #salt: number
  /** The salt of masks, or a key of somebody else's that makes them. */
  readonly #header: number | PacketKey
  #released = false

  constructor(key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array | PacketKey) {
    this.#salt = new Digest(1).take(key).take(iv).word
    if (headerKey instanceof Uint8Array) this.#header = new Digest(2).take(headerKey).word
    else this.#header = headerKey instanceof StandInPacketKey ? headerKey.#header : headerKey
  }

  seal(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): void {
    assert(!this.#released, 'a released key seals nothing')
    assert(end + TAG_BYTES <= buffer.length, 'the tag has room')
    this.#mask(buffer, start, end, packetNumber)
    this.#digest(buffer, header, start, end, packetNumber).write(buffer, end, TAG_BYTES)
  }

  open(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): number {
    const tag = end - TAG_BYTES
    if (this.#released || tag < start || end > buffer.length) return -1
    this.#digest(buffer, header, start, tag, packetNumber).write(TAG, 0, TAG_BYTES)
    for (let i = 0; i < TAG_BYTES; i++) if (buffer[tag + i] !== TAG[i]) return -1
    this.#mask(buffer, start, tag, packetNumber)
    return tag
  }

  mask(buffer: Uint8Array, sample: number, into: Uint8Array): void {
    const header = this.#header
    if (typeof header !== 'number') return header.mask(buffer, sample, into)
    new Digest(header).take(buffer, sample, sample + SAMPLE_BYTES).write(into, 0, MASK_BYTES)
  }

  release(): void {
    this.#released = true
  }

  #digest(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): Digest {
    return new Digest(this.#salt)
      .number(packetNumber)
      .number(start - header)
      .take(buffer, header, end)
  }

  #mask(buffer: Uint8Array, start: number, end: number, packetNumber: number): void {
    const byte = 1 + ((Math.imul(this.#salt ^ packetNumber, 0x9e37_79b9) >>> 24) % 255)
    for (let at = start; at < Math.min(end, start + MASKED_BYTES); at++) buffer[at] = (buffer[at] ?? 0) ^ byte
  }
}

/** What a tag should be; written and compared within one call. */
const TAG = new Uint8Array(TAG_BYTES)
