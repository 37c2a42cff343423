// Hears one node's events and notes whatever breaks their promise: for each peer connected and disconnected alternate, connected first.
import type { Node, PeerId } from '../../src/index.ts'

/** Listens until the node is closed. */
export class Alternation {
  /** Events that did not fit, events that were missed, and tasks that failed. */
  broken = 0
  heard = 0
  readonly #connected = new Set<PeerId>()
  readonly ended: Promise<void>

  constructor(node: Node) {
    this.ended = this.#listen(node.transport.events())
  }

  async #listen(events: ReturnType<Node['transport']['events']>): Promise<void> {
    for await (const event of events) {
      this.heard++
      if (event.kind === 'lagged' || event.kind === 'task-failed') this.broken++
      else if (event.kind === 'connected' ? this.#connected.has(event.peerId) : !this.#connected.has(event.peerId)) {
        this.broken++
      } else if (event.kind === 'connected') this.#connected.add(event.peerId)
      else this.#connected.delete(event.peerId)
    }
  }
}
