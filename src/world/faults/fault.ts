// What can go wrong in a world, one fault at a time: a kind, when and for how long, whom it hits and how hard.

/** What can go wrong, in the network and with hosts. */
export const FAULT_KINDS = [
  'loss',
  'burst-loss',
  'reordering',
  'duplication',
  'corruption',
  'mtu',
  'slow-line',
  'partition',
  'one-way',
  'clog',
  'rebind',
  'crash',
  'kill',
  'freeze',
  'slow-processor',
  'slow-disk',
  'stuck-disk',
  'full-disk',
  'skew',
  'drift',
] as const
export type FaultKind = (typeof FAULT_KINDS)[number]

/** One fault of a schedule. */
export interface Fault {
  /** Its number in the schedule that the seed gives, which it keeps when others are left out. */
  readonly number: number
  readonly kind: FaultKind
  /** When it begins, in milliseconds of the world, and how long it lasts. */
  readonly at: number
  readonly forMs: number
  /** Whom it hits, by their place among the hosts; empty: everybody. */
  readonly hosts: readonly number[]
  /** How hard, between 0 and 1. */
  readonly strength: number
}

/** One line that says all of a fault. */
export const faultText = ({ number, kind, at, forMs, hosts, strength }: Fault): string => {
  const whom = hosts.length === 0 ? 'everybody' : `hosts ${hosts.join(' ')}`
  return `${number}: ${kind} at ${(at / 1000).toFixed(1)} s for ${(forMs / 1000).toFixed(1)} s, ${whom}, strength ${strength.toFixed(2)}`
}
