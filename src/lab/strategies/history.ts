// What else the node of the incident was like, beside its accept path: each of these is a finding of the facts, and can be left out, so that
// it can be seen what comes of which. None of them says how long anything takes; that follows from locks, lines and who does not answer.

/** Which findings a historical node has. The numbers in brackets are the incident's causes. */
export interface History {
  /** [1] The monitor's lock is let go when the other end has said who it is, or when its transport has acknowledged the announcement. */
  readonly heldUntil: 'identified' | 'acknowledged'
  /** [1] The monitor holds the lock of `peers` across the announcement. Without it, it takes the lock and lets it go before it sends. */
  readonly holdsAcrossSend: boolean
  /** [1] Whoever sends a request or an answer looks into `peers` before, and so stands in its line. */
  readonly sendersStandInLine: boolean
  /** [2] Messages go through eight shards of 32 places; their consumers hold the lock of `active_connections` while they look into `peers`. */
  readonly hasShards: boolean
  /** [3] A connection from a remote address that was seen before is no event: nobody is announced to. */
  readonly announcesOncePerAddress: boolean
}

/** What control experiments run: the accept path and the monitor, and nothing else of the old node. */
export const ACCEPT_PATH_ALONE: History = Object.freeze({
  heldUntil: 'identified',
  holdsAcrossSend: true,
  sendersStandInLine: false,
  hasShards: false,
  announcesOncePerAddress: false,
})

/** What the lab runs: everything that the facts tell and this workload can show. */
export const AS_IT_WAS: History = Object.freeze({
  heldUntil: 'acknowledged',
  holdsAcrossSend: true,
  sendersStandInLine: true,
  hasShards: true,
  announcesOncePerAddress: true,
})
