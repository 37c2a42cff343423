// One measurement: one server in a process of its own, its clients in another, so many handshakes left half-open before the dials begin.
import { Child } from '../../../src/testnet/child.ts'
import type { Dialled, Introduction, Request, Usage } from './child.ts'
import { slopeOf } from './summary.ts'

/** What is measured: a way to set up somebody's server, under so many silent clients. */
export interface Case {
  /** The file in `bench/peers`. */
  readonly adapter: string
  readonly setup: string
  readonly silent: number
  /** Whether memory is read as well, with more connections after the timed ones. */
  readonly memory: boolean
}

/** How much of it. */
export interface Load {
  readonly connections: number
  readonly atOnce: number
  /** Connections in each step of memory's slope. */
  readonly memoryStep: number
  readonly deadlineMs: number
}

/** What one measurement gave. */
export interface Measured {
  readonly connected: number
  readonly ms: number
  /** From a dial to its first echoed byte, milliseconds; of those who connected. */
  readonly times: readonly number[]
  /** Of all threads of the server, in all. */
  readonly serverCpuMs: number
  /** Of that, what its event loop's thread used. */
  readonly loopCpuMs: number
  /** What one more connection adds to the server's RSS, bytes; null where it was not measured. */
  readonly connectionBytes: number | null
  readonly failure: string | null
}

/** How long those left half-open have to arrive. */
const ARRIVE_MS = 200
const MEMORY_STEPS = 4
/** A process that says nothing for so long has failed. */
const STEP_TIMEOUT_MS = 60_000

const CHILD = new URL('child.ts', import.meta.url)

/** Asks one adapter who it is; rejects when its packages are not there or cannot be loaded. */
export const introduce = async (adapter: string): Promise<Introduction> => {
  const child = childOf(adapter)
  try {
    return await ask<Introduction>(child, { kind: 'introduce' })
  } finally {
    await child.end()
  }
}

/** Measures one case once. */
export const measure = async ({ adapter, setup, silent, memory }: Case, load: Load): Promise<Measured> => {
  const server = childOf(adapter)
  const clients = childOf(adapter)
  try {
    await Promise.all([ask(server, { kind: 'introduce' }), ask(clients, { kind: 'introduce' })])
    const address = await ask<string>(server, { kind: 'listen', setup })
    await ask(clients, { kind: 'prepare', clients: load.connections + (memory ? MEMORY_STEPS * load.memoryStep : 0) })
    if (silent > 0) {
      await ask(clients, { kind: 'leave', address, count: silent })
      await new Promise((resolve) => setTimeout(resolve, ARRIVE_MS))
    }
    const dial = (count: number): Promise<Dialled> =>
      ask<Dialled>(clients, { kind: 'dial', address, count, atOnce: load.atOnce, deadlineMs: load.deadlineMs })
    const before = await ask<Usage>(server, { kind: 'usage' })
    const { times, ms, failure } = await dial(load.connections)
    const after = await ask<Usage>(server, { kind: 'usage' })
    const allIn = times.length === load.connections
    return {
      connected: times.length,
      ms,
      times,
      serverCpuMs: after.cpuMs - before.cpuMs,
      loopCpuMs: after.loopCpuMs - before.loopCpuMs,
      connectionBytes: memory && allIn ? await slope(server, dial, load.memoryStep) : null,
      failure,
    }
  } finally {
    await Promise.all([server.end(), clients.end()])
  }
}

/**
 * The slope of RSS over connections after the timed ones: what is compiled, mapped and kept for handshakes in progress is there by then, and
 * what grows is the connections. Null when any of them failed.
 */
const slope = async (
  server: Child,
  dial: (count: number) => Promise<Dialled>,
  step: number,
): Promise<number | null> => {
  const points: [number, number][] = [[0, await ask<number>(server, { kind: 'collect' })]]
  for (let n = 1; n <= MEMORY_STEPS; n++) {
    if ((await dial(step)).times.length < step) return null
    points.push([n * step, await ask<number>(server, { kind: 'collect' })])
  }
  return slopeOf(points)
}

const childOf = (adapter: string): Child => new Child(CHILD, [new URL(`../../peers/${adapter}`, import.meta.url).href])

const ask = async <Result>(child: Child, request: Request): Promise<Result> => {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${request.kind}: no answer in time`)), STEP_TIMEOUT_MS)
  try {
    return await Promise.race([child.request<Result>(request), child.died, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
