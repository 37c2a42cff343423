// Where others see us. One peer may be wrong or lie, so an address counts only when peers in several networks agree on it.
import { type Address, addressText, neighbourhood } from '../address.ts'
import type { PeerInfo } from './connection-record.ts'

/** Networks (/24 or /48) that have to agree. */
export const AGREEING_NETWORKS_MIN = 3

/** Our addresses as peers of at least `networksMin` networks see them, the most agreed on first. */
export const observedAddresses = (
  peers: Iterable<PeerInfo>,
  networksMin: number = AGREEING_NETWORKS_MIN,
): Address[] => {
  /** Bounded by the peers. */
  const seen = new Map<string, { address: Address; networks: Set<string> }>()
  for (const { hello, remote } of peers) {
    if (hello.observed === null) continue
    const text = addressText(hello.observed)
    const entry = seen.get(text) ?? { address: hello.observed, networks: new Set() }
    entry.networks.add(neighbourhood(remote))
    seen.set(text, entry)
  }
  return [...seen.values()]
    .filter(({ networks }) => networks.size >= networksMin)
    .sort((a, b) => b.networks.size - a.networks.size)
    .map(({ address }) => address)
}
