// Who is to hold a chunk: the 7 peers closest to its address, at most 2 of them in one network (a /24 or /48) where diversity is
// asked for; the upload of a chunk has succeeded when 4 hold it.
import type { ChunkAddress, PeerId } from '../ids.ts'
import { compareDistance } from '../kademlia/distance.ts'

/** Peers a chunk is stored at. */
export const HOLDERS_WANTED = 7

/** Holders without which an upload has failed; it never shrinks by itself. */
export const QUORUM = 4

/** Peers close enough to an address to be asked to hold or give it. */
export const CLOSEST_ASKED = 20

/** Holders in one network at most. */
export const HOLDERS_PER_NETWORK = 2

/** A peer that may hold a chunk; `network` is its /24 or /48 as text, or null where diversity does not count. */
export interface Candidate {
  readonly peer: PeerId
  readonly network: string | null
}

/** The candidates nearest first, each peer once, at most CLOSEST_ASKED. */
export const nearestFirst = (target: ChunkAddress, candidates: readonly Candidate[]): Candidate[] => {
  const distinct = new Map(candidates.map((candidate) => [candidate.peer, candidate]))
  return [...distinct.values()].sort((a, b) => compareDistance(target, a.peer, b.peer)).slice(0, CLOSEST_ASKED)
}

/** Whether a candidate of that network may join holders of these networks. */
export const networkHasRoom = (network: string | null, taken: readonly (string | null)[]): boolean =>
  network === null || taken.filter((other) => other === network).length < HOLDERS_PER_NETWORK

/** The candidates in the order a reader asks them: first those an uploader would have chosen, then the other close ones. */
export const readingOrder = (target: ChunkAddress, candidates: readonly Candidate[]): PeerId[] => {
  const holders: Candidate[] = []
  const others: Candidate[] = []
  for (const candidate of nearestFirst(target, candidates)) {
    const taken = holders.map((holder) => holder.network)
    const holds = holders.length < HOLDERS_WANTED && networkHasRoom(candidate.network, taken)
    ;(holds ? holders : others).push(candidate)
  }
  return [...holders, ...others].map((candidate) => candidate.peer)
}

/** Who beside `self` is to hold a chunk, by the candidates known; `rank` is how many of all holders are nearer to it than `self`. */
export const closeGroup = (
  target: ChunkAddress,
  self: PeerId,
  candidates: readonly Candidate[],
): { readonly others: readonly PeerId[]; readonly rank: number } => {
  const others: PeerId[] = []
  const taken: (string | null)[] = []
  let rank = 0
  for (const { peer, network } of nearestFirst(target, candidates)) {
    const isNearer = compareDistance(target, peer, self) < 0
    // Behind us there is one seat less: ours.
    if (taken.length >= (isNearer || rank >= HOLDERS_WANTED ? HOLDERS_WANTED : HOLDERS_WANTED - 1)) break
    if (!networkHasRoom(network, taken)) continue
    taken.push(network)
    others.push(peer)
    if (isNearer) rank++
  }
  return { others, rank }
}

/** Whether `self` belongs to the CLOSEST_ASKED peers nearest to `target`, given the peers it knows. */
export const isAmongClosest = (target: ChunkAddress, self: PeerId, known: readonly PeerId[]): boolean =>
  known.filter((peer) => compareDistance(target, peer, self) < 0).length < CLOSEST_ASKED
