import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { missedAims } from '../../bench/macro/accept/aims.ts'
import type { Run } from '../../bench/macro/accept/aims.ts'
import { introduce, measure } from '../../bench/macro/accept/cell.ts'
import type { Measured } from '../../bench/macro/accept/cell.ts'
import { plotOf } from '../../bench/macro/accept/plot.ts'
import { rank, slopeOf, summarise } from '../../bench/macro/accept/summary.ts'
import type { Summary } from '../../bench/macro/accept/summary.ts'
import { tablesOf } from '../../bench/macro/accept/table.ts'
import { leaveFirstFlights } from '../../bench/peers/first-flight.ts'

const CONNECTIONS = 10

interface Like {
  readonly adapter?: string
  readonly setup?: string
  readonly silent?: number
}

const ROUND: Measured = {
  connected: CONNECTIONS,
  ms: 100,
  times: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  serverCpuMs: 20,
  loopCpuMs: 10,
  connectionBytes: 30_000,
  failure: null,
}
const JAMMED: Measured = { ...ROUND, connected: 0, ms: 0, times: [], connectionBytes: null, failure: 'no answer' }

const summary = ({ adapter = 'sallyport.ts', setup = 'defaults', silent = 0 }: Like, results: (Measured | Error)[]) =>
  summarise(
    {
      case: { adapter, setup, silent, memory: silent === 0 },
      peer: { title: adapter, identity: 'Ed25519', version: '1.2.3', setups: [{ key: setup, title: 'as it comes' }] },
      results,
    },
    CONNECTIONS,
  )
const LIBP2P = { adapter: 'libp2p-tcp.mjs', setup: 'raised' }
const SLOWER: Measured = { ...ROUND, ms: 200, serverCpuMs: 40, connectionBytes: 200_000 }
const run = (...summaries: Summary[]): Run => ({ connections: CONNECTIONS, floorMs: 1.5, summaries })
const missed = (...summaries: Summary[]): string => missedAims(run(...summaries)).join('\n')

describe('what rounds come to', () => {
  test('medians and ranges are of the rounds in which nearly all connected', () => {
    const { perSecond, serverCpuMs, p50Ms, p99Ms, connectionKb, connected } = summary({}, [
      ROUND,
      { ...ROUND, ms: 50 },
      { ...ROUND, ms: 200 },
      JAMMED,
    ])
    assert.deepEqual(perSecond, { median: 100, min: 50, max: 200 })
    assert.deepEqual(serverCpuMs, { median: 2, min: 2, max: 2 })
    assert.deepEqual([p50Ms?.median, p99Ms?.median, connectionKb?.median], [5, 10, 30])
    assert.deepEqual(connected, [10, 10, 10, 0])
  })

  test('there is no rate when most rounds were jammed, and the failure is told', () => {
    const { perSecond, failure } = summary({}, [ROUND, JAMMED, JAMMED])
    assert.equal(perSecond, null)
    assert.equal(failure, 'no answer')
  })

  test('ranks are nearest, and the slope is that of a line through noise that cancels out', () => {
    assert.equal(rank([], 0.5), null)
    assert.equal(rank([3, 1, 2], 0.5), 2)
    const points = [0, 1, 2, 3].map((x) => [x, 7 + 5 * x] as const)
    assert.equal(slopeOf(points), 5)
    assert.equal(slopeOf([...points, ...points.map(([x, y], n) => [x, n % 3 === 0 ? y + 1 : y - 1] as const)]), 5)
  })
})

describe('aims', () => {
  const quiet = summary({}, [ROUND])

  test('none is missed by who is ahead and not slowed down', () => {
    assert.equal(missed(quiet, summary({ silent: 20 }, [ROUND]), summary(LIBP2P, [SLOWER])), '')
  })

  test('one client left out in one round is a missed aim', () => {
    const lost = summary({ silent: 20 }, [ROUND, { ...ROUND, connected: 9, failure: 'refused' }, ROUND])
    assert.match(missed(quiet, lost), /^with 20 silent, all of 10 connect in every round: 9 did, refused$/)
    const silently = summary({ silent: 20 }, [{ ...ROUND, connected: 9 }])
    assert.match(missed(quiet, silently), /: 9 did, no failure$/)
  })

  test('a round that could not be measured is a missed aim', () => {
    assert.match(missed(quiet, summary({ silent: 20 }, [ROUND, new Error('crashed')])), /all of 10 connect.*crashed/)
  })

  test('silent clients may not slow the slowest down more than twofold', () => {
    const slow = (factor: number): Measured => ({ ...ROUND, times: ROUND.times.map((time) => factor * time) })
    assert.equal(missed(quiet, summary({ silent: 200 }, [slow(2)])), '')
    assert.match(missed(quiet, summary({ silent: 200 }, [slow(2.1)])), /^with 200 silent, p99 .*: × 2\.10$/)
  })

  test('CPU is compared with the cryptography alone, memory with its bound', () => {
    assert.match(missed(summary({}, [{ ...ROUND, serverCpuMs: 24.1 }])), /^server CPU at most .*: × 1\.61$/)
    assert.match(missed(summary({}, [{ ...ROUND, connectionBytes: 41_000 }])), /^memory at most 40 KB .*: 41 KB$/)
  })

  test('each comparison with js-libp2p is named; its defaults and other peers are none', () => {
    const ahead: Measured = { ...ROUND, ms: 90, serverCpuMs: 19, connectionBytes: 29_000 }
    assert.deepEqual(missed(quiet, summary(LIBP2P, [ahead])).match(/per second|CPU|memory/g), [
      'per second',
      'CPU',
      'memory',
    ])
    assert.equal(missed(quiet, summary({ ...LIBP2P, setup: 'defaults' }, [ahead])), '')
    assert.equal(missed(quiet, summary({ adapter: 'iroh.mjs', setup: 'tasks' }, [ahead])), '')
  })

  test('a peer that was not measured is not beaten', () => {
    assert.match(missed(quiet, summary(LIBP2P, [new Error('cannot be installed')])), /× –/)
  })
})

describe('what is written', () => {
  const reason =
    "Cannot find package 'libp2p' imported from /some/place/bench/peers/libp2p.mjs:1 at 127.0.0.1:4711\nRequire stack:"
  const everything = run(
    summary({}, [ROUND, { ...ROUND, ms: 50 }]),
    summary({ adapter: 'a<b&c.mjs' }, [JAMMED]),
    summary(LIBP2P, [new Error(reason)]),
    summary({ silent: 20 }, [{ ...ROUND, connectionBytes: null }]),
  )

  test('a table has a row for each case, with the reason for what is missing and no path of the machine', () => {
    const tables = tablesOf(everything)
    const rows = tables.split('\n').filter((line) => line.includes('1.2.3'))
    assert.equal(rows.length, 4)
    assert.match(rows[0] ?? '', /\| 10 \| 100 \(100–200\) \| 5 \| 10 \| 2\.00 \| 1\.00 \| 30 \|$/)
    assert.match(rows[1] ?? '', /\| 0; no answer \| – \|/)
    assert.match(rows[2] ?? '', /not measured: Cannot find package 'libp2p' imported from libp2p\.mjs:1 at \|/)
    const columns = tables.split('\n').filter((line) => line.startsWith('|'))
    assert.deepEqual(
      new Set(columns.map((line) => line.split('|').length)),
      new Set([columns[0]?.split('|').length, rows[3]?.split('|').length]),
    )
    assert.match(tables, /\*\*20 silent clients\*\*/)
  })

  test('the plot has a bar for each figure, in its box, and text is escaped', () => {
    const svg = plotOf(everything)
    assert.equal(svg.match(/<path /g)?.length, 2 + 2 + 1)
    assert.match(svg, /a&lt;b&amp;c\.mjs/)
    assert.match(svg, /0 of 10 connect/)
    assert.match(svg, /not measured/)
    const [, width = 0, height = 0] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)?.map(Number) ?? []
    for (const [, x, y] of svg.matchAll(/ x="([\d.]+)" y="([\d.]+)"/g))
      assert.ok(Number(x) < width && Number(y) < height, `${x} ${y}`)
  })
})

describe('handshakes left', () => {
  test('come each from a socket of its own, and nothing that comes later follows', async () => {
    const server = createSocket('udp4').bind(0, '127.0.0.1')
    await once(server, 'listening')
    const sent = new Map<number, string[]>()
    server.on('message', (bytes, { port }) => sent.set(port, [...(sent.get(port) ?? []), bytes.toString()]))
    const client = createSocket('udp4')
    const say = (text: string, port: number): void => client.send(text, port, '127.0.0.1')
    let stopped = 0
    await leaveFirstFlights(server.address().port, 10, async (hole, signal) => {
      say('first', hole)
      say('second', hole)
      signal.addEventListener('abort', () => {
        stopped++
        say('late', hole)
      })
      throw new Error('nobody answers there')
    })
    await sleep(100)
    client.close()
    server.close()
    assert.equal(stopped, 10)
    assert.deepEqual(
      [...sent.values()],
      Array.from({ length: 10 }, () => ['first', 'second']),
    )
  })
})

describe('a measurement', () => {
  test('of ours connects everybody beside handshakes that were left, and reads time, CPU and memory', async () => {
    const load = { connections: 4, atOnce: 2, memoryStep: 1, deadlineMs: 30_000 }
    const both = await Promise.all(
      [0, 2].map((silent) =>
        measure({ adapter: 'sallyport.ts', setup: 'defaults', silent, memory: silent === 0 }, load),
      ),
    )
    for (const { connected, times, failure, serverCpuMs, loopCpuMs } of both) {
      assert.deepEqual([connected, times.length, failure], [4, 4, null])
      assert.ok(serverCpuMs > loopCpuMs && loopCpuMs > 0)
    }
    assert.equal(typeof both[0]?.connectionBytes, 'number')
    assert.equal(both[1]?.connectionBytes, null)
  })

  test('ends at its deadline and says that there was no answer', async () => {
    const load = { connections: 4, atOnce: 2, memoryStep: 1, deadlineMs: 1 }
    const { connected, failure } = await measure(
      { adapter: 'sallyport.ts', setup: 'defaults', silent: 0, memory: true },
      load,
    )
    assert.deepEqual([connected, failure], [0, 'no answer by the deadline'])
  })

  test('of a peer that is not installed says what is not there', async () => {
    await assert.rejects(introduce('nobody.mjs'), /Cannot find module.*nobody\.mjs/)
  })
})
