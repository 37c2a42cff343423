// Version 0.3 of qlog, which the released qvis reads: the same events by the names of its time, and with what qvis looks for in them besides
// (its loader and its renderers): how long frames are, whose parameters, numbers of errors.
import type { Json } from './qlog-frames.ts'

/** The name of an event in 0.3, by its name in the drafts. */
const NAMES: Readonly<Record<string, string>> = {
  'quic:connection_started': 'connectivity:connection_started',
  'quic:connection_closed': 'connectivity:connection_closed',
  'quic:version_information': 'transport:version_information',
  'quic:alpn_information': 'transport:alpn_information',
  'quic:parameters_set': 'transport:parameters_set',
  'quic:packet_sent': 'transport:packet_sent',
  'quic:packet_received': 'transport:packet_received',
  'quic:packet_dropped': 'transport:packet_dropped',
  'quic:packet_lost': 'recovery:packet_lost',
  'quic:recovery_metrics_updated': 'recovery:metrics_updated',
}

/** One event as 0.3 has it. */
export const oldEvent = (name: string, data: Json): { readonly name: string; readonly data: Json } => ({
  name: NAMES[name] ?? name,
  data: oldData(name, data),
})

const oldData = (name: string, data: Json): Json => {
  const { frames, initiator } = data
  if (Array.isArray(frames)) return { ...data, frames: frames.map((frame: Json) => oldFrame(frame)) }
  if (name === 'quic:parameters_set') return { owner: initiator, ...data }
  if (name === 'quic:connection_started') return { ...oldPlace(data['remote']), ...data }
  if (name === 'quic:alpn_information') return { chosen_alpn: stringOf(data['chosen_alpn']) }
  if (name !== 'quic:connection_closed') return data
  const code = data['error_code']
  if (code === undefined) return { owner: initiator, ...data }
  return { owner: initiator, ['application_error' in data ? 'application_code' : 'connection_code']: code, ...data }
}

const oldFrame = (frame: Json): Json => {
  const { raw, error_code: code, frame_type_bytes: type } = frame
  const length = isRecord(raw) ? raw['payload_length'] : undefined
  return {
    ...frame,
    ...(length === undefined ? {} : { length }),
    ...(code === undefined ? {} : { raw_error_code: code }),
    ...(type === undefined ? {} : { raw_frame_type: type }),
  }
}

const oldPlace = (remote: unknown): Json => {
  if (!isRecord(remote)) return {}
  return { dst_ip: remote['ip_v4'] ?? remote['ip_v6'], dst_port: remote['port_v4'] ?? remote['port_v6'] }
}

const stringOf = (alpn: unknown): unknown => (isRecord(alpn) ? alpn['string_value'] : alpn)

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null
