// What a peer can make a connection keep, looked at from outside: for tests, between any two inputs.
import type { Parts } from './parts.ts'
import { SPACES } from './recovery.ts'

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
