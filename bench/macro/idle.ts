// What connections cost that are there and say nothing: the memory of one, at the end that was dialled and at the end that dialled, and how
// late the event loop of a process is that has ten thousand of them, each of which says that it is there every ten seconds.
import { GATE_OPTIONS } from '../../src/index.ts'
import { manyNodes, oneNode, throng } from './nodes/ask.ts'
import type { Delay, Held } from './nodes/one-node.ts'
import { slopeOf } from './accept/summary.ts'
import { machine } from './report.ts'

/** Bytes of one connection: of the process, and of V8's heap and array buffers in it. */
export interface ConnectionMemory {
  readonly rss: number
  readonly heap: number
}

/** Which end of its connections the node is that is measured. */
export type End = 'dialled' | 'dialling'

/** Connections before the first look, and in each of the steps after it: what is compiled and mapped once is there by then. Fewer drown in pages. */
const BEFORE = 200
const STEP = 200
const STEPS = 4
const AT_ONCE = 16

/** The slopes of memory over connections, garbage collected. */
export const measureMemory = async (end: End): Promise<ConnectionMemory> => {
  await using node = oneNode()
  await using others = manyNodes()
  const address = await node.ask<string>({ kind: 'start', limits: { idleAfterMs: FOREVER_MS } })
  const addresses = await others.ask<string[]>({ kind: 'prepare', count: BEFORE + STEPS * STEP })
  const connect = (count: number): Promise<unknown> =>
    end === 'dialled'
      ? others.ask({ kind: 'dial', address, count, atOnce: AT_ONCE })
      : node.ask({ kind: 'dial', addresses: addresses.splice(0, count), atOnce: AT_ONCE })
  await connect(BEFORE)
  const held: Held[] = [await node.ask<Held>({ kind: 'collect' })]
  for (let n = 0; n < STEPS; n++) {
    await connect(STEP)
    held.push(await node.ask<Held>({ kind: 'collect' }))
  }
  const slope = (of: (held: Held) => number): number => slopeOf(held.map((each) => [each.connections, of(each)]))
  return { rss: slope(({ rss }) => rss), heap: slope(({ heap, buffers }) => heap + buffers) }
}

/** Longer than a measurement: none of the connections is asked for anything. */
const FOREVER_MS = 3_600_000
const THRONG = 10_000
/** A handshake costs both ends some 5 ms of a processor each, and the more the larger their heaps are. */
const WITHIN_MS = 480_000
/** What handshakes left behind is gone after this. */
const SETTLE_MS = 11_000
/** Two rounds of keep-alives. */
const WATCH_MS = 20_000

/** The delay of an event loop with `count` connections that are kept alive. */
export const measureThrong = async (count = THRONG): Promise<Delay> => {
  await using node = oneNode()
  await using others = throng()
  const limits = { idleAfterMs: FOREVER_MS, connectionsMax: count + GATE_OPTIONS.dialReserve }
  const address = await node.ask<string>({ kind: 'start', limits })
  const dial = { kind: 'dial', address, count, atOnce: AT_ONCE, withinMs: WITHIN_MS } as const
  await others.ask<number>(dial, WITHIN_MS + 10_000)
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  // Awaited here: at the end of this function both processes end.
  return await node.ask<Delay>({ kind: 'watch', ms: WATCH_MS })
}

if (import.meta.main) {
  console.log(machine())
  for (const end of ['dialled', 'dialling'] as const) {
    const { rss, heap } = await measureMemory(end)
    console.log(
      `  the end that ${end === 'dialled' ? 'was dialled' : 'dialled'}: ${(rss / 1e3).toFixed(1)} KB of RSS, ${(heap / 1e3).toFixed(1)} KB of it in V8`,
    )
  }
  const { connections, p50Ms, p99Ms, maxMs, busy } = await measureThrong(Number(process.argv[2] ?? THRONG))
  console.log(
    `  ${connections} idle connections: event loop late by p50 ${p50Ms.toFixed(1)}, p99 ${p99Ms.toFixed(1)}, at most ${maxMs.toFixed(1)} ms; ${(100 * busy).toFixed(0)} % of a core`,
  )
}
