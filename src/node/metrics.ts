// Everything that can be read of one node, at one moment: plain data, to be shown, sent or stored as it is. docs/metrics.md describes each.
import type { CounterSnapshot } from '../core/counters.ts'
import type { HistogramsSnapshot } from '../core/histograms.ts'
import type { Gauges } from './gauges.ts'

/** What happened so far, how much of everything there is now, and how long things took. */
export interface Metrics {
  readonly counters: CounterSnapshot
  readonly gauges: Gauges
  readonly histograms: HistogramsSnapshot
}
