// What QUIC is to cost, and how fast a stream is to be: each aim with what a run measured, and whether that is enough.
import type { Bulk } from './macro/bulk.ts'
import type { Handshakes } from './macro/handshake.ts'
import type { ConnectionMemory } from './macro/idle.ts'
import type { Delay } from './macro/nodes/one-node.ts'

/** One aim, and what became of it. */
export interface Aim {
  readonly what: string
  readonly aim: string
  readonly measured: string
  /** Beside what it was measured in the same run, or how else to understand it. */
  readonly beside: string
  readonly isMet: boolean
}

/** Of the bare pipeline's MB/s. */
const CEILING_SHARE = 0.7
/** Of a handshake's cryptography, CPU time of all threads. */
const FLOOR_RATIO = 1.6
/** CPU milliseconds of the event loop for a handshake, and of all threads for one without signatures. */
const LOOP_MS = 1
const RESUMED_MS = 0.9
/** Kilobytes of RSS of an idle connection. */
const CONNECTION_KB = 40
/** How late the event loop may be with so many idle connections, p99 in milliseconds. */
const IDLE_CONNECTIONS = 10_000
const LATE_MS = 20

/** A stream beside the ceiling. */
export const bulkAim = (how: string, { suite, ceiling, stream }: Bulk): Aim => ({
  what: `one stream, ${how}`,
  aim: `${CEILING_SHARE} of the ceiling`,
  measured: `${(stream / ceiling).toFixed(2)}: ${stream.toFixed(0)} MB/s`,
  beside: `ceiling ${ceiling.toFixed(0)} MB/s, ${SUITES[suite]}`,
  isMet: stream >= CEILING_SHARE * ceiling,
})

const SUITES = { 0x1301: 'AES-128-GCM', 0x1302: 'AES-256-GCM', 0x1303: 'ChaCha20-Poly1305' } as const

/** Handshakes, beside their cryptography alone. */
export const handshakeAims = ({ floorMs, cold, full, resumed }: Handshakes): Aim[] => {
  const floor = `its cryptography alone ${floorMs.toFixed(2)} ms`
  return [
    {
      what: 'full handshake, server CPU, all threads',
      aim: `${FLOOR_RATIO} × its cryptography`,
      measured: `× ${(full.allMs / floorMs).toFixed(2)}: ${full.allMs.toFixed(2)} ms`,
      beside: `${floor}; of a new process × ${(cold.allMs / floorMs).toFixed(2)}`,
      isMet: full.allMs <= FLOOR_RATIO * floorMs,
    },
    {
      what: 'the same, event loop',
      aim: `${LOOP_MS} ms`,
      measured: `${full.loopMs.toFixed(2)} ms`,
      beside: `${floor}; of a new process ${cold.loopMs.toFixed(2)} ms`,
      isMet: full.loopMs <= LOOP_MS,
    },
    {
      what: 'resumed handshake, server CPU, all threads',
      aim: `${RESUMED_MS} ms`,
      measured: `${resumed.allMs.toFixed(2)} ms`,
      beside: `of it in the event loop ${resumed.loopMs.toFixed(2)} ms`,
      isMet: resumed.allMs <= RESUMED_MS,
    },
  ]
}

/** The memory of an idle connection. */
export const memoryAim = (end: string, { rss, heap }: ConnectionMemory): Aim => ({
  what: `memory of an idle connection, ${end}`,
  aim: `${CONNECTION_KB} KB`,
  measured: `${(rss / 1e3).toFixed(0)} KB of RSS`,
  beside: `in V8, array buffers included, ${(heap / 1e3).toFixed(0)} KB`,
  isMet: rss <= 1e3 * CONNECTION_KB,
})

/** Very many idle connections. */
export const delayAim = ({ connections, p50Ms, p99Ms, maxMs, busy }: Delay): Aim => ({
  what: `${IDLE_CONNECTIONS} idle connections, kept alive: event loop late, p99`,
  aim: `${LATE_MS} ms`,
  measured: `${p99Ms.toFixed(1)} ms with ${connections}`,
  beside: `p50 ${p50Ms.toFixed(1)}, at most ${maxMs.toFixed(0)} ms; ${(100 * busy).toFixed(0)} % of a core`,
  isMet: p99Ms < LATE_MS && connections >= IDLE_CONNECTIONS,
})

/** All of them as Markdown. */
export const aimsTable = (aims: readonly Aim[]): string =>
  [
    '| | aim | measured | | |',
    '|---|---|---|---|---|',
    ...aims.map(
      ({ what, aim, measured, isMet, beside }) =>
        `| ${what} | ${aim} | ${measured} | ${isMet ? 'met' : '**missed**'} | ${beside} |`,
    ),
  ].join('\n')
