// QUIC transport parameters (RFC 9000 section 18): strict decoding, every parameter of the RFC and of those that extend it here, defaults
// where one is absent.
import { Reader, varintSize } from '../bytes.ts'
import { encode } from '../tls/vectors.ts'
import { STREAMS_MAX } from './frames.ts'
import { CONNECTION_ID_BYTES_MAX } from './packet.ts'
import { type PreferredAddress, readPreferred, writePreferred } from './preferred-address.ts'

/** All parameters; null where an absent one has no default. Times in ms, limits in bytes or counts. */
export interface TransportParameters {
  readonly originalDestinationId: Uint8Array | null
  readonly maxIdleTimeoutMs: number
  readonly statelessResetToken: Uint8Array | null
  readonly maxUdpPayloadBytes: number
  readonly initialMaxData: number
  readonly initialMaxStreamDataBidiLocal: number
  readonly initialMaxStreamDataBidiRemote: number
  readonly initialMaxStreamDataUni: number
  readonly initialMaxStreamsBidi: number
  readonly initialMaxStreamsUni: number
  readonly ackDelayExponent: number
  readonly maxAckDelayMs: number
  readonly disableActiveMigration: boolean
  readonly preferredAddress: PreferredAddress | null
  readonly activeConnectionIdLimit: number
  readonly initialSourceId: Uint8Array | null
  readonly retrySourceId: Uint8Array | null
  /** How soon it can acknowledge, in µs; null: it does not take ACK_FREQUENCY (draft-ietf-quic-ack-frequency). */
  readonly minAckDelayUs: number | null
  /** The largest DATAGRAM frame that it takes; 0: none (RFC 9221). */
  readonly maxDatagramFrameBytes: number
}

/** What an absent parameter means. */
export const PARAMETER_DEFAULTS: TransportParameters = Object.freeze({
  originalDestinationId: null,
  maxIdleTimeoutMs: 0,
  statelessResetToken: null,
  maxUdpPayloadBytes: 65_527,
  initialMaxData: 0,
  initialMaxStreamDataBidiLocal: 0,
  initialMaxStreamDataBidiRemote: 0,
  initialMaxStreamDataUni: 0,
  initialMaxStreamsBidi: 0,
  initialMaxStreamsUni: 0,
  ackDelayExponent: 3,
  maxAckDelayMs: 25,
  disableActiveMigration: false,
  preferredAddress: null,
  activeConnectionIdLimit: 2,
  initialSourceId: null,
  retrySourceId: null,
  minAckDelayUs: null,
  maxDatagramFrameBytes: 0,
})

type Parameter =
  | { readonly kind: 'number'; readonly min: number; readonly max: number }
  | { readonly kind: 'bytes'; readonly min: number; readonly max: number }
  | { readonly kind: 'flag' }
  | { readonly kind: 'preferred-address' }

type Value = number | boolean | Uint8Array | PreferredAddress

interface Entry {
  readonly id: number
  readonly name: keyof TransportParameters
  readonly is: Parameter
  /** A client that sends one of these breaks the protocol (section 18.2). */
  readonly serverOnly: boolean
}

const number = (min: number, max: number): Parameter => ({ kind: 'number', min, max })
const bytes = (min: number, max: number): Parameter => ({ kind: 'bytes', min, max })

const ENTRIES: readonly Entry[] = [
  { id: 0x00, name: 'originalDestinationId', is: bytes(0, CONNECTION_ID_BYTES_MAX), serverOnly: true },
  { id: 0x01, name: 'maxIdleTimeoutMs', is: number(0, Infinity), serverOnly: false },
  { id: 0x02, name: 'statelessResetToken', is: bytes(16, 16), serverOnly: true },
  { id: 0x03, name: 'maxUdpPayloadBytes', is: number(1200, Infinity), serverOnly: false },
  { id: 0x04, name: 'initialMaxData', is: number(0, Infinity), serverOnly: false },
  { id: 0x05, name: 'initialMaxStreamDataBidiLocal', is: number(0, Infinity), serverOnly: false },
  { id: 0x06, name: 'initialMaxStreamDataBidiRemote', is: number(0, Infinity), serverOnly: false },
  { id: 0x07, name: 'initialMaxStreamDataUni', is: number(0, Infinity), serverOnly: false },
  { id: 0x08, name: 'initialMaxStreamsBidi', is: number(0, STREAMS_MAX), serverOnly: false },
  { id: 0x09, name: 'initialMaxStreamsUni', is: number(0, STREAMS_MAX), serverOnly: false },
  { id: 0x0a, name: 'ackDelayExponent', is: number(0, 20), serverOnly: false },
  { id: 0x0b, name: 'maxAckDelayMs', is: number(0, 2 ** 14 - 1), serverOnly: false },
  { id: 0x0c, name: 'disableActiveMigration', is: { kind: 'flag' }, serverOnly: false },
  { id: 0x0d, name: 'preferredAddress', is: { kind: 'preferred-address' }, serverOnly: true },
  { id: 0x0e, name: 'activeConnectionIdLimit', is: number(2, Infinity), serverOnly: false },
  { id: 0x0f, name: 'initialSourceId', is: bytes(0, CONNECTION_ID_BYTES_MAX), serverOnly: false },
  { id: 0x10, name: 'retrySourceId', is: bytes(0, CONNECTION_ID_BYTES_MAX), serverOnly: true },
  { id: 0x20, name: 'maxDatagramFrameBytes', is: number(0, Infinity), serverOnly: false },
  { id: 0xff04_de1b, name: 'minAckDelayUs', is: number(0, Infinity), serverOnly: false },
]

const BY_ID = new Map(ENTRIES.map((entry) => [entry.id, entry]))

/** More parameters than this in one extension are a waste of our time. */
const PARAMETERS_MAX = 64

/** Encodes what differs from the defaults. */
export const encodeParameters = (parameters: TransportParameters): Uint8Array =>
  encode((writer) => {
    for (const { id, name } of ENTRIES) {
      const value = parameters[name]
      if (value === null || value === PARAMETER_DEFAULTS[name]) continue
      writer.varint(id)
      if (typeof value === 'number') {
        writer.varint(varintSize(value))
        writer.varint(value)
      } else if (typeof value === 'boolean') {
        writer.varint(0)
      } else {
        const bytes = value instanceof Uint8Array ? value : writePreferred(value)
        writer.varint(bytes.length)
        writer.put(bytes)
      }
    }
  })

/** The parameters `sender` sent, or null for a TRANSPORT_PARAMETER_ERROR: malformed, doubled, out of range, or not its to send. */
export const decodeParameters = (encoded: Uint8Array, sender: 'client' | 'server'): TransportParameters | null => {
  const reader = new Reader(encoded)
  const values: Partial<Record<keyof TransportParameters, Value>> = {}
  const seen = new Set<number>()
  while (reader.remaining > 0) {
    const id = reader.varint()
    const value = reader.take(reader.varint())
    if (reader.failed || seen.has(id) || seen.size >= PARAMETERS_MAX) return null
    seen.add(id)
    const entry = BY_ID.get(id)
    if (entry === undefined) continue
    const decoded = entry.serverOnly && sender === 'client' ? null : decodeValue(entry.is, value)
    if (decoded === null) return null
    values[entry.name] = decoded
  }
  // Each name was decoded by the entry of its own kind.
  const decoded = { ...PARAMETER_DEFAULTS, ...values } as TransportParameters
  return (decoded.minAckDelayUs ?? 0) > 1000 * decoded.maxAckDelayMs ? null : decoded
}

const decodeValue = (is: Parameter, value: Uint8Array): Value | null => {
  switch (is.kind) {
    case 'preferred-address':
      return readPreferred(value)
    case 'flag':
      return value.length === 0 ? true : null
    case 'bytes':
      return value.length >= is.min && value.length <= is.max ? value.slice() : null
    case 'number': {
      const reader = new Reader(value)
      const decoded = reader.varint()
      const fits = !reader.failed && reader.remaining === 0 && decoded >= is.min && reader.uncut <= is.max
      return fits ? decoded : null
    }
  }
}
