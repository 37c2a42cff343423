// How the metrics of docs/metrics.md are called where Prometheus reads them: `handshakesFailed.inbound.deadline` is
// `sallyport_handshakes_failed_total{direction="inbound",reason="deadline"}`. Times are seconds there.

/** What a metric is; what it is called follows from it. */
export type MetricKind = 'counter' | 'gauge' | 'histogram'

/** The labels of a counter's parts, from the outside in; a counter that is not here and has parts goes by direction. */
const LABELS: Readonly<Record<string, readonly string[]>> = {
  dropped: ['reason'],
  refused: ['reason'],
  slotsByStanding: ['standing'],
  handshakesFailed: ['direction', 'reason'],
  ended: ['how'],
  closedFor: ['code'],
  chunksTaken: ['outcome'],
  chunksGiven: ['outcome'],
  uploads: ['outcome'],
  downloads: ['outcome'],
  laneDepths: ['shard'],
}

/** The labels of a metric's parts. */
export const labelsOf = (name: string): readonly string[] => LABELS[name] ?? ['direction']

/** The name of a metric of the node's. */
export const metricName = (name: string, kind: MetricKind): string => {
  const snake = name.replace(/Ms$/, '').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const unit = kind === 'histogram' || name.endsWith('Ms') ? '_seconds' : ''
  return `sallyport_${snake}${unit}${kind === 'counter' ? '_total' : ''}`
}

/** What one of the node's numbers is where Prometheus reads it: milliseconds become seconds. */
export const metricValue = (name: string, value: number): number => (name.endsWith('Ms') ? value / 1000 : value)
