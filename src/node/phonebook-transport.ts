// The transport handle as the phonebook wants it: connections kept are holds, a header's fields are options of a request.
import type { PeerAddress } from '../core/address.ts'
import type { PeerId } from '../core/ids.ts'
import type { Acquaintance, Answer, PhonebookTransport, Until } from './phonebook-ports.ts'

/** What is used of the transport handle. */
export interface TransportSurface {
  connectPeer(address: PeerAddress, options: Until): Promise<{ readonly peerId: PeerId }>
  /** The peer, if requests to it can be made now. */
  peer(peerId: PeerId): Acquaintance | null
  request(
    peerId: PeerId,
    protocol: string,
    payload: Uint8Array,
    options: Until & { readonly target?: Uint8Array; readonly count?: number },
  ): Promise<Answer>
  /** Keeps a peer's connection until the function it returns is called; null when too many are held. */
  hold(peerId: PeerId): (() => void) | null
}

/** Adapts a transport handle. */
export const phonebookTransport = (handle: TransportSurface): PhonebookTransport => {
  /** Bounded by the holds the handle grants. */
  const holds = new Map<PeerId, () => void>()
  return {
    connect: async (address, until) => (await handle.connectPeer(address, until)).peerId,
    peer: (peerId) => handle.peer(peerId),
    request: (peer, { protocol, target, count }, { payload, timeoutMs, signal }) => {
      const fields = { ...(target === null ? {} : { target }), ...(count === null ? {} : { count }) }
      return handle.request(peer, protocol, payload, { timeoutMs, signal, ...fields })
    },
    keep: (peers) => {
      for (const [peer, release] of holds) {
        if (peers.includes(peer)) continue
        holds.delete(peer)
        release()
      }
      for (const peer of peers) {
        const release = holds.has(peer) ? null : handle.hold(peer)
        if (release !== null) holds.set(peer, release)
      }
    },
  }
}
