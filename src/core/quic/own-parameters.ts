// The transport parameters a connection announces, and the ids in the peer's, which authenticate those of the unprotected headers
// (RFC 9000 sections 7.3 and 18).
import { sameBytes } from '../bytes.ts'
import { MIN_ACK_DELAY_US } from './received-packets.ts'
import { openingBytes } from './stream-credit.ts'
import type { PreferredAddress } from './preferred-address.ts'
import type { TransportSettings } from './settings.ts'
import { PARAMETER_DEFAULTS, type TransportParameters } from './transport-parameters.ts'

/** What the parameters say besides the settings; a client has null for all but its own id. */
export interface OwnIds {
  readonly local: Uint8Array
  /** The destination id of the client's very first Initial. */
  readonly original: Uint8Array | null
  /** The source id of the Retry that came before, if one did. */
  readonly retryId: Uint8Array | null
  /** The stateless reset token of `local`. */
  readonly resetToken: Uint8Array | null
  /** Where a server would rather be spoken to; null for nowhere else. */
  readonly preferred: PreferredAddress | null
}

/** The parameters of one end. */
export const ownParameters = (settings: TransportSettings, ids: OwnIds): TransportParameters => ({
  ...PARAMETER_DEFAULTS,
  originalDestinationId: ids.original,
  statelessResetToken: ids.resetToken,
  maxIdleTimeoutMs: settings.idleTimeoutMs,
  initialMaxData: settings.dataBytes.initial,
  initialMaxStreamDataBidiLocal: openingBytes(settings),
  initialMaxStreamDataBidiRemote: openingBytes(settings),
  initialMaxStreamDataUni: openingBytes(settings),
  initialMaxStreamsBidi: settings.bidirectionalStreams,
  initialMaxStreamsUni: settings.unidirectionalStreams,
  disableActiveMigration: !settings.migration,
  preferredAddress: ids.preferred,
  activeConnectionIdLimit: settings.connectionIds,
  initialSourceId: ids.local,
  retrySourceId: ids.retryId,
  minAckDelayUs: MIN_ACK_DELAY_US,
  maxDatagramFrameBytes: settings.datagrams?.frameBytesMax ?? 0,
})

/** The ids that the headers showed. `original` and `retryId` are for a client to check. */
export interface SeenIds {
  readonly role: 'client' | 'server'
  readonly remote: Uint8Array
  readonly original: Uint8Array
  readonly retryId: Uint8Array | null
}

/** What the peer's parameters say otherwise than its packets did, or null. */
export const idObjection = (peer: TransportParameters, seen: SeenIds): string | null => {
  if (!same(peer.initialSourceId, seen.remote)) return 'initial_source_connection_id is not what its packets say'
  if (seen.role === 'server') return null
  if (peer.preferredAddress !== null && seen.remote.length === 0) return 'a preferred address of a server without ids'
  if (!same(peer.originalDestinationId, seen.original)) {
    return 'original_destination_connection_id is not what we sent'
  }
  if (same(peer.retrySourceId, seen.retryId)) return null
  return seen.retryId === null ? 'a Retry that never was' : 'retry_source_connection_id is not what the Retry said'
}

const same = (a: Uint8Array | null, b: Uint8Array | null): boolean =>
  a === null || b === null ? a === b : sameBytes(a, b)
