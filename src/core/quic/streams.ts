// The streams of one connection: who may open them, which are there, what they may send and receive (RFC 9000 sections 2 to 4).
// Frames are written by stream-frames.ts, which asks here. A stream is forgotten when both its halves are done.
import { assert } from '../assert.ts'
import { streamId, type StreamId } from '../ids.ts'
import { type GrowthBudget, ReceiveWindow, shareOf } from './flow-control.ts'
import type { Frame } from './frames.ts'
import type { ConnectionOutput } from './outputs.ts'
import { PieceCount } from './reassembly.ts'
import { ReceiveStream } from './receive-stream.ts'
import { SEND_BUFFER_BYTES_MAX, SendStream } from './send-stream.ts'
import type { TransportSettings } from './settings.ts'
import { openingBytes, RESERVED_SHARE, settledBytes, StreamCredit, streamsMax } from './stream-credit.ts'
import { StreamCounts } from './stream-counts.ts'
import {
  FLOW_CONTROL_ERROR,
  STREAM_LIMIT_ERROR,
  STREAM_STATE_ERROR,
  type Violation,
  violation,
} from './transport-error.ts'

/** A stream; a unidirectional one has one half. */
export interface Stream {
  readonly id: StreamId
  readonly send: SendStream | null
  readonly receive: ReceiveStream | null
  isUrgent: boolean
}

/** What the peer's transport parameters allow us. */
export interface PeerLimits {
  readonly maxData: number
  readonly maxStreamDataBidiLocal: number
  readonly maxStreamDataBidiRemote: number
  readonly maxStreamDataUni: number
  readonly maxStreamsBidi: number
  readonly maxStreamsUni: number
}

const NOTHING_YET: PeerLimits = {
  maxData: 0,
  maxStreamDataBidiLocal: 0,
  maxStreamDataBidiRemote: 0,
  maxStreamDataUni: 0,
  maxStreamsBidi: 0,
  maxStreamsUni: 0,
}

/** Pieces of all streams that wait to be read: twice what the largest window needs when its first packet is missing. */
const PIECES_MAX = 16_384

/** Besides, so many may be small: more than the packets of little talk that are ever on their way, and two for each stream there may be. */
const SMALL_PIECES_MAX = 1024

/** Ended streams of which each acknowledgement says that they were refused; the oldest is left to luck for the next. */
const REFUSED_MAX = 16

export const isBidirectional = (id: number): boolean => (id & 2) === 0

export class Streams {
  readonly #serverBit: 0 | 1
  readonly #settings: TransportSettings
  readonly #emit: (output: ConnectionOutput) => void
  /** Bounded by the limits of both ends. */
  readonly #streams = new Map<number, Stream>()
  /** Streams that may have something to send, in turn. Bounded by the streams there are. */
  readonly ready = new Set<Stream>()
  /** Streams with a RESET_STREAM, STOP_SENDING or MAX_STREAM_DATA to send. Bounded likewise. */
  readonly owing = new Set<Stream>()
  /** The codes of streams that were stopped before their end came, which it since has, while the peer may not know. Bounded by REFUSED_MAX. */
  readonly refused = new Map<number, number>()
  readonly #streamBytes: TransportSettings['streamBytes']
  readonly #shared: { readonly growth: GrowthBudget; readonly pieces: PieceCount }
  readonly counts: StreamCounts
  readonly window: ReceiveWindow
  readonly credit: StreamCredit
  maxDataOwed = false
  /** Streams that are prioritised as soon as they are there. Bounded by its callers, who name one or two. */
  readonly #urgent = new Set<number>()
  /** Bidirectional streams of ours that are open, and whether one more was wanted. */
  #requests = 0
  #requestWanted = false
  #peer = NOTHING_YET
  #peerMaxData = 0
  #reserved = 0
  /** Bytes sent for the first time on all streams, and received likewise. */
  #sent = 0
  #received = 0

  constructor(role: 'client' | 'server', settings: TransportSettings, emit: (output: ConnectionOutput) => void) {
    this.#serverBit = role === 'server' ? 1 : 0
    this.#settings = settings
    this.#emit = emit
    // Once for the connection's window and once for those of its streams: more could never be in flight.
    const growth = shareOf(settings.growth, 2 * settings.dataBytes.max)
    const small = SMALL_PIECES_MAX + 2 * streamsMax(settings)
    this.#shared = { growth, pieces: new PieceCount(small + PIECES_MAX, small) }
    this.window = new ReceiveWindow({ ...settings.dataBytes, settled: settledBytes(settings) }, growth)
    this.credit = new StreamCredit(this.window, settings)
    this.counts = new StreamCounts(settings)
    this.#streamBytes = { ...settings.streamBytes, opening: openingBytes(settings) }
  }

  /** The peer's transport parameters arrived. */
  applyPeer(limits: PeerLimits): void {
    this.#peer = limits
    this.#peerMaxData = limits.maxData
    // A quarter of a small window at the most: the peer raises its limit when half of it was read, and must get so far.
    this.#reserved = Math.min(this.#settings.reservedBytes, Math.floor(limits.maxData / RESERVED_SHARE))
    this.counts.raisePeer(true, limits.maxStreamsBidi)
    this.counts.raisePeer(false, limits.maxStreamsUni)
  }

  get(id: number): Stream | undefined {
    return this.#streams.get(id)
  }

  /** Bytes never sent before that `stream` may add now. */
  sendCredit(stream: Stream): number {
    const reserved = stream.isUrgent ? 0 : this.#reserved
    return Math.max(0, this.#peerMaxData - this.#sent - reserved)
  }

  open(bidirectional: boolean): StreamId | null {
    if (bidirectional && this.#requests >= this.#settings.requestStreams) {
      this.#requestWanted = true
      return null
    }
    const index = this.counts.open(bidirectional)
    if (index === null) return null
    const id = streamId(index * 4 + (bidirectional ? 0 : 2) + this.#serverBit)
    const stream = this.#create(id)
    if (!bidirectional) return id
    this.#requests++
    // With the request goes what its answer may bring.
    this.owing.add(stream)
    return id
  }

  /** Puts a stream before others, which may be there already or come from the peer later. */
  prioritise(id: StreamId): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) this.#urgent.add(id)
    else if (!stream.isUrgent) this.credit.prioritise(stream)
  }

  /** A waiting stream has its turn when there is credit for it. */
  wake(): void {
    const stream = this.credit.next()
    if (stream !== null) this.owing.add(stream)
  }

  /** Raises a stream's limit; when there is not enough for it the connection's is raised as soon as it was read from. */
  raise(stream: Stream, when: { now: number; rttMs: number }): void {
    if (!this.credit.raise(stream, when) && this.window.isWorthRaising) this.maxDataOwed = true
  }

  get count(): number {
    return this.#streams.size
  }

  /** Bytes and pieces that wait to be read, on all streams. */
  get waiting(): { readonly bytes: number; readonly pieces: number } {
    const { bytes, held } = this.#shared.pieces
    return { bytes, pieces: held }
  }

  /** Bytes that were taken to be sent, on all streams, and are not acknowledged. */
  get unacknowledged(): number {
    let bytes = 0
    for (const { send } of this.#streams.values()) bytes += send?.buffer.held ?? 0
    return bytes
  }

  checkInvariants(): void {
    this.credit.checkInvariants(this.#streams.values(), this.counts.unopened)
    let [bytes, pieces] = [0, 0]
    for (const { receive } of this.#streams.values()) {
      bytes += receive?.held.bytes ?? 0
      pieces += receive?.held.pieces ?? 0
    }
    assert(bytes <= this.window.outstanding, 'what waits to be read was granted')
    const counted = this.#shared.pieces
    assert(pieces === counted.held && bytes === counted.bytes && !counted.isOver, 'pieces are counted and bounded')
    for (const stream of [...this.ready, ...this.owing]) {
      assert(this.#streams.get(stream.id) === stream, 'only a stream that is there has its turn')
    }
  }

  /** Bytes that were taken to be sent on a stream and are not acknowledged; 0 when it is gone. */
  unacknowledgedOf(id: StreamId): number {
    return this.#streams.get(id)?.send?.buffer.held ?? 0
  }

  write(id: StreamId, bytes: Uint8Array): number {
    const stream = this.#streams.get(id)
    if (stream === undefined || stream.send === null) return 0
    const taken = stream.send.write(bytes)
    if (taken > 0) this.ready.add(stream)
    return taken
  }

  finish(id: StreamId): void {
    const stream = this.#streams.get(id)
    if (stream === undefined || stream.send === null) return
    stream.send.finish()
    this.ready.add(stream)
  }

  reset(id: StreamId, code: number): void {
    const stream = this.#streams.get(id)
    if (stream === undefined || stream.send === null) return
    stream.send.reset(code)
    this.ready.delete(stream)
    this.owing.add(stream)
  }

  read(id: StreamId): Uint8Array | null {
    const stream = this.#streams.get(id)
    if (stream === undefined || stream.receive === null) return null
    const bytes = this.#counting(stream.receive, (half) => half.read())
    this.credit.settle(stream)
    this.#afterReading(stream)
    return bytes
  }

  /** Whether the stream's end was reached and all of it read; a stream long gone has ended. */
  ended(id: StreamId): boolean {
    const stream = this.#streams.get(id)
    return stream === undefined || stream.receive === null || stream.receive.isDone
  }

  /** Bytes not read up to the stream's end, when all of them are here; null while some have not come. */
  toEnd(id: StreamId): number | null {
    return this.#streams.get(id)?.receive?.toEnd ?? null
  }

  stop(id: StreamId, code: number): void {
    const stream = this.#streams.get(id)
    if (stream === undefined || stream.receive === null) return
    this.#counting(stream.receive, (half) => half.stop(code))
    this.credit.settle(stream)
    this.owing.add(stream)
    this.#afterReading(stream)
  }

  onStream(frame: Frame & { type: 'stream' }): Violation | null {
    const found = this.#incoming(frame.stream, 'receive')
    if (found.kind !== 'stream') return found.kind === 'gone' ? null : found.violation
    const half = found.stream.receive
    if (half === null) return violation(STREAM_STATE_ERROR, 'data on a stream of ours that only sends')
    const before = half.highest
    const breach = this.#counting(half, () => half.receive(frame.offset, frame.data, frame.fin))
    if (breach !== null) return breach
    if (frame.fin || half.stopped !== null) this.credit.settle(found.stream)
    const over = this.#countReceived(half.highest - before)
    if (over !== null) return over
    if (half.stopped !== null) {
      if (half.isDone && half.stopped.frame !== 'acknowledged') this.#refuse(found.stream.id, half.stopped.code)
      this.#afterReading(found.stream)
    } else if (half.wantsNews && half.hasNews) {
      half.wantsNews = false
      this.#emit({ kind: 'stream-readable', stream: found.stream.id })
    }
    return null
  }

  /** The peer knows that we asked it to stop. */
  stopAcknowledged(id: number): void {
    this.refused.delete(id)
    const stopped = this.#streams.get(id)?.receive?.stopped ?? null
    if (stopped !== null) stopped.frame = 'acknowledged'
  }

  onReset(frame: Frame & { type: 'reset-stream' }): Violation | null {
    const found = this.#incoming(frame.stream, 'receive')
    if (found.kind !== 'stream') return found.kind === 'gone' ? null : found.violation
    const half = found.stream.receive
    if (half === null) return violation(STREAM_STATE_ERROR, 'a reset of a stream of ours that only sends')
    const before = half.highest
    const breach = half.reset(frame.finalSize)
    if (breach !== null) return breach
    const over = this.#countReceived(half.highest - before)
    if (over !== null) return over
    if (half.isDone) return null
    half.isDone = true
    this.window.consume(frame.finalSize - half.window.consumed)
    this.credit.settle(found.stream)
    if (half.stopped === null) this.#emit({ kind: 'stream-reset', stream: found.stream.id, code: frame.code })
    this.#afterReading(found.stream)
    return null
  }

  onStop(frame: Frame & { type: 'stop-sending' }): Violation | null {
    const found = this.#incoming(frame.stream, 'send')
    if (found.kind !== 'stream') return found.kind === 'gone' ? null : found.violation
    const half = found.stream.send
    if (half === null) return violation(STREAM_STATE_ERROR, 'STOP_SENDING for a stream that only the peer sends on')
    if (half.state.kind !== 'open' && half.state.kind !== 'finishing') return null
    this.reset(found.stream.id, frame.code)
    this.#emit({ kind: 'stream-stopped', stream: found.stream.id, code: frame.code })
    return null
  }

  onMaxData(limit: number): void {
    this.#peerMaxData = Math.max(this.#peerMaxData, limit)
  }

  onMaxStreamData(frame: Frame & { type: 'max-stream-data' }): Violation | null {
    const found = this.#incoming(frame.stream, 'send')
    if (found.kind !== 'stream') return found.kind === 'gone' ? null : found.violation
    const half = found.stream.send
    if (half === null) return violation(STREAM_STATE_ERROR, 'credit for a stream that only the peer sends on')
    half.limit = Math.max(half.limit, frame.limit)
    this.ready.add(found.stream)
    return null
  }

  /** STREAM_DATA_BLOCKED only says which stream there is. */
  onStreamDataBlocked(id: number): Violation | null {
    const found = this.#incoming(id, 'receive')
    if (found.kind !== 'stream') return found.kind === 'gone' ? null : found.violation
    return found.stream.receive === null
      ? violation(STREAM_STATE_ERROR, 'STREAM_DATA_BLOCKED for a stream of ours that only sends')
      : null
  }

  onMaxStreams(bidirectional: boolean, limit: number): void {
    if (this.counts.raisePeer(bidirectional, limit)) this.#emit({ kind: 'streams-available', bidirectional })
  }

  /** New bytes of a stream went into a packet. */
  countSent(bytes: number): void {
    this.#sent += bytes
  }

  /** The sending half moved on: room may be free, all may be acknowledged, the stream may be over. */
  afterAcknowledgement(stream: Stream, wasDone: boolean): void {
    const half = stream.send
    if (half === null) return
    if (half.wantsRoom && half.buffer.held <= SEND_BUFFER_BYTES_MAX / 2 && half.state.kind === 'open') {
      half.wantsRoom = false
      this.#emit({ kind: 'stream-writable', stream: stream.id })
    }
    if (half.state.kind !== 'done' || wasDone) return
    this.#forgetIfDone(stream)
  }

  emitAcknowledged(stream: Stream): void {
    this.#emit({ kind: 'stream-acknowledged', stream: stream.id })
  }

  /** The connection is over: windows return what they had grown by. */
  clear(): void {
    for (const stream of this.#streams.values()) stream.receive?.window.release()
    this.#streams.clear()
    this.ready.clear()
    this.owing.clear()
    this.window.release()
  }

  #refuse(id: number, code: number): void {
    const [oldest] = this.refused.size < REFUSED_MAX ? [] : this.refused.keys()
    if (oldest !== undefined) this.refused.delete(oldest)
    this.refused.set(id, code)
  }

  /** Runs something that may consume stream bytes, and consumes as many of the connection's credit. */
  #counting<T>(half: ReceiveStream, run: (half: ReceiveStream) => T): T {
    const before = half.window.consumed
    const result = run(half)
    this.window.consume(half.window.consumed - before)
    return result
  }

  #countReceived(bytes: number): Violation | null {
    this.#received += bytes
    return this.#received > this.window.limit
      ? violation(FLOW_CONTROL_ERROR, 'more than the connection was granted')
      : null
  }

  #afterReading(stream: Stream): void {
    const half = stream.receive
    if (half === null) return
    if (this.window.isDue) this.maxDataOwed = true
    this.wake()
    if (half.isDone) {
      half.window.release()
      this.#forgetIfDone(stream)
    } else if (half.finalSize === null && half.stopped === null && this.credit.isDue(stream)) this.owing.add(stream)
  }

  #forgetIfDone(stream: Stream): void {
    if (stream.send !== null && stream.send.state.kind !== 'done') return
    if (stream.receive !== null && !stream.receive.isDone) return
    if (!this.#streams.delete(stream.id)) return
    this.ready.delete(stream)
    this.owing.delete(stream)
    stream.receive?.window.release()
    if ((stream.id & 1) !== this.#serverBit) this.counts.closedByPeer(isBidirectional(stream.id))
    else if (isBidirectional(stream.id)) this.#requestOver()
  }

  #requestOver(): void {
    this.#requests--
    if (!this.#requestWanted) return
    this.#requestWanted = false
    if (this.counts.canOpen(true)) this.#emit({ kind: 'streams-available', bidirectional: true })
  }

  /** The stream a frame of the peer names; `half` is the half of ours that the frame is about. */
  #incoming(
    id: number,
    half: 'send' | 'receive',
  ): { kind: 'stream'; stream: Stream } | { kind: 'gone' } | { kind: 'violation'; violation: Violation } {
    const stream = this.#streams.get(id)
    if (stream !== undefined) return { kind: 'stream', stream }
    const bidirectional = isBidirectional(id)
    const index = Math.floor(id / 4)
    if ((id & 1) === this.#serverBit) {
      const wrongHalf = !bidirectional && half === 'receive'
      if (wrongHalf || index >= this.counts.openedByUs(bidirectional)) {
        return { kind: 'violation', violation: violation(STREAM_STATE_ERROR, 'a frame for a stream we never opened') }
      }
      return { kind: 'gone' }
    }
    if (!bidirectional && half === 'send') {
      return { kind: 'violation', violation: violation(STREAM_STATE_ERROR, 'a frame for a half that we do not have') }
    }
    const opened = this.counts.openByPeer(bidirectional, index)
    if (opened === null) {
      return { kind: 'violation', violation: violation(STREAM_LIMIT_ERROR, 'more streams than were granted') }
    }
    for (let i = opened.from; i < opened.to; i++) {
      const next = this.#create(streamId(i * 4 + (id & 3)))
      this.#emit({ kind: 'stream-opened', stream: next.id, bidirectional })
    }
    const created = this.#streams.get(id)
    return created === undefined ? { kind: 'gone' } : { kind: 'stream', stream: created }
  }

  #create(id: StreamId): Stream {
    const ours = (id & 1) === this.#serverBit
    const bidirectional = isBidirectional(id)
    const limit = !bidirectional
      ? this.#peer.maxStreamDataUni
      : ours
        ? this.#peer.maxStreamDataBidiRemote
        : this.#peer.maxStreamDataBidiLocal
    const stream: Stream = {
      id,
      send: bidirectional || ours ? new SendStream(limit) : null,
      receive: bidirectional || !ours ? new ReceiveStream(this.#streamBytes, this.#shared) : null,
      isUrgent: this.#urgent.delete(id),
    }
    this.#streams.set(id, stream)
    this.credit.settle(stream)
    return stream
  }
}
