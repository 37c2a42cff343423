// What the process of a test network tells the thread of its window, once a second: who is there and who is not, what it is doing, the files of its
// load, and the last look at all nodes together. Plain data; no link and no key is among it.
/** What is watched: the view of a test network is one. */
export interface WatchedNetwork {
  read(): NetworkReading
}

/** A test network at one moment. */
export interface NetworkReading {
  /** How many nodes were asked for. */
  readonly asked: number
  /** What it is doing, as people read it. */
  readonly doing: string
  /** Milliseconds; null until it is formed. */
  readonly formedMs: number | null
  /** The upload and the download after it was formed; null until they are done. */
  readonly first: FirstFile | null
  /** Each node that ever joined, by its number. Bounded by those asked for. */
  readonly nodes: readonly NetworkNode[]
  /** The last of those uploaded under load, in order; bounded by whoever is watched. */
  readonly files: readonly NetworkFile[]
  /** How many files there were, those included that are not listed any more, and how many of them went wrong. */
  readonly uploads: number
  readonly failures: number
  /** How often a node left. */
  readonly departures: number
  /** Null until all were looked at once. */
  readonly sample: NetworkSample | null
}

export interface FirstFile {
  readonly bytes: number
  readonly uploadMs: number
  readonly downloadMs: number | null
}

/** A node. `here`; `left` with a goodbye and `died` without one, each to come back; `silent`: it runs and says nothing any more. */
export interface NetworkNode {
  readonly index: number
  readonly peerId: string
  readonly address: string
  readonly role: 'fair' | 'slow' | 'silent'
  readonly state: 'here' | 'left' | 'died' | 'silent'
  /** Milliseconds since it is so. */
  readonly forMs: number
}

/** A file of the load; times in milliseconds, null for what did not come to be. */
export interface NetworkFile {
  /** Wall time of its beginning, in ms since 1970. */
  readonly at: number
  readonly bytes: number
  readonly uploadMs: number | null
  readonly downloadMs: number | null
  readonly isIdentical: boolean
  /** The code of what went wrong. */
  readonly failed: string | null
}

/** All nodes together at one moment; times are of what was timed since the look before, null where nothing was. */
export interface NetworkSample {
  /** Wall time, in ms since 1970: what tells one look from another. */
  readonly at: number
  readonly connections: number
  readonly rssBytes: number
  /** All so far. */
  readonly verdicts: {
    readonly slots: number
    readonly retries: number
    readonly refused: number
    readonly dropped: number
  }
  readonly identityP50Ms: number | null
  readonly identityP99Ms: number | null
  readonly eventLoopP99Ms: number | null
}
