import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { QlogSink, QlogSubject } from '../../src/quic/index.ts'
import { FRAMES } from '../fuzz/quic-codecs.ts'
import { frameData } from '../../src/quic/qlog-frames.ts'
import { assertQlog, frame } from './qlog-schema.ts'
import { bytes, everything, failure, put, QuicWorld, SERVER_IP } from './quic-world.ts'

interface Event {
  readonly time: number
  readonly name: string
  readonly data: {
    readonly header?: { readonly packet_type: string; readonly packet_number: number }
    readonly raw?: { readonly length: number }
    readonly frames?: readonly { readonly frame_type: string }[]
    readonly [more: string]: unknown
  }
}

/** One qlog in memory. */
class Log implements QlogSink {
  readonly subject: QlogSubject
  text = ''
  ended = 0

  constructor(subject: QlogSubject) {
    this.subject = subject
  }

  write(text: string): void {
    assert.equal(this.ended, 0, 'nothing is written behind the end')
    this.text += text
  }

  end(): void {
    this.ended++
  }

  /** Every record, checked to be one of a JSON text sequence. */
  get records(): unknown[] {
    const [nothing, ...records] = this.text.split('\u001E')
    assert.equal(nothing, '')
    return records.map((record) => {
      assert.ok(record.endsWith('\n'))
      return JSON.parse(record) as unknown
    })
  }

  get events(): Event[] {
    return this.records.slice(1) as Event[]
  }

  packets(name: string): string[] {
    return this.events
      .filter((event) => event.name.endsWith(name))
      .map(({ data: { header, raw, frames } }) =>
        JSON.stringify([header?.packet_type, header?.packet_number, raw?.length, frames]),
      )
  }
}

const collecting =
  (logs: Log[]) =>
  (subject: QlogSubject): QlogSink => {
    const log = new Log(subject)
    logs.push(log)
    return log
  }

test('what one end sends is what the other receives, packet by packet and frame by frame, until both files are ended', async () => {
  const world = await QuicWorld.make()
  const logs: Log[] = []
  const qlog = { open: collecting(logs) }
  const { listener, client, server } = await world.pair({ client: { qlog }, server: { qlog } })
  const stream = await client.openUnidirectionalStream()
  const [there] = await world.run(Promise.all([server.acceptUnidirectionalStream(), put(stream.writable, bytes(9000))]))
  await world.run(everything(there!.readable))
  await world.run(client.close({ code: 9 }))
  await world.clock.advance(1000)
  await world.run(listener.close())
  const [ours, theirs] = logs
  assert.ok(ours !== undefined && theirs !== undefined && logs.length === 2)
  assert.deepEqual([ours.subject.role, theirs.subject.role], ['client', 'server'])
  assert.equal(ours.subject.id, theirs.subject.id)
  assert.deepEqual([ours.ended, theirs.ended], [1, 1])
  assert.deepEqual(theirs.packets(':packet_received').sort(), ours.packets(':packet_sent').sort())
  assert.deepEqual(ours.packets(':packet_received').sort(), theirs.packets(':packet_sent').sort())
  assert.ok(ours.packets(':packet_sent').length > 8)
  for (const { events } of [ours, theirs]) {
    assert.ok(events.every(({ time }, i) => time >= (events[i - 1]?.time ?? 0)))
    const names = new Set(events.map(({ name }) => name))
    for (const name of ['connection_started', 'parameters_set', 'recovery_metrics_updated', 'connection_closed']) {
      assert.ok(names.has(`quic:${name}`), name)
    }
  }
  const frames = new Set(ours.events.flatMap(({ data }) => data.frames ?? []).map(({ frame_type }) => frame_type))
  for (const type of ['crypto', 'ack', 'stream', 'padding', 'connection_close']) assert.ok(frames.has(type), type)
})

test('each file begins with what it is, in the words of the drafts or of the version that qvis reads', async () => {
  const world = await QuicWorld.make()
  const logs: Log[] = []
  const { listener } = await world.pair({
    client: { qlog: { open: collecting(logs) } },
    server: { qlog: { open: collecting(logs), dialect: 'qvis' } },
  })
  await world.run(listener.close())
  const [ours, theirs] = logs
  const { id } = ours!.subject
  assert.deepEqual(ours!.records[0], {
    file_schema: 'urn:ietf:params:qlog:file:sequential',
    serialization_format: 'application/qlog+json-seq',
    title: `client ${id}`,
    trace: {
      vantage_point: { type: 'client' },
      event_schemas: ['urn:ietf:params:qlog:events:quic-13'],
      common_fields: {
        group_id: id,
        time_format: 'relative_to_epoch',
        reference_time: { clock_type: 'monotonic', epoch: 'unknown', wall_clock_time: '2026-01-01T00:00:00.000Z' },
      },
    },
  })
  const old = theirs!.records[0] as {
    qlog_version: string
    qlog_format: string
    trace: { common_fields: { ODCID: string } }
  }
  assert.deepEqual([old.qlog_version, old.qlog_format, old.trace.common_fields.ODCID], ['0.3', 'JSON-SEQ', id])
  const names = new Set(theirs!.events.map(({ name }) => name))
  for (const name of ['transport:packet_sent', 'transport:packet_received', 'recovery:metrics_updated']) {
    assert.ok(names.has(name), name)
  }
})

test('what is lost, and what is no packet of ours, is told', async () => {
  const world = await QuicWorld.make({ loss: 0.1 }, 5)
  const logs: Log[] = []
  const { listener, client, server } = await world.pair({ client: { qlog: { open: collecting(logs) } } })
  let heard = 0
  world.network.tap = (datagram, from) => {
    if (from.ip === SERVER_IP && ++heard % 7 === 0) datagram[datagram.length - 1]! ^= 1
    return 'pass'
  }
  const stream = await client.openUnidirectionalStream()
  const putting = put(stream.writable, bytes(200_000))
  await world.run(everything((await world.run(server.acceptUnidirectionalStream()))!.readable))
  await world.run(putting)
  await world.run(listener.close())
  const names = logs[0]!.events.map(({ name }) => name)
  assert.ok(names.includes('quic:packet_lost') && names.includes('quic:packet_dropped'))
})

test('a file is one of the drafts, whatever happens in the connection', async () => {
  const world = await QuicWorld.make({ loss: 0.05 }, 3)
  const logs: Log[] = []
  const open = collecting(logs)
  const options = { qlog: { open }, datagrams: true }
  const rather = [{ host: SERVER_IP, port: 7777 }]
  const { listener, client, server } = await world.pair({
    client: options,
    server: { ...options, preferredAddress: rather },
  })
  const stream = await client.openBidirectionalStream()
  const putting = put(stream.writable, bytes(300_000))
  const there = (await world.run(server.acceptBidirectionalStream()))!
  there.reset(7)
  await world.run(everything(there.readable))
  await world.run(putting)
  client.sendDatagram(bytes(100))
  await world.run(client.migrate())
  client.updateKeys()
  const half = await world.run(client.openBidirectionalStream())
  half.reset(3)
  half.stop(4)
  await world.clock.advance(2000)
  await world.run(client.close({ code: 9, reason: 'enough' }))
  await failure(world.connect({ ...options, alpn: ['other'] }))
  const idle = await world.connect({ ...options, idleTimeoutMs: 500 })
  world.network.weather.loss = 1
  await world.run(idle.closed)
  await failure(world.connect({ ...options, limits: { handshakeTimeoutMs: 500 } }))
  world.network.weather.loss = 0
  await world.run(listener.close({ code: 5 }))
  assert.ok(logs.length >= 6, `${logs.length} files`)
  for (const { text } of logs) assertQlog(text)
  const types = new Set(
    logs.flatMap(({ events }) => events.flatMap(({ data }) => data.frames ?? [])).map(({ frame_type }) => frame_type),
  )
  const seen = [
    'ack',
    'crypto',
    'stream',
    'datagram',
    'reset_stream',
    'stop_sending',
    'new_token',
    'new_connection_id',
    'retire_connection_id',
  ]
  for (const type of [...seen, 'path_challenge', 'path_response', 'handshake_done', 'connection_close', 'unknown']) {
    assert.ok(types.has(type), type)
  }
  const triggers = logs
    .flatMap(({ events }) => events.map(({ data }) => data['trigger']))
    .filter((trigger) => trigger !== undefined)
  for (const trigger of ['application', 'error', 'idle_timeout', 'aborted'])
    assert.ok(triggers.includes(trigger), trigger)
})

test('each type of frame has the fields that the drafts give it', () => {
  for (const each of FRAMES) frame(JSON.parse(JSON.stringify(frameData(each, 3))), each.type)
  const ack = frameData(
    {
      type: 'ack',
      ranges: [
        { from: 1, to: 4 },
        { from: 0, to: 0 },
      ],
      delay: 125,
      ecn: null,
    },
    4,
  )
  assert.deepEqual(ack, { frame_type: 'ack', ack_delay: 2, acked_ranges: [[1, 4], [0]] })
})

test('what qvis looks for is in a file for it: how long frames are, whose parameters, and times that ascend', async () => {
  const world = await QuicWorld.make()
  const logs: Log[] = []
  const qlog = { open: collecting(logs), dialect: 'qvis' as const }
  const { listener, client, server } = await world.pair({ client: { qlog } })
  const stream = await client.openUnidirectionalStream()
  const putting = put(stream.writable, bytes(5000))
  await world.run(everything((await world.run(server.acceptUnidirectionalStream()))!.readable))
  await world.run(putting)
  await world.run(client.close({ code: 9 }))
  await world.run(listener.close())
  const [{ text, events }] = logs as [Log]
  // Its loader takes a file of another name for one where these stand in the first 1,024 characters, and is confused by no events at all.
  assert.ok(
    text.indexOf('"qlog_version":"0.3"') < 1024 && text.indexOf('"qlog_format":"JSON-SEQ"') < 1024 && events.length > 0,
  )
  assert.ok(events.every(({ time }, i) => time >= (events[i - 1]?.time ?? 0)))
  assert.ok(events.every(({ name }) => /^(connectivity|transport|recovery):[a-z_]+$/.test(name)))
  const packets = events.filter(({ name }) => name === 'transport:packet_sent')
  const streams = packets.flatMap(({ data }) => data.frames ?? []).filter(({ frame_type }) => frame_type === 'stream')
  const total = streams.reduce((sum, each) => sum + (each as unknown as { length: number }).length, 0)
  assert.equal(total, 5000)
  assert.ok(packets.every(({ data }) => (data.raw?.length ?? 0) > 0 && data['packet_type'] === undefined))
  const owners = events.filter(({ name }) => name === 'transport:parameters_set').map(({ data }) => data['owner'])
  assert.deepEqual(new Set(owners), new Set(['local', 'remote']))
  const closed = events.find(({ name }) => name === 'connectivity:connection_closed')
  assert.deepEqual([closed?.data['owner'], closed?.data['application_code']], ['local', 9])
})

test('logs that fail do no harm', async () => {
  const world = await QuicWorld.make()
  const fail = (): never => {
    throw new Error('the disk is full')
  }
  const sinks = [
    { open: fail },
    { open: () => ({ write: fail, end: fail }) },
    { open: () => ({ write: () => true, end: fail }) },
  ]
  for (const qlog of sinks) {
    const { listener, client, server } = await world.pair({ client: { qlog, keyLog: fail }, server: { qlog } })
    const stream = await client.openUnidirectionalStream()
    const [there] = await world.run(Promise.all([server.acceptUnidirectionalStream(), put(stream.writable, bytes(9))]))
    assert.equal((await world.run(everything(there!.readable))).length, 9)
    await world.run(listener.close())
    await world.run(client.close())
  }
})

test('what never was a connection leaves no file, and a connection that is not wanted none either', async () => {
  const world = await QuicWorld.make()
  const subjects: QlogSubject[] = []
  const open = (subject: QlogSubject): null => {
    subjects.push(subject)
    return null
  }
  const listener = await world.listen({ qlog: { open }, gate: { loopback: 'trusted' } })
  const socket = await world.network
    .host({ ip4: '192.0.3.9' })
    .bind({ family: 4, ip: '192.0.3.9', port: 1 }, { datagram: () => {}, failed: () => {} })
  const garbage = bytes(1200)
  garbage.set([0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x90])
  socket.send(garbage, { family: 4, ip: SERVER_IP, port: listener.port }, () => {})
  await world.clock.advance(1000)
  assert.equal(listener.stats.counters.dropped['not-opened'], 1)
  assert.equal(subjects.length, 0)
  const session = await world.connect()
  assert.deepEqual(
    subjects.map(({ role }) => role),
    ['server'],
  )
  await world.run(session.close())
  await world.run(listener.close())
})
