// What became of packets is told to whoever put something into them: it was acknowledged, or it is lost and owed again.
import type { Parts } from './parts.ts'
import type { Settled, SpaceName } from './recovery.ts'
import type { Carried } from './sent-packets.ts'
import { streamsAcknowledged, streamsLost } from './stream-frames.ts'

/** Tells the owners of what packets carried that those were acknowledged or lost. */
export const settle = (parts: Parts, name: SpaceName, settled: Settled): void => {
  for (const packet of settled.acknowledged) for (const carried of packet.carried) acknowledged(parts, name, carried)
  for (const packet of settled.lost) {
    parts.observer?.packetLost(name, packet.number)
    for (const carried of packet.carried) lose(parts, name, carried)
  }
}

const acknowledged = (parts: Parts, name: SpaceName, carried: Carried): void => {
  switch (carried.kind) {
    case 'ack':
      parts.spaces[name].received.acknowledged(carried.largest)
      return
    case 'crypto':
      parts.spaces[name].cryptoOut.acknowledge(carried.start, carried.end)
      return
    case 'new-connection-id':
    case 'retire-connection-id':
      parts.ids.acknowledged(carried.kind, carried.sequence)
      return
    default:
      streamsAcknowledged(parts.streams, carried)
  }
}

/** What was lost is owed again by its owner. */
export const lose = (parts: Parts, name: SpaceName, carried: Carried): void => {
  switch (carried.kind) {
    case 'ack':
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
    case 'new-connection-id':
    case 'retire-connection-id':
      parts.ids.lost(carried.kind, carried.sequence)
      return
    default:
      streamsLost(parts.streams, carried)
  }
}
