// What a handshake costs the server's processor, with signatures and without: CPU time of all its threads and of the one that runs the event
// loop, for each of many connections that are dialled, have a few bytes echoed and stay. Batches take turns with the bare cryptography of
// one handshake, so that what slows the machine slows both. A first part is not counted, or counted apart: until code is compiled, what
// compiles it is half of the cost, and a node that stays up pays it once.
import { handshakeFloorMs } from './accept/floor.ts'
import { manyNodes, oneNode } from './nodes/ask.ts'
import type { Used } from './nodes/one-node.ts'
import { machine, median } from './report.ts'

/** What the handshakes of a run cost: CPU milliseconds each, medians over the batches. */
export interface Handshakes {
  readonly floorMs: number
  /** The first batch of a process: nothing is compiled yet. */
  readonly cold: Cost
  readonly full: Cost
  /** Of clients that come back with a ticket. */
  readonly resumed: Cost
}

/** CPU milliseconds of all threads, and of the event loop's. */
export interface Cost {
  readonly allMs: number
  readonly loopMs: number
}

/** How much of it. */
export interface HandshakeLoad {
  readonly connections: number
  readonly warmUp: number
  readonly batches: number
}

export const HANDSHAKE_LOAD: HandshakeLoad = { connections: 120, warmUp: 4, batches: 6 }

const AT_ONCE = 32

/** Measures; in each batch other clients dial, leave, and come back. */
export const measureHandshakes = async ({ connections, warmUp, batches }: HandshakeLoad): Promise<Handshakes> => {
  await using server = oneNode()
  await using clients = manyNodes()
  const address = await server.ask<string>({ kind: 'start', limits: {} })
  const used = (): Promise<Used> => server.ask({ kind: 'used' })
  const costOf = async (dial: () => Promise<unknown>, expected: 'signed' | 'resumed'): Promise<Cost> => {
    const before = await used()
    await dial()
    const after = await used()
    const accepted = after.accepted - before.accepted
    const resumed = after.resumed - before.resumed
    if (accepted !== connections || resumed !== (expected === 'resumed' ? connections : 0))
      throw new Error(`${accepted} of ${connections} handshakes, ${resumed} without a signature`)
    return { allMs: (after.allMs - before.allMs) / connections, loopMs: (after.loopMs - before.loopMs) / connections }
  }
  const floors: number[] = []
  const costs: { full: Cost; resumed: Cost }[] = []
  for (let n = 0; n < warmUp + batches; n++) {
    await clients.ask({ kind: 'prepare', count: connections })
    floors.push(handshakeFloorMs())
    const full = await costOf(
      () => clients.ask({ kind: 'dial', address, count: connections, atOnce: AT_ONCE }),
      'signed',
    )
    await clients.ask({ kind: 'leave' })
    const resumed = await costOf(() => clients.ask({ kind: 'return', address, atOnce: AT_ONCE }), 'resumed')
    costs.push({ full, resumed })
    await clients.ask({ kind: 'end' })
  }
  const [first] = costs
  if (first === undefined) throw new Error('nothing was measured')
  const warm = costs.slice(warmUp)
  return {
    floorMs: median(floors),
    cold: first.full,
    full: middle(warm.map(({ full }) => full)),
    resumed: middle(warm.map(({ resumed }) => resumed)),
  }
}

const middle = (costs: readonly Cost[]): Cost => ({
  allMs: median(costs.map(({ allMs }) => allMs)),
  loopMs: median(costs.map(({ loopMs }) => loopMs)),
})

if (import.meta.main) {
  console.log(`${machine()}: ${HANDSHAKE_LOAD.batches} batches of ${HANDSHAKE_LOAD.connections} connections`)
  const { floorMs, cold, full, resumed } = await measureHandshakes(HANDSHAKE_LOAD)
  const line = (what: string, { allMs, loopMs }: Cost): void =>
    console.log(
      `  ${what.padEnd(34)} ${allMs.toFixed(2)} ms of CPU each, ${loopMs.toFixed(2)} in the event loop, × ${(allMs / floorMs).toFixed(2)} its cryptography`,
    )
  line('with signatures, the first ever', cold)
  line('with signatures', full)
  line('with a ticket', resumed)
  console.log(`  the cryptography of one, alone     ${floorMs.toFixed(2)} ms`)
}
