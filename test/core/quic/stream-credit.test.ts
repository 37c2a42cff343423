// The two halves of "control is heard first": a receiver never grants streams so much that what it has not read could use up the
// reserve of the connection's credit, however a peer spends it, and a sender spends the reserve on nothing but its control stream.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Writer } from '../../../src/core/bytes.ts'
import type { StreamId } from '../../../src/core/ids.ts'
import { growthBudget, ReceiveWindow } from '../../../src/core/quic/flow-control.ts'
import type { Frame } from '../../../src/core/quic/frames.ts'
import { PacketBuilder } from '../../../src/core/quic/packet-builder.ts'
import { PieceCount } from '../../../src/core/quic/reassembly.ts'
import { ReceiveStream } from '../../../src/core/quic/receive-stream.ts'
import { TRANSPORT_DEFAULTS, type TransportSettings } from '../../../src/core/quic/settings.ts'
import { openingBytes, StreamCredit } from '../../../src/core/quic/stream-credit.ts'
import { fillStreams, streamsLost, streamsPending } from '../../../src/core/quic/stream-frames.ts'
import { Streams } from '../../../src/core/quic/streams.ts'
import { Pair } from './pair.ts'

const RESERVED = TRANSPORT_DEFAULTS.reservedBytes
/** The control stream of a peer that dialled, and the first bulk streams behind it. */
const CONTROL = 2
const IDS = [CONTROL, 0, 4, 8, 12, 16, 6, 10, 14, 20, 24, 28]

/** Sees what is announced, as the peer does. */
class Announced extends PacketBuilder {
  readonly limits = new Map<number, number>()
  maxData = 0

  override add(frame: Frame, carried: Parameters<PacketBuilder['add']>[1]): void {
    super.add(frame, carried)
    if (frame.type === 'max-data') this.maxData = frame.limit
    if (frame.type === 'max-stream-data') this.limits.set(frame.stream, frame.limit)
  }
}

/** A peer without manners: it knows its limits and spends all of them on whatever it wants. */
class Spender {
  readonly streams: Streams
  readonly #opening: number
  readonly #limits = new Map<number, number>()
  readonly #sent = new Map<number, number>()
  readonly #ended = new Set<number>()
  #maxData: number
  #total = 0
  now = 0

  constructor(settings: TransportSettings) {
    this.streams = new Streams('server', settings, () => {})
    this.streams.applyPeer({
      maxData: 1 << 20,
      maxStreamDataBidiLocal: 1 << 20,
      maxStreamDataBidiRemote: 1 << 20,
      maxStreamDataUni: 1 << 20,
      maxStreamsBidi: 100,
      maxStreamsUni: 100,
    })
    this.streams.prioritise(CONTROL as StreamId)
    this.#opening = openingBytes(settings)
    this.#maxData = settings.dataBytes.initial
  }

  /** As much as both limits let it, at most `bytes`; returns how much that was. */
  spend(id: number, bytes: number, fin = false): number {
    if (this.#ended.has(id)) return 0
    const sent = this.#sent.get(id) ?? 0
    const room = Math.min(bytes, (this.#limits.get(id) ?? this.#opening) - sent, this.#maxData - this.#total)
    if (fin) this.#ended.add(id)
    this.#sent.set(id, sent + room)
    this.#total += room
    const data = new Uint8Array(room)
    assert.equal(this.streams.onStream({ type: 'stream', stream: id, offset: sent, data, fin }), null)
    return room
  }

  reset(id: number): void {
    if (this.#ended.has(id)) return
    this.#ended.add(id)
    const finalSize = this.#sent.get(id) ?? 0
    assert.equal(this.streams.onReset({ type: 'reset-stream', stream: id, code: 0, finalSize }), null)
  }

  read(id: number, pieces = Infinity): void {
    for (let n = 0; n < pieces && this.streams.read(id as StreamId) !== null; n++);
  }

  /** What is owed goes out, and arrives unless it is lost. */
  hear(lost = false): void {
    this.now += 10
    for (let packets = 0; streamsPending(this.streams); packets++) {
      assert.ok(packets < 200, 'what is owed comes to an end')
      const packet = new Announced(new Writer(new Uint8Array(1200)), 1200)
      fillStreams(this.streams, packet, { now: this.now, rttMs: 10 })
      if (lost) return packet.carried.forEach((carried) => streamsLost(this.streams, carried))
      this.#maxData = Math.max(this.#maxData, packet.maxData)
      for (const [id, limit] of packet.limits) this.#limits.set(id, Math.max(limit, this.#limits.get(id) ?? 0))
    }
  }
}

const settingsOf = (bytes: number, streams: number): TransportSettings => ({
  ...TRANSPORT_DEFAULTS,
  dataBytes: { initial: bytes, max: 4 * bytes },
  bidirectionalStreams: streams,
  unidirectionalStreams: streams,
  requestStreams: streams,
  growth: growthBudget(1 << 28),
})

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('spend'), id: fc.constantFrom(...IDS), bytes: fc.nat(200_000) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('read'), id: fc.constantFrom(...IDS), bytes: fc.nat(5) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('hear', 'lose'), id: fc.constant(0), bytes: fc.constant(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('fin', 'reset', 'stop'),
      id: fc.constantFrom(...IDS.slice(1)),
      bytes: fc.nat(3000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('ask'), id: fc.constant(0), bytes: fc.constant(0) }) },
)

describe('a receiver', () => {
  it('grants streams at most MAX_DATA less 64 KiB, whatever is spent, read, ended and lost', () => {
    const sizes = fc.constantFrom([512 * 1024, 100], [512 * 1024, 8], [1 << 20, 9], [300_000, 30])
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), sizes, (steps, [bytes = 0, streams = 0]) => {
        const settings = settingsOf(bytes, streams)
        const peer = new Spender(settings)
        peer.streams.checkInvariants()
        for (const { kind, id, bytes } of steps) {
          if (kind === 'spend') peer.spend(id, bytes)
          if (kind === 'fin') peer.spend(id, bytes, true)
          if (kind === 'reset') peer.reset(id)
          if (kind === 'stop') peer.streams.stop(id as StreamId, 0)
          if (kind === 'read') peer.read(id, bytes)
          if (kind === 'ask' && peer.streams.open(true) !== null) peer.hear()
          if (kind === 'hear' || kind === 'lose') peer.hear(kind === 'lose')
          peer.streams.checkInvariants()
        }
        // Whatever it spends on bulk that nobody reads, control is heard: 64 KiB of it, though nothing else is read.
        peer.hear()
        for (const id of IDS.slice(1)) peer.spend(id, Infinity)
        let heard = 0
        for (let round = 0; round < 8 && heard < RESERVED; round++) {
          heard += peer.spend(CONTROL, Math.min(8192, RESERVED - heard))
          peer.read(CONTROL)
          peer.hear()
        }
        assert.ok(heard >= openingBytes(settings), 'control is heard')
        peer.streams.checkInvariants()
      }),
      { numRuns: 300 },
    )
  })

  it('hears 64 KiB of control from a peer that spends all it can on bulk that nobody reads', () => {
    const peer = new Spender(TRANSPORT_DEFAULTS)
    for (let i = 0; i < 100; i++) {
      peer.spend(4 * i, Infinity)
      if (i > 0) peer.spend(4 * i + CONTROL, Infinity)
    }
    let heard = 0
    while (heard < RESERVED) {
      const bytes = peer.spend(CONTROL, RESERVED - heard)
      assert.ok(bytes > 0, `${heard} bytes of control`)
      heard += bytes
      peer.read(CONTROL)
      peer.hear()
    }
  })

  it('gives every stream its turn: many that are read at once all come to their end', () => {
    const peer = new Spender({ ...TRANSPORT_DEFAULTS, growth: growthBudget(0) })
    const left = new Map<number, number>(Array.from({ length: 100 }, (_, i) => [4 * i, 60_000]))
    for (let round = 0; left.size > 0; round++) {
      assert.ok(round < 400, `${left.size} streams are left`)
      for (const [id, bytes] of left) {
        const spent = peer.spend(id, bytes)
        peer.read(id)
        if (spent < bytes) left.set(id, bytes - spent)
        else left.delete(id)
      }
      peer.hear()
      peer.streams.checkInvariants()
    }
  })

  it('gives no turn to a stream that was stopped while it waited: one that is read needs it', () => {
    const settings = settingsOf(300_000, 8)
    const shared = { growth: growthBudget(0), pieces: new PieceCount(16) }
    const credit = new StreamCredit(new ReceiveWindow(settings.dataBytes, shared.growth), settings)
    const [first, second] = [0, 4].map((id) => {
      const receive = new ReceiveStream({ ...settings.streamBytes, opening: openingBytes(settings) }, shared)
      return { id: id as StreamId, send: null, receive, isUrgent: false }
    })
    assert.ok(credit.raise(first!, { now: 0, rttMs: 1 }))
    assert.ok(!credit.raise(second!, { now: 0, rttMs: 1 }), 'the second gets less than it could use, and waits')
    second!.receive.stop(0)
    credit.settle(second!)
    assert.equal(credit.next(), null)
  })

  it('gives a stream that is read alone a window as large as ever', () => {
    const peer = new Spender({ ...TRANSPORT_DEFAULTS, growth: growthBudget(1 << 28) })
    let most = 0
    for (let round = 0; round < 60; round++) {
      most = Math.max(most, peer.spend(0, Infinity))
      peer.read(0)
      peer.hear()
    }
    assert.ok(most >= TRANSPORT_DEFAULTS.streamBytes.max / 2, `${most} bytes in one round trip`)
  })
})

describe('a sender', () => {
  it('spends the reserve on nothing but its control stream, even on a peer that grants without care', () => {
    const careless = { ...TRANSPORT_DEFAULTS, streamBytes: { opening: 1 << 20, initial: 1 << 20, max: 1 << 20 } }
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 2, maxLength: 8 }), (sizes) => {
        const pair = new Pair({ server: { transport: careless } }).establish()
        pair.server.autoRead = false
        const control = pair.client.live.open(false)!
        pair.client.live.prioritise(control)
        const bulk = sizes.map((bytes, i) => {
          const stream = pair.client.live.open(i % 2 === 0)!
          pair.client.send(stream, new Uint8Array(bytes))
          return stream
        })
        pair.flush(pair.client)
        pair.run(() => false, 3000)
        const held = (stream: StreamId): number => {
          let bytes = 0
          for (let piece = pair.server.live.read(stream); piece !== null; piece = pair.server.live.read(stream))
            bytes += piece.length
          return bytes
        }
        const unread = Math.min(
          sizes.reduce((sum, bytes) => sum + bytes, 0),
          careless.dataBytes.initial - RESERVED,
        )
        pair.client.live.write(control, new Uint8Array(RESERVED))
        pair.flush(pair.client)
        pair.run(() => false, 2000)
        assert.equal(held(control), RESERVED)
        assert.equal(
          bulk.reduce((sum, stream) => sum + held(stream), 0),
          unread,
        )
      }),
      { numRuns: 15 },
    )
  })
})
