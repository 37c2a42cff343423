// What the windows show, as it is told in JSON: the answers of /snapshot and /history, read by the page and by `sallyport top`, and those of
// /network and /history of a test network, read by its page. Nothing but types is here, so that a browser's program can use them.
import type { NetworkReading, NetworkSample } from './network-reading.ts'

/** Something that is not as it should be. `stall`: connections wait where none may; `warning`: look after it. */
export interface Finding {
  readonly level: 'stall' | 'warning'
  /** The metric of docs/metrics.md that shows it. */
  readonly metric: string
  /** One sentence without a full stop. */
  readonly text: string
}

/** One second. Numbers of things are by the second; times are null where nothing was timed. */
export interface Point {
  /** Wall time, in ms since 1970. */
  readonly at: number
  readonly slots: number
  readonly retries: number
  readonly refused: number
  readonly dropped: number
  readonly otherVerdicts: number
  readonly accepted: number
  readonly identified: number
  readonly failed: number
  readonly closed: number
  readonly requestsServed: number
  readonly chunksStored: number
  readonly chunksTurnedAway: number
  readonly chunksGiven: number
  readonly uploads: number
  readonly downloads: number
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly handshakeP99Ms: number | null
  readonly identityP50Ms: number | null
  readonly identityP99Ms: number | null
  readonly eventLoopP99Ms: number | null
  readonly connections: number
  readonly identifiedNow: number
  readonly halfOpen: number
  readonly laneDepth: number
  readonly laneWaiting: number
  readonly signingDelayMs: number
}

/** The points as columns, as charts take them; none where there is no point yet. */
export type Columns = Partial<Record<keyof Point, readonly (number | null)[]>>

/** A connection. */
export interface ConnectionRow {
  readonly connection: number
  readonly direction: string
  readonly state: string
  readonly peerId: string | null
  readonly remote: string
  readonly ageMs: number
  readonly silentMs: number
  readonly rttMs: number
  readonly capability: string | null
  readonly userAgent: string | null
}

/** One that is not here any more, or never was. */
export interface EndingRow {
  readonly kind: string
  readonly why: string
  readonly direction: string
  readonly peerId: string | null
  readonly remote: string
  readonly agoMs: number
  readonly detail: string
}

/** What is used of a snapshot; there is more in it. */
export interface Snapshot {
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly version: string
  readonly upSeconds: number
  readonly rssBytes: number
  readonly ageMs: number
  readonly readiness: { readonly isWell: boolean; readonly text: string }
  readonly findings: readonly Finding[]
  /** The last second; null before there is one. */
  readonly last: Point | null
  readonly gauges: Readonly<Record<string, number>> & { readonly laneDepths: readonly number[] }
  readonly connections: {
    readonly page: number
    readonly pages: number
    readonly total: number
    readonly rows: readonly ConnectionRow[]
  }
  readonly endings: readonly EndingRow[]
}

/** The last ten minutes. */
export interface Past {
  readonly findings: readonly Finding[]
  readonly columns: Columns
}

/** One look at all nodes of a test network: the gates' verdicts are all so far. */
export interface NetworkPoint extends Omit<NetworkSample, 'verdicts'> {
  readonly slots: number
  readonly retries: number
  readonly refused: number
  readonly dropped: number
}

/** A test network now. */
export interface NetworkSnapshot extends NetworkReading {
  readonly version: string
  readonly upSeconds: number
  readonly ageMs: number
  readonly health: { readonly isWell: boolean; readonly text: string }
  readonly readiness: { readonly isWell: boolean; readonly text: string }
}

/** A test network from its beginning to now. */
export interface NetworkPast {
  readonly columns: Partial<Record<keyof NetworkPoint, readonly (number | null)[]>>
}
