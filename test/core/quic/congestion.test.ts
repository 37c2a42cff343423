// The controllers, the throttle and loss detection on times made up: what the window does, when the pace lets a datagram go, and what
// counts as lost.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type AckFacts, type Congestion, type CongestionName, congestionOf } from '../../../src/core/quic/congestion.ts'
import { HyStart } from '../../../src/core/quic/hystart.ts'
import { Pacer } from '../../../src/core/quic/pacer.ts'
import { Recovery } from '../../../src/core/quic/recovery.ts'
import { Reordering } from '../../../src/core/quic/reordering.ts'
import { Rtt } from '../../../src/core/quic/rtt.ts'
import type { SentPacket } from '../../../src/core/quic/sent-packets.ts'
import { Throttle } from '../../../src/core/quic/throttle.ts'

const NAMES: readonly CongestionName[] = ['cubic', 'new-reno']
const DATAGRAM = 1200

const facts = (now: number, changes: Partial<AckFacts> = {}): AckFacts => ({
  now,
  sentAt: now - 100,
  sampleMs: null,
  smoothedMs: 100,
  limited: true,
  ...changes,
})

const packet = (number: number, sentAt: number, bytes = DATAGRAM): SentPacket => ({
  number,
  sentAt,
  flow: 0,
  bytes,
  ackEliciting: true,
  carried: [],
})

/** Acknowledges a whole window every round trip, and says what the window was after each. */
const rounds = (congestion: Congestion, count: number, from = 0): number[] =>
  Array.from({ length: count }, (_, i) => {
    const bytes = congestion.window
    for (let part = 0; part < 10; part++) congestion.acknowledged(bytes / 10, facts(from + 100 * i + 10 * part))
    return congestion.window
  })

describe('every controller', () => {
  for (const name of NAMES) {
    it(`doubles in slow start and falls on loss, to no less than two datagrams (${name})`, () => {
      const congestion = congestionOf(name, DATAGRAM)
      assert.equal(congestion.window, 12_000)
      congestion.acknowledged(12_000, facts(0))
      assert.equal(congestion.window, 24_000)
      congestion.reduce()
      assert.equal(congestion.window, name === 'cubic' ? 16_800 : 12_000)
      assert.ok(!congestion.inSlowStart)
      for (let i = 0; i < 20; i++) congestion.reduce()
      assert.equal(congestion.window, 2400)
    })

    it(`does not grow for a sender that never fills the window (${name})`, () => {
      const congestion = congestionOf(name, DATAGRAM)
      congestion.acknowledged(100, facts(0, { limited: false }))
      assert.equal(congestion.window, 12_000)
    })

    it(`takes a reduction back, once (${name})`, () => {
      const congestion = congestionOf(name, DATAGRAM)
      congestion.acknowledged(12_000, facts(0))
      congestion.reduce()
      congestion.undo()
      assert.equal(congestion.window, 24_000)
      assert.ok(congestion.inSlowStart)
      congestion.undo()
      assert.equal(congestion.window, 24_000)
    })

    it(`starts over after persistent congestion, in slow start up to half of what was (${name})`, () => {
      const congestion = congestionOf(name, DATAGRAM)
      rounds(congestion, 4)
      congestion.reduce()
      const { window } = congestion
      congestion.collapse()
      assert.equal(congestion.window, 2400)
      rounds(congestion, 3)
      assert.ok(congestion.inSlowStart)
      rounds(congestion, 4)
      assert.ok(!congestion.inSlowStart)
      assert.ok(congestion.window >= window)
    })

    it(`halves its window for each probe timeout of silence, to what it would begin with, and comes back fast (${name})`, () => {
      const congestion = congestionOf(name, DATAGRAM)
      rounds(congestion, 4)
      congestion.reduce()
      const { window } = congestion
      congestion.idled(1)
      assert.equal(congestion.window, window / 2)
      assert.ok(congestion.inSlowStart)
      congestion.idled(100)
      assert.equal(congestion.window, 12_000)
      congestion.idled(100)
      assert.equal(congestion.window, 12_000)
    })

    it(`has room for a larger datagram, also when the handshake has grown the window a little (${name})`, () => {
      const congestion = congestionOf(name, DATAGRAM)
      congestion.acknowledged(6000, facts(0))
      congestion.setDatagramBytes(16_384)
      assert.equal(congestion.window, 32_768)
    })

    it(`keeps its window between two datagrams and what was acknowledged, whatever happens (${name})`, () => {
      const step = fc.oneof(
        fc.record({
          kind: fc.constant('ack' as const),
          bytes: fc.integer({ min: 1, max: 100_000 }),
          limited: fc.boolean(),
        }),
        fc.record({ kind: fc.constantFrom('reduce' as const, 'undo' as const, 'collapse' as const, 'idled' as const) }),
      )
      fc.assert(
        fc.property(fc.array(fc.tuple(fc.nat(500), step), { maxLength: 60 }), (steps) => {
          const congestion = congestionOf(name, DATAGRAM)
          let now = 0
          let acknowledged = 12_000
          for (const [ms, each] of steps) {
            now += ms
            if (each.kind === 'ack') {
              acknowledged += each.bytes
              congestion.acknowledged(each.bytes, facts(now, { limited: each.limited, sampleMs: 100 }))
            } else if (each.kind === 'idled') congestion.idled(ms / 100)
            else congestion[each.kind]()
            assert.ok(congestion.window >= 2400, `${congestion.window}`)
            assert.ok(congestion.window <= acknowledged, `${congestion.window} of ${acknowledged}`)
          }
        }),
      )
    })
  }
})

describe('NewReno', () => {
  it('adds one datagram a window', () => {
    const reno = congestionOf('new-reno', DATAGRAM)
    reno.reduce()
    reno.acknowledged(6000, facts(0))
    assert.equal(reno.window, 7200)
  })
})

describe('CUBIC', () => {
  /** In congestion avoidance, with the last loss at 1,000 datagrams. */
  const lossAt1000 = (): Congestion => {
    const cubic = congestionOf('cubic', DATAGRAM)
    cubic.acknowledged(1000 * DATAGRAM - cubic.window, facts(0))
    cubic.reduce()
    return cubic
  }

  it('follows the curve of RFC 9438: flat where the last loss was, after cbrt(0.3 W / 0.4) seconds', () => {
    const cubic = lossAt1000()
    assert.equal(Math.round(cubic.window / DATAGRAM), 700)
    // cbrt(300 / 0.4) is 9.1 s: 91 rounds of 100 ms.
    const windows = rounds(cubic, 150).map((bytes) => bytes / DATAGRAM)
    const at = (round: number): number => windows[round] ?? 0
    assert.ok(Math.abs(at(90) - 1000) < 5, `${at(90)} datagrams at the flat of the curve`)
    assert.ok(at(10) - at(0) > 5 * (at(90) - at(80)), 'concave before')
    assert.ok(at(140) - at(130) > 5 * (at(95) - at(85)), 'convex behind')
  })

  it('never grows slower than NewReno would with its reduction', () => {
    const cubic = congestionOf('cubic', DATAGRAM)
    cubic.acknowledged(20 * DATAGRAM - cubic.window, facts(0))
    cubic.reduce()
    const windows = rounds(cubic, 11).map((bytes) => bytes / DATAGRAM)
    const perRound = ((windows[10] ?? 0) - (windows[0] ?? 0)) / 10
    assert.ok(Math.abs(perRound - 0.53) < 0.05, `${perRound} datagrams a round trip`)
  })

  it('makes room for others when its window fell twice', () => {
    const twice = lossAt1000()
    rounds(twice, 20)
    const second = twice.window
    twice.reduce()
    const windows = rounds(twice, 120)
    const flat = windows.find((window, i) => i > 0 && window - (windows[i - 1] ?? 0) < 0.2 * DATAGRAM) ?? Infinity
    assert.ok(flat < 0.9 * second, 'the curve is flat below where the second loss came')
  })

  it('does not count time in which the application did not fill the window', () => {
    const [busy, paused] = [lossAt1000(), lossAt1000()]
    rounds(busy, 10)
    rounds(paused, 10)
    for (let ms = 1000; ms < 60_000; ms += 100) paused.acknowledged(1, facts(ms, { limited: false }))
    rounds(busy, 10, 1000)
    rounds(paused, 10, 60_000)
    assert.ok(Math.abs(paused.window - busy.window) < 0.05 * busy.window, `${paused.window} and ${busy.window}`)
  })
})

describe('HyStart++', () => {
  /** Rounds of ten samples each, with the round trips given; says whether slow start is over. */
  const after = (roundTrips: readonly number[]): HyStart => {
    const hystart = new HyStart()
    roundTrips.forEach((rttMs, round) => {
      for (let i = 0; i < 10; i++) hystart.sample(rttMs, { now: 1000 * round + i, sentAt: 1000 * (round - 1) + i + 1 })
    })
    return hystart
  }

  it('is careful when round trips grow by an eighth, and over after five rounds, that in which it began among them', () => {
    assert.equal(after([80, 80]).growth(1000), 1000)
    assert.equal(after([80, 90]).growth(1000), 250)
    assert.ok(!after([80, 90, 90, 90, 90, 90]).isOver)
    assert.ok(after([80, 90, 90, 90, 90, 90, 90]).isOver)
  })

  it('goes on as before when they grow shorter again', () => {
    const hystart = after([80, 90, 90, 80])
    assert.equal(hystart.growth(1000), 1000)
    assert.ok(!hystart.isOver)
  })

  it('takes four milliseconds at least for growth, and judges no round of few samples', () => {
    assert.equal(after([10, 13]).growth(1000), 1000)
    const hystart = new HyStart()
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 5; i++) hystart.sample(20 * round, { now: 1000 * round, sentAt: 1000 * round })
    }
    assert.equal(hystart.growth(1000), 1000)
  })
})

describe('the pace', () => {
  const pace = { window: 100_000, inSlowStart: false, roundTripMs: 100, datagramBytes: DATAGRAM }

  it('lets the initial window go at once, and then a window and a quarter a round trip', () => {
    const pacer = new Pacer()
    let now = 0
    let burst = 0
    for (; burst < 1e6 && pacer.readyAt(now, pace) <= now; burst += DATAGRAM) pacer.sent(DATAGRAM)
    assert.equal(burst, 12_000)
    let bytes = 0
    while (now < 1000 && bytes < 1e7) {
      const at = pacer.readyAt(now, pace)
      if (at > now) now = at
      else {
        pacer.sent(DATAGRAM)
        bytes += DATAGRAM
      }
    }
    assert.ok(Math.abs(bytes - 1_250_000) < 15_000, `${bytes} bytes in ten round trips`)
  })

  it('asks for no timer finer than a millisecond at a pace of many datagrams each', () => {
    const pacer = new Pacer()
    const fast = { ...pace, window: 10_000_000, roundTripMs: 50 }
    for (let i = 0; i < 10_000 && pacer.readyAt(0, fast) <= 0; i++) pacer.sent(DATAGRAM)
    assert.ok(pacer.readyAt(0, fast) >= 1)
  })

  it('makes up for a late turn with no more than a few milliseconds', () => {
    const pacer = new Pacer()
    const fast = { ...pace, window: 10_000_000 }
    const drain = (now: number): number => {
      let bytes = 0
      for (; bytes < 1e7 && pacer.readyAt(now, fast) <= now; bytes += DATAGRAM) pacer.sent(DATAGRAM)
      return bytes
    }
    drain(0)
    const perMs = 125_000
    assert.ok(Math.abs(drain(2) - 2 * perMs) <= DATAGRAM)
    assert.ok(drain(1000) <= 5 * perMs + DATAGRAM)
  })
})

describe('the throttle', () => {
  const throttle = (name: CongestionName = 'new-reno'): Throttle => new Throttle(name, DATAGRAM, new Rtt())

  it('has room only for whole datagrams', () => {
    const each = throttle()
    each.sent(10_800, 0)
    assert.ok(each.hasRoom)
    each.sent(1, 0)
    assert.ok(!each.hasRoom)
  })

  it('reduces once a round trip', () => {
    const each = throttle()
    for (let number = 0; number < 10; number++) each.sent(DATAGRAM, number)
    each.lost([packet(0, 0)], 10)
    each.lost([packet(3, 3)], 11)
    assert.equal(each.window, 6000)
    each.lost([packet(20, 12)], 30)
    assert.equal(each.window, 3000)
  })

  it('takes the reduction back when every packet that counted as lost was only late', () => {
    const each = throttle()
    for (let number = 0; number < 10; number++) each.sent(DATAGRAM, number)
    each.lost([packet(0, 0), packet(1, 1)], 10)
    each.lost([packet(2, 2)], 11)
    each.late([packet(0, 0), packet(1, 1)])
    assert.equal(each.window, 6000)
    each.late([packet(2, 2)])
    assert.equal(each.window, 12_000)
    each.late([packet(2, 2)])
    assert.equal(each.window, 12_000)
  })

  it('does not take a reduction back for packets that counted as lost before it', () => {
    const each = throttle()
    for (let number = 0; number < 10; number++) each.sent(DATAGRAM, number)
    each.lost([packet(0, 0), packet(1, 1)], 10)
    each.lost([packet(20, 12)], 30)
    each.late([packet(0, 0), packet(1, 1)])
    assert.equal(each.window, 3000)
    each.late([packet(20, 12)])
    assert.equal(each.window, 6000)
  })

  it('makes nothing of a lost probe of the path, which has no bytes', () => {
    const each = throttle()
    each.sent(DATAGRAM, 0)
    each.lost([packet(0, 0, 0)], 10)
    assert.equal(each.window, 12_000)
    assert.equal(each.bytesInFlight, DATAGRAM)
  })

  it('grows in congestion avoidance only while the window or the pace holds sending back', () => {
    const grown = (held: boolean): boolean => {
      const each = throttle()
      for (let number = 0; number < 10; number++) each.sent(DATAGRAM, 1)
      each.lost([packet(0, 1)], 2)
      const { window } = each
      if (held) assert.ok(!each.allows(3))
      else each.rested()
      each.acknowledged([packet(20, 5)], { now: 100, sampleMs: 95 })
      return each.window > window
    }
    assert.ok(grown(true))
    assert.ok(!grown(false))
  })

  it('says when to wake up for the pace, and for nothing else', () => {
    const each = throttle()
    assert.equal(each.wakeAt, Infinity)
    for (; each.allows(0); each.sent(DATAGRAM, 0));
    assert.equal(each.bytesInFlight, 12_000)
    assert.equal(each.wakeAt, Infinity, 'the window is full: an acknowledgement is needed')
    each.acknowledged([packet(0, 0), packet(1, 0)], { now: 1, sampleMs: 1 })
    for (; each.allows(1); each.sent(DATAGRAM, 1));
    assert.ok(each.hasRoom)
    assert.ok(each.wakeAt > 1 && each.wakeAt < 100, `${each.wakeAt}`)
    assert.ok(each.allows(each.wakeAt))
    each.rested()
    assert.equal(each.wakeAt, Infinity)
  })

  it('falls to the initial window after a long silence, and not between packets in flight', () => {
    const each = throttle()
    for (let number = 0; number < 10; number++) each.sent(DATAGRAM, 0)
    each.acknowledged(
      Array.from({ length: 10 }, (_, i) => packet(i, 0)),
      { now: 10, sampleMs: 10 },
    )
    assert.equal(each.window, 24_000)
    each.sent(DATAGRAM, 20)
    assert.equal(each.window, 24_000)
    each.sent(DATAGRAM, 20_000)
    assert.equal(each.window, 24_000)
    each.discarded(2 * DATAGRAM)
    each.sent(DATAGRAM, 60_000)
    assert.equal(each.window, 12_000)
  })
})

describe('the reordering threshold', () => {
  it('is as wide as reordering was seen, up to a bound, until losses are real again', () => {
    const reordering = new Reordering()
    assert.deepEqual([reordering.packets, reordering.roundTrips], [3, 9 / 8])
    reordering.late(10, 0.5)
    assert.deepEqual([reordering.packets, reordering.roundTrips], [11, 9 / 8])
    for (let i = 0; i < 100; i++) reordering.late(1000, 1.5)
    assert.deepEqual([reordering.packets, reordering.roundTrips], [64, 2])
    for (let i = 0; i < 17; i++) reordering.lost()
    assert.deepEqual([reordering.packets, reordering.roundTrips], [3, 9 / 8])
  })
})

describe('recovery', () => {
  const peerAckDelayMs = 25
  /** A sample of 100 ms, then packets at the times given, of which the last is acknowledged. */
  const windowAfter = (times: readonly number[], alsoAcknowledged: readonly number[] = []): number => {
    const recovery = new Recovery('new-reno', DATAGRAM, 0)
    recovery.onSent('application', packet(0, 0))
    const settle = (number: number, now: number): unknown =>
      recovery.onAck('application', [{ from: number, to: number }], { delayMs: 0, now, peerAckDelayMs })
    settle(0, 100)
    times.forEach((sentAt, i) => recovery.onSent('application', packet(i + 1, sentAt)))
    for (const number of alsoAcknowledged) settle(number, times[number - 1]! + 100)
    settle(times.length, times.at(-1)! + 100)
    return recovery.throttle.window
  }

  it('starts over after a blackout of three probe timeouts, and not after a shorter one', () => {
    // Two samples of 100 ms: a probe timeout is 100 + 4 * 37.5 + 25 ms.
    assert.equal(windowAfter([200, 600, 1200, 1300]), 2400)
    assert.ok(windowAfter([200, 600, 1000, 1300]) > 2400)
  })

  it('sees no blackout where a packet in between came through', () => {
    assert.ok(windowAfter([200, 600, 1200, 1300], [2]) > 2400)
  })

  /** Twenty packets of which some come after the last; what is settled when they do. */
  const reordered = (
    late: readonly number[],
    lateBy: number,
  ): { recovery: Recovery; window: number; settled: number[] } => {
    const recovery = new Recovery('new-reno', DATAGRAM, 0)
    for (let number = 0; number < 20; number++) recovery.onSent('application', packet(number, number))
    const facts = { delayMs: 0, peerAckDelayMs }
    for (let number = 0; number < 20; number++) {
      if (late.includes(number)) continue
      recovery.onAck('application', [{ from: number, to: number }], { ...facts, now: 100 + number })
    }
    const { window } = recovery.throttle
    const ranges = [{ from: 0, to: 19 }]
    const { acknowledged } = recovery.onAck('application', ranges, { ...facts, now: 119 + lateBy })
    return { recovery, window, settled: acknowledged.map(({ number }) => number) }
  }

  it('settles what came late although it counted as lost, and takes its reduction back', () => {
    const { recovery, window, settled } = reordered([3, 4], 5)
    assert.deepEqual(settled, [3, 4])
    assert.equal(recovery.throttle.window, 2 * window)
    assert.equal(recovery.throttle.bytesInFlight, 0)
  })

  it('waits longer for packets once some came late', () => {
    const { recovery } = reordered([3, 4], 5)
    recovery.onSent('application', packet(20, 200))
    for (let number = 21; number < 30; number++) recovery.onSent('application', packet(number, 201))
    const ack = { delayMs: 0, peerAckDelayMs, now: 250 }
    assert.deepEqual(recovery.onAck('application', [{ from: 21, to: 28 }], ack).lost, [])
  })

  it('remembers only so much of what it gave up', () => {
    const recovery = new Recovery('new-reno', DATAGRAM, 0)
    for (let number = 0; number < 1000; number++) recovery.onSent('application', packet(number, 0))
    const facts = { delayMs: 0, peerAckDelayMs, now: 100 }
    recovery.onAck('application', [{ from: 999, to: 999 }], facts)
    const { acknowledged } = recovery.onAck('application', [{ from: 0, to: 999 }], facts)
    assert.ok(acknowledged.length <= 256 + 3, `${acknowledged.length}`)
  })

  it('remembers it only for a while', () => {
    const recovery = new Recovery('new-reno', DATAGRAM, 0)
    const facts = { delayMs: 0, peerAckDelayMs }
    for (let number = 0; number < 10; number++) recovery.onSent('application', packet(number, 0))
    recovery.onAck('application', [{ from: 9, to: 9 }], { ...facts, now: 100 })
    recovery.onSent('application', packet(10, 5000))
    recovery.onAck('application', [{ from: 10, to: 10 }], { ...facts, now: 5100 })
    const { acknowledged } = recovery.onAck('application', [{ from: 0, to: 5 }], { ...facts, now: 5101 })
    assert.deepEqual(acknowledged, [])
  })
})
