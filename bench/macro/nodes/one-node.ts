// The process that is measured: one node, which is dialled or dials, and says what that cost it. Asked by its parent, one thing after the
// other.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createNode } from '../../../src/index.ts'
import type { Limits, Node } from '../../../src/index.ts'
import { serve } from '../../../src/testnet/serve.ts'
import { ECHO } from './echo.ts'

/** What the node is asked. */
export type OneNodeRequest =
  /** Starts the node: its address. */
  | { readonly kind: 'start'; readonly limits: Partial<Limits> }
  /** Dials these, so many at once, and has a few bytes echoed by each. */
  | { readonly kind: 'dial'; readonly addresses: readonly string[]; readonly atOnce: number }
  /** CPU milliseconds so far: a `Used`. */
  | { readonly kind: 'used' }
  /** Collects garbage: what is left, a `Held`. */
  | { readonly kind: 'collect' }
  /** The event loop's delay over so many milliseconds: a `Delay`. */
  | { readonly kind: 'watch'; readonly ms: number }

/** CPU milliseconds of all threads, and of the one that runs the event loop; handshakes taken in, and those of them without a signature. */
export interface Used {
  readonly allMs: number
  readonly loopMs: number
  readonly accepted: number
  readonly resumed: number
}

/** Bytes of the whole process, of V8's heap and of array buffers beside it. */
export interface Held {
  readonly rss: number
  readonly heap: number
  readonly buffers: number
  readonly connections: number
}

/** How late the event loop was, milliseconds, and its CPU time over what passed. */
export interface Delay {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly busy: number
  readonly connections: number
}

const LISTEN = ['/ip4/127.0.0.1/udp/0/quic-v1']
/** What a handshake leaves behind for a moment is gone after this. */
const SETTLE_MS = 300
const COLLECTIONS = 3
/** Milliseconds between two looks at the event loop. */
const RESOLUTION_MS = 1

let node: Node | null = null

const here = (): Node => {
  if (node === null) throw new Error('the node is not started')
  return node
}

const start = async (limits: Partial<Limits>): Promise<string> => {
  node = await createNode({ listen: LISTEN, capability: 'node', limits })
  node.transport.handle(ECHO, ({ payload }) => ({ status: 0, payload }))
  const [address] = node.addresses
  if (address === undefined) throw new Error('the node has no address')
  return address
}

const dial = async (addresses: readonly string[], atOnce: number): Promise<null> => {
  const { transport } = here()
  const rest = addresses.values()
  const lane = async (): Promise<void> => {
    for (const address of rest) {
      const { peerId } = await transport.connectPeer(address)
      await transport.request(peerId, ECHO, Uint8Array.of(1, 2, 3))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return null
}

const used = (): Used => {
  const [all, loop] = [process.cpuUsage(), process.threadCpuUsage()].map(({ user, system }) => (user + system) / 1e3)
  const { accepted, resumed } = here().counters()
  return { allMs: all ?? 0, loopMs: loop ?? 0, accepted: accepted.inbound, resumed: resumed.inbound }
}

const connections = (): number => here().transport.listActiveConnections().length

const collect = async (): Promise<Held> => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options: object) => void
  for (let n = 0; n < COLLECTIONS; n++) {
    await sleep(SETTLE_MS)
    // The last resort also shrinks the young generation, whose size would blur everything else by 10 MB.
    gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  }
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  return { rss, heap: heapUsed, buffers: arrayBuffers, connections: connections() }
}

const watch = async (ms: number): Promise<Delay> => {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  const before = used()
  delay.enable()
  await sleep(ms)
  delay.disable()
  const late = (percentile: number): number => Math.max(0, delay.percentile(percentile) / 1e6 - RESOLUTION_MS)
  const busy = (used().allMs - before.allMs) / ms
  return { p50Ms: late(50), p99Ms: late(99), maxMs: late(100), busy, connections: connections() }
}

serve<OneNodeRequest>(
  async (request) => {
    switch (request.kind) {
      case 'start':
        return start(request.limits)
      case 'dial':
        return dial(request.addresses, request.atOnce)
      case 'used':
        return used()
      case 'collect':
        return collect()
      case 'watch':
        return watch(request.ms)
    }
  },
  async () => {},
)
