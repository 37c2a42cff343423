// Frames and packets in the words of qlog (draft-ietf-quic-qlog-quic-events-13 sections 8.6 and 8.13): what they say, never what they carry. The
// tokens that end connections are left out: whoever may read a log must not be able to do that.
import { toHex } from '../core/bytes.ts'
import type { Frame } from '../core/quic/frames.ts'
import type { ObservedPacket } from '../core/quic/observer.ts'
import type { SpaceName } from '../core/quic/recovery.ts'
import {
  AEAD_LIMIT_REACHED,
  APPLICATION_ERROR,
  CONNECTION_ID_LIMIT_ERROR,
  CONNECTION_REFUSED,
  CRYPTO_BUFFER_EXCEEDED,
  CRYPTO_ERROR,
  FINAL_SIZE_ERROR,
  FLOW_CONTROL_ERROR,
  FRAME_ENCODING_ERROR,
  INTERNAL_ERROR,
  INVALID_TOKEN,
  KEY_UPDATE_ERROR,
  NO_ERROR,
  PROTOCOL_VIOLATION,
  STREAM_LIMIT_ERROR,
  STREAM_STATE_ERROR,
  TRANSPORT_PARAMETER_ERROR,
} from '../core/quic/transport-error.ts'

/** What becomes JSON. */
export type Json = Readonly<Record<string, unknown>>

const PACKET_TYPES: Readonly<Record<SpaceName, string>> = {
  initial: 'initial',
  handshake: 'handshake',
  application: '1RTT',
}

/** Types of frames that the drafts do not know. */
const UNKNOWN_TYPES = { 'ack-frequency': 0xaf, 'immediate-ack': 0x1f } as const

const TRANSPORT_ERRORS = new Map([
  [NO_ERROR, 'no_error'],
  [INTERNAL_ERROR, 'internal_error'],
  [CONNECTION_REFUSED, 'connection_refused'],
  [FLOW_CONTROL_ERROR, 'flow_control_error'],
  [STREAM_LIMIT_ERROR, 'stream_limit_error'],
  [STREAM_STATE_ERROR, 'stream_state_error'],
  [FINAL_SIZE_ERROR, 'final_size_error'],
  [FRAME_ENCODING_ERROR, 'frame_encoding_error'],
  [TRANSPORT_PARAMETER_ERROR, 'transport_parameter_error'],
  [CONNECTION_ID_LIMIT_ERROR, 'connection_id_limit_error'],
  [PROTOCOL_VIOLATION, 'protocol_violation'],
  [INVALID_TOKEN, 'invalid_token'],
  [APPLICATION_ERROR, 'application_error'],
  [CRYPTO_BUFFER_EXCEEDED, 'crypto_buffer_exceeded'],
  [KEY_UPDATE_ERROR, 'key_update_error'],
  [AEAD_LIMIT_REACHED, 'aead_limit_reached'],
])

/** The word for a transport error (RFC 9000 section 20.1), or for the TLS alert it stands for. */
export const transportError = (code: number): string => {
  if (code >= CRYPTO_ERROR && code < 2 * CRYPTO_ERROR) return `crypto_error_0x${code.toString(16)}`
  return TRANSPORT_ERRORS.get(code) ?? UNKNOWN
}

/** What has no word: the number stands beside it. */
export const UNKNOWN = 'unknown'

/** The header of a packet. */
export const headerOf = (space: SpaceName, number: number): Json => ({
  packet_type: PACKET_TYPES[space],
  packet_number: number,
})

/** The data of packet_sent and packet_received; the exponent is that of whoever sent it. */
export const packetData = (packet: ObservedPacket, ackDelayExponent: number): Json => ({
  header: headerOf(packet.space, packet.number),
  raw: { length: packet.bytes, payload_length: packet.payloadBytes },
  frames: packet.frames.map((frame) => frameData(frame, ackDelayExponent)),
})

/** One frame. A kind that has nothing more to say is its name alone. */
export const frameData = (frame: Frame, ackDelayExponent: number): Json => {
  const frame_type = frame.type.replaceAll('-', '_')
  switch (frame.type) {
    case 'padding':
      return { frame_type, raw: { payload_length: frame.length } }
    case 'ack':
      return {
        frame_type,
        ack_delay: (frame.delay * 2 ** ackDelayExponent) / 1000,
        acked_ranges: frame.ranges.map(({ from, to }) => (from === to ? [from] : [from, to])),
        ...frame.ecn,
      }
    case 'reset-stream':
      return { frame_type, stream_id: frame.stream, ...applicationError(frame.code), final_size: frame.finalSize }
    case 'stop-sending':
      return { frame_type, stream_id: frame.stream, ...applicationError(frame.code) }
    case 'crypto':
      return { frame_type, offset: frame.offset, ...rawOf(frame.data) }
    case 'new-token':
      return { frame_type, token: { type: 'resumption', raw: { length: frame.token.length } } }
    case 'stream': {
      const { stream: stream_id, offset, fin, data } = frame
      return { frame_type, stream_id, offset, fin, ...rawOf(data) }
    }
    case 'max-data':
      return { frame_type, maximum: frame.limit }
    case 'max-stream-data':
      return { frame_type, stream_id: frame.stream, maximum: frame.limit }
    case 'max-streams':
      return { frame_type, stream_type: streamType(frame.bidirectional), maximum: frame.limit }
    case 'data-blocked':
      return { frame_type, limit: frame.limit }
    case 'stream-data-blocked':
      return { frame_type, stream_id: frame.stream, limit: frame.limit }
    case 'streams-blocked':
      return { frame_type, stream_type: streamType(frame.bidirectional), limit: frame.limit }
    case 'new-connection-id':
      return {
        frame_type,
        sequence_number: frame.sequence,
        retire_prior_to: frame.retirePriorTo,
        connection_id_length: frame.id.length,
        connection_id: toHex(frame.id),
      }
    case 'retire-connection-id':
      return { frame_type, sequence_number: frame.sequence }
    case 'path-challenge':
    case 'path-response':
      return { frame_type, data: toHex(frame.data) }
    case 'datagram':
      return { frame_type, ...rawOf(frame.data) }
    case 'connection-close':
      return { frame_type, ...closeData(frame) }
    case 'ack-frequency':
    case 'immediate-ack':
      return { frame_type: UNKNOWN, frame_type_bytes: UNKNOWN_TYPES[frame.type] }
    case 'ping':
    case 'handshake-done':
      return { frame_type }
  }
}

const closeData = ({ code, frameType, reason }: Frame & { type: 'connection-close' }): Json => {
  const isApplication = frameType === null
  const error = isApplication ? UNKNOWN : transportError(code)
  return {
    error_space: isApplication ? 'application' : 'transport',
    error,
    ...(error === UNKNOWN ? { error_code: code } : {}),
    reason: new TextDecoder().decode(reason),
    ...(isApplication ? {} : { trigger_frame_type: frameType }),
  }
}

const applicationError = (code: number): Json => ({ error: UNKNOWN, error_code: code })

const streamType = (bidirectional: boolean): string => (bidirectional ? 'bidirectional' : 'unidirectional')

/** How much of it there is. */
const rawOf = (data: Uint8Array): Json => ({ raw: { payload_length: data.length } })
