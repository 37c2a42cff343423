// How much of everything there is in one node at this moment. docs/metrics.md describes each; a test compares.
import type { TransportParts } from './transport-parts.ts'

/** The gauges of one node; numbers of things, times in milliseconds, sizes in bytes. */
export interface Gauges {
  /** First flights that wait to be judged. */
  readonly newcomers: number
  /** Handshakes in progress, by who dialled. */
  readonly halfOpenIn: number
  readonly halfOpenOut: number
  /** The inbound ones whose sources have proved nothing. */
  readonly strangers: number
  /** The inbound ones of the region (/16, /32 of IPv6) that has most in one pool of slots. */
  readonly fullestPrefix: number
  /** All connections, half-open ones included. */
  readonly connections: number
  /** Those whose handshake has finished. */
  readonly established: number
  /** Those whose peers have identified themselves. */
  readonly identified: number
  /** Streams that wait to be read, by shard. */
  readonly laneDepths: readonly number[]
  /** Streams that have something to read and no place in their lane. */
  readonly laneWaiting: number
  /** Signatures and verifications asked for and not answered, of all nodes of the process, and how long the oldest waits. */
  readonly signingDepth: number
  readonly signingDelayMs: number
  /** Handlers and other tasks that have not ended. */
  readonly tasks: number
  /** Bytes of inbound messages in assembly or in a handler's hands, and of answers that were not acknowledged. */
  readonly inboundBytes: number
  readonly answerBytes: number
  /** Deadlines that are set. */
  readonly deadlines: number
}

/** The readings of one transport now. Takes a step for each connection. */
export const gaugesOf = (parts: TransportParts): Gauges => {
  const { endpoint, registry, dispatcher, workshop, schedule, workers } = parts
  const { inbound, outbound, strangers, fullest } = endpoint.halfOpen
  return {
    newcomers: endpoint.waiting,
    halfOpenIn: inbound,
    halfOpenOut: outbound,
    strangers,
    fullestPrefix: fullest,
    connections: registry.size,
    established: registry.size - inbound - outbound,
    identified: registry.active().length,
    laneDepths: dispatcher.depths,
    laneWaiting: dispatcher.waiting,
    signingDepth: workers.depth(),
    signingDelayMs: workers.lateness(),
    tasks: workshop.tasks.size,
    inboundBytes: workshop.intake.bytes,
    answerBytes: workshop.answers.bytes,
    deadlines: schedule.size,
  }
}
