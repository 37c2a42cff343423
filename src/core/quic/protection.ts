// Packet protection in place (RFC 9001 section 5): sealing what was written, opening what arrived.
import type { PacketKey } from '../ports.ts'
import { expandPacketNumber } from './packet.ts'

/** Bytes from the start of the packet number to the start of the header protection sample. */
const SAMPLE_OFFSET = 4
const SAMPLE_BYTES = 16

const mask = new Uint8Array(5)

/** Where a written packet stands in its buffer: header, packet number, payload; the tag goes behind `end`. */
export interface WrittenPacket {
  readonly start: number
  readonly packetNumberAt: number
  readonly packetNumberBytes: number
  readonly end: number
}

/** Encrypts the payload, appends the tag and protects the header; the length field must be set already. */
export const sealPacket = (key: PacketKey, buffer: Uint8Array, packet: WrittenPacket, packetNumber: number): void => {
  const payload = packet.packetNumberAt + packet.packetNumberBytes
  key.seal(buffer, packet.start, payload, packet.end, packetNumber)
  key.mask(buffer, packet.packetNumberAt + SAMPLE_OFFSET, mask)
  maskHeader(buffer, packet.start, packet.packetNumberAt, packet.packetNumberBytes)
}

/** Knows which key a packet's payload is to be tried with, by the key phase it shows; null: as any other. */
export interface KeyChoice {
  keyFor(phase: number, packetNumber: number): PacketKey | null
}

/** Where a protected packet stands, and who chooses its key where there is a choice. */
export interface ProtectedPacket {
  readonly start: number
  readonly packetNumberAt: number
  readonly end: number
  readonly keys?: KeyChoice
}

export type Opened =
  | {
      readonly kind: 'opened'
      readonly key: PacketKey
      readonly packetNumber: number
      readonly payload: number
      readonly end: number
    }
  /** Not genuine, or too short to tell: dropped without a trace (RFC 9001 section 5.5). */
  | { readonly kind: 'rejected' }
  /** Genuine, but its reserved bits are set: a PROTOCOL_VIOLATION (RFC 9000 section 17.2). */
  | { readonly kind: 'reserved-bits' }

/**
 * Opens the packet in `[start, end)` whose protected packet number stands at `packetNumberAt`; `largest` is the largest packet
 * number opened so far in its space, or -1. A rejected packet is left scrambled.
 */
export const openPacket = (key: PacketKey, buffer: Uint8Array, packet: ProtectedPacket, largest: number): Opened => {
  const { start, packetNumberAt, end } = packet
  if (packetNumberAt + SAMPLE_OFFSET + SAMPLE_BYTES > end) return { kind: 'rejected' }
  key.mask(buffer, packetNumberAt + SAMPLE_OFFSET, mask)
  const isLong = (buffer[start]! & 0x80) !== 0
  const size = ((buffer[start]! ^ (mask[0]! & (isLong ? 0x0f : 0x1f))) & 3) + 1
  maskHeader(buffer, start, packetNumberAt, size)
  let short = 0
  for (let i = 0; i < size; i++) short = short * 256 + buffer[packetNumberAt + i]!
  const packetNumber = expandPacketNumber(short, size, largest)
  const payload = packetNumberAt + size
  const opening = packet.keys?.keyFor((buffer[start]! >> 2) & 1, packetNumber) ?? key
  const plaintextEnd = opening.open(buffer, start, payload, end, packetNumber)
  if (plaintextEnd < 0) return { kind: 'rejected' }
  if ((buffer[start]! & (isLong ? 0x0c : 0x18)) !== 0) return { kind: 'reserved-bits' }
  return { kind: 'opened', key: opening, packetNumber, payload, end: plaintextEnd }
}

/** Applies the mask, which also takes it off again. */
const maskHeader = (buffer: Uint8Array, start: number, packetNumberAt: number, packetNumberBytes: number): void => {
  buffer[start]! ^= mask[0]! & ((buffer[start]! & 0x80) === 0 ? 0x1f : 0x0f)
  for (let i = 0; i < packetNumberBytes; i++) buffer[packetNumberAt + i]! ^= mask[1 + i]!
}
