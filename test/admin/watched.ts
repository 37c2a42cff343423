// Something to watch that is no node: its numbers and connections are what a test says.
import { Counters } from '../../src/core/counters.ts'
import { histograms, snapshotOf } from '../../src/core/histograms.ts'
import type { ConnectionHandle } from '../../src/core/ids.ts'
import type { Watched } from '../../src/admin/reading.ts'
import { CONNECTIONS_PER_PAGE } from '../../src/index.ts'
import type { ConnectionReading, Ending, Metrics } from '../../src/index.ts'
import { peer } from '../core/peers/played.ts'

export const GAUGES: Metrics['gauges'] = {
  newcomers: 1,
  halfOpenIn: 2,
  halfOpenOut: 3,
  strangers: 4,
  fullestPrefix: 5,
  connections: 6,
  established: 7,
  identified: 8,
  laneDepths: [9, 10],
  laneWaiting: 11,
  signingDepth: 12,
  signingDelayMs: 13,
  tasks: 14,
  inboundBytes: 15,
  answerBytes: 16,
  deadlines: 17,
}

export const ENDING: Ending = {
  kind: 'closed',
  why: 'idle',
  remote: { family: 4, ip: '192.0.2.9', port: 9 },
  direction: 'inbound',
  peerId: peer(3),
  agoMs: 5,
  detail: 'nothing was heard any more',
}

export class Scene implements Watched {
  readonly peerId = peer(1)
  readonly addresses = ['/ip4/127.0.0.1/udp/9/quic-v1']
  readonly counters = new Counters()
  readonly histograms = histograms()
  /** How many connections there are. */
  crowd = 3
  /** Times that a reading and a page were asked for. */
  readings = 0
  pages = 0

  readonly transport: Watched['transport'] = {
    metrics: () => {
      this.readings++
      return { counters: this.counters.snapshot(), gauges: GAUGES, histograms: snapshotOf(this.histograms) }
    },
    connections: (after = null) => {
      this.pages++
      const from = after ?? 0
      const to = Math.min(this.crowd, from + CONNECTIONS_PER_PAGE)
      const connections = Array.from({ length: to - from }, (_, n) => connection(from + n + 1))
      return { connections, next: to < this.crowd ? (connections.at(-1)?.connection ?? null) : null }
    },
    endings: () => [ENDING],
  }
}

const connection = (n: number): ConnectionReading => ({
  connection: n as ConnectionHandle,
  direction: 'inbound',
  state: 'identified',
  peerId: peer(n % 250),
  remote: { family: 4, ip: '192.0.2.1', port: n },
  ageMs: n,
  silentMs: 0,
  rttMs: 1,
  capability: 'node',
  userAgent: 'sallyport/0.1.0',
})
