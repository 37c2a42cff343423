// A model of the two maps as they were, `peers` and `active_connections`, each behind a write lock of its own: a connection is in
// neither, and nobody reads it, until both locks were had. What stands behind the locks is production's own registry.
import type { AcceptanceParts } from '../../node/acceptance.ts'
import type { Link } from '../../node/link.ts'
import type { Figures } from './figures.ts'
import { LifecycleMonitor } from './lifecycle-monitor.ts'
import { type Taken, WriteLock } from './write-lock.ts'

/** The maps and the monitor that shares the first one's lock. */
export class LockedMaps {
  readonly #parts: AcceptanceParts
  readonly #figures: Figures
  readonly #peers: WriteLock
  readonly #activeConnections: WriteLock
  readonly #monitor: LifecycleMonitor

  constructor(parts: AcceptanceParts, figures: Figures) {
    this.#parts = parts
    this.#figures = figures
    this.#peers = new WriteLock(figures)
    this.#activeConnections = new WriteLock(figures)
    this.#monitor = new LifecycleMonitor(parts, this.#peers)
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

  /** A connection that was lost meanwhile is not given to the registry, which would refuse it: the maps had no such guard. */
  #insert(link: Link, now: number): void {
    if (link.state.kind === 'closed') {
      this.#figures.stale++
      return
    }
    this.#parts.own.established(link, now)
    this.#monitor.registered(link, now)
  }
}
