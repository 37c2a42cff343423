// The control experiments again over real UDP and in real time: a target in a process of its own, one peer that finishes TLS and never
// says HELLO, then honest ones. Production meets every aim; each historical strategy misses its own and no other.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createNode, type Node, parseAddress, systemPorts } from '../../src/index.ts'
import { type Measures, missedAims } from '../../src/lab/strategies/figures.ts'
import type { AcceptanceKind, TargetReport } from '../../src/siege/target.ts'
import { Child } from '../../src/testnet/child.ts'
import { mutePeer } from '../support/mute-peer.ts'

const TARGET = new URL('../../src/siege/target.ts', import.meta.url)

const HONEST = 12
/** The registrar's channel: as much smaller than 1,024 as the crowd is smaller than a network. */
const CHANNEL_MAX = 4
/** Longer than one silent peer can hold a lock; whom the registrar lets go of gives up then. */
const PATIENCE_MS = 9000

interface Outcome {
  readonly measures: Measures
  readonly identified: number
}

const trial = async (kind: AcceptanceKind): Promise<Outcome> => {
  const target = new Child(TARGET, [kind, String(CHANNEL_MAX)])
  const clients: Node[] = []
  await using ports = await systemPorts()
  try {
    const address = await target.request<string>({ kind: 'listen' })
    const limits = { identityTimeoutMs: PATIENCE_MS, dialTimeoutMs: 2 * PATIENCE_MS }
    for (let n = 0; n < HONEST; n++) {
      clients.push(await createNode({ listen: ['/ip4/127.0.0.1/udp/0/quic-v1'], limits, ports }))
    }
    const mute = await mutePeer(ports, {
      local: { family: 4, ip: '127.0.0.1', port: 0 },
      remote: parseAddress(address)!.address,
    })
    await until(async () => (await report(target)).counters.accepted.inbound === 1)
    const outcomes = await Promise.race([
      Promise.allSettled(clients.map((client) => client.transport.connectPeer(address))),
      target.died,
    ])
    const { counters, figures } = await report(target)
    await mute.close({ code: 0, reason: '' }, 100)
    const { lockWaitMs, queueDepth } = figures ?? NOTHING_NOTED
    return {
      measures: { lockWaitMs, queueDepth, gap: counters.accepted.inbound - counters.reading.inbound },
      identified: outcomes.filter(({ status }) => status === 'fulfilled').length,
    }
  } finally {
    await Promise.allSettled(clients.map((client) => client.close()))
    await target.end()
  }
}

/** Production has no lock and no line. */
const NOTHING_NOTED = { lockWaitMs: 0, queueDepth: 0 }

const report = (target: Child): Promise<TargetReport> => target.request<TargetReport>({ kind: 'report' })

const until = async (reached: () => Promise<boolean>): Promise<void> => {
  while (!(await reached())) await sleep(20)
}

describe('over real UDP', { concurrency: 2, timeout: 120_000 }, () => {
  const cases = [
    ['own', []],
    ['inline', ['lockWaitMs']],
    ['spawned', ['queueDepth']],
    ['registrar', ['gap']],
  ] as const
  for (const [kind, missed] of cases) {
    test(`the ${kind} accept path misses ${missed[0] ?? 'no aim'}${missed.length > 0 ? ' and nothing else' : ''}`, async () => {
      const { measures, identified } = await trial(kind)
      assert.deepEqual(missedAims(measures), missed, JSON.stringify(measures))
      assert.equal(identified, HONEST - measures.gap)
    })
  }
})
