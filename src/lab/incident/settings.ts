// The incident's workload in numbers. Payloads are scaled 1:64, and with them lines; nothing here says how an accept path behaves.
import type { ControlKind } from '../controls.ts'
import { AS_IT_WAS, type History } from '../strategies/history.ts'

/** The accept paths that are compared: ours, and the three historical ones. */
export const PATHS = ['sallyport', 'inline', 'spawned', 'registrar'] as const satisfies readonly (
  | 'sallyport'
  | ControlKind
)[]
export type Path = (typeof PATHS)[number]

export const isPath = (name: string): name is Path => (PATHS as readonly string[]).includes(name)

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
  /** Strangers that finish a handshake, say nothing, and come again; every other one also hears nothing from then on. */
  readonly silentShare: number
  /** How long a host lives on average; half of them end without a word. */
  readonly lifeMs: number
  /** How long nothing runs where a host ended, and others still take one that ended without a word for alive. */
  readonly deadMs: number
  /** A host's line is dead for `outageMs` so often on average: longer than connections live, shorter than anybody notices who does not try. */
  readonly outageEveryMs: number
  readonly outageMs: number
  /** How often a host looks whether genesis, and somebody else each time, is connected. */
  readonly lookMs: number
  /** How long a connection without a request stays: the old node let none go. */
  readonly idleMs: number
  /** How many clients upload without pause; one more comes cold each time. */
  readonly clients: number
  /** An upload is so many chunks, each to so many hosts, so many chunks at a time. */
  readonly chunks: number
  readonly chunkBytes: number
  readonly holders: number
  readonly atOnce: number
  /** What a chunk takes by itself, whatever the network does: sealing it and sending so many bytes over the incident's lines. */
  readonly chunkMs: number
  /** What a historical node is like beside its accept path. */
  readonly history: History
}

/** A network that takes minutes: the incident's shares, a twentieth of its hosts, and a twentieth of its time. */
export const SHORT: IncidentSettings = Object.freeze({
  seed: 1,
  hosts: 48,
  joinMs: 120_000,
  ms: 3_600_000,
  periodMs: 600_000,
  slowShare: 0.06,
  slowness: 1500,
  silentShare: 0.25,
  lifeMs: 1_800_000,
  deadMs: 60_000,
  outageEveryMs: 1_800_000,
  outageMs: 40_000,
  lookMs: 20_000,
  idleMs: 3_600_000,
  clients: 3,
  chunks: 32,
  chunkBytes: 16_384,
  holders: 4,
  atOnce: 4,
  chunkMs: 20_000,
  history: AS_IT_WAS,
})

/** As it was: 1,000 hosts for 17 hours. */
export const FULL: IncidentSettings = Object.freeze({
  ...SHORT,
  hosts: 1000,
  joinMs: 600_000,
  ms: 61_200_000,
  periodMs: 3_600_000,
  lifeMs: 36_000_000,
  outageEveryMs: 36_000_000,
  lookMs: 200_000,
})

/** Settings with some numbers changed, `chunkMs=0`, or findings of the old node left out, `-announcesOncePerAddress`. */
export const changed = (settings: IncidentSettings, changes: readonly string[]): IncidentSettings =>
  changes.reduce((before, change) => {
    const [name = '', value] = change.replace(/^-/, '').split('=')
    if (change.startsWith('-') && typeof Reflect.get(before.history, name) === 'boolean') {
      return { ...before, history: { ...before.history, [name]: false } }
    }
    if (name === 'heldUntil' && (value === 'identified' || value === 'acknowledged')) {
      return { ...before, history: { ...before.history, heldUntil: value } }
    }
    if (typeof Reflect.get(before, name) === 'number' && Number.isFinite(Number(value)))
      return { ...before, [name]: Number(value) }
    throw new Error(`there is no setting ${change}`)
  }, settings)
