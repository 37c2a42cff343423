// Watches the events of one node: for each peer connected and disconnected alternate, and whoever is said to be connected can be sent to.
import type { PeerId } from '../../core/ids.ts'
import type { Node } from '../../node/node.ts'

/** What is wrong with a node's events. */
export interface EventProblem {
  readonly rule: string
  readonly detail: string
}

/** Listens to a node from now on, until it closes. */
export class EventWatch {
  readonly #node: Node
  readonly #wrong: (problem: EventProblem) => void
  /** Who is connected by the events so far. Bounded by the node's connections. */
  readonly #connected = new Set<PeerId>()
  /** Said to be connected, when nothing could be sent to them. */
  readonly #unreachable = new Set<PeerId>()
  #heard = 0

  constructor(node: Node, wrong: (problem: EventProblem) => void) {
    this.#node = node
    this.#wrong = wrong
    void this.#listen()
  }

  /** Events so far. */
  get heard(): number {
    return this.#heard
  }

  /** What the events said, compared with what is; between two turns they agree. */
  check(): EventProblem | null {
    const peers = new Set(this.#node.transport.peers().map(({ peerId }) => peerId))
    const missed = [...peers].find((peerId) => !this.#connected.has(peerId))
    if (missed !== undefined) return { rule: 'events: a peer is connected and was never announced', detail: missed }
    const stale = [...this.#connected].find((peerId) => !peers.has(peerId))
    if (stale !== undefined) return { rule: 'events: a peer is gone and nobody was told', detail: stale }
    const [early] = this.#unreachable
    if (early !== undefined) return { rule: 'events: announced before it could be sent to', detail: early }
    return null
  }

  async #listen(): Promise<void> {
    for await (const event of this.#node.transport.events()) {
      this.#heard++
      if (event.kind === 'lagged') {
        this.#connected.clear()
        for (const { peerId } of event.peers) this.#connected.add(peerId)
      } else if (event.kind === 'connected') this.#onConnected(event.peerId)
      else if (event.kind === 'disconnected') this.#onDisconnected(event.peerId)
      else if (event.kind === 'task-failed')
        this.#wrong({ rule: 'no task fails', detail: `${event.task.name}: ${event.error.message}` })
    }
  }

  #onConnected(peerId: PeerId): void {
    if (this.#connected.has(peerId)) this.#wrong({ rule: 'events: connected twice', detail: peerId })
    this.#connected.add(peerId)
    if (this.#node.transport.peer(peerId) === null) this.#unreachable.add(peerId)
  }

  /** One that was connected and disconnected within a turn could not be sent to when its event was read. */
  #onDisconnected(peerId: PeerId): void {
    if (!this.#connected.delete(peerId)) this.#wrong({ rule: 'events: disconnected without connected', detail: peerId })
    this.#unreachable.delete(peerId)
  }
}
