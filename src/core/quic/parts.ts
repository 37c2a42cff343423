// The parts a connection is composed of, as intake.ts and assembly.ts see them. Each part owns its state.
import type { Random } from '../ports.ts'
import type { AckFrequency } from './ack-frequency.ts'
import type { Datagrams } from './datagrams.ts'
import type { HeldPackets } from './held-packets.ts'
import type { KeyPhases, PhaseTime } from './key-phases.ts'
import type { Lifetime } from './lifetime.ts'
import type { LocalIds } from './local-ids.ts'
import type { ObservedRecovery, Observer } from './observer.ts'
import type { Path } from './path.ts'
import type { Paths } from './paths.ts'
import type { Recovery, RecoveryView, SpaceName } from './recovery.ts'
import type { RemoteIds } from './remote-ids.ts'
import type { SkippedNumbers } from './skipped-numbers.ts'
import type { PacketSpace } from './space.ts'
import type { Streams } from './streams.ts'
import type { TokenExchange } from './token-exchange.ts'
import type { TransportParameters } from './transport-parameters.ts'

/** How far the handshake has come: what the other parts may do depends on it. */
export interface Progress {
  /** TLS is complete (RFC 9001 section 4.1.1). */
  complete: boolean
  /** Both ends know that it is (section 4.1.2). */
  confirmed: boolean
  /** A server owes HANDSHAKE_DONE. */
  doneOwed: boolean
  /** At least one packet of the peer was opened. */
  heard: boolean
  /** The peer acknowledged a 1-RTT packet of ours. */
  peerHears: boolean
  /** A client heard that the server has its Handshake packets: the server is sure of its address. */
  handshakeAcknowledged: boolean
}

export interface Parts {
  readonly role: 'client' | 'server'
  readonly random: Random
  readonly spaces: Readonly<Record<SpaceName, PacketSpace>>
  readonly phases: KeyPhases
  readonly recovery: Recovery
  readonly skipped: SkippedNumbers
  readonly ackFrequency: AckFrequency
  readonly streams: Streams
  readonly datagrams: Datagrams
  readonly localIds: LocalIds
  readonly remoteIds: RemoteIds
  readonly paths: Paths
  /** The one in use. */
  readonly path: Path
  readonly tokens: TokenExchange
  readonly held: HeldPackets
  readonly lifetime: Lifetime
  readonly progress: Progress
  /** Sees what the connection does; null: nobody looks on. */
  readonly observer: Observer | null
  /** The peer's; the defaults until they are known. */
  peer: TransportParameters
}

/** How loss recovery and congestion control stand, for an observer. */
export const observedRecovery = ({ recovery: { rtt, throttle, ptoCount } }: Parts): ObservedRecovery => ({
  minRtt: rtt.min,
  smoothedRtt: rtt.smoothed,
  latestRtt: rtt.latest,
  rttVariance: rtt.variance,
  ptoCount,
  congestionWindow: throttle.window,
  bytesInFlight: throttle.bytesInFlight,
})

/** What loss detection needs to know of the other parts. */
export const recoveryView = (parts: Parts): RecoveryView => ({
  peerAckDelayMs: parts.peer.maxAckDelayMs,
  handshakeConfirmed: parts.progress.confirmed,
  hasHandshakeKeys: parts.spaces.handshake.writeKey !== null,
  peerMayBeBlocked: parts.role === 'client' && !parts.progress.confirmed && !parts.progress.handshakeAcknowledged,
  blocked: parts.path.isBlocked,
})

/** The largest datagram that can be sent now: what the peer takes and the path carries; -1 where none can be. */
export const datagramBytesMax = ({ datagrams, path, remoteIds }: Parts): number =>
  datagrams.bytesMax(path.mtu.bytes, (path.id?.id ?? remoteIds.first.id).length)

/** When something happens to the keys of 1-RTT packets. */
export const phaseTime = (parts: Parts, now: number): PhaseTime => ({
  now,
  threePtoMs: parts.recovery.threePto(parts.peer.maxAckDelayMs),
})

/** Ends a packet number space (RFC 9001 section 4.9). */
export const discardSpace = (parts: Parts, space: SpaceName): void => {
  if (parts.spaces[space].isDiscarded) return
  parts.spaces[space].discard()
  if (space === 'application') parts.phases.release()
  parts.recovery.discard(space)
}

/** The handshake is confirmed: its keys go, and the peer gets a spare connection id. */
export const confirm = (parts: Parts, now: number): void => {
  if (parts.progress.confirmed) return
  parts.progress.confirmed = true
  discardSpace(parts, 'initial')
  discardSpace(parts, 'handshake')
  parts.paths.open(now)
  parts.localIds.issue(parts.peer.activeConnectionIdLimit)
}
