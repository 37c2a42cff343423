// The frames that streams put into 1-RTT packets, and what their acknowledgement or loss means to the streams.
import { streamHeaderBytes } from './frames.ts'
import { CONTROL_FRAME_BYTES_MAX, type PacketBuilder } from './packet-builder.ts'
import type { Carried } from './sent-packets.ts'
import type { Stream, Streams } from './streams.ts'

/** A STREAM frame with less room for data than this waits for the next packet. */
const DATA_ROOM_MIN = 16

/** Whether `fillStreams` would write anything. Streams with nothing left to send lose their turn. */
export const streamsPending = (streams: Streams): boolean => {
  if (streams.maxDataOwed || streams.owing.size > 0) return true
  if (streams.counts.owed(true) !== null || streams.counts.owed(false) !== null) return true
  for (const stream of streams.ready) {
    if (stream.send === null || !stream.send.hasUnsent) streams.ready.delete(stream)
    else if (stream.send.pending(streams.sendCredit(stream)) !== null) return true
  }
  return false
}

/** Limits and resets first, then the data of prioritised streams, then that of the others in turn. */
export const fillStreams = (streams: Streams, packet: PacketBuilder, when: { now: number; rttMs: number }): void => {
  fillConnectionLimits(streams, packet, when)
  for (const stream of streams.owing) {
    if (packet.room < 3 * CONTROL_FRAME_BYTES_MAX || streams.credit.isShort) break
    // Before it is filled: a stream that gets too little waits, and may be owed again at once.
    streams.owing.delete(stream)
    fillOwed(streams, stream, { packet, when })
  }
  for (const stream of streams.ready) if (stream.isUrgent) fillData(streams, stream, packet)
  for (const stream of streams.ready) {
    if (packet.room < DATA_ROOM_MIN) return
    if (!stream.isUrgent) fillData(streams, stream, packet)
  }
}

/**
 * What goes before each acknowledgement: that streams are refused whose end has come since. An acknowledgement of that end would else tell the peer
 * that all of it was taken, if the word that it is refused was lost. As many as leave room for the acknowledgement: little may be sent to where the
 * peer has not proved to be.
 */
export const fillRefused = (streams: Streams, packet: PacketBuilder): void => {
  for (const [stream, code] of streams.refused) {
    if (packet.room < CONTROL_FRAME_BYTES_MAX) return
    packet.add({ type: 'stop-sending', stream, code }, { kind: 'stop-sending', stream })
  }
}

const fillConnectionLimits = (streams: Streams, packet: PacketBuilder, when: { now: number; rttMs: number }): void => {
  const counts = [true, false].some((bidirectional) => streams.counts.owed(bidirectional) !== null)
  // Whatever is granted below is covered by what the connection is granted first.
  if ((counts || streams.owing.size > 0) && streams.credit.isShort) streams.maxDataOwed = true
  if (streams.maxDataOwed && packet.room >= CONTROL_FRAME_BYTES_MAX) {
    streams.window.raise(when.now, when.rttMs)
    packet.add({ type: 'max-data', limit: streams.window.limit }, { kind: 'max-data' })
    streams.maxDataOwed = false
    streams.wake()
  }
  for (const bidirectional of [true, false]) {
    const limit = streams.counts.owed(bidirectional)
    if (limit === null || packet.room < CONTROL_FRAME_BYTES_MAX || streams.credit.isShort) continue
    packet.add({ type: 'max-streams', bidirectional, limit }, { kind: 'max-streams', bidirectional })
    streams.counts.announced(bidirectional, limit)
  }
}

const fillOwed = (
  streams: Streams,
  stream: Stream,
  { packet, when }: { packet: PacketBuilder; when: { now: number; rttMs: number } },
): void => {
  const { id, send, receive } = stream
  if (send?.state.kind === 'resetting' && send.state.frame === 'pending') {
    const { code } = send.state
    packet.add(
      { type: 'reset-stream', stream: id, code, finalSize: send.buffer.next },
      { kind: 'reset-stream', stream: id },
    )
    send.state = { kind: 'resetting', code, frame: 'sent' }
  }
  if (receive === null || receive.isDone) return
  if (receive.stopped !== null) {
    if (receive.stopped.frame !== 'pending') return
    packet.add({ type: 'stop-sending', stream: id, code: receive.stopped.code }, { kind: 'stop-sending', stream: id })
    receive.stopped.frame = 'sent'
  } else if (receive.finalSize === null) {
    streams.raise(stream, when)
    packet.add(
      { type: 'max-stream-data', stream: id, limit: receive.window.limit },
      { kind: 'max-stream-data', stream: id },
    )
  }
}

/** One frame of a stream, which then goes to the end of the line while it has more. */
const fillData = (streams: Streams, stream: Stream, packet: PacketBuilder): void => {
  const half = stream.send
  const range = half?.pending(streams.sendCredit(stream)) ?? null
  if (half === null || range === null) {
    if (half === null || !half.hasUnsent) streams.ready.delete(stream)
    return
  }
  const room = packet.room - streamHeaderBytes(stream.id, range.start, packet.room)
  if (room < Math.min(DATA_ROOM_MIN, range.end - range.start) || room < 0) return
  const data =
    range.start === range.end ? NOTHING : half.buffer.view(range.start, Math.min(room, range.end - range.start))
  const end = range.start + data.length
  streams.countSent(Math.max(0, end - Math.max(range.start, half.buffer.next)))
  const fin = half.sent(range.start, end)
  packet.addData({ kind: 'stream', stream: stream.id, start: range.start, end, fin }, data)
  streams.ready.delete(stream)
  if (half.hasUnsent) streams.ready.add(stream)
}

/** A packet that carried something of the streams was acknowledged. */
export const streamsAcknowledged = (streams: Streams, carried: Carried): void => {
  if (carried.kind === 'stop-sending') return streams.stopAcknowledged(carried.stream)
  if (carried.kind !== 'stream' && carried.kind !== 'reset-stream') return
  const stream = streams.get(carried.stream)
  const half = stream?.send ?? null
  if (stream === undefined || half === null) return
  const wasDone = half.state.kind === 'done'
  if (carried.kind === 'stream') half.acknowledge(carried.start, carried.end, carried.fin)
  else half.resetAcknowledged()
  if (carried.kind === 'stream' && !wasDone && half.state.kind === 'done') streams.emitAcknowledged(stream)
  streams.afterAcknowledgement(stream, wasDone)
}

/** A packet that carried something of the streams was lost: it is owed again, as it stands now. */
export const streamsLost = (streams: Streams, carried: Carried): void => {
  switch (carried.kind) {
    case 'max-data':
      streams.maxDataOwed = true
      return
    case 'max-streams':
      streams.counts.announcementLost(carried.bidirectional)
      return
    case 'stream':
    case 'reset-stream':
    case 'stop-sending':
    case 'max-stream-data': {
      const stream = streams.get(carried.stream)
      if (stream !== undefined) loseOf(streams, stream, carried)
      return
    }
    default:
  }
}

const loseOf = (
  streams: Streams,
  stream: Stream,
  carried: Carried & { kind: 'stream' | 'reset-stream' | 'stop-sending' | 'max-stream-data' },
): void => {
  if (carried.kind === 'stream') {
    stream.send?.lose(carried.start, carried.end, carried.fin)
    if (stream.send?.hasUnsent === true) streams.ready.add(stream)
    return
  }
  if (carried.kind === 'reset-stream') stream.send?.resetLost()
  const stopped = stream.receive?.stopped ?? null
  if (carried.kind === 'stop-sending' && stopped?.frame === 'sent') stopped.frame = 'pending'
  streams.owing.add(stream)
}

const NOTHING = new Uint8Array(0)
