// A qlog of one connection: JSON text sequences (RFC 7464) of the events of draft-ietf-quic-qlog-quic-events, one trace a file. Written in
// one of two dialects: that of the drafts of today, and that of version 0.3, which the released qvis reads.
import type { Address } from '../core/address.ts'
import { toHex } from '../core/bytes.ts'
import type { ObservedPacket, ObservedRecovery, Observer } from '../core/quic/observer.ts'
import type { SpaceName } from '../core/quic/recovery.ts'
import type { TransportParameters } from '../core/quic/transport-parameters.ts'
import { wallText } from '../io/clock.ts'
import type { Clock } from '../io/ports.ts'
import type { Closing } from './options.ts'
import { alpnData, closedData, parametersData, recoveryData, startedData, versionData } from './qlog-events.ts'
import { headerOf, type Json, packetData } from './qlog-frames.ts'
import { oldEvent } from './qlog-old.ts'

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

/** The namespace of the drafts' events. */
const NAMESPACE = 'quic:'

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
  readonly #isOld: boolean
  readonly #beganAt: number
  #id = ''
  #sink: QlogSink | null = null
  #isOpened = false
  /** Events before the first packet: two at the most. */
  readonly #early: (readonly [string, Json])[] = []
  /** ack_delay_exponent of ours, and of the peer: its default before it is known (RFC 9000 section 18.2). */
  readonly #exponents = { local: 3, remote: 3 }

  constructor(role: QlogSubject['role'], parts: QlogParts, open: Set<Qlog>) {
    this.#role = role
    this.#parts = parts
    this.#open = open
    this.#isOld = parts.dialect === 'qvis'
    this.#beganAt = parts.clock.now()
  }

  began(originalId: Uint8Array, remote: Address): void {
    this.#id = toHex(originalId)
    this.#early.push(['connection_started', startedData(remote)])
  }

  parameters(owner: 'local' | 'remote', parameters: TransportParameters): void {
    this.#exponents[owner] = parameters.ackDelayExponent
    this.#event('parameters_set', parametersData(owner, parameters))
  }

  packetSent(packet: ObservedPacket): void {
    this.#begin()
    this.#event('packet_sent', packetData(packet, this.#exponents.local))
  }

  packetReceived(packet: ObservedPacket): void {
    this.#begin()
    this.#event('packet_received', packetData(packet, this.#exponents.remote))
  }

  packetDropped(): void {
    if (this.#isOpened) this.#event('packet_dropped', {})
  }

  packetLost(space: SpaceName, number: number): void {
    this.#event('packet_lost', { header: headerOf(space, number) })
  }

  recovery(state: ObservedRecovery): void {
    this.#event('recovery_metrics_updated', recoveryData(state))
  }

  closed(reason: Closing): void {
    if (this.#isOpened) this.#event('connection_closed', closedData(reason))
  }

  agreed(alpn: string): void {
    this.#event('version_information', versionData())
    this.#event('alpn_information', alpnData(alpn))
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
    this.#record(this.#isOld ? this.#oldHeader() : this.#header())
    for (const [name, data] of this.#early.splice(0)) this.#event(name, data)
  }

  #event(name: string, data: Json): void {
    if (!this.#isOpened) return void this.#early.push([name, data])
    if (this.#sink === null) return
    // A thousandth of a millisecond says more than any clock here.
    const time = Math.round((this.#parts.clock.now() - this.#beganAt) * 1000) / 1000
    const event = { name: NAMESPACE + name, data }
    this.#record({ time, ...(this.#isOld ? oldEvent(event.name, data) : event) })
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
