// What the drafts' CDDL says of a qlog file (draft-ietf-quic-qlog-main-schema-14, draft-ietf-quic-qlog-quic-events-13), as far as our events go: which
// fields an object has to have, which it may, of what type, and no others.
import assert from 'node:assert/strict'

/** Says what is wrong with a value at a place; throws. */
type Check = (value: unknown, at: string) => void

const uint: Check = (value, at) =>
  assert.ok(Number.isSafeInteger(value) && (value as number) >= 0, `${at} is no uint: ${String(value)}`)
const float: Check = (value, at) =>
  assert.ok(typeof value === 'number' && Number.isFinite(value), `${at} is no float: ${String(value)}`)
const text: Check = (value, at) => assert.ok(typeof value === 'string', `${at} is no text`)
const bool: Check = (value, at) => assert.ok(typeof value === 'boolean', `${at} is no bool`)
const hex: Check = (value, at) => assert.match(String(value), /^([0-9a-f]{2})*$/, at)
const hexOf =
  (bytes: number): Check =>
  (value, at) =>
    assert.match(String(value), new RegExp(`^([0-9a-f]{2}){${bytes}}$`), at)
const date: Check = (value, at) => assert.match(String(value), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, at)

const oneOf =
  (...words: readonly string[]): Check =>
  (value, at) =>
    assert.ok(words.includes(String(value)), `${at} is ${String(value)}`)

const listOf =
  (each: Check, { min = 0, max = Infinity } = {}): Check =>
  (value, at) => {
    assert.ok(Array.isArray(value) && value.length >= min && value.length <= max, `${at} is no list`)
    for (const [i, item] of value.entries()) each(item, `${at}[${i}]`)
  }

type Fields = Readonly<Record<string, Check>>

const object =
  (required: Fields, optional: Fields = {}): Check =>
  (value, at) => {
    assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `${at} is no object`)
    for (const name of Object.keys(required)) assert.ok(name in value, `${at} has no ${name}`)
    for (const [name, field] of Object.entries(value)) {
      const check = required[name] ?? optional[name]
      assert.ok(check !== undefined, `${at} has a field that is none: ${name}`)
      check(field, `${at}.${name}`)
    }
  }

// ── of the main schema ──

const raw = object({}, { length: uint, payload_length: uint, data: hex })

const vantagePoint = object(
  { type: oneOf('client', 'server', 'network', 'unknown') },
  { name: text, flow: oneOf('client', 'server', 'unknown') },
)

const referenceTime = object(
  { clock_type: text, epoch: (value, at) => (value === 'unknown' ? undefined : date(value, at)) },
  { wall_clock_time: date },
)

const trace = object(
  { event_schemas: listOf(text, { min: 1 }) },
  {
    title: text,
    description: text,
    vantage_point: vantagePoint,
    common_fields: object(
      {},
      {
        tuple: text,
        time_format: oneOf('relative_to_epoch', 'relative_to_previous_event'),
        reference_time: referenceTime,
        group_id: text,
      },
    ),
  },
)

/** QlogFileSeq. */
const fileHeader = object(
  {
    file_schema: oneOf('urn:ietf:params:qlog:file:sequential'),
    serialization_format: oneOf('application/qlog+json-seq'),
    trace,
  },
  { title: text, description: text },
)

// ── of the QUIC events ──

const initiator = oneOf('local', 'remote')
const endpoint = object(
  {},
  { ip_v4: text, port_v4: uint, ip_v6: text, port_v6: uint, connection_ids: listOf(hex, { min: 1 }) },
)
const streamType = oneOf('unidirectional', 'bidirectional')
const token = object({}, { type: oneOf('retry', 'resumption'), raw })

const ERRORS = [
  'no_error', 'internal_error', 'connection_refused', 'flow_control_error', 'stream_limit_error', 'stream_state_error', 'final_size_error',
  'frame_encoding_error', 'transport_parameter_error', 'connection_id_limit_error', 'protocol_violation', 'invalid_token', 'application_error',
  'crypto_buffer_exceeded', 'key_update_error', 'aead_limit_reached', 'no_viable_path', 'unknown',
] // prettier-ignore
const connectionError: Check = (value, at) =>
  assert.ok(
    ERRORS.includes(String(value)) || /^crypto_error_0x1[0-9a-f]{2}$/.test(String(value)),
    `${at} is ${String(value)}`,
  )
const applicationError = oneOf('unknown')

const header = object(
  {
    packet_type: oneOf(
      'initial',
      'handshake',
      '0RTT',
      '1RTT',
      'retry',
      'version_negotiation',
      'stateless_reset',
      'unknown',
    ),
  },
  {
    packet_type_bytes: uint,
    spin_bit: bool,
    key_phase: uint,
    key_phase_bit: bool,
    packet_number_length: uint,
    packet_number: uint,
    token,
    length: uint,
    version: hex,
    scil: uint,
    dcil: uint,
    scid: hex,
    dcid: hex,
  },
)

/** The fields of each type of frame besides `frame_type` and `raw`, which all may have. */
const FRAMES: Readonly<Record<string, readonly [required: Fields, optional?: Fields]>> = {
  padding: [{}],
  ping: [{}],
  ack: [
    {},
    {
      ack_delay: float,
      acked_ranges: listOf(listOf(uint, { min: 1, max: 2 }), { min: 1 }),
      ect0: uint,
      ect1: uint,
      ce: uint,
    },
  ],
  reset_stream: [{ stream_id: uint, error: applicationError, final_size: uint }, { error_code: uint }],
  stop_sending: [{ stream_id: uint, error: applicationError }, { error_code: uint }],
  crypto: [{ offset: uint, raw }],
  new_token: [{ token }],
  stream: [{ stream_id: uint }, { offset: uint, fin: bool }],
  max_data: [{ maximum: uint }],
  max_stream_data: [{ stream_id: uint, maximum: uint }],
  max_streams: [{ stream_type: streamType, maximum: uint }],
  data_blocked: [{ limit: uint }],
  stream_data_blocked: [{ stream_id: uint, limit: uint }],
  streams_blocked: [{ stream_type: streamType, limit: uint }],
  new_connection_id: [
    { sequence_number: uint, retire_prior_to: uint, connection_id: hex },
    { connection_id_length: uint, stateless_reset_token: hexOf(16) },
  ],
  retire_connection_id: [{ sequence_number: uint }],
  path_challenge: [{}, { data: hexOf(8) }],
  path_response: [{}, { data: hexOf(8) }],
  connection_close: [
    {},
    {
      error_space: oneOf('transport', 'application'),
      error: connectionError,
      error_code: uint,
      reason: text,
      reason_bytes: hex,
      trigger_frame_type: (value, at) => (typeof value === 'string' ? undefined : uint(value, at)),
    },
  ],
  handshake_done: [{}],
  unknown: [{ frame_type_bytes: uint }],
  datagram: [{}],
}

/** One frame. */
export const frame: Check = (value, at) => {
  const { frame_type: type } = value as { frame_type?: unknown }
  const [required, optional = {}] = FRAMES[String(type)] ?? []
  assert.ok(required !== undefined, `${at} is a frame of type ${String(type)}`)
  object({ frame_type: text, ...required }, { raw, ...optional })(value, at)
}

const packet = {
  frames: listOf(frame),
  stateless_reset_token: hexOf(16),
  supported_versions: listOf(hex, { min: 1 }),
  raw,
  datagram_payload_checksum: uint,
}

const EVENTS: Readonly<Record<string, Check>> = {
  'quic:connection_started': object({ local: endpoint, remote: endpoint }),
  'quic:connection_closed': object(
    {},
    {
      initiator,
      connection_error: connectionError,
      application_error: applicationError,
      error_code: uint,
      internal_code: uint,
      reason: text,
      trigger: oneOf(
        'idle_timeout',
        'application',
        'error',
        'version_mismatch',
        'stateless_reset',
        'aborted',
        'unspecified',
      ),
    },
  ),
  'quic:version_information': object(
    {},
    { server_versions: listOf(hex, { min: 1 }), client_versions: listOf(hex, { min: 1 }), chosen_version: hex },
  ),
  'quic:alpn_information': object({}, { chosen_alpn: object({}, { byte_value: hex, string_value: text }) }),
  'quic:parameters_set': object(
    {},
    {
      initiator,
      resumption_allowed: bool,
      early_data_enabled: bool,
      tls_cipher: text,
      original_destination_connection_id: hex,
      initial_source_connection_id: hex,
      retry_source_connection_id: hex,
      stateless_reset_token: hexOf(16),
      disable_active_migration: bool,
      max_idle_timeout: uint,
      max_udp_payload_size: uint,
      ack_delay_exponent: uint,
      max_ack_delay: uint,
      active_connection_id_limit: uint,
      initial_max_data: uint,
      initial_max_stream_data_bidi_local: uint,
      initial_max_stream_data_bidi_remote: uint,
      initial_max_stream_data_uni: uint,
      initial_max_streams_bidi: uint,
      initial_max_streams_uni: uint,
      max_datagram_frame_size: uint,
      grease_quic_bit: bool,
    },
  ),
  'quic:packet_sent': object({ header }, { ...packet, is_mtu_probe_packet: bool }),
  'quic:packet_received': object({ header }, packet),
  'quic:packet_dropped': object({}, { header, raw, datagram_payload_checksum: uint }),
  'quic:packet_lost': object({}, { header, frames: listOf(frame), is_mtu_probe_packet: bool }),
  'quic:recovery_metrics_updated': object(
    {},
    {
      min_rtt: float,
      smoothed_rtt: float,
      latest_rtt: float,
      rtt_variance: float,
      pto_count: uint,
      congestion_window: uint,
      bytes_in_flight: uint,
      ssthresh: uint,
      packets_in_flight: uint,
      pacing_rate: uint,
    },
  ),
}

/** Fails where a file's text is no qlog of the drafts: RFC 7464 framing, header, events with the fields they have. */
export const assertQlog = (file: string): void => {
  const [nothing, first = '', ...rest] = file.split('\u001E')
  assert.equal(nothing, '', 'a record begins with RS')
  assert.ok(file.indexOf('serialization_format') < 256 && file.indexOf('file_schema') < 256)
  assert.ok(
    [first, ...rest].every((record) => record.endsWith('\n')),
    'a record ends with LF',
  )
  fileHeader(JSON.parse(first), 'the header')
  for (const [i, record] of rest.entries()) {
    const event = JSON.parse(record) as { name?: unknown; data?: unknown }
    const at = `event ${i}, ${String(event.name)}`
    object({ time: float, name: text, data: () => {} }, { tuple: text, group_id: text })(event, at)
    const check = EVENTS[String(event.name)]
    assert.ok(check !== undefined, `${at}: no such event`)
    check(event.data, at)
  }
}
