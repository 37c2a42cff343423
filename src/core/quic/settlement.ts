// What became of packets is told to whoever put something into them: it was acknowledged, or it is lost and owed again.
import { INITIAL_DATAGRAM_BYTES } from './packet.ts'
import type { Parts } from './parts.ts'
import type { Settled, SpaceName } from './recovery.ts'
import type { Carried, SentPacket } from './sent-packets.ts'
import { streamsAcknowledged, streamsLost } from './stream-frames.ts'

/** Tells the owners of what packets carried that those were acknowledged or lost. */
export const settle = (parts: Parts, name: SpaceName, settled: Settled, now: number): void => {
  const { mtu } = parts.path
  const here = parts.recovery.flow.number
  for (const packet of settled.acknowledged) {
    // What went by another path says nothing about the size of this one.
    const isHere = packet.flow === here
    if (isHere) mtu.acknowledged(packet.bytes)
    for (const carried of packet.carried) {
      if (carried.kind !== 'mtu-probe' || isHere) acknowledged(parts, name, carried)
    }
  }
  for (const packet of settled.lost) {
    parts.observer?.packetLost(name, packet.number)
    for (const carried of packet.carried) {
      if (carried.kind === 'datagram') parts.datagrams.lost(carried.id)
      else if (carried.kind !== 'mtu-probe') lose(parts, name, carried)
      else if (packet.flow === here) mtu.probeLost(carried.bytes, now)
    }
  }
  suspectSize(parts, settled.lost, now)
}

/** Large packets were lost, or not acknowledged for a probe timeout: the path may not carry such any more. */
export const suspectSize = ({ path, recovery }: Parts, packets: readonly SentPacket[], now: number): void => {
  const here = recovery.flow.number
  if (!packets.some(({ bytes, flow }) => bytes > INITIAL_DATAGRAM_BYTES && flow === here)) return
  if (path.mtu.missed(now)) recovery.throttle.setDatagramBytes(path.mtu.bytes)
}

const acknowledged = (parts: Parts, name: SpaceName, carried: Carried): void => {
  switch (carried.kind) {
    case 'ack':
      parts.spaces[name].received.acknowledged(carried.largest)
      return
    case 'crypto':
      parts.spaces[name].cryptoOut.acknowledge(carried.start, carried.end)
      return
    case 'retire-connection-id':
      parts.remoteIds.acknowledged(carried.sequence)
      return
    case 'datagram':
      return parts.datagrams.acknowledged(carried.id)
    case 'mtu-probe':
      if (parts.path.mtu.probeAcknowledged(carried.bytes)) {
        parts.recovery.throttle.setDatagramBytes(parts.path.mtu.bytes)
      }
      return
    default:
      streamsAcknowledged(parts.streams, carried)
  }
}

/** What was lost is owed again by its owner. */
export const lose = (parts: Parts, name: SpaceName, carried: Carried): void => {
  switch (carried.kind) {
    case 'ack':
    case 'mtu-probe':
    case 'datagram':
      return
    case 'crypto':
      parts.spaces[name].cryptoOut.lose(carried.start, carried.end)
      return
    case 'handshake-done':
      parts.progress.doneOwed = true
      return
    case 'new-token':
      parts.tokens.lost()
      return
    case 'ack-frequency':
      parts.ackFrequency.lost(carried.sequence)
      return
    case 'new-connection-id':
      parts.localIds.lost(carried.sequence)
      return
    case 'retire-connection-id':
      parts.remoteIds.lost(carried.sequence)
      return
    default:
      streamsLost(parts.streams, carried)
  }
}
