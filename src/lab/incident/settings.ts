// The incident's workload in numbers. Payloads are scaled 1:64, and with them lines; nothing here says how an accept path behaves.
import type { ControlKind } from '../controls.ts'

/** The accept paths that are compared: ours, and the three historical ones. */
export const PATHS = ['sallyport', 'inline', 'spawned', 'registrar'] as const satisfies readonly (
  | 'sallyport'
  | ControlKind
)[]
export type Path = (typeof PATHS)[number]

/** One network's life. Times in virtual milliseconds, shares between 0 and 1. */
export interface IncidentSettings {
  readonly seed: number
  readonly hosts: number
  /** All have been started by then. */
  readonly joinMs: number
  readonly ms: number
  /** What is told apart in the report: an hour, or less of a short run. */
  readonly periodMs: number
  /** Hosts whose work takes `slowness` times as long: they acknowledge after seconds. */
  readonly slowShare: number
  readonly slowness: number
  /** Strangers that finish a handshake, say nothing, and come again when they were sent away. */
  readonly silentShare: number
  /** How long a host lives on average; half of them end without a word. */
  readonly lifeMs: number
  /** How many others a host wants to be connected with, and how often it looks. */
  readonly neighbours: number
  readonly lookMs: number
  /** An upload is so many chunks, each to so many hosts, so many at a time. */
  readonly chunks: number
  readonly chunkBytes: number
  readonly holders: number
  readonly atOnce: number
}

/** A network that takes minutes: the incident's shares, a sixteenth of its hosts. */
export const SHORT: IncidentSettings = Object.freeze({
  seed: 1,
  hosts: 48,
  joinMs: 120_000,
  ms: 1_500_000,
  periodMs: 300_000,
  slowShare: 0.06,
  slowness: 1500,
  silentShare: 0.25,
  lifeMs: 600_000,
  neighbours: 8,
  lookMs: 20_000,
  chunks: 32,
  chunkBytes: 16_384,
  holders: 4,
  atOnce: 4,
})

/** As it was: 1,000 hosts for 17 hours. */
export const FULL: IncidentSettings = Object.freeze({
  ...SHORT,
  hosts: 1000,
  joinMs: 600_000,
  ms: 61_200_000,
  periodMs: 3_600_000,
  lifeMs: 3_600_000,
})
