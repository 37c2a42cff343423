// The answer to an Initial that gets no slot: one Initial packet with CONNECTION_CLOSE, built from the datagram's header alone. Nothing is
// remembered; the dialler gives up at once instead of waiting. Anyone could forge it, so it is only a hint.
import { ascii, Writer } from '../bytes.ts'
import type { Crypto } from '../ports.ts'
import { writeFrame } from '../quic/frames.ts'
import { initialKeys } from '../quic/keys.ts'
import { type LongHeader, setLength, TAG_BYTES, writeLongHeader } from '../quic/packet.ts'
import { sealPacket } from '../quic/protection.ts'
import { CONNECTION_REFUSED, INVALID_TOKEN } from '../quic/transport-error.ts'

const NOTHING = new Uint8Array(0)
const PACKET_NUMBER_BYTES = 1

/** What is refused, and the reason that is said: ASCII, at most 64 characters. */
export interface Refused {
  readonly header: LongHeader
  readonly reason: string
}

/** Writes CONNECTION_REFUSED in answer to `header` into `into` (at least 144 bytes) and returns its length. */
export const refusal = (refused: Refused, into: Uint8Array, crypto: Crypto): number =>
  close(CONNECTION_REFUSED, refused, into, crypto)

/**
 * The same with INVALID_TOKEN, for a Retry token that is not valid: its holder takes no second Retry and would wait in vain (RFC 9000
 * section 8.1.2).
 */
export const invalidToken = (header: LongHeader, into: Uint8Array, crypto: Crypto): number =>
  close(INVALID_TOKEN, { header, reason: '' }, into, crypto)

const close = (code: number, { header, reason }: Refused, into: Uint8Array, crypto: Crypto): number => {
  const writer = new Writer(into)
  // As a server may (RFC 9000 section 7.2), it answers under the id it was addressed by: the dialler has seen no other.
  const lengthAt = writeLongHeader(writer, {
    type: 'initial',
    destinationId: header.sourceId,
    sourceId: header.destinationId,
    token: NOTHING,
    packetNumber: 0,
    packetNumberBytes: PACKET_NUMBER_BYTES,
  })
  const packetNumberAt = writer.at - PACKET_NUMBER_BYTES
  writeFrame(writer, { type: 'connection-close', code, frameType: 0, reason: ascii(reason) })
  const end = writer.at
  setLength(into, lengthAt, end + TAG_BYTES - packetNumberAt)
  const keys = initialKeys(crypto, header.destinationId, 'server')
  sealPacket(keys.write, into, { start: 0, packetNumberAt, packetNumberBytes: PACKET_NUMBER_BYTES, end }, 0)
  keys.read.release()
  keys.write.release()
  return end + TAG_BYTES
}
