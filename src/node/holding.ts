// The peers whose connections the phonebook wants kept: a list that is replaced, carried out as holds taken and given back.
import type { PeerId } from '../core/ids.ts'
import type { TransportHandle } from './transport-handle.ts'

export class Holding {
  readonly #transport: Pick<TransportHandle, 'hold'>
  /** What ends each hold. Bounded by the transport, which refuses more than 64. */
  readonly #held = new Map<PeerId, () => void>()

  constructor(transport: Pick<TransportHandle, 'hold'>) {
    this.#transport = transport
  }

  /** Keeps exactly these peers, as far as the transport lets us. */
  hold(peers: readonly PeerId[]): void {
    const wanted = new Set(peers)
    for (const [peerId, release] of this.#held) {
      if (wanted.has(peerId)) continue
      this.#held.delete(peerId)
      release()
    }
    for (const peerId of wanted) {
      if (this.#held.has(peerId)) continue
      const release = this.#transport.hold(peerId)
      if (release !== null) this.#held.set(peerId, release)
    }
  }
}
