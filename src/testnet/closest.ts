// The truth about who is closest to whom, known to whoever started all nodes: what a lookup is compared with.
import type { PeerId } from '../index.ts'

/** The `count` ids of `all` closest to `target` by XOR distance, nearest first, `target` itself left out. */
export const trueClosest = (target: PeerId, all: readonly PeerId[], count: number): PeerId[] => {
  const from = BigInt(`0x${target}`)
  return all
    .filter((id) => id !== target)
    .map((id) => ({ id, distance: BigInt(`0x${id}`) ^ from }))
    .sort((a, b) => (a.distance < b.distance ? -1 : 1))
    .slice(0, count)
    .map(({ id }) => id)
}
