// Feeds the thread of a test network's window: a reading a second, of at most a thousand nodes, and nothing while the one before was not taken.
import type { Feeding, FeedPorts } from './feed.ts'
import type { NetworkReading, WatchedNetwork } from './network-reading.ts'
import type { Stage } from './reading.ts'

/** What the network's process says. Each `network` is answered with `took`. */
export type ToNetworkAdmin = { readonly kind: 'network'; readonly reading: NetworkReading } | Stage

/** The network's side of the window. */
export class NetworkFeed implements Feeding {
  readonly #watched: WatchedNetwork
  readonly #ports: FeedPorts<ToNetworkAdmin>
  #isTaken = true

  constructor(watched: WatchedNetwork, ports: FeedPorts<ToNetworkAdmin>) {
    this.#watched = watched
    this.#ports = ports
  }

  /** A second is over. */
  tick(): void {
    if (!this.#isTaken) return
    this.#isTaken = false
    this.#ports.post({ kind: 'network', reading: this.#watched.read() })
  }

  /** The other side took it. */
  took(): void {
    this.#isTaken = true
  }

  /** It will not be taken any more, for there is another thread. */
  anew(): void {
    this.#isTaken = true
  }
}
