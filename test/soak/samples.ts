// What a soak looks at again and again, and what it concludes: whether a quantity grew over the second half of the run, by a straight
// line through its samples. The first half is for caches, pools and the compiler.
import { readdirSync } from 'node:fs'
import { getEventListeners } from 'node:events'
import { collect } from '../support/collect.ts'

/** What must stay flat, with how far the line may rise over the second half: by a share of the mean, or by `least` if that is more. */
export const FLAT = {
  /** Bytes of the heap after a collection. */
  heap: { share: 0.1, least: 0 },
  /** Bytes outside of the heap that it holds; the pieces of a transfer in progress, sealed and on their way, come and go. */
  buffers: { share: 0.1, least: 5_000_000 },
  /** Sockets, pipes, ports of workers: whatever would keep the process alive, timers apart. */
  handles: { share: 0.05, least: 5 },
  /** Timers that are set: one for each endpoint, phonebook and replicator, and those of calls and copies, which come and go with each node that does. */
  timers: { share: 0.05, least: 10 },
  /** Listeners on the one signal that every call is given, and on the process. */
  listeners: { share: 0.05, least: 5 },
  /** Open file descriptors, sockets without a reference included; 0 where the system does not list them. */
  files: { share: 0.05, least: 5 },
} as const

export type Quantity = keyof typeof FLAT
export const QUANTITIES = Object.keys(FLAT) as Quantity[]

/** One look: `atMs` from the beginning of the run. */
export type Sample = { readonly atMs: number } & Readonly<Record<Quantity, number>>

/** What the second half of a run says of one quantity. */
export interface Trend {
  readonly quantity: Quantity
  readonly mean: number
  /** How far the line rises over the second half. */
  readonly growth: number
  readonly allowed: number
}

/** Collects garbage, and looks. */
export const look = async (begunAt: number, signal: AbortSignal): Promise<Sample> => {
  await collect()
  const { heapUsed, external } = process.memoryUsage()
  const resources = process.getActiveResourcesInfo()
  const timers = resources.filter((kind) => kind === 'Timeout').length
  return {
    atMs: Math.round(performance.now() - begunAt),
    heap: heapUsed,
    buffers: external,
    handles: resources.filter((kind) => !PASSING.has(kind)).length,
    timers,
    listeners: listenersOf(signal) + listenersOfProcess(),
    files: openFiles(),
  }
}

/** Timers are counted by themselves; the others last no longer than a call to the system. */
const PASSING = new Set(['Timeout', 'Immediate', 'FSReqPromise', 'FSReqCallback', 'UDPSENDWRAP', 'UdpSendWrap'])

/** Who waits for the signal. */
export const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

const listenersOfProcess = (): number =>
  process.eventNames().reduce((count, name) => count + process.listenerCount(name), 0)

const openFiles = (): number => {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}

/** The line through the second half, by least squares. */
export const trendOf = (quantity: Quantity, samples: readonly Sample[]): Trend => {
  const half = samples.slice(Math.floor(samples.length / 2))
  const mean = average(half.map((sample) => sample[quantity]))
  const middle = average(half.map(({ atMs }) => atMs))
  let covariance = 0
  let variance = 0
  for (const sample of half) {
    covariance += (sample.atMs - middle) * (sample[quantity] - mean)
    variance += (sample.atMs - middle) ** 2
  }
  const span = (half.at(-1)?.atMs ?? 0) - (half[0]?.atMs ?? 0)
  const growth = variance === 0 ? 0 : (covariance / variance) * span
  const { share, least } = FLAT[quantity]
  return { quantity, mean, growth, allowed: Math.max(share * mean, least) }
}

const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
