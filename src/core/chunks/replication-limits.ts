// The bounds of re-replication: what a node spends at most on keeping chunks at their holders, however many nodes come and go.

/** Numbers of things; times in milliseconds. */
export interface ReplicationLimits {
  /** From a change of the peers known here to the sweep: many changes make one sweep. */
  readonly settleMs: number
  /** Chunks gone through in one step of a sweep, and the time from one step to the next. */
  readonly chunksAStep: number
  readonly stepMs: number
  /** Chunks that are known or suspected to lack a copy; the sweep waits while there are so many. */
  readonly checksMax: number
  /** Questions in progress; one a peer, each about 1,024 chunks at most. */
  readonly asksMax: number
  /** Copies on their way from here; one a peer. */
  readonly putsMax: number
  /** Chunks fetched at once, and those that wait for it. */
  readonly fetchesMax: number
  readonly fetchesWaitingMax: number
  /** Each holder leaves a copy to the one nearer to the chunk for so long. */
  readonly staggerMs: number
  /** An answer that a peer lacks a chunk is believed for so long; after that it is asked again before anything is sent. */
  readonly freshMs: number
  readonly askTimeoutMs: number
  /** 4 MiB at 35 kB/s. */
  readonly sendTimeoutMs: number
  /** Busy answers of one peer before a copy is given up for now. */
  readonly busyMax: number
  /** A copy that failed is tried again after so long. */
  readonly retryMs: number
  /**
   * A peer that refused a copy or did not answer is no holder for so long, twice as long each time in a row up to the most: the next closest
   * takes its place.
   */
  readonly unwillingMs: number
  readonly unwillingMsMax: number
  /** All chunks are asked about again after so long, whatever is known. */
  readonly recheckMs: number
}

/** The defaults. */
export const REPLICATION_LIMITS: ReplicationLimits = Object.freeze({
  settleMs: 5000,
  chunksAStep: 256,
  stepMs: 100,
  checksMax: 1024,
  asksMax: 4,
  putsMax: 2,
  fetchesMax: 2,
  fetchesWaitingMax: 256,
  staggerMs: 10_000,
  freshMs: 2000,
  askTimeoutMs: 15_000,
  sendTimeoutMs: 120_000,
  busyMax: 8,
  retryMs: 30_000,
  unwillingMs: 120_000,
  unwillingMsMax: 3_600_000,
  recheckMs: 1_800_000,
})
