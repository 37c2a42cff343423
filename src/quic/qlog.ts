// A qlog of one connection: JSON text sequences (RFC 7464) of the events of draft-ietf-quic-qlog-quic-events, one trace a file. Written in
// one of two dialects: that of the drafts of today, and that of version 0.3, which the released qvis reads.
import { toHex } from '../core/bytes.ts'
import type { ObservedPacket, ObservedRecovery, Observer } from '../core/quic/observer.ts'
import type { SpaceName } from '../core/quic/recovery.ts'
import type { TransportParameters } from '../core/quic/transport-parameters.ts'
import { wallText } from '../io/clock.ts'
import type { Clock } from '../io/ports.ts'
import type { Closing } from './options.ts'
import { headerOf, packetData, parametersData } from './qlog-frames.ts'

/** Where the text of one qlog goes; a stream of Node's `createWriteStream` is one. */
export interface QlogSink {
  write(text: string): unknown
  end(): unknown
}

/** The connection a qlog is of. */
export interface QlogSubject {
  /** The id both ends know it by, in hexadecimal digits: the destination of the client's very first Initial. */
  readonly id: string
  readonly role: 'client' | 'server'
}

/** Whether, where and how connections are logged. */
export interface QlogOptions {
  /** Called for a connection once something of its peer came, or something of ours leaves; null: it is not logged. */
  readonly open: (connection: QlogSubject) => QlogSink | null
  /** `qvis`: version 0.3 of qlog, with the event names of its time. Default `drafts`: the current ones. */
  readonly dialect?: 'drafts' | 'qvis'
}

/** What qlogs of one endpoint are made with. */
export interface QlogParts extends QlogOptions {
  readonly clock: Clock
}

const RECORD = '\u001E'

/** Names of the drafts, and those that 0.3 had for them. */
const NAMES = {
  started: ['quic:connection_started', 'connectivity:connection_started'],
  closed: ['quic:connection_closed', 'connectivity:connection_closed'],
  parameters: ['quic:parameters_set', 'transport:parameters_set'],
  sent: ['quic:packet_sent', 'transport:packet_sent'],
  received: ['quic:packet_received', 'transport:packet_received'],
  dropped: ['quic:packet_dropped', 'transport:packet_dropped'],
  lost: ['quic:packet_lost', 'recovery:packet_lost'],
  recovery: ['quic:recovery_metrics_updated', 'recovery:metrics_updated'],
} as const

/** The qlogs of one endpoint. */
export class Qlogs {
  readonly #parts: QlogParts
  /** Those that are written. Bounded by the connections there are. */
  readonly #open = new Set<Qlog>()

  constructor(parts: QlogParts) {
    this.#parts = parts
  }

  /** Who looks on at the next connection. */
  observer(role: QlogSubject['role']): Observer {
    return new Qlog(role, this.#parts, this.#open)
  }

  /** Ends every file. */
  close(): void {
    for (const qlog of this.#open) qlog.gone()
  }
}

/** The qlog of one connection. Its file is opened by its first packet, so that what never was a connection leaves none. */
class Qlog implements Observer {
  readonly #role: QlogSubject['role']
  readonly #parts: QlogParts
  readonly #open: Set<Qlog>
  readonly #dialect: 0 | 1
  readonly #beganAt: number
  #id = ''
  #sink: QlogSink | null = null
  #isOpened = false
  /** Events before the first packet: two at the most. */
  readonly #early: (readonly [keyof typeof NAMES, unknown])[] = []

  constructor(role: QlogSubject['role'], parts: QlogParts, open: Set<Qlog>) {
    this.#role = role
    this.#parts = parts
    this.#open = open
    this.#dialect = parts.dialect === 'qvis' ? 1 : 0
    this.#beganAt = parts.clock.now()
  }

  began(originalId: Uint8Array): void {
    this.#id = toHex(originalId)
    this.#early.push(['started', {}])
  }

  parameters(owner: 'local' | 'remote', parameters: TransportParameters): void {
    this.#event('parameters', parametersData(owner, parameters))
  }

  packetSent(packet: ObservedPacket): void {
    this.#begin()
    this.#event('sent', packetData(packet))
  }

  packetReceived(packet: ObservedPacket): void {
    this.#begin()
    this.#event('received', packetData(packet))
  }

  packetDropped(): void {
    if (this.#isOpened) this.#event('dropped', {})
  }

  packetLost(space: SpaceName, number: number): void {
    this.#event('lost', { header: headerOf(space, number) })
  }

  recovery(state: ObservedRecovery): void {
    this.#event('recovery', {
      min_rtt: state.minRtt,
      smoothed_rtt: state.smoothedRtt,
      latest_rtt: state.latestRtt,
      rtt_variance: state.rttVariance,
      pto_count: state.ptoCount,
      congestion_window: Math.round(state.congestionWindow),
      bytes_in_flight: state.bytesInFlight,
    })
  }

  closed(reason: Closing): void {
    if (this.#isOpened) this.#event('closed', closedData(reason))
  }

  gone(): void {
    this.#open.delete(this)
    this.#withSink((sink) => sink.end())
    this.#sink = null
    this.#isOpened = true
  }

  #begin(): void {
    if (this.#isOpened) return
    this.#isOpened = true
    this.#sink = opened(this.#parts, { id: this.#id, role: this.#role })
    if (this.#sink === null) return
    this.#open.add(this)
    this.#record(this.#dialect === 0 ? this.#header() : this.#oldHeader())
    for (const [name, data] of this.#early.splice(0)) this.#event(name, data)
  }

  #event(name: keyof typeof NAMES, data: unknown): void {
    if (!this.#isOpened) return void this.#early.push([name, data])
    if (this.#sink === null) return
    // A thousandth of a millisecond says more than any clock here.
    const time = Math.round((this.#parts.clock.now() - this.#beganAt) * 1000) / 1000
    this.#record({ time, name: NAMES[name][this.#dialect], data })
  }

  #record(record: unknown): void {
    this.#withSink((sink) => sink.write(`${RECORD}${JSON.stringify(record)}\n`))
  }

  /** An application's sink that fails is written to no more: a connection does not end for its log. */
  #withSink(use: (sink: QlogSink) => unknown): void {
    if (this.#sink === null) return
    try {
      use(this.#sink)
    } catch {
      this.#sink = null
    }
  }

  get #wallAtBeginning(): number {
    const { clock } = this.#parts
    return clock.wall() - (clock.now() - this.#beganAt)
  }

  #header(): unknown {
    return {
      file_schema: 'urn:ietf:params:qlog:file:sequential',
      serialization_format: 'application/qlog+json-seq',
      title: `${this.#role} ${this.#id}`,
      trace: {
        vantage_point: { type: this.#role },
        event_schemas: ['urn:ietf:params:qlog:events:quic-13'],
        common_fields: {
          group_id: this.#id,
          time_format: 'relative_to_epoch',
          reference_time: {
            clock_type: 'monotonic',
            epoch: 'unknown',
            wall_clock_time: wallText(this.#wallAtBeginning),
          },
        },
      },
    }
  }

  #oldHeader(): unknown {
    return {
      qlog_version: '0.3',
      qlog_format: 'JSON-SEQ',
      title: `${this.#role} ${this.#id}`,
      trace: {
        vantage_point: { type: this.#role },
        common_fields: {
          ODCID: this.#id,
          group_id: this.#id,
          protocol_type: ['QUIC'],
          time_format: 'relative',
          reference_time: this.#wallAtBeginning,
        },
      },
    }
  }
}

const opened = ({ open }: QlogOptions, subject: QlogSubject): QlogSink | null => {
  try {
    return open(subject)
  } catch {
    return null
  }
}

const closedData = (reason: Closing): unknown => {
  if (reason.kind !== 'application' && reason.kind !== 'transport') {
    return { initiator: 'local', trigger: reason.kind === 'idle' ? 'idle_timeout' : reason.kind.replaceAll('-', '_') }
  }
  const { code } = reason
  return {
    initiator: reason.ours ? 'local' : 'remote',
    ...(reason.kind === 'application'
      ? { application_error: 'unknown', application_code: code }
      : { connection_error: 'unknown', connection_code: code }),
    error_code: code,
    reason: reason.reason,
  }
}
