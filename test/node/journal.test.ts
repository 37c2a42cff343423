// What a node tells a logger: what its owner should know, in so many lines and no more, whatever strangers, peers and disks do.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pino } from 'pino'
import type { ReplicationStatus } from '../../src/core/chunks/replication.ts'
import { Counters } from '../../src/core/counters.ts'
import { SallyportError } from '../../src/core/errors.ts'
import { chunkAddressOf } from '../../src/core/ids.ts'
import { createCrypto } from '../../src/io/crypto.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { Ports } from '../../src/io/ports.ts'
import type { TransportEvent } from '../../src/node/events.ts'
import { Journal, LINES_AT_ONCE } from '../../src/node/journal.ts'
import type { Logger, LogFields, LogLevel } from '../../src/node/logger.ts'
import { createNode, type Node } from '../../src/node/node.ts'
import { peer } from '../core/peers/played.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { createInlineWorkers } from '../support/inline-workers.ts'
import { NO_NAMES } from '../support/known-names.ts'
import { MemoryFiles } from '../support/memory-files.ts'
import { MemoryNetwork } from '../support/memory-udp.ts'
import { SeededRandom } from '../support/seeded-random.ts'

interface Line {
  readonly level: LogLevel
  readonly fields: LogFields
  readonly message: string
}

/** A logger that keeps what it is told. */
const kept = (): { logger: Logger; lines: Line[] } => {
  const lines: Line[] = []
  const keep =
    (level: LogLevel) =>
    (fields: LogFields, message: string): void =>
      void lines.push({ level, fields, message })
  return { lines, logger: { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') } }
}

const HOUR_S = 3600

const failed: TransportEvent = {
  kind: 'task-failed',
  task: { name: 'handler', protocol: 'chat', peerId: peer(2) },
  error: SallyportError.from(new Error(`${'x'.repeat(1e6)} is wrong`)),
}

/** A journal that listens, of a node whose numbers are what a test says. */
const written = () => {
  const clock = new FakeClock()
  const { logger, lines } = kept()
  const counters = new Counters()
  const status: { -readonly [Key in keyof ReplicationStatus]: number } = { lag: 0, sent: 0, fetched: 0, failed: 0 }
  const journal = new Journal(logger, { clock, timers: clock })
  const summed = { counters: () => counters.snapshot(), replication: () => ({ ...status }) }
  journal.listening({ peerId: peer(1), addresses: [] }, summed)
  lines.length = 0
  return { clock, counters, status, journal, lines }
}

describe('a journal', () => {
  test('tells of handlers that fail, ten at once and then one a minute, with the number of those it left out', async () => {
    const { clock, journal, lines } = written()
    for (let second = 0; second < HOUR_S; second++) {
      for (let n = 0; n < 10; n++) journal.event(failed)
      await clock.advance(1000)
    }
    assert.ok(lines.length <= LINES_AT_ONCE + HOUR_S / 60, String(lines.length))
    const leftOut = lines.map(({ fields }) => Number(fields['leftOut'] ?? 0))
    assert.ok(leftOut.slice(0, LINES_AT_ONCE).every((n) => n === 0))
    const told = lines.length + leftOut.reduce((a, b) => a + b, 0)
    assert.ok(told > 10 * HOUR_S - 700 && told <= 10 * HOUR_S, String(told))
    const { level, fields, message } = lines[0]!
    assert.deepEqual([level, message, fields['protocol']], ['error', 'something that the node ran failed', 'chat'])
    assert.deepEqual([fields['peerId'], fields['code']], [peer(2), 'INTERNAL'])
    assert.ok(JSON.stringify(fields).length < 3000)
  })

  test('tells of strangers in one sum a minute, however many come', async () => {
    const { clock, counters, journal, lines } = written()
    for (let second = 0; second < 120; second++) {
      counters.refused.rate += 50_000
      counters.dropped.crowd += 7
      counters.evicted += 2
      counters.handshakesFailed.inbound.deadline += 3
      counters.handshakesFailed.inbound.superseded += 3
      await clock.advance(1000)
    }
    assert.ok(lines.length <= 3, String(lines.length))
    journal.closing()
    const sums = lines.filter(({ message }) => message === 'turned away, lost or failed')
    const [first] = sums
    assert.deepEqual(first?.fields, {
      seconds: 10,
      refused: { rate: 500_000 },
      dropped: { crowd: 70 },
      failed: { deadline: 30 },
      evicted: 20,
    })
    const refused = sums.map(({ fields }) => (fields['refused'] as { rate: number }).rate)
    assert.equal(
      refused.reduce((a, b) => a + b),
      120 * 50_000,
    )
  })

  test('takes datagrams that are nobody’s for noise, which only who debugs is told of', async () => {
    const { clock, counters, lines } = written()
    counters.dropped['not-quic'] += 1
    await clock.advance(10_000)
    assert.deepEqual(
      lines.map(({ level }) => level),
      ['debug'],
    )
    await clock.advance(3_600_000)
    assert.equal(lines.length, 1)
  })

  test('tells what was replicated, and what is left of it to do', async () => {
    const { clock, status, lines } = written()
    status.sent = 4
    status.lag = 2
    await clock.advance(10_000)
    assert.deepEqual(lines, [{ level: 'info', fields: { seconds: 10, sent: 4, lag: 2 }, message: 'replicated chunks' }])
  })

  test('tells of chunks that the disk does not keep, in so many lines', () => {
    const { journal, lines } = written()
    const address = chunkAddressOf(new Uint8Array(32))
    const error = new SallyportError('NO_SPACE', 'there is no space left')
    for (let n = 0; n < 1000; n++) journal.trouble({ what: 'write', address, error })
    assert.equal(lines.length, LINES_AT_ONCE)
    const fields = { chunk: address, code: 'NO_SPACE', reason: 'there is no space left' }
    assert.deepEqual(lines[0], { level: 'error', fields, message: 'a chunk could not be written' })
  })

  test('does nothing without a logger, and sets no timer', async () => {
    const clock = new FakeClock()
    const journal = new Journal(null, { clock, timers: clock })
    const never = (): never => assert.fail('nobody asked')
    journal.listening({ peerId: peer(1), addresses: [] }, { counters: never, replication: never })
    journal.event(failed)
    journal.closing()
    assert.equal(clock.next(), Infinity)
  })
})

describe('a node with a logger', () => {
  const world = async (): Promise<(n: number, logger: Logger, bootstrap?: readonly string[]) => Promise<Place>> => {
    const clock = new FakeClock()
    const random = new SeededRandom(7)
    const network = new MemoryNetwork(clock, random, { latencyMs: 10, jitterMs: 3, loss: 0 })
    const [workers, crypto] = [await createInlineWorkers(clock), await createCrypto()]
    return async (n, logger, bootstrap = []) => {
      const ip4 = `192.0.${n}.1`
      const files = new MemoryFiles()
      const shared = { clock, timers: clock, workers, crypto, random, names: NO_NAMES }
      const ports: Ports = { ...shared, files, udp: network.host({ ip4 }) }
      const listen = [`/ip4/${ip4}/udp/9000/quic-v1`]
      const identity = await generateIdentity()
      const options = { ports, identity, listen, bootstrap, dataDirectory: '/data', logger }
      return { clock, files, node: await clock.until(createNode(options)) }
    }
  }
  interface Place {
    readonly clock: FakeClock
    readonly files: MemoryFiles
    readonly node: Node
  }

  test('tells when it listens, joins or cannot, what its disk does, and when it ends', async () => {
    const make = await world()
    const [held, lost, client] = [kept(), kept(), kept()]
    const first = await make(1, held.logger)
    const { clock } = first
    const second = await make(2, client.logger, first.node.addresses)
    assert.deepEqual(await clock.until(second.node.join()), { peers: 1 })
    const third = await make(3, lost.logger, ['/ip4/192.0.9.1/udp/9000/quic-v1'])
    await assert.rejects(clock.until(third.node.join()), { code: 'BOOTSTRAP_UNREACHABLE' })
    first.files.faults.spaceBytes = 0
    second.files.put('/in', new Uint8Array(1000))
    await assert.rejects(clock.until(second.node.put('/in')), { code: 'NOT_ENOUGH_HOLDERS' })
    for (const { node } of [third, second, first]) await clock.until(node.close())
    await clock.advance(100)
    assert.equal(clock.next(), Infinity, 'a timer is left')
    const said = ({ lines }: { lines: readonly Line[] }): string[] =>
      lines.filter(({ level }) => level !== 'debug').map(({ message }) => message)
    assert.deepEqual(said(client), ['listening', 'joined the network', 'closing', 'closed'])
    assert.deepEqual(said(lost), ['listening', 'could not join the network', 'closing', 'closed'])
    assert.ok(said(held).includes('a chunk could not be written'))
    const connected = held.lines.find(({ message }) => message === 'connected')
    assert.equal(connected?.fields['peerId'], second.node.peerId)
  })

  test('goes on where its logger throws, and takes pino as it is', async () => {
    const thrower = (): never => {
      throw new Error('no')
    }
    const make = await world()
    const { clock, node } = await make(1, { debug: thrower, info: thrower, warn: thrower, error: thrower })
    const other = await make(2, pino({ level: 'silent' }), node.addresses)
    assert.deepEqual(await clock.until(other.node.join()), { peers: 1 })
    for (const each of [other.node, node]) await clock.until(each.close())
  })
})
