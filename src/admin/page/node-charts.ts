// What is drawn of a node: its last ten minutes.
import type { Point } from '../shown.ts'
import type { ChartSpec } from './charts.ts'
import { ms, rate, size } from './words.ts'

/** Verdicts, handshakes, times, lanes, files and traffic. */
export const NODE_CHARTS: readonly ChartSpec<keyof Point>[] = [
  {
    title: 'Verdicts of the gate',
    say: rate,
    lines: [
      { name: 'slots', column: 'slots' },
      { name: 'retries', column: 'retries' },
      { name: 'refused', column: 'refused' },
      { name: 'dropped', column: 'dropped' },
      { name: 'others', column: 'otherVerdicts' },
    ],
  },
  {
    title: 'Handshakes',
    say: rate,
    lines: [
      { name: 'accepted', column: 'accepted' },
      { name: 'identified', column: 'identified' },
      { name: 'failed', column: 'failed' },
      { name: 'closed', column: 'closed' },
    ],
  },
  {
    title: 'Identity and handshake times',
    say: ms,
    lines: [
      { name: 'identity p50', column: 'identityP50Ms' },
      { name: 'identity p99', column: 'identityP99Ms' },
      { name: 'handshake p99', column: 'handshakeP99Ms' },
    ],
  },
  {
    title: 'Event-loop and signing delay',
    say: ms,
    lines: [
      { name: 'event loop p99', column: 'eventLoopP99Ms' },
      { name: 'signing', column: 'signingDelayMs' },
    ],
  },
  {
    title: 'Lanes',
    say: (value) => String(value ?? 0),
    lines: [
      { name: 'in lanes', column: 'laneDepth' },
      { name: 'without a place', column: 'laneWaiting' },
    ],
  },
  {
    title: 'Chunks held for others, and files of its own',
    say: rate,
    lines: [
      { name: 'chunks stored', column: 'chunksStored' },
      { name: 'turned away', column: 'chunksTurnedAway' },
      { name: 'given', column: 'chunksGiven' },
      { name: 'uploads', column: 'uploads' },
      { name: 'downloads', column: 'downloads' },
    ],
  },
  {
    title: 'Traffic',
    say: (value) => `${size(value ?? 0)}/s`,
    lines: [
      { name: 'received', column: 'bytesReceived' },
      { name: 'sent', column: 'bytesSent' },
    ],
  },
]
