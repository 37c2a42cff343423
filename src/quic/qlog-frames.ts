// Frames and packets in the words of qlog (draft-ietf-quic-qlog-quic-events): what they say, never what they carry.
import { toHex } from '../core/bytes.ts'
import type { Frame } from '../core/quic/frames.ts'
import type { ObservedPacket } from '../core/quic/observer.ts'
import type { SpaceName } from '../core/quic/recovery.ts'
import type { TransportParameters } from '../core/quic/transport-parameters.ts'

type Json = Readonly<Record<string, unknown>>

/** Header and tag of a packet, as far as they are not its payload. */
const TAG_BYTES = 16

const PACKET_TYPES: Readonly<Record<SpaceName, string>> = {
  initial: 'initial',
  handshake: 'handshake',
  application: '1RTT',
}

/** The header of a packet. */
export const headerOf = (space: SpaceName, number: number): Json => ({
  packet_type: PACKET_TYPES[space],
  packet_number: number,
})

/** The data of packet_sent and packet_received. */
export const packetData = ({ space, number, bytes, frames }: ObservedPacket): Json => ({
  header: headerOf(space, number),
  raw: { length: bytes, payload_length: Math.max(0, bytes - TAG_BYTES) },
  frames: frames.map(frameData),
})

/** One frame. A kind that has nothing more to say is its name alone. */
export const frameData = (frame: Frame): Json => {
  const frame_type = frame.type.replaceAll('-', '_')
  switch (frame.type) {
    case 'padding':
      return { frame_type, ...lengthOf(frame.length) }
    case 'ack':
      return {
        frame_type,
        ack_delay: frame.delay,
        acked_ranges: frame.ranges.map(({ from, to }) => (from === to ? [from] : [from, to])),
      }
    case 'reset-stream':
      return { frame_type, stream_id: frame.stream, error_code: frame.code, final_size: frame.finalSize }
    case 'stop-sending':
      return { frame_type, stream_id: frame.stream, error_code: frame.code }
    case 'crypto':
      return { frame_type, offset: frame.offset, ...lengthOf(frame.data.length) }
    case 'stream':
      return {
        frame_type,
        stream_id: frame.stream,
        offset: frame.offset,
        fin: frame.fin,
        ...lengthOf(frame.data.length),
      }
    case 'max-data':
    case 'data-blocked':
      return { frame_type, maximum: frame.limit, limit: frame.limit }
    case 'max-stream-data':
    case 'stream-data-blocked':
      return { frame_type, stream_id: frame.stream, maximum: frame.limit, limit: frame.limit }
    case 'max-streams':
    case 'streams-blocked':
      return {
        frame_type,
        stream_type: frame.bidirectional ? 'bidirectional' : 'unidirectional',
        maximum: frame.limit,
        limit: frame.limit,
      }
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
    case 'datagram':
      return { frame_type, ...lengthOf(frame.data.length) }
    case 'connection-close':
      return {
        frame_type,
        error_space: frame.frameType === null ? 'application' : 'transport',
        error_code: frame.code,
        raw_error_code: frame.code,
      }
    default:
      return { frame_type }
  }
}

/** The data of parameters_set; limits that were not given are 0. */
export const parametersData = (owner: 'local' | 'remote', parameters: TransportParameters): Json => ({
  owner,
  initiator: owner,
  max_idle_timeout: parameters.maxIdleTimeoutMs,
  max_udp_payload_size: parameters.maxUdpPayloadBytes,
  ack_delay_exponent: parameters.ackDelayExponent,
  max_ack_delay: parameters.maxAckDelayMs,
  active_connection_id_limit: parameters.activeConnectionIdLimit,
  disable_active_migration: parameters.disableActiveMigration,
  initial_max_data: parameters.initialMaxData,
  initial_max_stream_data_bidi_local: parameters.initialMaxStreamDataBidiLocal,
  initial_max_stream_data_bidi_remote: parameters.initialMaxStreamDataBidiRemote,
  initial_max_stream_data_uni: parameters.initialMaxStreamDataUni,
  initial_max_streams_bidi: parameters.initialMaxStreamsBidi,
  initial_max_streams_uni: parameters.initialMaxStreamsUni,
})

/** Older readers look for `length`, the drafts say `raw`. */
const lengthOf = (length: number): Json => ({ length, raw: { length, payload_length: length } })
