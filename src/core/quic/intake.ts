// What a datagram does to a connection: its packets are opened, their frames handed to the parts (RFC 9000 sections 5.2, 12 and 13).
import { Reader, sameBytes } from '../bytes.ts'
import type { PacketKey } from '../ports.ts'
import { allowedInHandshake, type Frame, isAckEliciting, isProbing, readFrame } from './frames.ts'
import type { ObservedPacket } from './observer.ts'
import type { CloseReason } from './outputs.ts'
import {
  type Header,
  INITIAL_DATAGRAM_BYTES,
  LOCAL_ID_BYTES,
  type LongHeader,
  parseHeader,
  type ShortHeader,
} from './packet.ts'
import { observedRecovery, confirm, discardSpace, type Parts, phaseTime } from './parts.ts'
import type { Path } from './path.ts'
import { openPacket, type ProtectedPacket } from './protection.ts'
import { isAckDelay } from './received-packets.ts'
import type { SpaceName } from './recovery.ts'
import { INITIAL_PTO_MS } from './rtt.ts'
import { settle } from './settlement.ts'
import { FRAME_ENCODING_ERROR, NO_ERROR, PROTOCOL_VIOLATION, type Violation, violation } from './transport-error.ts'

/** A packet taken out of its datagram; those that came before their keys are held as such. */
export interface Arrived {
  readonly path: Path
  readonly buffer: Uint8Array
  readonly header: LongHeader | ShortHeader
}

/** What the packets of a datagram led to, besides the changes in the parts. */
export type IntakeResult =
  | { readonly kind: 'ok' }
  | { readonly kind: 'violation'; readonly violation: Violation }
  /** CONNECTION_CLOSE: the peer ended the connection. */
  | { readonly kind: 'closed-by-peer'; readonly reason: CloseReason }

/** Packets looked at in one datagram: an honest one has at most one of each type, and opening many tiny ones is slow. */
const COALESCED_MAX = 8

const OK: IntakeResult = { kind: 'ok' }

/** Which packet number space a packet belongs to. */
export const spaceOf = (header: LongHeader | ShortHeader): SpaceName =>
  header.form === 'short' ? 'application' : header.type === 'initial' ? 'initial' : 'handshake'

/**
 * The packets of a datagram that belong to one connection: all with the destination id of the first (RFC 9000 section 12.2). Packets
 * with other headers (Retry, Version Negotiation) stand alone in `other`.
 */
export const splitDatagram = (datagram: Uint8Array, path: Path): { packets: Arrived[]; other: Header | null } => {
  const packets: Arrived[] = []
  for (let at = 0; at < datagram.length && packets.length < COALESCED_MAX;) {
    const header = parseHeader(datagram, at, LOCAL_ID_BYTES)
    if (header === null) break
    if (header.form !== 'long' && header.form !== 'short')
      return { packets, other: packets.length === 0 ? header : null }
    const first = packets[0]
    if (first !== undefined && !sameBytes(first.header.destinationId, header.destinationId)) break
    packets.push({ path, buffer: datagram, header })
    at = header.end
  }
  return { packets, other: null }
}

/** Opens one packet whose read key is there and applies its frames. `opened` is false for what was not genuine or is old. */
export const receivePacket = (
  parts: Parts,
  arrived: Arrived,
  now: number,
): { opened: boolean; result: IntakeResult } => {
  const { path, buffer, header } = arrived
  const name = spaceOf(header)
  const space = parts.spaces[name]
  if (space.readKey === null || isOutOfPlace(parts, arrived)) return { opened: false, result: OK }
  const opened = openPacket(space.readKey, buffer, placeOf(parts, header), space.received.largest)
  if (opened.kind === 'rejected') {
    return { opened: false, result: (name === 'application' ? asResult(parts.phases.rejected()) : null) ?? OK }
  }
  if (opened.kind === 'reserved-bits') return { opened: true, result: breach(PROTOCOL_VIOLATION, 'reserved bits set') }
  if (space.received.isDuplicate(opened.packetNumber)) return { opened: false, result: OK }
  const { key, packetNumber } = opened
  const breached = name === 'application' ? parts.phases.opened(key, packetNumber, phaseTime(parts, now)) : null
  if (breached !== null) return { opened: true, result: { kind: 'violation', violation: breached } }
  onGenuine(parts, header, name)
  const seen: Frame[] | null = parts.observer === null ? null : []
  const reader = new Reader(buffer, opened.payload, opened.end)
  const frames = applyFrames(parts, { name, path, header, key, reader, seen, frameAt: opened.payload }, now)
  if (seen !== null) {
    const payloadBytes = opened.end - opened.payload
    tell(parts, { space: name, number: packetNumber, bytes: header.end - header.start, payloadBytes, frames: seen })
  }
  if (frames.kind !== 'frames') return { opened: true, result: frames }
  const atOnce = name !== 'application' || frames.atOnce
  space.received.add(packetNumber, frames.ackEliciting, { now, atOnce })
  parts.lifetime.onReceived(now)
  const { destinationId } = header
  if (parts.progress.confirmed) {
    parts.paths.onPacket(path, { number: packetNumber, isProbing: frames.isProbing, destinationId }, now)
  }
  return { opened: true, result: OK }
}

const tell = (parts: Parts, packet: ObservedPacket): void => {
  parts.observer?.packetReceived(packet)
  if (packet.frames.some(({ type }) => type === 'ack')) parts.observer?.recovery(observedRecovery(parts))
}

/** Where a packet stands; one with a short header shows which key it is to be tried with. */
const placeOf = ({ phases }: Parts, { form, start, payload, end }: LongHeader | ShortHeader): ProtectedPacket =>
  form === 'long' ? { start, packetNumberAt: payload, end } : { start, packetNumberAt: payload, end, keys: phases }

/**
 * Packets to be dropped before they are opened: an Initial to a server in a datagram that is too small (RFC 9000 section 14.1), one to
 * a client with a token (section 17.2.2), a long header from another source id than the first (section 7.2).
 */
const isOutOfPlace = (parts: Parts, { buffer, header }: Arrived): boolean => {
  if (header.form === 'short') return false
  const isClient = parts.role === 'client'
  if (header.type === 'initial' && (isClient ? header.token.length > 0 : buffer.length < INITIAL_DATAGRAM_BYTES)) {
    return true
  }
  return (parts.progress.heard || !isClient) && !parts.remoteIds.isInitial(header.sourceId)
}

/** A genuine packet tells more than its frames: who the peer is, and that it reads what we send. */
const onGenuine = (parts: Parts, header: LongHeader | ShortHeader, name: SpaceName): void => {
  if (parts.role === 'client' && !parts.progress.heard && header.form === 'long') {
    parts.remoteIds.setInitial(header.sourceId)
  }
  parts.progress.heard = true
  if (name !== 'handshake' || parts.role !== 'server') return
  parts.path.isValidated = true
  discardSpace(parts, 'initial')
}

interface Packet {
  readonly name: SpaceName
  readonly path: Path
  readonly header: LongHeader | ShortHeader
  /** What it was opened with. */
  readonly key: PacketKey
  readonly reader: Reader
  /** Filled with its frames, where somebody looks on. */
  readonly seen: Frame[] | null
  /** Where the frame begins that is being applied. */
  frameAt: number
}

const applyFrames = (
  parts: Parts,
  packet: Packet,
  now: number,
): IntakeResult | { kind: 'frames'; ackEliciting: boolean; atOnce: boolean; isProbing: boolean } => {
  const { name, reader } = packet
  // RFC 9000 section 12.4: a packet carries at least one frame.
  if (reader.remaining === 0) return breach(PROTOCOL_VIOLATION, 'a packet without frames')
  let ackEliciting = false
  let atOnce = false
  let probing = true
  while (reader.remaining > 0) {
    packet.frameAt = reader.at
    const frame = readFrame(reader)
    if (frame === null) return breach(FRAME_ENCODING_ERROR, 'a frame that cannot be read')
    if (name !== 'application' && !allowedInHandshake(frame)) {
      return breach(PROTOCOL_VIOLATION, `a ${frame.type} frame in the handshake`)
    }
    packet.seen?.push(frame)
    if (isAckEliciting(frame)) ackEliciting = true
    if (frame.type === 'immediate-ack') atOnce = true
    if (!isProbing(frame)) probing = false
    const result = applyFrame(parts, packet, frame, now)
    if (result !== null) return result
  }
  return { kind: 'frames', ackEliciting, atOnce, isProbing: probing }
}

const applyFrame = (parts: Parts, packet: Packet, frame: Frame, now: number): IntakeResult | null => {
  const { streams } = parts
  switch (frame.type) {
    case 'padding':
    case 'ping':
    case 'immediate-ack':
    case 'data-blocked':
    case 'streams-blocked':
      return null
    case 'ack':
      return applyAck(parts, packet, frame, now)
    case 'crypto':
      return asResult(parts.spaces[packet.name].receiveCrypto(frame.offset, frame.data))
    case 'stream':
      return asResult(streams.onStream(frame))
    case 'reset-stream':
      return asResult(streams.onReset(frame))
    case 'stop-sending':
      return asResult(streams.onStop(frame))
    case 'max-data':
      streams.onMaxData(frame.limit)
      return null
    case 'max-stream-data':
      return asResult(streams.onMaxStreamData(frame))
    case 'max-streams':
      streams.onMaxStreams(frame.bidirectional, frame.limit)
      return null
    case 'stream-data-blocked':
      return asResult(streams.onStreamDataBlocked(frame.stream))
    case 'new-connection-id':
      return applyNewId(parts, frame)
    case 'retire-connection-id':
      return applyRetirement(parts, packet, frame.sequence, now)
    case 'path-challenge':
      packet.path.onChallenge(frame.data)
      return null
    case 'path-response':
      parts.paths.onResponse(frame.data, now)
      return null
    case 'new-token':
      if (parts.role === 'server') return breach(PROTOCOL_VIOLATION, 'a token from a client')
      parts.tokens.receive(frame.token)
      return null
    case 'handshake-done':
      if (parts.role === 'server') return breach(PROTOCOL_VIOLATION, 'HANDSHAKE_DONE from a client')
      if (parts.progress.complete) confirm(parts, now)
      return null
    case 'ack-frequency':
      if (!isAckDelay(frame.delayUs))
        return breach(PROTOCOL_VIOLATION, 'acknowledgements sooner or later than there are')
      parts.spaces.application.received.ask(frame)
      return null
    case 'datagram':
      return asResult(parts.datagrams.receive(frame.data, packet.reader.at - packet.frameAt))
    case 'connection-close':
      return { kind: 'closed-by-peer', reason: closeReason(frame) }
  }
}

const applyNewId = (parts: Parts, frame: Frame & { type: 'new-connection-id' }): IntakeResult | null => {
  const breached = parts.remoteIds.onNew(frame)
  parts.paths.replaceIds()
  return asResult(breached)
}

const applyRetirement = (parts: Parts, { header }: Packet, sequence: number, now: number): IntakeResult | null => {
  // What comes late was sent on a path that was left, and may be slower by far than the one in use, of which the probe timeout is.
  const until = now + Math.max(parts.recovery.threePto(parts.peer.maxAckDelayMs), 3 * INITIAL_PTO_MS)
  return asResult(parts.localIds.onRetire(sequence, { arrivedWith: header.destinationId, until }))
}

const applyAck = (
  parts: Parts,
  { name, key }: Packet,
  frame: Frame & { type: 'ack' },
  now: number,
): IntakeResult | null => {
  const { recovery, progress } = parts
  if (
    frame.ranges[0]!.to >= recovery.spaces[name].next ||
    (name === 'application' && parts.skipped.areIn(frame.ranges))
  ) {
    return breach(PROTOCOL_VIOLATION, 'an ACK of a packet that was never sent')
  }
  const breached = name === 'application' ? parts.phases.acknowledged(key, frame.ranges[0]!.to, now) : null
  if (breached !== null) return { kind: 'violation', violation: breached }
  if (name === 'handshake' && parts.role === 'client') progress.handshakeAcknowledged = true
  const delayMs =
    name === 'application'
      ? Math.min((frame.delay * 2 ** parts.peer.ackDelayExponent) / 1000, parts.peer.maxAckDelayMs)
      : 0
  const settled = recovery.onAck(name, frame.ranges, {
    delayMs,
    now,
    peerAckDelayMs: parts.peer.maxAckDelayMs,
  })
  if (
    settled.acknowledged.length > 0 &&
    (parts.role === 'server' || progress.handshakeAcknowledged || progress.confirmed)
  ) {
    recovery.resetBackoff()
  }
  settle(parts, name, settled, now)
  return null
}

const closeReason = (frame: Frame & { type: 'connection-close' }): CloseReason => ({
  kind: frame.frameType === null ? 'application' : 'transport',
  ours: false,
  code: frame.code,
  reason: printable(frame.reason),
})

/** A peer's text goes into logs: only printable ASCII survives. */
const printable = (bytes: Uint8Array): string => {
  let text = ''
  for (const byte of bytes.subarray(0, 256)) text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?'
  return text
}

const asResult = (found: Violation | null): IntakeResult | null =>
  found === null || found.code === NO_ERROR ? null : { kind: 'violation', violation: found }

const breach = (code: number, reason: string): IntakeResult => ({
  kind: 'violation',
  violation: violation(code, reason),
})
