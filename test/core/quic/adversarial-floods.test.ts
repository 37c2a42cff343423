// Peers that hold the keys and send without end what costs them little: for each kind a bound on what is kept of it, on what is said to it, and
// on the work it makes beside the cheapest packets there are. Attacks that quiche, quinn and quic-go have had advisories for are all here.
import assert from 'node:assert/strict'
import { threadCpuUsage } from 'node:process'
import { describe, it } from 'node:test'
import type { StreamId } from '../../../src/core/ids.ts'
import type { Held } from '../../../src/core/quic/bounds.ts'
import { growthBudget } from '../../../src/core/quic/flow-control.ts'
import type { Frame } from '../../../src/core/quic/frames.ts'
import { TRANSPORT_DEFAULTS, type TransportSettings } from '../../../src/core/quic/settings.ts'
import { ForgedPair } from './forge.ts'

const MIB = 1024 * 1024

const TRANSPORT: TransportSettings = {
  ...TRANSPORT_DEFAULTS,
  dataBytes: { initial: MIB, max: MIB },
  streamBytes: { opening: 2048, initial: 2048, max: MIB },
  growth: growthBudget(16 * MIB),
  datagrams: { frameBytesMax: 65_535, heldMax: 100, heldBytesMax: 50_000 },
}

/** Of the handshake: ahead of what was read, in three spaces, and packets before their keys. */
const HANDSHAKE_BYTES = 3 * 16_384 + 16 * 2048

/** Records of a connection that nobody floods: streams that were opened, ids, ranges, packets in flight. */
const FEW = 700

/** Datagrams a flood is made of; each is as full as a packet of 1,400 bytes can be. */
const ROUNDS = 150

const BYTE = Uint8Array.of(7)
const EIGHT = new Uint8Array(8)

const many = (count: number, frame: (i: number) => Frame): Frame[] => Array.from({ length: count }, (_, i) => frame(i))
const stream = (id: number, offset: number, data: Uint8Array, fin = false): Frame => ({
  type: 'stream',
  stream: id,
  offset,
  data,
  fin,
})
const newId = (sequence: number, retirePriorTo: number): Frame => {
  const id = new Uint8Array(8)
  new DataView(id.buffer).setUint32(0, sequence)
  return { type: 'new-connection-id', sequence, retirePriorTo, id, resetToken: new Uint8Array(16).fill(1) }
}

interface Flood {
  readonly what: string
  readonly frames: (round: number) => readonly Frame[]
  /** The code it ends with; null: it is put up with. */
  readonly ends?: number
  /** Whether the application reads; it does by default. */
  readonly unread?: true
  readonly records?: number
}

const FLOODS: readonly Flood[] = [
  { what: 'PING', frames: () => many(1300, () => ({ type: 'ping' })) },
  { what: 'ACK', frames: () => many(250, () => ({ type: 'ack', ranges: [{ from: 0, to: 0 }], delay: 0, ecn: null })) },
  {
    what: 'CRYPTO of every second byte',
    frames: (round) => many(20, (i) => ({ type: 'crypto', offset: 2 * (20 * round + i) + 1, data: BYTE })),
    ends: 0x0d,
  },
  {
    what: 'CRYPTO of the same bytes that nothing can be done with',
    frames: () => many(250, (i) => ({ type: 'crypto', offset: 100 + i, data: BYTE })),
  },
  { what: 'PATH_CHALLENGE', frames: () => many(140, () => ({ type: 'path-challenge', data: EIGHT })) },
  {
    what: 'DATAGRAM that nobody reads',
    frames: () => many(20, () => ({ type: 'datagram', data: BYTE })),
    records: FEW + 100,
  },
  { what: 'DATAGRAM of full packets', frames: () => [{ type: 'datagram', data: new Uint8Array(1300) }] },
  { what: 'PATH_RESPONSE', frames: () => many(140, () => ({ type: 'path-response', data: EIGHT })) },
  { what: 'NEW_CONNECTION_ID, the same', frames: () => many(40, () => newId(2, 0)) },
  {
    what: 'NEW_CONNECTION_ID, each to replace the last',
    frames: (round) => many(4, (i) => newId(4 * round + i + 2, 4 * round + i + 2)),
    ends: 0x09,
  },
  { what: 'RETIRE_CONNECTION_ID', frames: () => many(600, () => ({ type: 'retire-connection-id', sequence: 1 })) },
  {
    what: 'RESET_STREAM of ever new streams',
    frames: (round) =>
      many(50, (i) => ({ type: 'reset-stream', stream: 2 + 4 * (50 * round + i), code: 0, finalSize: 0 })),
  },
  {
    what: 'STREAM that begins and ends ever new streams',
    frames: (round) => many(50, (i) => stream(2 + 4 * (50 * round + i), 0, BYTE, true)),
  },
  {
    what: 'RESET_STREAM, the same',
    frames: () => many(250, (i) => ({ type: 'reset-stream', stream: 4 * (i % 100), code: 0, finalSize: 0 })),
  },
  { what: 'STOP_SENDING', frames: () => many(300, (i) => ({ type: 'stop-sending', stream: 4 * (i % 100), code: 0 })) },
  {
    what: 'STREAMS_BLOCKED',
    frames: (round) => many(400, (i) => ({ type: 'streams-blocked', bidirectional: true, limit: 400 * round + i })),
  },
  {
    what: 'STREAM_DATA_BLOCKED',
    frames: () => many(300, (i) => ({ type: 'stream-data-blocked', stream: 4 * (i % 100), limit: 9 })),
  },
  {
    what: 'MAX_DATA up to the largest there is',
    frames: (round) => many(130, (i) => ({ type: 'max-data', limit: Number.MAX_SAFE_INTEGER - i - round })),
  },
  {
    what: 'MAX_STREAM_DATA up to the largest there is',
    frames: (round) =>
      many(100, (i) => ({ type: 'max-stream-data', stream: 4 * i, limit: Number.MAX_SAFE_INTEGER - round })),
  },
  {
    what: 'STREAM of every second byte',
    frames: (round) => many(180, (i) => stream(4 * (i % 100), 1 + 2 * (2 * round + Math.floor(i / 100)), BYTE)),
    ends: 0x01,
    records: FEW + 1024 + 600,
  },
  {
    what: 'STREAM of a byte each that nobody reads',
    frames: (round) => many(200, (i) => stream(0, (200 * round + i) % 2000, BYTE)),
    unread: true,
  },
  {
    what: 'STREAM of full packets that nobody can read',
    frames: (round) => [stream(4 * (round % 100), 1 + 1000 * Math.floor(round / 100), new Uint8Array(1000))],
    records: FEW + 200,
  },
]

const captured = (): ForgedPair => {
  const pair = new ForgedPair({ transport: TRANSPORT })
  pair.establish()
  pair.run(() => false, 100)
  pair.inject(pair.client, { space: 'application', frames: [{ type: 'retire-connection-id', sequence: 1 }] })
  pair.filter = () => false
  return pair
}

/** Milliseconds of this thread, which a busy machine does not stretch. */
const cpu = (): number => {
  const { user, system } = threadCpuUsage()
  return (user + system) / 1000
}

/** What a flood came to: the most that was kept at a time, what was sent in answer, what the driver was told, and the work for each KB. */
const suffer = ({
  frames,
  unread,
}: Flood): { pair: ForgedPair; most: Held; sent: number; told: number; workPerKb: number } => {
  const pair = captured()
  const { server } = pair
  server.autoRead = unread !== true
  const before = server.sentDatagrams.length
  const toldBefore = server.log.length
  let [received, unacknowledged, records, work, bytes] = [0, 0, 0, 0, 0]
  for (let round = 0; round < ROUNDS && server.closed === null; round++) {
    const datagram = pair.forge(pair.client, { space: 'application', frames: frames(round) })
    bytes += datagram.length
    const began = cpu()
    pair.receive(pair.client, datagram)
    pair.flush(server)
    work += cpu() - began
    server.live.checkInvariants()
    const { held } = server.live
    received = Math.max(received, held.received)
    unacknowledged = Math.max(unacknowledged, held.unacknowledged)
    records = Math.max(records, held.records)
  }
  return {
    pair,
    most: { received, unacknowledged, records },
    sent: server.sentDatagrams.length - before,
    told: server.log.length - toldBefore,
    workPerKb: (1000 * work) / bytes,
  }
}

describe('a flood by a peer with keys', () => {
  for (const flood of FLOODS) {
    it(`of ${flood.what} ${flood.ends === undefined ? 'costs no more than its bound' : `ends with 0x${flood.ends.toString(16)}`}`, () => {
      const { pair, most, sent, told } = suffer(flood)
      const { closed } = pair.server
      if (flood.ends === undefined) assert.equal(closed, null)
      else assert.ok(closed?.kind === 'transport' && closed.ours && closed.code === flood.ends, JSON.stringify(closed))
      assert.ok(most.received <= MIB + HANDSHAKE_BYTES && most.unacknowledged <= 16_384, JSON.stringify(most))
      assert.ok(most.records <= (flood.records ?? FEW), JSON.stringify(most))
      // An acknowledgement and an answer to each datagram; two or three words about each of so many streams.
      assert.ok(sent <= 2 * ROUNDS + 4, `${sent} datagrams`)
      assert.ok(told <= 3 * 50 * ROUNDS + 700, `${told} outputs`)
    })
  }

  it('makes at most 20 times the work that PING makes, byte for byte, whatever it is of', () => {
    const [pings, ...others] = FLOODS
    for (const flood of others) {
      const ratio = (): number => suffer(flood).workPerKb / suffer(pings!).workPerKb
      // Whatever else the machine did meanwhile, it does not do three times; and what took no time that it counts says nothing.
      const ratios = [ratio()]
      while (ratios.length < 3 && !(ratios.at(-1)! < 20)) ratios.push(ratio())
      assert.ok(ratios.at(-1)! < 20, `${flood.what}: ${ratios.map((each) => each.toFixed(1)).join(', ')}`)
    }
  })
})

describe('what a connection keeps', () => {
  it('of what a peer sent is at most what it was granted, however it is spread over streams and datagrams', () => {
    const pair = captured()
    pair.server.autoRead = false
    let most = 0
    for (let round = 0; round < 2000; round++) {
      const offset = 1 + ((997 * round) % 2000)
      const frames = [stream(4 * (round % 100), offset, new Uint8Array(Math.min(1 + (round % 900), 2048 - offset)))]
      pair.receive(pair.client, pair.forge(pair.client, { space: 'application', frames }))
      pair.flush(pair.server)
      most = Math.max(most, pair.server.live.held.received)
    }
    assert.equal(pair.server.closed, null)
    assert.ok(most > 100_000 && most <= 100 * 2048, `${most} bytes`)
  })

  it('of streams that are over is nothing', () => {
    const pair = captured()
    const before = pair.server.live.held.records
    for (let round = 0; round < 60; round++) {
      const frames = many(50, (i) => stream(2 + 4 * (50 * round + i), 0, BYTE, true))
      pair.inject(pair.client, { space: 'application', frames })
    }
    assert.equal(pair.server.closed, null)
    assert.equal(pair.server.log.filter(({ kind }) => kind === 'stream-opened').length, 3000)
    assert.ok(pair.server.live.held.records < before + 80, `${before} and ${pair.server.live.held.records}`)
  })

  it('of packet numbers is 32 ranges, however far apart they are, and its ACK fits a datagram', () => {
    const pair = captured()
    for (let round = 1; round < 400; round++) {
      const forged = {
        space: 'application',
        frames: [{ type: 'ping' } as const],
        number: 200_000 + 2 ** 29 * round,
      } as const
      pair.inject(pair.client, { ...forged, padTo: 60 })
    }
    assert.equal(pair.server.closed, null)
    assert.ok(pair.server.live.held.records < FEW)
    assert.ok(pair.server.sentDatagrams.slice(-100).every((bytes) => bytes < 700))
  })

  it('of 1-RTT packets before the peer has proved who it is are 16, and none of them is heard before', () => {
    const pair = new ForgedPair({ workMs: 50 })
    pair.run(() => pair.client.has('established'), 1000)
    const id = pair.client.live.open(false)!
    assert.ok(!pair.server.has('established'))
    for (let i = 0; i < 100; i++) {
      pair.client.live.write(id, new Uint8Array(100))
      pair.inject(pair.client, {
        space: 'application',
        frames: [stream(2, 100 * i, new Uint8Array(100))],
        number: 5000 + i,
        padTo: 2000,
      })
      assert.ok(pair.server.live.held.received <= 16 * 2048)
    }
    assert.ok(!pair.server.log.some(({ kind }) => kind.startsWith('stream')))
    assert.equal(pair.server.received(2 as StreamId).length, 0)
  })

  it('of what it wrote is 1 MiB a stream, though nothing is acknowledged', () => {
    const pair = captured()
    for (let i = 0; i < 5; i++) {
      const id = pair.server.live.open(false)!
      for (let round = 0; round < 30; round++) pair.server.live.write(id, new Uint8Array(100_000))
    }
    pair.flush(pair.server)
    assert.equal(pair.server.live.held.unacknowledged, 5 * MIB)
    pair.run(() => false, 20_000)
    assert.ok(pair.server.live.held.records < FEW)
  })
})
