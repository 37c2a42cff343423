// What a peer can make a connection keep, looked at from outside: for tests, between any two inputs.
import type { Parts } from './parts.ts'
import { SPACES } from './recovery.ts'

/** What is kept for a peer: bytes, and records beside them that have a fixed size each. */
export interface Held {
  /** Of the peer's: not read yet, ahead of what could be read, or before its keys. */
  readonly received: number
  /** Of ours: written, and not acknowledged. */
  readonly unacknowledged: number
  /** Pieces of what was received, packets in flight or given up, ranges, streams, ids, paths, challenges and tokens. */
  readonly records: number
}

/** What a connection keeps for its peer just now. */
export const heldBy = ({
  datagrams,
  held,
  localIds,
  paths,
  recovery,
  remoteIds,
  spaces,
  streams,
  tokens,
}: Parts): Held => {
  let received = held.bytes
  let { unacknowledged } = streams
  let records = held.count + localIds.count + remoteIds.count + paths.count + tokens.count + streams.count
  for (const name of SPACES) {
    const ahead = spaces[name].ahead
    received += ahead.bytes
    unacknowledged += spaces[name].cryptoOut.held
    records += ahead.pieces + spaces[name].received.ranges + recovery.spaces[name].count
  }
  const { bytes, pieces } = streams.waiting
  const { received: unread, sending } = datagrams.waiting
  return {
    received: received + bytes + unread.bytes,
    unacknowledged: unacknowledged + sending.bytes,
    records: records + pieces + unread.count + sending.count,
  }
}

/** Throws when an open connection's parts do not agree, or hold more than its settings say. */
export const checkBounds = ({
  datagrams,
  held,
  lifetime,
  localIds,
  paths,
  remoteIds,
  spaces,
  streams,
}: Parts): void => {
  if (!lifetime.isOpen) return
  streams.checkInvariants()
  datagrams.checkInvariants()
  localIds.checkInvariants()
  remoteIds.checkInvariants()
  paths.checkInvariants()
  held.checkInvariants()
  for (const name of SPACES) spaces[name].checkInvariants()
}
