// What the accept benchmark asks of whom it measures; `bench/peers` has one such adapter for each.

/** One way to set a server up. */
export interface Setup {
  readonly key: string
  readonly title: string
}

/** A node that is there and has not dialled yet. */
export interface Client {
  /** Dials, and resolves when a first byte of what was sent on a first stream has come back. Stays connected. */
  dial(address: string): Promise<unknown>
}

/** Whom the benchmark measures; everything stays until its process ends. */
export interface Peer {
  readonly title: string
  /** The algorithm by which a node is known. */
  readonly identity: string
  /** The package whose version is told; null is this repository. */
  readonly package: string | null
  readonly setups: readonly Setup[]
  /** Starts a server that echoes, and resolves to the address for `dial` and `leave`. */
  listen(setup: string): Promise<string>
  /** Makes a node with an identity of its own. */
  client(): Promise<Client>
  /** Begins `count` handshakes with a server and leaves them half-open; resolves when the last is on its way. */
  leave(address: string, count: number): Promise<void>
}
