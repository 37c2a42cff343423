// What is drawn of a test network: the files of its load, and all nodes together, from the beginning of the run to now.
import type { NetworkPoint } from '../shown.ts'
import type { ChartSpec } from './charts.ts'
import { count, ms, size } from './words.ts'

export const FILE_CHARTS: readonly ChartSpec<'uploadMs' | 'downloadMs'>[] = [
  {
    title: 'Files under load: upload and download times',
    say: ms,
    lines: [
      { name: 'upload', column: 'uploadMs' },
      { name: 'download', column: 'downloadMs' },
    ],
  },
]

export const NETWORK_CHARTS: readonly ChartSpec<keyof NetworkPoint>[] = [
  {
    title: 'Identity latency, from the end of a handshake',
    say: ms,
    lines: [
      { name: 'p50', column: 'identityP50Ms' },
      { name: 'p99', column: 'identityP99Ms' },
    ],
  },
  {
    title: 'Verdicts of the gates, all so far',
    say: count,
    lines: [
      { name: 'slots', column: 'slots' },
      { name: 'retries', column: 'retries' },
      { name: 'refused', column: 'refused' },
      { name: 'dropped', column: 'dropped' },
    ],
  },
  {
    title: 'Resident memory of all processes',
    say: (bytes) => size(bytes ?? 0),
    lines: [{ name: 'memory', column: 'rssBytes' }],
  },
  {
    title: 'Connections, each counted at both ends',
    say: count,
    lines: [{ name: 'established', column: 'connections' }],
  },
  {
    title: 'Event-loop delay',
    say: ms,
    lines: [{ name: 'p99', column: 'eventLoopP99Ms' }],
  },
]
