// A QUIC whose connections do what a test says: they tell what is pushed, send what is owed, and note what is asked of them.
import { type StreamId, streamId } from '../../src/core/ids.ts'
import type { WorkDone } from '../../src/core/ports.ts'
import type { Address } from '../../src/core/address.ts'
import type { QuicConfig } from '../../src/core/quic/connection.ts'
import type { ConnectionOutput } from '../../src/core/quic/outputs.ts'
import type { LongHeader } from '../../src/core/quic/packet.ts'
import type { Connection, Quic } from '../../src/node/quic.ts'

/** One scripted connection. */
export class ScriptedConnection implements Connection {
  readonly localIds: readonly Uint8Array[]
  opened = true
  readonly datagramBytes = 1200
  keepAliveMs: number | null = null
  readonly negotiated = null
  readonly stats = { sent: 0, received: 0, rttMs: 0 }
  readonly outputs: ConnectionOutput[] = []
  readonly destination: { readonly remote: Address; readonly local: number }
  /** What can be read, by stream. */
  readonly readable = new Map<StreamId, Uint8Array[]>()
  readonly written: { stream: StreamId; bytes: Uint8Array }[] = []
  readonly done: (work: WorkDone) => void = (work) => void this.results.push(work)
  readonly results: WorkDone[] = []
  /** Datagrams to send, and what happens when one arrives. */
  owed = 0
  at = Infinity
  received = 0
  onReceive: (bytes: Uint8Array) => void = () => {}
  onTimeout: () => void = () => {}
  #streams = 0
  #open = true

  /** Whether it was not closed, by us or by the test. */
  get isOpen(): boolean {
    return this.#open
  }

  /** It ends by itself. */
  die(): void {
    if (this.#open) this.outputs.push({ kind: 'closed', reason: { kind: 'idle' } }, { kind: 'gone' })
    this.#open = false
  }

  constructor(id: number, remote: Address) {
    this.destination = { remote, local: 0 }
    this.localIds = [new Uint8Array(8).fill(id)]
  }

  receive(bytes: Uint8Array): void {
    this.received++
    this.onReceive(bytes)
  }

  transmit(into: Uint8Array): number {
    if (this.owed === 0) return 0
    this.owed--
    into[0] = this.localIds[0]![0]!
    return 100
  }

  timerAt(): number {
    return this.at
  }

  timeout(): void {
    this.at = Infinity
    this.onTimeout()
  }

  poll(): ConnectionOutput | null {
    return this.outputs.shift() ?? null
  }

  readonly datagramBytesMax = -1
  readonly datagramCounts = { received: 0, receivedDropped: 0, sent: 0, sentDropped: 0 }

  sendDatagram(): { kind: 'refused'; reason: 'not-negotiated'; bytesMax: number } {
    return { kind: 'refused', reason: 'not-negotiated', bytesMax: -1 }
  }

  migrate(): 'forbidden' {
    return 'forbidden'
  }

  readDatagram(): null {
    return null
  }

  open(bidirectional: boolean): StreamId {
    return streamId(this.#streams++ * 4 + (bidirectional ? 1 : 3))
  }

  write(stream: StreamId, bytes: Uint8Array): number {
    this.written.push({ stream, bytes })
    this.owed++
    return bytes.length
  }

  close(code: number, reason: string): void {
    if (this.#open) this.outputs.push({ kind: 'closed', reason: { kind: 'application', ours: true, code, reason } })
    this.#open = false
  }

  withdraw(): void {
    if (this.#open) this.outputs.push({ kind: 'closed', reason: { ...WITHDRAWN } })
    this.#open = false
  }

  abandon(): void {
    if (this.#open) this.outputs.push({ kind: 'closed', reason: { kind: 'abandoned' } })
    this.outputs.push({ kind: 'gone' })
    this.#open = false
  }

  read(stream: StreamId): Uint8Array | null {
    return this.readable.get(stream)?.shift() ?? null
  }

  ended(): boolean {
    return false
  }

  toEnd(): null {
    return null
  }

  readonly keyUpdates = 0
  renewIds(): void {}
  updateKeys(): void {}

  takeDiscarded(): number {
    return 0
  }

  unacknowledged(): number {
    return 0
  }

  judged(): void {}
  exportKeys(): null {
    return null
  }
  reject(): void {}
  prioritise(): void {}
  isResumed = false
  tickets = 0

  sendToken(): void {}

  sendTicket(): void {
    this.tickets++
  }
  finish(): void {}
  reset(): void {}
  stop(): void {}
}

const WITHDRAWN = { kind: 'transport', ours: true, code: 0, reason: '' } as const

/** Byte 1 begins an Initial with the 8-byte id that follows; byte 2 a short header likewise; anything else is no QUIC. */
export const scripted = (made: (connection: ScriptedConnection) => void): Quic => {
  let count = 0
  const make = ({ remote }: QuicConfig): ScriptedConnection => {
    const connection = new ScriptedConnection(++count, remote)
    made(connection)
    return connection
  }
  return {
    header: (bytes) => {
      const destinationId = bytes.subarray(1, 9)
      if (bytes[0] === 1) return { ...INITIAL, destinationId }
      return bytes[0] === 2 ? { form: 'short', destinationId, start: 0, payload: 9, end: bytes.length } : null
    },
    connect: make,
    accept: make,
    opens: () => true,
    versionNegotiation: () => 50,
    refusal: () => 60,
    invalidToken: () => 61,
    retry: () => 62,
    statelessReset: () => 43,
  }
}

const INITIAL: LongHeader = {
  form: 'long',
  type: 'initial',
  version: 1,
  destinationId: new Uint8Array(8),
  sourceId: new Uint8Array(8),
  token: new Uint8Array(0),
  start: 0,
  payload: 20,
  end: 1200,
}

/** A first datagram to the 8-byte id of `n`s. */
export const firstDatagram = (n: number): Uint8Array => {
  const bytes = new Uint8Array(1200).fill(n, 1, 9)
  bytes[0] = 1
  return bytes
}

/** A later datagram to the connection whose id is of `n`s. */
export const laterDatagram = (n: number): Uint8Array => {
  const bytes = new Uint8Array(100).fill(n, 1, 9)
  bytes[0] = 2
  return bytes
}
