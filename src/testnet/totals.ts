// What happened in all nodes together: the sums that the report of a test network shows.
import type { CounterSnapshot } from '../index.ts'

/** Sums over nodes; `accepted` to `handshakesFailed` count inbound connections only. */
export interface Totals {
  readonly accepted: number
  readonly registered: number
  readonly reading: number
  readonly identified: number
  readonly identityTimeouts: number
  readonly handshakesFailed: number
  readonly refused: Readonly<Record<string, number>>
  readonly dropped: Readonly<Record<string, number>>
  readonly udpBytesSent: number
}

/** The totals of no node at all. */
export const NO_TOTALS: Totals = {
  accepted: 0,
  registered: 0,
  reading: 0,
  identified: 0,
  identityTimeouts: 0,
  handshakesFailed: 0,
  refused: {},
  dropped: {},
  udpBytesSent: 0,
}

/** One node's share of the totals. */
export const totalsOf = (counters: CounterSnapshot): Totals => ({
  accepted: counters.accepted.inbound,
  registered: counters.registered.inbound,
  reading: counters.reading.inbound,
  identified: counters.identified.inbound,
  identityTimeouts: counters.identityTimeouts,
  handshakesFailed: failures(counters.handshakesFailed.inbound),
  refused: counters.refused,
  dropped: counters.dropped,
  udpBytesSent: counters.udpBytesSent,
})

/** Both together. */
export const addTotals = (a: Totals, b: Totals): Totals => ({
  accepted: a.accepted + b.accepted,
  registered: a.registered + b.registered,
  reading: a.reading + b.reading,
  identified: a.identified + b.identified,
  identityTimeouts: a.identityTimeouts + b.identityTimeouts,
  handshakesFailed: a.handshakesFailed + b.handshakesFailed,
  refused: addReasons(a.refused, b.refused),
  dropped: addReasons(a.dropped, b.dropped),
  udpBytesSent: a.udpBytesSent + b.udpBytesSent,
})

/** A handshake withdrawn because two nodes dialled each other at once has failed nobody. */
const failures = (failed: CounterSnapshot['handshakesFailed']['inbound']): number =>
  Object.values(failed).reduce((sum, n) => sum + n, 0) - failed.superseded

type Reasons = Readonly<Record<string, number>>

/** Reasons that never occurred are left out. */
const addReasons = (a: Reasons, b: Reasons): Reasons => {
  const sum: Record<string, number> = {}
  for (const [reason, n] of [...Object.entries(a), ...Object.entries(b)])
    if (n > 0) sum[reason] = (sum[reason] ?? 0) + n
  return sum
}
