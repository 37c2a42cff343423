// Who looks on: a connection tells an observer what it does, for a qlog. Without one nothing is told, and nothing is made to be told. An
// observer must not throw, nor call the connection, nor keep the frames, whose bytes are somebody else's memory.
import type { Address } from '../address.ts'
import type { Frame } from './frames.ts'
import type { CloseReason } from './outputs.ts'
import type { SpaceName } from './recovery.ts'
import type { TransportParameters } from './transport-parameters.ts'

/** A packet that was sealed or opened. */
export interface ObservedPacket {
  readonly space: SpaceName
  readonly number: number
  /** With header and tag, and without both. */
  readonly bytes: number
  readonly payloadBytes: number
  readonly frames: readonly Frame[]
}

/** How loss recovery and congestion control stand: times in milliseconds, sizes in bytes. */
export interface ObservedRecovery {
  readonly minRtt: number
  readonly smoothedRtt: number
  readonly latestRtt: number
  readonly rttVariance: number
  readonly ptoCount: number
  readonly congestionWindow: number
  readonly bytesInFlight: number
}

/** What is told. */
export interface Observer {
  /** `originalId` is the destination of the client's very first Initial, by which both ends know the connection; `remote` is where the peer is. */
  began(originalId: Uint8Array, remote: Address): void
  packetSent(packet: ObservedPacket): void
  packetReceived(packet: ObservedPacket): void
  /** A packet that was not genuine, a repeated one, or one before its keys. */
  packetDropped(): void
  packetLost(space: SpaceName, number: number): void
  recovery(state: ObservedRecovery): void
  parameters(owner: 'local' | 'remote', parameters: TransportParameters): void
  /** The handshake is done, and this is the application protocol. */
  agreed(alpn: string): void
  closed(reason: CloseReason): void
  /** Nothing comes any more. */
  gone(): void
}
