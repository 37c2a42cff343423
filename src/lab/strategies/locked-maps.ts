// A model of the two maps as they were, `peers` and `active_connections`, each behind a write lock of its own: a connection is in
// neither, and nobody reads it, until both locks were had. What stands behind the locks is production's own registry, in which an entry
// becomes usable when the monitor has announced us to it.
import type { AcceptanceParts } from '../../node/acceptance.ts'
import type { Link } from '../../node/link.ts'
import type { Figures } from './figures.ts'
import type { History } from './history.ts'
import { LifecycleMonitor } from './lifecycle-monitor.ts'
import { Shards } from './shards.ts'
import { type Taken, WriteLock } from './write-lock.ts'

/** The maps, the monitor that shares the first one's lock, and whoever else has to look into them. */
export class LockedMaps {
  readonly #history: History
  readonly #figures: Figures
  readonly #peers: WriteLock
  readonly #activeConnections: WriteLock
  readonly #monitor: LifecycleMonitor
  readonly #shards: Shards

  constructor(parts: AcceptanceParts, figures: Figures, history: History) {
    this.#history = history
    this.#figures = figures
    this.#peers = new WriteLock(figures)
    this.#activeConnections = new WriteLock(figures)
    this.#monitor = new LifecycleMonitor(parts, { peers: this.#peers, figures, history })
    this.#shards = new Shards(this.#peers, figures)
  }

  /** Registers a connection once both locks were had; `done` is called after that, while they are still held. */
  register(link: Link, now: number, done: Taken = () => {}): void {
    this.#peers.take(now, (withPeers) =>
      this.#activeConnections.take(withPeers, (withBoth) => {
        this.#insert(link, withBoth)
        done(withBoth)
        this.#activeConnections.release(withBoth)
        this.#peers.release(withBoth)
      }),
    )
  }

  /** Somebody wants to send: `go` is called when they have looked into `peers`. */
  send(now: number, go: Taken): void {
    if (this.#history.sendersStandInLine) this.#peers.pass(now, go)
    else go(now)
  }

  /** A message came from a host; `heard` is called when it is handled, and never when its shard was full. */
  message(source: string, now: number, heard: Taken): void {
    if (this.#history.hasShards) this.#shards.put(source, now, heard)
    else heard(now)
  }

  /** A connection that was lost meanwhile is not given to the monitor, which could not send to it: the maps had no such guard. */
  #insert(link: Link, now: number): void {
    if (link.state.kind === 'closed') {
      this.#figures.stale++
      return
    }
    if (link.direction === 'inbound') this.#figures.entered++
    this.#monitor.registered(link, now)
  }
}
