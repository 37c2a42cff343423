// A reading as Prometheus reads it. The node's own numbers are given to prom-client as they are, histograms included: it writes them, and
// counts nothing itself.
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { bucketEndMs, type HistogramSnapshot } from '../index.ts'
import { labelsOf, metricName, metricValue } from './metric-names.ts'
import type { Reading } from './reading.ts'

/** Of the eight buckets to each doubling one is told: every bound is twice the one before, and exact. */
const BUCKETS_PER_BOUND = 8

/** What the process takes, from the thread that is asked: the numbers are the whole process's. */
export interface ProcessReading {
  readonly rssBytes: number
  readonly cpuSeconds: number
  readonly upSeconds: number
}

/** The content type of the text. */
export const EXPOSITION_TYPE = Registry.PROMETHEUS_CONTENT_TYPE

/** The text of a reading; it stays the same as long as there is no other. */
export const expose = ({ peerId, metrics }: Reading, version: string): Promise<string> => {
  const registry = new Registry()
  for (const [name, value] of Object.entries(metrics.counters)) addCounter(registry, name, value)
  for (const [name, value] of Object.entries(metrics.gauges)) addGauge(registry, name, value as Tree)
  for (const [name, value] of Object.entries(metrics.histograms)) {
    registry.registerMetric(new ReadHistogram(metricName(name, 'histogram'), helpOf(name), value))
  }
  gauge(registry, 'sallyport_info', 'Which node this is.', ['peer_id', 'version']).set({ peer_id: peerId, version }, 1)
  return registry.metrics()
}

/** The text of what changes though no reading comes: that none does is what it tells. */
export const exposeNow = ({ rssBytes, cpuSeconds, upSeconds }: ProcessReading, ageMs: number): Promise<string> => {
  const registry = new Registry()
  gauge(registry, 'sallyport_reading_age_seconds', 'How old the numbers of the node are.').set(ageMs / 1000)
  gauge(registry, 'sallyport_up_seconds', 'How long the admin server has been running.').set(upSeconds)
  gauge(registry, 'process_resident_memory_bytes', 'Resident memory of the process.').set(rssBytes)
  const cpu = { name: 'process_cpu_seconds_total', help: 'Processor time of the process.', registers: [registry] }
  new Counter(cpu).inc(cpuSeconds)
  return registry.metrics()
}

/** A number, or numbers by label. */
type Tree = number | { readonly [label: string]: Tree }

interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const addCounter = (registry: Registry, name: string, tree: Tree): void => {
  const samples = samplesOf(tree, labelsOf(name))
  const labelNames = Object.keys(samples[0]?.labels ?? {})
  const counter = new Counter({
    name: metricName(name, 'counter'),
    help: helpOf(name),
    labelNames,
    registers: [registry],
  })
  for (const { labels, value } of samples) counter.inc(labels, metricValue(name, value))
}

const addGauge = (registry: Registry, name: string, tree: Tree): void => {
  const samples = samplesOf(tree, labelsOf(name))
  const into = gauge(registry, metricName(name, 'gauge'), helpOf(name), Object.keys(samples[0]?.labels ?? {}))
  for (const { labels, value } of samples) into.set(labels, metricValue(name, value))
}

const gauge = (registry: Registry, name: string, help: string, labelNames: string[] = []): Gauge =>
  new Gauge({ name, help, labelNames, registers: [registry] })

const samplesOf = (tree: Tree, [label = 'part', ...inner]: readonly string[]): Sample[] =>
  typeof tree === 'number'
    ? [{ labels: {}, value: tree }]
    : Object.entries(tree).flatMap(([key, part]) =>
        samplesOf(part, inner).map(({ labels, value }) => ({ labels: { [label]: key, ...labels }, value })),
      )

const helpOf = (name: string): string => `docs/metrics.md, ${name}`

/** A histogram that was counted elsewhere. */
class ReadHistogram extends Histogram {
  readonly #name: string
  readonly #help: string
  readonly #snapshot: HistogramSnapshot

  constructor(name: string, help: string, snapshot: HistogramSnapshot) {
    super({ name, help, registers: [] })
    this.#name = name
    this.#help = help
    this.#snapshot = snapshot
  }

  override async get(): ReturnType<Histogram['get']> {
    const { buckets, count, sumMs } = this.#snapshot
    const name = this.#name
    const values = []
    let below = 0
    for (const [bucket, n] of buckets.entries()) {
      below += n
      const isBound = (bucket + 1) % BUCKETS_PER_BOUND === 0 && bucket < buckets.length - 1
      const labels = { le: bucketEndMs(bucket) / 1000 }
      if (isBound) values.push({ metricName: `${name}_bucket`, labels, value: below })
    }
    values.push({ metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count })
    values.push({ metricName: `${name}_sum`, labels: {}, value: sumMs / 1000 })
    values.push({ metricName: `${name}_count`, labels: {}, value: count })
    const [type, aggregator] = ['histogram', 'sum'] as const
    return { name, help: this.#help, type, aggregator, collect: () => {}, values } as unknown as Awaited<
      ReturnType<Histogram['get']>
    >
  }

  /** What prom-client's registry asks for, where there is one. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get()
  }
}
