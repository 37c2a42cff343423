// Events of a connection in the words of qlog (draft-ietf-quic-qlog-quic-events-13), but for those of packets.
import type { Address } from '../core/address.ts'
import { toHex } from '../core/bytes.ts'
import type { ObservedRecovery } from '../core/quic/observer.ts'
import type { TransportParameters } from '../core/quic/transport-parameters.ts'
import type { Closing } from './options.ts'
import { type Json, transportError, UNKNOWN } from './qlog-frames.ts'

/** QUIC version 1. */
const VERSION = '00000001'

/** The data of connection_started. Of our own end nothing is known but that it is there. */
export const startedData = (remote: Address): Json => ({ local: {}, remote: endpointOf(remote) })

/** The data of version_information and alpn_information: what was agreed. */
export const versionData = (): Json => ({ chosen_version: VERSION })
export const alpnData = (alpn: string): Json => ({ chosen_alpn: { string_value: alpn } })

/** The data of parameters_set. Secrets are left out: the reset token, and with it the preferred address. */
export const parametersData = (initiator: 'local' | 'remote', parameters: TransportParameters): Json => ({
  initiator,
  ...idOf('original_destination_connection_id', parameters.originalDestinationId),
  ...idOf('initial_source_connection_id', parameters.initialSourceId),
  ...idOf('retry_source_connection_id', parameters.retrySourceId),
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
  max_datagram_frame_size: parameters.maxDatagramFrameBytes,
})

/** The data of recovery_metrics_updated. What is not known yet is left out: JSON has no word for it. */
export const recoveryData = (state: ObservedRecovery): Json => ({
  ...numberOf('min_rtt', state.minRtt),
  ...numberOf('smoothed_rtt', state.smoothedRtt),
  ...numberOf('latest_rtt', state.latestRtt),
  ...numberOf('rtt_variance', state.rttVariance),
  pto_count: state.ptoCount,
  congestion_window: Math.round(state.congestionWindow),
  bytes_in_flight: state.bytesInFlight,
})

const TRIGGERS = {
  idle: 'idle_timeout',
  version: 'version_mismatch',
  'stateless-reset': 'stateless_reset',
  abandoned: 'aborted',
} as const

/** The data of connection_closed. */
export const closedData = (reason: Closing): Json => {
  if (reason.kind !== 'application' && reason.kind !== 'transport') {
    const initiator = reason.kind === 'stateless-reset' ? 'remote' : 'local'
    return { initiator, trigger: TRIGGERS[reason.kind] }
  }
  const { code } = reason
  const isApplication = reason.kind === 'application'
  const error = isApplication ? UNKNOWN : transportError(code)
  return {
    initiator: reason.ours ? 'local' : 'remote',
    [isApplication ? 'application_error' : 'connection_error']: error,
    ...(error === UNKNOWN ? { error_code: code } : {}),
    reason: reason.reason,
    trigger: isApplication ? 'application' : code === 0 ? 'unspecified' : 'error',
  }
}

const endpointOf = ({ family, ip, port }: Address): Json =>
  family === 4 ? { ip_v4: ip, port_v4: port } : { ip_v6: ip, port_v6: port }

const idOf = (name: string, id: Uint8Array | null): Json => (id === null ? {} : { [name]: toHex(id) })

const numberOf = (name: string, value: number): Json => (Number.isFinite(value) ? { [name]: value } : {})
