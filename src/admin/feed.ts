// Feeds the admin's thread, and costs the node's little: one reading a second, and a few pages of connections behind it, each in a turn of
// its own so that datagrams are read in between. Nothing is sent while something was not taken: a thread that lags is told less often.
import type { ConnectionReading } from '../index.ts'
import type { ToAdmin, Watched } from './reading.ts'

/** How often a reading is sent, in milliseconds. */
export const READ_EVERY_MS = 1000

/** Pages of connections, 200 each, behind one reading: of 10,000 connections each is seen every ten seconds. */
export const PAGES_PER_READING = 5

/** What feeds a thread, whatever is watched. */
export interface Feeding {
  /** A second is over. */
  tick(): void
  /** The other side took one message. */
  took(): void
  /** Nothing that was sent will be taken any more, for there is another thread. */
  anew(): void
}

/** What a feed needs of the world. */
export interface FeedPorts<Message> {
  post(message: Message): void
  /** Runs in a later turn. */
  soon(run: () => void): void
}

/** The node's side of the window. */
export class Feed implements Feeding {
  readonly #watched: Watched
  readonly #ports: FeedPorts<ToAdmin>
  #untaken = 0
  #after: ConnectionReading['connection'] | null = null
  #reading = false

  constructor(watched: Watched, ports: FeedPorts<ToAdmin>) {
    this.#watched = watched
    this.#ports = ports
  }

  /** A second is over. */
  tick(): void {
    if (this.#reading || this.#untaken > 0) return
    const { peerId, addresses, transport } = this.#watched
    const reading = { peerId, addresses, metrics: transport.metrics(), endings: transport.endings() }
    this.#post({ kind: 'reading', reading })
    this.#reading = true
    this.#ports.soon(() => this.#page(PAGES_PER_READING))
  }

  /** The other side took one message. */
  took(): void {
    this.#untaken--
  }

  /** Nothing that was sent will be taken any more, for there is another thread. */
  anew(): void {
    this.#untaken = 0
    this.#after = null
  }

  #page(pages: number): void {
    const { connections, next } = this.#watched.transport.connections(this.#after)
    this.#after = next
    this.#post({ kind: 'page', connections, last: next === null })
    if (next === null || pages === 1) this.#reading = false
    else this.#ports.soon(() => this.#page(pages - 1))
  }

  #post(message: ToAdmin): void {
    this.#untaken++
    this.#ports.post(message)
  }
}
