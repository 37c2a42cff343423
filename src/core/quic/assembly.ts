// Puts one datagram together: which packet number spaces speak, what each packet carries, padding, protection (RFC 9000 sections 12
// and 14). Initial packets are filled up with Handshake bytes, and with PADDING only when nothing else waits: the server's first
// flight fits its amplification limit only so.
import { ascii, Writer } from '../bytes.ts'
import { PacketBuilder } from './packet-builder.ts'
import {
  INITIAL_DATAGRAM_BYTES,
  longHeaderBytes,
  packetNumberBytes,
  setLength,
  TAG_BYTES,
  writeLongHeader,
  writeShortHeader,
} from './packet.ts'
import { discardSpace, type Parts } from './parts.ts'
import { sealPacket } from './protection.ts'
import { SPACES, type SpaceName } from './recovery.ts'
import type { PacketSpace } from './space.ts'
import { fillStreams, streamsPending } from './stream-frames.ts'

/** A packet with less payload room than this is not begun. */
const PAYLOAD_ROOM_MIN = 40

/** Packet number and payload together need this much for the header protection sample (RFC 9001 section 5.4.2). */
const PROTECTED_BYTES_MIN = 4

/** A CONNECTION_CLOSE reason longer than this is cut. */
const REASON_BYTES_MAX = 256

/** A packet written and not yet sealed: the last one of a datagram may still be padded. */
interface Draft {
  readonly space: PacketSpace
  readonly builder: PacketBuilder
  readonly start: number
  /** -1 in a short header, which has no length. */
  readonly lengthAt: number
  readonly packetNumberAt: number
  readonly packetNumber: number
  readonly packetNumberBytes: number
  /** Where the payload ends; the tag follows. */
  end: number
}

/** Writes the next datagram into `into` and returns its length; 0 when nothing is to be sent now. */
export const assemble = (parts: Parts, into: Uint8Array, now: number): number => {
  const limit = Math.min(into.length, parts.path.datagramBytes, parts.path.allowance)
  const writer = new Writer(into)
  const drafts: Draft[] = []
  let anythingWaits = false
  for (const name of SPACES) {
    const space = parts.spaces[name]
    if (space.writeKey === null) continue
    const waits = space.hasCrypto() || (name === 'application' && hasApplicationFrames(parts))
    anythingWaits ||= waits
    const isDue = space.received.ackAt <= now || space.probes > 0
    if (!isDue && !(waits && windowAllows(parts, space, now))) continue
    const draft = begin(parts, writer, { name, limit, closing: false })
    if (draft === null) continue
    fill(parts, draft, now)
    if (draft.builder.isEmpty) writer.at = draft.start
    else drafts.push(ended(writer, draft))
  }
  if (!anythingWaits) parts.recovery.throttle.rested()
  return finish(parts, writer, { drafts, limit, now })
}

/** Writes a datagram with CONNECTION_CLOSE in every space the peer may be able to read (RFC 9000 section 10.2.3). */
export const assembleClose = (parts: Parts, into: Uint8Array, now: number): number => {
  const { state } = parts.lifetime
  if (state.kind !== 'closing' || !state.owesAnswer) return 0
  state.owesAnswer = false
  const limit = Math.min(into.length, parts.path.datagramBytes, parts.path.allowance)
  const writer = new Writer(into)
  const drafts: Draft[] = []
  for (const name of SPACES) {
    const draft = begin(parts, writer, { name, limit, closing: true })
    if (draft === null) continue
    const isApplication = state.reason.kind === 'application' && name === 'application'
    // An application's code and reason are not for packets that are not authenticated (section 10.2.3): 0x0c stands for them.
    const code = state.reason.kind === 'application' && !isApplication ? 0x0c : state.reason.code
    const text = isApplication || state.reason.kind === 'transport' ? state.reason.reason : ''
    const reason = ascii(text.slice(0, Math.min(REASON_BYTES_MAX, Math.max(0, draft.builder.room - 20))))
    draft.builder.add({ type: 'connection-close', code, frameType: isApplication ? null : 0, reason }, null)
    drafts.push(ended(writer, draft))
  }
  return finish(parts, writer, { drafts, limit, now })
}

/**
 * Handshake data whose space has nothing in flight goes whatever the window says: the window may be full of 1-RTT packets that the peer
 * cannot read before it has that data, and no timer would fire for them (RFC 9002 section 6.2.1).
 */
const windowAllows = (parts: Parts, space: PacketSpace, now: number): boolean =>
  parts.recovery.throttle.allows(now) ||
  (space.hasCrypto() && parts.recovery.spaces[space.name].elicitingInFlight === 0)

const hasApplicationFrames = (parts: Parts): boolean =>
  parts.progress.doneOwed ||
  (parts.progress.complete && parts.tokens.pending) ||
  parts.ids.pending ||
  parts.path.pending ||
  streamsPending(parts.streams)

const begin = (
  parts: Parts,
  writer: Writer,
  as: { name: SpaceName; limit: number; closing: boolean },
): Draft | null => {
  const space = parts.spaces[as.name]
  if (space.writeKey === null) return null
  // A server's Initial has to be padded to this; where the amplification limit forbids it, nothing leaves.
  if (as.name === 'initial' && as.limit < INITIAL_DATAGRAM_BYTES) return null
  const sent = parts.recovery.spaces[as.name]
  const packetNumber = sent.next
  const size = packetNumberBytes(packetNumber, sent.largestAcknowledged)
  const start = writer.at
  const lengthAt = writeHeader(parts, writer, { name: as.name, limit: as.limit, packetNumber, packetNumberBytes: size })
  if (lengthAt === null) return null
  return {
    space,
    builder: new PacketBuilder(writer, as.limit - TAG_BYTES, parts.observer === null ? null : []),
    start,
    lengthAt,
    packetNumberAt: writer.at - size,
    packetNumber,
    packetNumberBytes: size,
    end: -1,
  }
}

/** Writes the header of a packet and returns where its length stands, -1 in a short one; null when too little room is left. */
const writeHeader = (
  parts: Parts,
  writer: Writer,
  packet: { name: SpaceName; limit: number; packetNumber: number; packetNumberBytes: number },
): number | null => {
  const { packetNumber, packetNumberBytes: size } = packet
  const destinationId = parts.ids.remote
  const room = packet.limit - writer.at - TAG_BYTES - PAYLOAD_ROOM_MIN
  if (packet.name === 'application') {
    if (room < 1 + destinationId.length + size) return null
    writeShortHeader(writer, { destinationId, packetNumber, packetNumberBytes: size, keyPhase: parts.phases.phase })
    return -1
  }
  const { source: sourceId } = parts.ids
  const token = parts.tokens.presented
  const fields = { type: packet.name, destinationId, sourceId, token, packetNumber, packetNumberBytes: size }
  return room < longHeaderBytes(fields) ? null : writeLongHeader(writer, fields)
}

/** Closes the payload of a draft, long enough to be sampled, and leaves room for its tag. */
const ended = (writer: Writer, draft: Draft): Draft => {
  pad(writer, draft, draft.packetNumberAt + PROTECTED_BYTES_MIN - writer.at)
  draft.end = writer.at
  writer.at += TAG_BYTES
  return draft
}

const pad = (writer: Writer, { builder }: Draft, bytes: number): void => {
  if (bytes <= 0) return
  builder.frames?.push({ type: 'padding', length: bytes })
  writer.bytes.fill(0, writer.at, writer.at + bytes)
  writer.at += bytes
}

const fill = (parts: Parts, draft: Draft, now: number): void => {
  const { space, builder } = draft
  const isProbe = space.probes > 0
  const mayElicit = isProbe || windowAllows(parts, space, now)
  if (space.received.owes) {
    const ack = space.received.frame(now, builder.room)
    if (ack !== null) {
      builder.add(ack, { kind: 'ack', largest: ack.ranges[0]!.to })
      space.received.sent()
    }
  }
  if (mayElicit) {
    space.fillCrypto(builder)
    if (space.name === 'application') fillApplication(parts, builder, now)
  }
  if (isProbe && !builder.isAckEliciting && builder.room > 0) builder.add({ type: 'ping' }, null)
  if (isProbe && builder.isAckEliciting) space.probes--
}

const fillApplication = (parts: Parts, builder: PacketBuilder, now: number): void => {
  if (parts.progress.doneOwed && builder.room > 0) {
    builder.add({ type: 'handshake-done' }, { kind: 'handshake-done' })
    parts.progress.doneOwed = false
  }
  parts.path.fill(builder)
  parts.ids.fill(builder)
  if (parts.progress.complete) parts.tokens.fill(builder)
  fillStreams(parts.streams, builder, { now, rttMs: parts.recovery.rtt.smoothed })
}

/** Pads, seals and records the packets of a datagram. */
const finish = (parts: Parts, writer: Writer, datagram: { drafts: Draft[]; limit: number; now: number }): number => {
  const { drafts, limit, now } = datagram
  const last = drafts.at(-1)
  if (last === undefined) return 0
  const mustBeFull = drafts.some(
    ({ builder, space }) =>
      builder.wantsFullDatagram || (space.name === 'initial' && (parts.role === 'client' || builder.isAckEliciting)),
  )
  const missing = mustBeFull ? Math.min(INITIAL_DATAGRAM_BYTES, limit) - writer.at : 0
  if (missing > 0) {
    writer.at = last.end
    pad(writer, last, missing)
    last.end = writer.at
    writer.at += TAG_BYTES
  }
  for (const draft of drafts) seal(parts, writer.bytes, draft, now)
  parts.path.onSent(writer.at)
  // A client is done with Initial packets once it sends Handshake ones (RFC 9001 section 4.9.1).
  if (parts.role === 'client' && drafts.some((draft) => draft.space.name === 'handshake'))
    discardSpace(parts, 'initial')
  return writer.at
}

const seal = (parts: Parts, buffer: Uint8Array, draft: Draft, now: number): void => {
  const { space, builder, start, end, packetNumber, packetNumberAt } = draft
  if (space.writeKey === null) return
  if (draft.lengthAt >= 0) setLength(buffer, draft.lengthAt, end + TAG_BYTES - packetNumberAt)
  sealPacket(space.writeKey, buffer, draft, packetNumber)
  if (space.name === 'application') parts.phases.sealed(packetNumber, builder.saysAck)
  const ackEliciting = builder.isAckEliciting
  parts.recovery.onSent(space.name, {
    number: packetNumber,
    sentAt: now,
    bytes: ackEliciting ? end + TAG_BYTES - start : 0,
    ackEliciting,
    carried: builder.carried,
  })
  if (ackEliciting) parts.lifetime.onElicitingSent(now)
  const { frames } = builder
  if (frames !== null) {
    parts.observer?.packetSent({ space: space.name, number: packetNumber, bytes: end + TAG_BYTES - start, frames })
  }
}
