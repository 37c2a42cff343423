// One packet while it is being written: where it began, how much room its payload has, and what it carries for whom.
import type { Writer } from '../bytes.ts'
import { type Frame, isAckEliciting, isProbing, writeFrame, writeStream } from './frames.ts'
import type { Carried } from './sent-packets.ts'

export class PacketBuilder {
  readonly writer: Writer
  /** Where the payload has to end, so that the tag still fits. */
  readonly payloadMax: number
  /** Bytes of payload that it holds in all. */
  readonly capacity: number
  readonly carried: Carried[] = []
  /** Its frames, where somebody looks on. */
  readonly frames: Frame[] | null
  isAckEliciting = false
  saysAck = false
  /** It carries nothing but what says something about its path. */
  isProbing = true
  /** Its size is what it is sent for: it does not count as in flight. */
  isPathProbe = false
  /** The datagram has to be filled up, since it says something about the path (RFC 9000 section 8.2.2). */
  wantsFullDatagram = false
  #empty = true

  constructor(writer: Writer, payloadMax: number, frames: Frame[] | null = null) {
    this.frames = frames
    this.writer = writer
    this.payloadMax = payloadMax
    this.capacity = payloadMax - writer.at
  }

  /** Bytes of payload that still fit. */
  get room(): number {
    return this.payloadMax - this.writer.at
  }

  get isEmpty(): boolean {
    return this.#empty
  }

  /** Writes a frame that is known to fit; `carried` is what its owner hears when the packet is acknowledged or lost. */
  add(frame: Frame, carried: Carried | null): void {
    writeFrame(this.writer, frame)
    this.frames?.push(frame)
    this.#empty = false
    if (isAckEliciting(frame)) this.isAckEliciting = true
    if (frame.type === 'ack') this.saysAck = true
    if (!isProbing(frame)) this.isProbing = false
    if (frame.type === 'path-response' || frame.type === 'path-challenge') this.wantsFullDatagram = true
    if (carried !== null) this.carried.push(carried)
  }

  /** Writes a STREAM frame with the data that `carried` names: the frame that bulk consists of, without an object of its own. */
  addData(carried: Carried & { kind: 'stream' }, data: Uint8Array): void {
    writeStream(this.writer, carried, data)
    const { stream, start: offset, fin } = carried
    this.frames?.push({ type: 'stream', stream, offset, fin, data })
    this.#empty = this.isProbing = false
    this.isAckEliciting = true
    this.carried.push(carried)
  }
}

/** No control frame is longer than this but ACK, CRYPTO, STREAM, NEW_TOKEN and CONNECTION_CLOSE: 1 + 8 + 8 + 1 + 20 + 16. */
export const CONTROL_FRAME_BYTES_MAX = 54
