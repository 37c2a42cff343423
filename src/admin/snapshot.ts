// The JSON answer to /snapshot: everything that is known of the node now, its connections 200 to a page.
import { CONNECTIONS_PER_PAGE, formatAddress, type HistogramSnapshot } from '../index.ts'
import type { Board } from './board.ts'
import { findingsOf } from './findings.ts'
import type { ProcessReading } from './exposition.ts'
import type { Reading } from './reading.ts'

/** What is told of the server itself. */
export interface About extends ProcessReading {
  readonly version: string
}

/** The snapshot with one page of the connections, counted from 0; null when there is no such page. */
export const snapshot = (
  board: Board,
  reading: Reading,
  { page, about }: { page: number; about: About },
): object | null => {
  const { peerId, addresses, metrics, endings } = reading
  const { all, ageMs } = board.connections
  const pages = Math.max(1, Math.ceil(all.length / CONNECTIONS_PER_PAGE))
  if (page >= pages) return null
  const rows = all.slice(page * CONNECTIONS_PER_PAGE, (page + 1) * CONNECTIONS_PER_PAGE)
  return {
    peerId,
    addresses,
    ...about,
    ageMs: board.pulse.ageMs,
    health: board.pulse.health,
    readiness: board.pulse.readiness,
    findings: findingsOf(board.history.minute),
    last: board.history.points.at(-1) ?? null,
    counters: metrics.counters,
    gauges: metrics.gauges,
    histograms: Object.fromEntries(Object.entries(metrics.histograms).map(([name, times]) => [name, brief(times)])),
    connections: { page, pages, total: all.length, ageMs, rows: rows.map((row) => readable(row)) },
    endings: endings.map((ending) => readable(ending)),
  }
}

const brief = ({ count, sumMs, maxMs, p50Ms, p99Ms }: HistogramSnapshot): object => ({
  count,
  sumMs,
  maxMs,
  p50Ms,
  p99Ms,
})

const readable = <Row extends { readonly remote: Parameters<typeof formatAddress>[0] }>(row: Row): object => ({
  ...row,
  remote: formatAddress(row.remote),
})
