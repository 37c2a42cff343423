// What a test network is like in the course of time: looked at every so often, all nodes together.
import { setTimeout } from 'node:timers/promises'
import { mergeHistograms } from '../index.ts'
import type { HistogramSnapshot, Metrics } from '../index.ts'

/** Histograms and gauges of a host's nodes together. */
export interface HostSample {
  readonly connections: number
  readonly identity: HistogramSnapshot | null
  readonly eventLoop: HistogramSnapshot | null
  readonly verdicts: Verdicts
  readonly rssBytes: number
}

/** What the gates of all nodes have answered so far. */
export interface Verdicts {
  readonly slots: number
  readonly retries: number
  readonly refused: number
  readonly dropped: number
}

/** All nodes at one moment; times in milliseconds, null where nothing was timed since the sample before. */
export interface Sample {
  /** Since sampling began. */
  readonly atMs: number
  readonly connections: number
  readonly rssBytes: number
  readonly verdicts: Verdicts
  /** From the end of a handshake to identified, of those since the sample before. */
  readonly identityP50Ms: number | null
  readonly identityP99Ms: number | null
  /** How late timers ran, of those since the sample before. */
  readonly eventLoopP99Ms: number | null
}

const NO_VERDICTS: Verdicts = { slots: 0, retries: 0, refused: 0, dropped: 0 }

/** A sample of no node. */
export const NO_SAMPLE: HostSample = {
  connections: 0,
  identity: null,
  eventLoop: null,
  verdicts: NO_VERDICTS,
  rssBytes: 0,
}

/** One node's part of a sample. */
export const hostSampleOf = ({ counters, gauges, histograms }: Metrics): HostSample => ({
  connections: gauges.established,
  identity: mergeHistograms(histograms.identityIn, histograms.identityOut),
  eventLoop: histograms.eventLoop,
  verdicts: {
    slots: counters.slots,
    retries: counters.retries,
    refused: total(counters.refused),
    dropped: total(counters.dropped),
  },
  rssBytes: 0,
})

/** Both together. */
export const addHostSamples = (a: HostSample, b: HostSample): HostSample => ({
  connections: a.connections + b.connections,
  identity: merged(a.identity, b.identity),
  eventLoop: merged(a.eventLoop, b.eventLoop),
  verdicts: {
    slots: a.verdicts.slots + b.verdicts.slots,
    retries: a.verdicts.retries + b.verdicts.retries,
    refused: a.verdicts.refused + b.verdicts.refused,
    dropped: a.verdicts.dropped + b.verdicts.dropped,
  },
  rssBytes: a.rssBytes + b.rssBytes,
})

/** Looks every `everyMs` until the signal, for which nobody has to wait, and tells what it saw. */
export class Sampling {
  readonly #look: () => Promise<HostSample>
  readonly #told: (sample: Sample) => void
  #before: HostSample = NO_SAMPLE

  constructor(look: () => Promise<HostSample>, told: (sample: Sample) => void) {
    this.#look = look
    this.#told = told
  }

  /** Resolves after the signal; never rejects: a network that cannot be looked at any more is at its end. */
  async run(everyMs: number, signal: AbortSignal): Promise<void> {
    const begun = performance.now()
    try {
      for (;;) {
        const now = await this.#look()
        this.#told(sampleOf(performance.now() - begun, this.#before, now))
        this.#before = now
        await setTimeout(everyMs, undefined, { signal })
      }
    } catch {
      // The signal, or the end of a process, which others tell of.
    }
  }
}

/** What is new in `now`; a host that lost a node in between would count less, which is then nothing new. */
export const sampleOf = (atMs: number, before: HostSample, now: HostSample): Sample => {
  const identity = since(before.identity, now.identity)
  const eventLoop = since(before.eventLoop, now.eventLoop)
  return {
    atMs: Math.round(atMs),
    connections: now.connections,
    rssBytes: now.rssBytes,
    verdicts: now.verdicts,
    identityP50Ms: identity?.p50Ms ?? null,
    identityP99Ms: identity?.p99Ms ?? null,
    eventLoopP99Ms: eventLoop?.p99Ms ?? null,
  }
}

const since = (before: HistogramSnapshot | null, now: HistogramSnapshot | null): HistogramSnapshot | null => {
  if (now === null) return null
  const buckets = now.buckets.map((n, at) => Math.max(0, n - (before?.buckets[at] ?? 0)))
  const count = buckets.reduce((sum, n) => sum + n, 0)
  if (count === 0) return null
  const fresh = { ...now, count, buckets }
  // Merging computes the quantiles anew.
  return mergeHistograms(fresh, { ...fresh, count: 0, sumMs: 0, maxMs: 0, buckets: buckets.map(() => 0) })
}

const merged = (a: HistogramSnapshot | null, b: HistogramSnapshot | null): HistogramSnapshot | null =>
  a === null || b === null ? (a ?? b) : mergeHistograms(a, b)

const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((sum, n) => sum + n, 0)
