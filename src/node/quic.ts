// The QUIC an endpoint drives, as it sees it: a connection's inputs and outputs, and what is done with datagrams of none. Production
// has the core's; tests may script one.
import type { Address } from '../core/address.ts'
import type { StreamId } from '../core/ids.ts'
import { invalidToken, refusal, type Refused } from '../core/gate/refusal.ts'
import type { Crypto, Random, WorkDone } from '../core/ports.ts'
import { type FirstInitial, QuicConnection, type QuicConfig } from '../core/quic/connection.ts'
import type { DatagramCounts, DatagramSent } from '../core/quic/datagrams.ts'
import { opensInitial } from '../core/quic/first-packet.ts'
import type { Negotiated } from '../core/quic/handshake.ts'
import type { ExportRequest } from '../core/tls/key-schedule.ts'
import type { ConnectionOutput } from '../core/quic/outputs.ts'
import {
  type Header,
  LOCAL_ID_BYTES,
  type LongHeader,
  parseHeader,
  type UnknownVersionHeader,
} from '../core/quic/packet.ts'
import type { Place } from '../core/quic/path.ts'
import { retry, type RetryAnswer } from '../core/quic/retry.ts'
import { type ResetPorts, statelessReset } from '../core/quic/stateless-reset.ts'
import { versionNegotiation } from '../core/quic/version-negotiation.ts'

/** One connection; `core/quic/connection.ts` says of each member what it does. */
export interface Connection {
  readonly localIds: readonly Uint8Array[]
  readonly opened: boolean
  readonly isOpen: boolean
  readonly datagramBytes: number
  keepAliveMs: number | null
  readonly destination: { readonly remote: Address; readonly local: number }
  readonly negotiated: Negotiated | null
  readonly stats: { readonly sent: number; readonly received: number; readonly rttMs: number }
  readonly keyUpdates: number
  renewIds(): void
  updateKeys(): void
  migrate(local: number, now: number): 'begun' | 'not-ready' | 'forbidden'
  takeDiscarded(): number
  receive(datagram: Uint8Array, from: Place, now: number): void
  transmit(into: Uint8Array, now: number): number
  timerAt(): number
  timeout(now: number): void
  poll(): ConnectionOutput | null
  done(work: WorkDone, now: number): void
  judged(isWanted: boolean, now: number): void
  exportKeys(request: ExportRequest): Uint8Array | null
  open(bidirectional: boolean): StreamId | null
  prioritise(stream: StreamId): void
  write(stream: StreamId, bytes: Uint8Array): number
  unacknowledged(stream: StreamId): number
  finish(stream: StreamId): void
  reset(stream: StreamId, code: number): void
  read(stream: StreamId): Uint8Array | null
  ended(stream: StreamId): boolean
  toEnd(stream: StreamId): number | null
  stop(stream: StreamId, code: number): void
  readonly datagramBytesMax: number
  readonly datagramCounts: DatagramCounts
  sendDatagram(bytes: Uint8Array): DatagramSent
  readDatagram(): Uint8Array | null
  close(code: number, reason: string, now: number): void
  withdraw(now: number): void
  reject(code: number, reason: string, now: number): void
  abandon(): void
  readonly isResumed: boolean
  sendToken(token: Uint8Array): void
  sendTicket(now: number): void
}

type ResetTrigger = Parameters<typeof statelessReset>[0]

/** Makes connections and reads first datagrams. */
export interface Quic {
  header(datagram: Uint8Array): Header | null
  connect(config: QuicConfig, now: number): Connection
  accept(config: QuicConfig, first: FirstInitial, now: number): Connection
  /** Whether a first Initial opens under its keys; changes nothing. */
  opens(header: LongHeader, datagram: Uint8Array, crypto: Crypto): boolean
  /** Writes the answer to a version we do not speak; returns its length. */
  versionNegotiation(header: UnknownVersionHeader, into: Uint8Array, random: Random): number
  /** Writes a stateless CONNECTION_REFUSED in answer to an Initial; returns its length. */
  refusal(refused: Refused, into: Uint8Array, crypto: Crypto): number
  /** The same with INVALID_TOKEN. */
  invalidToken(header: LongHeader, into: Uint8Array, crypto: Crypto): number
  /** Writes a Retry in answer to an Initial; returns its length. */
  retry(header: LongHeader, answer: RetryAnswer, into: Uint8Array, crypto: Crypto): number
  /** Writes a stateless reset in answer to a datagram of a connection that is no more; returns its length, 0 for none. */
  statelessReset(trigger: ResetTrigger, into: Uint8Array, ports: ResetPorts): number
}

/** The core's. */
export const CORE_QUIC: Quic = Object.freeze({
  header: (datagram: Uint8Array) => parseHeader(datagram, 0, LOCAL_ID_BYTES),
  connect: (config: QuicConfig, now: number) => QuicConnection.connect(config, now),
  accept: (config: QuicConfig, first: FirstInitial, now: number) => QuicConnection.accept(config, first, now),
  opens: opensInitial,
  versionNegotiation,
  refusal,
  invalidToken,
  retry,
  statelessReset,
})
