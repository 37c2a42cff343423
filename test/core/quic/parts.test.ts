// The small parts against plain models: range sets, reassembly, send buffers, received packets, sent packets, windows.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Writer } from '../../../src/core/bytes.ts'
import { LocalIds } from '../../../src/core/quic/local-ids.ts'
import { growthBudget, ReceiveWindow } from '../../../src/core/quic/flow-control.ts'
import { writeFrame } from '../../../src/core/quic/frames.ts'
import { PacketBuilder } from '../../../src/core/quic/packet-builder.ts'
import { Ranges } from '../../../src/core/quic/ranges.ts'
import { PieceCount, Reassembly } from '../../../src/core/quic/reassembly.ts'
import { ReceivedPackets } from '../../../src/core/quic/received-packets.ts'
import { RemoteIds } from '../../../src/core/quic/remote-ids.ts'
import { Reordering } from '../../../src/core/quic/reordering.ts'
import { Rtt } from '../../../src/core/quic/rtt.ts'
import { SendBuffer } from '../../../src/core/quic/send-buffer.ts'
import { SentPackets } from '../../../src/core/quic/sent-packets.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

const span = fc.tuple(fc.nat(60), fc.nat(15)).map(([start, length]) => ({ start, end: start + length }))

describe('a range set', () => {
  it('holds what a plain set holds, in ranges that neither touch nor overlap', () => {
    const step = fc.record({ op: fc.constantFrom('add', 'remove'), span })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const ranges = new Ranges()
        const model = new Set<number>()
        for (const { op, span: each } of steps) {
          if (op === 'add') ranges.add(each.start, each.end)
          else ranges.remove(each.start, each.end)
          for (let i = each.start; i < each.end; i++) {
            if (op === 'add') model.add(i)
            else model.delete(i)
          }
          for (let i = 0; i < 80; i++) assert.equal(ranges.has(i), model.has(i))
          for (let i = 0; i < ranges.count; i++) {
            assert.ok(ranges.startOf(i) < ranges.endOf(i))
            if (i > 0) assert.ok(ranges.endOf(i - 1) < ranges.startOf(i))
          }
        }
      }),
      { numRuns: 1000 },
    )
  })
})

const source = Uint8Array.from({ length: 100 }, (_, i) => i * 7)

describe('reassembly', () => {
  it('gives every byte once and in order, however pieces overlap and repeat', () => {
    const step = fc.oneof(span, fc.constant('read' as const))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const reassembly = new Reassembly(new PieceCount(100))
        const read: number[] = []
        const take = (): void => {
          for (let bytes = reassembly.read(); bytes !== null; bytes = reassembly.read()) read.push(...bytes)
        }
        for (const each of steps) {
          if (each === 'read') take()
          else assert.ok(reassembly.insert(each.start, source.slice(each.start, each.end)))
          assert.equal(reassembly.bytes, reassembly.held.bytes)
        }
        assert.ok(reassembly.insert(0, source.slice()))
        take()
        assert.deepEqual(read, [...source])
      }),
      { numRuns: 1000 },
    )
  })

  it('counts pieces and bytes whatever their size, and finds the place of each', () => {
    const long = Uint8Array.from({ length: 9000 }, (_, i) => (i * 31) ^ (i >> 8))
    const piece = fc.record({ start: fc.nat(8999), length: fc.integer({ min: 1, max: 2500 }) })
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.constant('read' as const)), { maxLength: 60 }), (steps) => {
        const count = new PieceCount(100)
        const reassembly = new Reassembly(count)
        let read = 0
        for (const step of [...steps, { start: 0, length: 9000 }, 'read' as const]) {
          if (step !== 'read')
            assert.ok(reassembly.insert(step.start, long.slice(step.start, step.start + step.length)))
          const bytes = step === 'read' ? reassembly.read() : null
          assert.deepEqual([...(bytes ?? [])], [...long.subarray(read, (read += bytes?.length ?? 0))])
          assert.deepEqual({ bytes: count.bytes, pieces: count.held }, reassembly.held)
        }
        for (let bytes = reassembly.read(); bytes !== null; bytes = reassembly.read()) read += bytes.length
        assert.equal(read, 9000)
      }),
      { numRuns: 1000 },
    )
  })

  it('lets few pieces be small, and many when they bring what packets bring', () => {
    const small = new Reassembly(new PieceCount(1000, 20))
    for (let i = 0; i < 20; i++) assert.ok(small.insert(1 + 2 * i, Uint8Array.of(1)))
    assert.ok(!small.insert(1000, Uint8Array.of(1)))
    const large = new Reassembly(new PieceCount(1000, 20))
    for (let i = 0; i < 900; i++) assert.ok(large.insert(1 + 1201 * i, new Uint8Array(1200)))
  })

  it('keeps no datagram alive for a small piece of it', () => {
    const reassembly = new Reassembly(new PieceCount(100))
    const datagram = new Uint8Array(1200)
    reassembly.insert(0, datagram.subarray(0, 10))
    assert.equal(reassembly.read()?.buffer.byteLength, 10)
    reassembly.insert(10, datagram.subarray(0, 1000))
    assert.equal(reassembly.read()?.buffer, datagram.buffer)
  })

  it('joins small neighbours, so that only gaps cost pieces', () => {
    const count = new PieceCount(10)
    const reassembly = new Reassembly(count)
    for (let i = 99; i >= 1; i--) assert.ok(reassembly.insert(i, source.subarray(i, i + 1)))
    assert.equal(count.held, 1)
    assert.ok(reassembly.insert(0, source.subarray(0, 1)))
    assert.deepEqual([...(reassembly.read() ?? [])], [...source])
    assert.equal(count.held, 0)
  })

  it('says so when there are more gaps than it remembers', () => {
    const reassembly = new Reassembly(new PieceCount(100))
    let fits = true
    for (let i = 0; i < 5000 && fits; i++) fits = reassembly.insert(1 + 2 * i, Uint8Array.of(1))
    assert.ok(!fits)
  })
})

describe('a send buffer', () => {
  it('delivers all bytes whatever is lost, acknowledged late or twice', () => {
    const step = fc.record({
      write: fc.nat(5),
      fate: fc.constantFrom('acknowledge', 'lose', 'wait', 'both'),
      max: fc.integer({ min: 1, max: 20 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const buffer = new SendBuffer()
        const arrived = new Map<number, number>()
        const waiting: { start: number; end: number }[] = []
        const sendOne = (max: number): { start: number; end: number } | null => {
          const range = buffer.pending(Infinity)
          if (range === null) return null
          const bytes = buffer.view(range.start, Math.min(max, range.end - range.start))
          assert.ok(bytes.length > 0)
          bytes.forEach((byte, i) => arrived.set(range.start + i, byte))
          buffer.sent(range.start, range.start + bytes.length)
          return { start: range.start, end: range.start + bytes.length }
        }
        let written = 0
        for (const { write, fate, max } of steps) {
          const bytes = Uint8Array.from({ length: write * 300 }, (_, i) => (written + i) * 13)
          buffer.write(bytes)
          written += bytes.length
          const sent = sendOne(max * 30)
          if (sent === null) continue
          if (fate === 'wait') waiting.push(sent)
          if (fate === 'lose' || fate === 'both') {
            for (let i = sent.start; i < sent.end; i++) arrived.delete(i)
            buffer.lose(sent.start, sent.end)
          }
          if (fate === 'acknowledge') buffer.acknowledge(sent.start, sent.end)
        }
        for (let sent = sendOne(1000); sent !== null; sent = sendOne(1000)) waiting.push(sent)
        for (const sent of waiting) buffer.acknowledge(sent.start, sent.end)
        assert.equal(arrived.size, written)
        for (const [at, byte] of arrived) assert.equal(byte, (at * 13) & 0xff)
        assert.ok(buffer.allAcknowledged)
        assert.equal(buffer.held, 0)
      }),
      { numRuns: 500 },
    )
  })

  it('uses the memory of large writes again once they are acknowledged, and not before', () => {
    const byteAt = (own: number, at: number): number => (13 * at + 101 * own + (at >> 16)) & 0xff
    const step = fc.record({
      own: fc.nat(2),
      write: fc.nat(200_000),
      max: fc.integer({ min: 1, max: 150_000 }),
      fate: fc.constantFrom('acknowledge', 'lose', 'wait', 'forget'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const buffers = [new SendBuffer(), new SendBuffer(), new SendBuffer()]
        for (const { own, write, max, fate } of steps) {
          const buffer = buffers[own]!
          const from = buffer.end
          buffer.write(Uint8Array.from({ length: write }, (_, i) => byteAt(own, from + i)))
          const range = buffer.pending(Infinity)
          if (range === null) continue
          const bytes = buffer.view(range.start, Math.min(max, range.end - range.start))
          const end = range.start + bytes.length
          assert.ok(
            bytes.every((byte, i) => byte === byteAt(own, range.start + i)),
            'another’s bytes',
          )
          buffer.sent(range.start, end)
          if (fate === 'acknowledge') buffer.acknowledge(range.start, end)
          if (fate === 'lose') buffer.lose(range.start, end)
          if (fate === 'forget') buffer.clear()
        }
      }),
      { numRuns: 100 },
    )
    const [one, other] = [new SendBuffer(), new SendBuffer()]
    const large = new Uint8Array(64 * 1024)
    one.write(large)
    const { buffer: memory } = one.view(0, 1)
    one.sent(0, large.length)
    one.acknowledge(0, large.length)
    other.write(large)
    assert.equal(other.view(0, 1).buffer, memory)
  })
})

describe('received packets', () => {
  it('tells duplicates from news and acknowledges every number it knows', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 200 }), (numbers) => {
        const received = new ReceivedPackets()
        const seen = new Set<number>()
        for (const number of numbers) {
          if (seen.has(number)) assert.ok(received.isDuplicate(number))
          if (received.isDuplicate(number)) continue
          received.add(number, true, { now: 0, atOnce: false })
          seen.add(number)
        }
        const frame = received.frame(0, 1200)
        for (const { from, to } of frame?.ranges ?? []) for (let i = from; i <= to; i++) assert.ok(seen.has(i))
        assert.ok((frame?.ranges.length ?? 0) <= 32)
      }),
    )
  })

  it('puts as many ranges into an ACK as there is room for, the newest first', () => {
    const gap = fc.oneof(fc.integer({ min: 2, max: 100 }), fc.integer({ min: 2, max: 2 ** 31 }))
    fc.assert(
      fc.property(fc.array(gap, { minLength: 1, maxLength: 50 }), fc.nat(400), (gaps, room) => {
        const received = new ReceivedPackets()
        let number = 0
        for (const each of gaps) received.add((number += each), true, { now: 0, atOnce: true })
        const frame = received.frame(1e6, room)
        if (frame === null) return assert.ok(room < 30)
        const writer = new Writer()
        writeFrame(writer, frame)
        assert.ok(writer.at <= room, `${writer.at} bytes in ${room}`)
        assert.equal(frame.ranges[0]?.to, number)
        assert.ok(frame.ranges.length >= Math.min(32, gaps.length) || writer.at + 40 > room)
      }),
    )
  })

  it('holds an ACK back for one packet in order, and not for the second, nor for a gap', () => {
    const received = new ReceivedPackets()
    received.add(0, true, { now: 10, atOnce: false })
    assert.equal(received.ackAt, 35)
    received.add(1, true, { now: 12, atOnce: false })
    assert.equal(received.ackAt, 12)
    received.sent()
    assert.equal(received.ackAt, Infinity)
    received.add(5, true, { now: 20, atOnce: false })
    assert.equal(received.ackAt, 20)
  })
})

describe('connection ids', () => {
  it('a retirement that was asked for, lost and acknowledged again and again is owed no more', () => {
    const ids = new RemoteIds(new Uint8Array(8).fill(1), 4)
    const asked = { sequence: 1, retirePriorTo: 1, id: new Uint8Array(8).fill(2), resetToken: new Uint8Array(16) }
    const again = { ...asked, sequence: 0, retirePriorTo: 0, id: new Uint8Array(8).fill(1) }
    for (let round = 0; round < 100; round++) {
      assert.equal(ids.onNew(round === 0 ? asked : again), null)
      ids.fill(new PacketBuilder(new Writer(new Uint8Array(1200)), 1200))
      assert.equal(ids.onNew(again), null)
      ids.lost(0)
      ids.fill(new PacketBuilder(new Writer(new Uint8Array(1200)), 1200))
      ids.acknowledged(0)
    }
    assert.ok(!ids.pending)
  })

  it('are announced again with the same reset token', () => {
    const ids = new LocalIds(new Uint8Array(8), { random: new SeededRandom(1), emit: () => {} })
    ids.issue(2)
    const said = [0, 1].map(() => {
      const writer = new Writer(new Uint8Array(1200))
      ids.fill(new PacketBuilder(writer, 1200))
      ids.lost(1)
      return [...writer.written()]
    })
    assert.deepEqual(said[1], said[0])
  })
})

describe('sent packets', () => {
  const filled = (count: number): SentPackets => {
    const sent = new SentPackets()
    for (let number = 0; number < count; number++) {
      sent.add({ number, sentAt: number, flow: 0, bytes: 100, ackEliciting: true, carried: [] })
    }
    return sent
  }

  it('gives up what is three behind the largest acknowledged, and the rest after a while', () => {
    const sent = filled(10)
    assert.deepEqual(
      sent.acknowledge([{ from: 6, to: 6 }]).settled.map((packet) => packet.number),
      [6],
    )
    const first = sent.detectLost(6, 100, new Reordering())
    assert.deepEqual(
      first.lost.map((packet) => packet.number),
      [0, 1, 2, 3],
    )
    assert.equal(first.nextAt, 104)
    assert.deepEqual(
      sent.detectLost(105, 100, new Reordering()).lost.map((packet) => packet.number),
      [4, 5],
    )
  })

  it('settles each packet once', () => {
    const sent = filled(10)
    const ranges = [
      { from: 8, to: 9 },
      { from: 1, to: 3 },
    ]
    assert.deepEqual(
      sent.acknowledge(ranges).settled.map((packet) => packet.number),
      [1, 2, 3, 8, 9],
    )
    assert.deepEqual(sent.acknowledge(ranges), { settled: [], late: [] })
    assert.equal(sent.elicitingInFlight, 5)
  })
})

describe('a receive window', () => {
  it('doubles while its reader keeps up, within its bound and the budget', () => {
    const budget = growthBudget(96)
    const window = new ReceiveWindow({ initial: 64, max: 256 }, budget)
    const readAll = (now: number): void => {
      window.consume(window.limit - window.consumed)
      assert.ok(window.isDue)
      window.raise(now, 10)
    }
    readAll(0)
    readAll(1)
    assert.equal(window.limit - window.consumed, 128)
    readAll(2)
    assert.equal(window.limit - window.consumed, 128, 'the budget has only 32 bytes left')
    window.release()
    assert.ok(budget.take(96))
  })

  it('stays as it is for a slow reader', () => {
    const window = new ReceiveWindow({ initial: 64, max: 256 }, growthBudget(1000))
    for (const now of [0, 100, 200]) {
      window.consume(64)
      window.raise(now, 10)
      assert.equal(window.limit - window.consumed, 64)
    }
  })
})

describe('the round-trip time', () => {
  it('follows RFC 9002 section 5 over three samples', () => {
    const rtt = new Rtt()
    rtt.update(100, 0)
    assert.deepEqual([rtt.smoothed, rtt.variance, rtt.min], [100, 50, 100])
    rtt.update(160, 20)
    assert.deepEqual([rtt.smoothed, rtt.variance], [105, 47.5])
    rtt.update(90, 25)
    assert.deepEqual([rtt.min, rtt.smoothed], [90, 103.125])
  })
})
