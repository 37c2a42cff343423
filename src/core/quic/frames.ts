// The frames of RFC 9000 section 19, all of them, the DATAGRAM of RFC 9221, and those of draft-ietf-quic-ack-frequency-14: one discriminated
// union, a decoder that never throws and a writer.
import { concat, type Reader, VARINT_MAX, varintSize, type Writer } from '../bytes.ts'

/** Acknowledged packet numbers, both ends included, highest first; ranges neither touch nor overlap. */
export interface AckRange {
  readonly from: number
  readonly to: number
}

export type Frame =
  | { readonly type: 'padding'; readonly length: number }
  | { readonly type: 'ping' }
  /** `delay` is the raw field, before the sender's ack_delay_exponent is applied. */
  | {
      readonly type: 'ack'
      readonly ranges: readonly AckRange[]
      readonly delay: number
      readonly ecn: { readonly ect0: number; readonly ect1: number; readonly ce: number } | null
    }
  | { readonly type: 'reset-stream'; readonly stream: number; readonly code: number; readonly finalSize: number }
  | { readonly type: 'stop-sending'; readonly stream: number; readonly code: number }
  | { readonly type: 'crypto'; readonly offset: number; readonly data: Uint8Array }
  | { readonly type: 'new-token'; readonly token: Uint8Array }
  | {
      readonly type: 'stream'
      readonly stream: number
      readonly offset: number
      readonly data: Uint8Array
      readonly fin: boolean
    }
  | { readonly type: 'max-data'; readonly limit: number }
  | { readonly type: 'max-stream-data'; readonly stream: number; readonly limit: number }
  | { readonly type: 'max-streams'; readonly bidirectional: boolean; readonly limit: number }
  | { readonly type: 'data-blocked'; readonly limit: number }
  | { readonly type: 'stream-data-blocked'; readonly stream: number; readonly limit: number }
  | { readonly type: 'streams-blocked'; readonly bidirectional: boolean; readonly limit: number }
  | {
      readonly type: 'new-connection-id'
      readonly sequence: number
      readonly retirePriorTo: number
      readonly id: Uint8Array
      readonly resetToken: Uint8Array
    }
  | { readonly type: 'retire-connection-id'; readonly sequence: number }
  | { readonly type: 'path-challenge'; readonly data: Uint8Array }
  | { readonly type: 'path-response'; readonly data: Uint8Array }
  /** `frameType` is present in the transport's own (0x1c) and null in the application's (0x1d). */
  | {
      readonly type: 'connection-close'
      readonly code: number
      readonly frameType: number | null
      readonly reason: Uint8Array
    }
  | { readonly type: 'handshake-done' }
  /** How often the sender wants to be acknowledged; packets and packet numbers, and µs. */
  | {
      readonly type: 'ack-frequency'
      readonly sequence: number
      readonly threshold: number
      readonly delayUs: number
      readonly reordering: number
    }
  | { readonly type: 'immediate-ack' }
  | { readonly type: 'datagram'; readonly data: Uint8Array }

/** Stream counts stop here: more could not be numbered (RFC 9000 section 4.6). */
export const STREAMS_MAX = 2 ** 60

/** The one type of two bytes. */
const ACK_FREQUENCY = 0xaf

/** An ACK frame with more ranges than this says nothing we still remember. */
const ACK_RANGES_MAX = 256

/**
 * The next frame, or null where the bytes are none (the connection closes with FRAME_ENCODING_ERROR). `data`, `token` and `reason`
 * are views of the reader's memory.
 */
export const readFrame = (reader: Reader): Frame | null => {
  const start = reader.at
  const type = reader.varint()
  // A frame type is encoded in its shortest form (RFC 9000 section 12.4).
  if (reader.failed || reader.at - start !== varintSize(type)) return null
  const frame = readBody(reader, type)
  return reader.failed ? null : frame
}

const readBody = (reader: Reader, type: number): Frame | null => {
  if (type >= 0x08 && type <= 0x0f) return readStream(reader, type)
  switch (type) {
    case 0x00:
      return readPadding(reader)
    case 0x01:
      return { type: 'ping' }
    case 0x02:
    case 0x03:
      return readAck(reader, type === 0x03)
    case 0x04:
      return { type: 'reset-stream', stream: reader.varint(), code: reader.varint(), finalSize: reader.varint() }
    case 0x05:
      return { type: 'stop-sending', stream: reader.varint(), code: reader.varint() }
    case 0x06:
      return readCrypto(reader)
    case 0x07:
      return readNewToken(reader)
    case 0x10:
      return { type: 'max-data', limit: reader.varint() }
    case 0x11:
      return { type: 'max-stream-data', stream: reader.varint(), limit: reader.varint() }
    case 0x12:
    case 0x13:
      return readStreamCount(reader, 'max-streams', type === 0x12)
    case 0x14:
      return { type: 'data-blocked', limit: reader.varint() }
    case 0x15:
      return { type: 'stream-data-blocked', stream: reader.varint(), limit: reader.varint() }
    case 0x16:
    case 0x17:
      return readStreamCount(reader, 'streams-blocked', type === 0x16)
    case 0x18:
      return readNewConnectionId(reader)
    case 0x19:
      return { type: 'retire-connection-id', sequence: reader.varint() }
    case 0x1a:
      return { type: 'path-challenge', data: reader.take(8) }
    case 0x1b:
      return { type: 'path-response', data: reader.take(8) }
    case 0x1c:
    case 0x1d:
      return readClose(reader, type === 0x1c)
    case 0x1e:
      return { type: 'handshake-done' }
    case 0x1f:
      return { type: 'immediate-ack' }
    case 0x30:
      return { type: 'datagram', data: reader.rest() }
    case 0x31:
      return { type: 'datagram', data: reader.take(reader.varint()) }
    case ACK_FREQUENCY:
      return {
        type: 'ack-frequency',
        sequence: reader.varint(),
        threshold: reader.varint(),
        delayUs: reader.varint(),
        reordering: reader.varint(),
      }
    default:
      return null
  }
}

const readPadding = (reader: Reader): Frame => {
  // A thousand zeros are nothing unusual: the loop looks at nothing but them.
  const { bytes, at: start, end } = reader
  let at = start
  while (at < end && bytes[at] === 0) at++
  reader.at = at
  return { type: 'padding', length: 1 + at - start }
}

const readAck = (reader: Reader, withEcn: boolean): Frame | null => {
  let to = reader.varint()
  const delay = reader.varint()
  const more = reader.varint()
  let from = to - reader.varint()
  if (reader.failed || from < 0) return null
  const ranges: AckRange[] = [{ from, to }]
  for (let i = 0; i < more; i++) {
    to = from - reader.varint() - 2
    from = to - reader.varint()
    if (reader.failed || from < 0) return null
    if (ranges.length < ACK_RANGES_MAX) ranges.push({ from, to })
  }
  const ecn = withEcn ? { ect0: reader.varint(), ect1: reader.varint(), ce: reader.varint() } : null
  return { type: 'ack', ranges, delay, ecn }
}

const readStream = (reader: Reader, type: number): Frame | null => {
  const stream = reader.varint()
  const offset = (type & 0x04) === 0 ? 0 : reader.varint()
  const data = (type & 0x02) === 0 ? reader.rest() : reader.take(reader.varint())
  if (offset + data.length > VARINT_MAX) return null
  return { type: 'stream', stream, offset, data, fin: (type & 0x01) !== 0 }
}

const readCrypto = (reader: Reader): Frame | null => {
  const offset = reader.varint()
  const data = reader.take(reader.varint())
  return offset + data.length > VARINT_MAX ? null : { type: 'crypto', offset, data }
}

const readNewToken = (reader: Reader): Frame | null => {
  const token = reader.take(reader.varint())
  return token.length === 0 ? null : { type: 'new-token', token }
}

const readStreamCount = (
  reader: Reader,
  type: 'max-streams' | 'streams-blocked',
  bidirectional: boolean,
): Frame | null => {
  const limit = reader.varint()
  return reader.uncut > STREAMS_MAX ? null : { type, bidirectional, limit }
}

const readNewConnectionId = (reader: Reader): Frame | null => {
  const sequence = reader.varint()
  const retirePriorTo = reader.varint()
  const length = reader.u8()
  const id = reader.take(length)
  const resetToken = reader.take(16)
  if (length < 1 || length > 20 || retirePriorTo > sequence) return null
  return { type: 'new-connection-id', sequence, retirePriorTo, id, resetToken }
}

const readClose = (reader: Reader, transport: boolean): Frame => {
  const code = reader.varint()
  const frameType = transport ? reader.varint() : null
  return { type: 'connection-close', code, frameType, reason: reader.take(reader.varint()) }
}

/** Writes one frame; the caller has made sure that `frameBytes(frame)` fit. STREAM and DATAGRAM frames always carry their length. */
export const writeFrame = (writer: Writer, frame: Frame): void => {
  switch (frame.type) {
    case 'padding':
      writer.bytes.fill(0, writer.at, writer.at + frame.length)
      writer.at += frame.length
      return
    case 'ping':
      return writer.varint(0x01)
    case 'ack':
      return writeAck(writer, frame)
    case 'reset-stream':
      return writeNumbers(writer, 0x04, [frame.stream, frame.code, frame.finalSize])
    case 'stop-sending':
      return writeNumbers(writer, 0x05, [frame.stream, frame.code])
    case 'crypto':
      writeNumbers(writer, 0x06, [frame.offset, frame.data.length])
      return writer.put(frame.data)
    case 'new-token':
      writeNumbers(writer, 0x07, [frame.token.length])
      return writer.put(frame.token)
    case 'stream':
      return writeStream(writer, { stream: frame.stream, start: frame.offset, fin: frame.fin }, frame.data)
    case 'max-data':
      return writeNumbers(writer, 0x10, [frame.limit])
    case 'max-stream-data':
      return writeNumbers(writer, 0x11, [frame.stream, frame.limit])
    case 'max-streams':
      return writeNumbers(writer, frame.bidirectional ? 0x12 : 0x13, [frame.limit])
    case 'data-blocked':
      return writeNumbers(writer, 0x14, [frame.limit])
    case 'stream-data-blocked':
      return writeNumbers(writer, 0x15, [frame.stream, frame.limit])
    case 'streams-blocked':
      return writeNumbers(writer, frame.bidirectional ? 0x16 : 0x17, [frame.limit])
    case 'new-connection-id':
      writeNumbers(writer, 0x18, [frame.sequence, frame.retirePriorTo])
      writer.u8(frame.id.length)
      return writer.put(concat(frame.id, frame.resetToken))
    case 'retire-connection-id':
      return writeNumbers(writer, 0x19, [frame.sequence])
    case 'path-challenge':
    case 'path-response':
      writer.u8(frame.type === 'path-challenge' ? 0x1a : 0x1b)
      return writer.put(frame.data)
    case 'connection-close':
      return writeClose(writer, frame)
    case 'handshake-done':
      return writer.u8(0x1e)
    case 'immediate-ack':
      return writer.u8(0x1f)
    case 'ack-frequency':
      return writeNumbers(writer, ACK_FREQUENCY, [frame.sequence, frame.threshold, frame.delayUs, frame.reordering])
    case 'datagram':
      writeNumbers(writer, 0x31, [frame.data.length])
      return writer.put(frame.data)
  }
}

const writeNumbers = (writer: Writer, type: number, numbers: readonly number[]): void => {
  writer.varint(type)
  for (const number of numbers) writer.varint(number)
}

const writeAck = (writer: Writer, frame: Frame & { type: 'ack' }): void => {
  const first = frame.ranges[0]!
  writeNumbers(writer, frame.ecn === null ? 0x02 : 0x03, [
    first.to,
    frame.delay,
    frame.ranges.length - 1,
    first.to - first.from,
  ])
  for (let i = 1; i < frame.ranges.length; i++) {
    const range = frame.ranges[i]!
    writer.varint(frame.ranges[i - 1]!.from - range.to - 2)
    writer.varint(range.to - range.from)
  }
  if (frame.ecn === null) return
  for (const count of [frame.ecn.ect0, frame.ecn.ect1, frame.ecn.ce]) writer.varint(count)
}

/** Writes a STREAM frame; the caller has made sure that it fits. */
export const writeStream = (
  writer: Writer,
  { stream, start, fin }: { stream: number; start: number; fin: boolean },
  data: Uint8Array,
): void => {
  writer.u8(0x0a | (start > 0 ? 0x04 : 0) | (fin ? 0x01 : 0))
  writer.varint(stream)
  if (start > 0) writer.varint(start)
  writer.varint(data.length)
  writer.put(data)
}

const writeClose = (writer: Writer, frame: Frame & { type: 'connection-close' }): void => {
  writer.u8(frame.frameType === null ? 0x1d : 0x1c)
  writer.varint(frame.code)
  if (frame.frameType !== null) writer.varint(frame.frameType)
  writer.varint(frame.reason.length)
  writer.put(frame.reason)
}

/** Bytes of a STREAM frame's header for up to `length` bytes of data at `offset`. */
export const streamHeaderBytes = (stream: number, offset: number, length: number): number =>
  1 + varintSize(stream) + (offset > 0 ? varintSize(offset) : 0) + varintSize(length)

/** Bytes of a DATAGRAM frame with `length` bytes of data. */
export const datagramFrameBytes = (length: number): number => 1 + varintSize(length) + length

/** Bytes of a CRYPTO frame's header for up to `length` bytes of data at `offset`. */
export const cryptoHeaderBytes = (offset: number, length: number): number => 1 + varintSize(offset) + varintSize(length)

/** Whether a frame makes its packet ack-eliciting (RFC 9002 section 2). */
export const isAckEliciting = (frame: Frame): boolean =>
  frame.type !== 'ack' && frame.type !== 'padding' && frame.type !== 'connection-close'

/** Whether a frame says nothing but something about a path (RFC 9000 section 9.1). */
export const isProbing = ({ type }: Frame): boolean =>
  type === 'path-challenge' || type === 'path-response' || type === 'new-connection-id' || type === 'padding'

/** Whether RFC 9000 section 12.4 allows a frame in Initial and Handshake packets. */
export const allowedInHandshake = (frame: Frame): boolean => {
  switch (frame.type) {
    case 'padding':
    case 'ping':
    case 'ack':
    case 'crypto':
      return true
    case 'connection-close':
      return frame.frameType !== null
    default:
      return false
  }
}
