// Puts one datagram together: which packet number spaces speak, what each packet carries, padding, protection (RFC 9000 sections 12
// and 14). Initial packets are filled up with Handshake bytes, and with PADDING only when nothing else waits: the server's first
// flight fits its amplification limit only so.
import { ascii, Writer } from '../bytes.ts'
import { PacketBuilder } from './packet-builder.ts'
import {
  INITIAL_DATAGRAM_BYTES,
  longHeaderBytes,
  PACKET_NUMBER_BYTES_MAX,
  packetNumberBytes,
  setLength,
  TAG_BYTES,
  writeLongHeader,
  writeShortHeader,
} from './packet.ts'
import { datagramBytesMax, discardSpace, type Parts } from './parts.ts'
import type { Path } from './path.ts'
import { sealPacket } from './protection.ts'
import { SPACES, type SpaceName } from './recovery.ts'
import type { PacketSpace } from './space.ts'
import { fillRefused, fillStreams, streamsPending } from './stream-frames.ts'

/** A packet with less payload room than this is not begun. */
const PAYLOAD_ROOM_MIN = 40

/** Packet number and payload together need this much for the header protection sample (RFC 9001 section 5.4.2). */
const PROTECTED_BYTES_MIN = 4

/** A CONNECTION_CLOSE reason longer than this is cut. */
const REASON_BYTES_MAX = 256

/** A datagram with less room left than this is as full as it can be: a STREAM frame of a few bytes waits for the next. */
const UNFILLED_MAX = 40

/** From this probe timeout in a row on, datagrams are small. */
const PTO_COUNT_LARGE = 2

/** A packet written and not yet sealed: the last one of a datagram may still be padded. */
interface Draft {
  readonly space: PacketSpace
  readonly path: Path
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

/** Writes the next datagram of the path in use into `into` and returns its length; 0 when nothing is to be sent now. */
export const assemble = (parts: Parts, into: Uint8Array, now: number): number => {
  if (mayProbe(parts, into.length, now)) return assembleProbe(parts, new Writer(into), now)
  const { path } = parts
  const limit = Math.min(into.length, bytesMax(parts), path.allowance)
  // Most calls have nothing to send: they need neither.
  let writer: Writer | null = null
  let drafts: Draft[] | null = null
  let anythingWaits = false
  for (const name of SPACES) {
    const space = parts.spaces[name]
    if (space.writeKey === null) continue
    const waits = space.hasCrypto() || (name === 'application' && hasApplicationFrames(parts, limit))
    anythingWaits ||= waits
    const isDue = space.received.ackAt <= now || space.probes > 0 || (name === 'application' && owesChallenge(parts))
    if (!isDue && !(waits && windowAllows(parts, space, now))) continue
    writer ??= new Writer(into)
    const draft = begin(parts, writer, { name, limit, path })
    if (draft === null) continue
    fill(parts, draft, now)
    if (draft.builder.isEmpty) writer.at = draft.start
    else (drafts ??= []).push(ended(writer, draft))
  }
  if (!anythingWaits) parts.recovery.throttle.rested()
  return writer === null || drafts === null ? 0 : finish(parts, writer, { drafts, limit, path, now })
}

/** Writes a datagram of another path, which asks or answers there and says nothing else (RFC 9000 section 9.1). */
export const assembleAside = (parts: Parts, path: Path, into: Uint8Array, now: number): number => {
  const limit = Math.min(into.length, path.mtu.bytes, path.allowance)
  const writer = new Writer(into)
  const draft = begin(parts, writer, { name: 'application', limit, path })
  if (draft === null) return 0
  path.fill(draft.builder, parts.random)
  parts.localIds.fill(draft.builder)
  if (draft.builder.isEmpty) return 0
  return finish(parts, writer, { drafts: [ended(writer, draft)], limit, path, now })
}

/** Writes a datagram with CONNECTION_CLOSE in every space the peer may be able to read (RFC 9000 section 10.2.3). */
export const assembleClose = (parts: Parts, into: Uint8Array, now: number): number => {
  const { state } = parts.lifetime
  if (state.kind !== 'closing' || !state.owesAnswer) return 0
  state.owesAnswer = false
  const { path } = parts
  const limit = Math.min(into.length, path.mtu.bytes, path.allowance)
  const writer = new Writer(into)
  const drafts: Draft[] = []
  for (const name of SPACES) {
    const draft = begin(parts, writer, { name, limit, path })
    if (draft === null) continue
    const isApplication = state.reason.kind === 'application' && name === 'application'
    // An application's code and reason are not for packets that are not authenticated (section 10.2.3): 0x0c stands for them.
    const code = state.reason.kind === 'application' && !isApplication ? 0x0c : state.reason.code
    const text = isApplication || state.reason.kind === 'transport' ? state.reason.reason : ''
    const reason = ascii(text.slice(0, Math.min(REASON_BYTES_MAX, Math.max(0, draft.builder.room - 20))))
    draft.builder.add({ type: 'connection-close', code, frameType: isApplication ? null : 0, reason }, null)
    drafts.push(ended(writer, draft))
  }
  return finish(parts, writer, { drafts, limit, path, now })
}

/** A challenge waits for no window: until it is answered hardly anything may be sent, and it is as rare as a probe. */
const owesChallenge = ({ path, progress }: Parts): boolean => progress.confirmed && path.validation?.owed === true

/**
 * Handshake data whose space has nothing in flight goes whatever the window says: the window may be full of 1-RTT packets that the peer
 * cannot read before it has that data, and no timer would fire for them (RFC 9002 section 6.2.1).
 */
const windowAllows = (parts: Parts, space: PacketSpace, now: number): boolean =>
  parts.recovery.throttle.allows(now) ||
  (space.hasCrypto() && parts.recovery.spaces[space.name].elicitingInFlight === 0)

/** What is sent again and again may have been too large. */
const bytesMax = ({ path, recovery }: Parts): number =>
  recovery.ptoCount < PTO_COUNT_LARGE ? path.mtu.bytes : INITIAL_DATAGRAM_BYTES

/** A probe of the path's size goes when an ordinary datagram could; it is one at a time and not counted as in flight. */
const mayProbe = ({ path, progress, recovery }: Parts, room: number, now: number): boolean => {
  if (!progress.confirmed || !path.isValidated || recovery.ptoCount > 0) return false
  const wanted = path.mtu.wanted(now)
  return wanted > 0 && wanted <= room && recovery.throttle.hasRoom
}

/** A datagram of the size that is tried, with nothing in it that would be missed (RFC 9000 section 14.4). */
const assembleProbe = (parts: Parts, writer: Writer, now: number): number => {
  const bytes = parts.path.mtu.wanted(now)
  const draft = begin(parts, writer, { name: 'application', limit: bytes, path: parts.path })
  if (draft === null) return 0
  draft.builder.add({ type: parts.ackFrequency.isUnderstood ? 'immediate-ack' : 'ping' }, { kind: 'mtu-probe', bytes })
  draft.builder.isPathProbe = true
  pad(writer, draft, bytes - TAG_BYTES - writer.at)
  parts.path.mtu.probeSent()
  return finish(parts, writer, { drafts: [ended(writer, draft)], limit: bytes, path: parts.path, now })
}

const hasApplicationFrames = (parts: Parts, limit: number): boolean =>
  parts.progress.doneOwed ||
  (parts.progress.complete && parts.tokens.pending) ||
  parts.localIds.pending ||
  parts.remoteIds.pending ||
  parts.path.pending ||
  streamsPending(parts.streams) ||
  (parts.datagrams.isWaiting && datagramWaits(parts, limit))

/** One that fits a datagram of so many bytes. */
const datagramWaits = (parts: Parts, limit: number): boolean => {
  const { id } = parts.path.id ?? parts.remoteIds.first
  const room = limit - (1 + id.length + PACKET_NUMBER_BYTES_MAX + TAG_BYTES)
  return parts.datagrams.pending(datagramBytesMax(parts), room)
}

const begin = (parts: Parts, writer: Writer, as: { name: SpaceName; limit: number; path: Path }): Draft | null => {
  const space = parts.spaces[as.name]
  if (space.writeKey === null) return null
  // A server's Initial has to be padded to this; where the amplification limit forbids it, nothing leaves.
  if (as.name === 'initial' && as.limit < INITIAL_DATAGRAM_BYTES) return null
  const sent = parts.recovery.spaces[as.name]
  const packetNumber = sent.next
  const size = packetNumberBytes(packetNumber, sent.largestAcknowledged)
  const start = writer.at
  const lengthAt = writeHeader(parts, writer, { ...as, packetNumber, packetNumberBytes: size })
  if (lengthAt === null) return null
  return {
    space,
    path: as.path,
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
  packet: { name: SpaceName; limit: number; path: Path; packetNumber: number; packetNumberBytes: number },
): number | null => {
  const { packetNumber, packetNumberBytes: size } = packet
  const destinationId = packet.path.id?.id ?? parts.remoteIds.first.id
  const room = packet.limit - writer.at - TAG_BYTES - PAYLOAD_ROOM_MIN
  if (packet.name === 'application') {
    if (room < 1 + destinationId.length + size) return null
    writeShortHeader(writer, { destinationId, packetNumber, packetNumberBytes: size, keyPhase: parts.phases.phase })
    return -1
  }
  const { source: sourceId } = parts.localIds
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
    if (mayElicit && space.name === 'application') fillRefused(parts.streams, builder)
    const ack = space.received.frame(now, builder.room)
    if (ack !== null) {
      builder.add(ack, { kind: 'ack', largest: ack.ranges[0]!.to })
      space.received.sent()
    }
  }
  if (mayElicit) {
    space.fillCrypto(builder)
    if (space.name === 'application') fillApplication(parts, builder, now)
  } else if (space.name === 'application' && owesChallenge(parts)) parts.path.fill(builder, parts.random)
  const mayHurry = space.name === 'application' && parts.ackFrequency.isUnderstood
  if (isProbe && builder.room > 0 && (mayHurry || !builder.isAckEliciting)) {
    builder.add({ type: mayHurry ? 'immediate-ack' : 'ping' }, null)
  }
  if (isProbe && builder.isAckEliciting) space.probes--
}

const fillApplication = (parts: Parts, builder: PacketBuilder, now: number): void => {
  if (parts.progress.doneOwed && builder.room > 0) {
    builder.add({ type: 'handshake-done' }, { kind: 'handshake-done' })
    parts.progress.doneOwed = false
  }
  const isAnswering = parts.path.isAnswering
  if (parts.progress.complete) parts.path.fill(builder, parts.random)
  parts.localIds.fill(builder)
  parts.remoteIds.fill(builder)
  if (parts.progress.complete) parts.tokens.fill(builder)
  parts.ackFrequency.fill(builder, parts.recovery.throttle.window / parts.path.mtu.bytes, parts.recovery.rtt.smoothed)
  const { datagrams } = parts
  const { isFirst } = datagrams
  if (!isFirst || datagrams.fill(builder)) {
    fillStreams(parts.streams, builder, { now, rttMs: parts.recovery.rtt.smoothed })
  }
  if (!isFirst && datagrams.isWaiting) datagrams.fill(builder)
  // Whoever asks whether the path in use is still the right one goes by packets that say something (RFC 9000 section 9.3.3).
  if (isAnswering && builder.isProbing && builder.room > 0) builder.add({ type: 'ping' }, null)
}

/** Pads, seals and records the packets of a datagram. */
const finish = (
  parts: Parts,
  writer: Writer,
  datagram: { drafts: Draft[]; limit: number; path: Path; now: number },
): number => {
  const { drafts, limit, path, now } = datagram
  const last = drafts.at(-1)
  if (last === undefined) return 0
  let mustBeFull = false
  for (const { builder, space } of drafts) {
    mustBeFull ||=
      builder.wantsFullDatagram || (space.name === 'initial' && (parts.role === 'client' || builder.isAckEliciting))
  }
  const missing = mustBeFull ? Math.min(INITIAL_DATAGRAM_BYTES, limit) - writer.at : 0
  if (missing > 0) {
    writer.at = last.end
    pad(writer, last, missing)
    last.end = writer.at
    writer.at += TAG_BYTES
  }
  let doneWithInitial = false
  for (const draft of drafts) {
    seal(parts, writer.bytes, draft, now)
    // A client is done with Initial packets once it sends Handshake ones (RFC 9001 section 4.9.1).
    doneWithInitial ||= parts.role === 'client' && draft.space.name === 'handshake'
  }
  path.onSent(writer.at, now)
  if (drafts[0]?.space.name === 'application' && writer.at > limit - UNFILLED_MAX) path.mtu.filled()
  if (doneWithInitial) discardSpace(parts, 'initial')
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
    flow: draft.path.flow?.number ?? -1,
    bytes: ackEliciting && !builder.isPathProbe ? end + TAG_BYTES - start : 0,
    ackEliciting,
    carried: builder.carried,
  })
  if (space.name === 'application') parts.recovery.spaces.application.next = parts.skipped.after(packetNumber)
  if (ackEliciting) parts.lifetime.onElicitingSent(now)
  const { frames } = builder
  if (frames !== null) {
    const [bytes, payloadBytes] = [end + TAG_BYTES - start, end - packetNumberAt - draft.packetNumberBytes]
    parts.observer?.packetSent({ space: space.name, number: packetNumber, bytes, payloadBytes, frames })
  }
}
