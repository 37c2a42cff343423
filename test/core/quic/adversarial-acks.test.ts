// Peers that acknowledge what they did not receive, or acknowledge for the sake of the work it makes: each ends the connection or costs little.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { AckRange, Frame } from '../../../src/core/quic/frames.ts'
import { Recovery } from '../../../src/core/quic/recovery.ts'
import type { SentPacket } from '../../../src/core/quic/sent-packets.ts'
import { SkippedNumbers } from '../../../src/core/quic/skipped-numbers.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { ForgedPair } from './forge.ts'
import { Pair } from './pair.ts'
import { watching } from './watching.ts'

const ack = (ranges: readonly AckRange[]): Frame => ({ type: 'ack', ranges, delay: 0, ecn: null })

/** Numbers as ranges, the highest first. */
const rangesOf = (numbers: readonly number[]): AckRange[] => {
  const ranges: { from: number; to: number }[] = []
  for (const number of numbers.toSorted((a, b) => b - a)) {
    const last = ranges.at(-1)
    if (last !== undefined && last.from === number + 1) last.from = number
    else ranges.push({ from: number, to: number })
  }
  return ranges
}

/** A server that sends 3 MB to a client that is ours to play, which hears nothing; `sent` are the numbers of its 1-RTT packets. */
const upload = (): { pair: ForgedPair; sent: number[] } => {
  const sent: number[] = []
  const observer = watching({ packetSent: ({ space, number }) => space === 'application' && sent.push(number) })
  const pair = new ForgedPair({ server: { observer }, ips: { client: '10.0.0.1', server: '10.0.0.2' } })
  pair.establish()
  pair.run(() => false, 100)
  pair.filter = () => false
  pair.inject(pair.client, { space: 'application', frames: [{ type: 'max-data', limit: 1 << 24 }] })
  for (let i = 0; i < 3; i++) {
    const id = pair.server.live.open(false)!
    pair.inject(pair.client, {
      space: 'application',
      frames: [{ type: 'max-stream-data', stream: id, limit: 1 << 24 }],
    })
    pair.server.live.write(id, new Uint8Array(1_000_000))
  }
  pair.flush(pair.server)
  return { pair, sent }
}

/** What the client acknowledges, a round trip at a time, until all is sent or the connection is over; bytes that the server sent. */
const acknowledge = (pair: ForgedPair, ranges: () => readonly AckRange[]): number => {
  const before = pair.server.live.stats.sent
  for (let round = 0; round < 400 && pair.server.closed === null; round++) {
    pair.now += 10
    if (pair.server.live.timerAt() <= pair.now) pair.server.live.timeout(pair.now)
    pair.flush(pair.server)
    pair.inject(pair.client, { space: 'application', frames: [ack(ranges())] })
  }
  return pair.server.live.stats.sent - before
}

describe('a peer that acknowledges what it does not receive', () => {
  it('is found out by the packet numbers that are skipped, before much was sent', () => {
    const { pair, sent } = upload()
    const bytes = acknowledge(pair, () => [{ from: 0, to: Math.max(...sent) }])
    const closed = pair.server.closed
    assert.ok(closed?.kind === 'transport' && closed.ours && closed.code === 0x0a, JSON.stringify(closed))
    assert.ok(bytes < 250_000, `${bytes} bytes`)
  })

  it('is not suspected when it received all of that', () => {
    const { pair, sent } = upload()
    const bytes = acknowledge(pair, () => rangesOf(sent))
    assert.equal(pair.server.closed, null)
    assert.ok(bytes > 2_900_000 && Math.max(...sent) > sent.length, `${bytes} bytes`)
  })

  for (const space of ['initial', 'handshake'] as const) {
    it(`is found out at once where nothing of that number was sent (${space})`, () => {
      const pair = new ForgedPair()
      pair.filter = () => false
      if (space === 'handshake') pair.filter = (_, from) => from === pair.client || pair.server.sentDatagrams.length < 9
      pair.run(() => pair.canForge(pair.client, space) && pair.server.sentDatagrams.length > 0, 100)
      pair.filter = () => false
      pair.inject(pair.client, { space, frames: [ack([{ from: 900, to: 900 }])], padTo: 1200 })
      assert.ok(pair.server.closed?.kind === 'transport' && pair.server.closed.code === 0x0a)
    })
  }
})

describe('skipped packet numbers', () => {
  it('are few, none of those that are sent, and found in what is acknowledged', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), (seed) => {
        const skipped = new SkippedNumbers(new SeededRandom(seed))
        const passed: number[] = []
        let number = 0
        for (let sent = 0; sent < 20_000; sent++) {
          const next = skipped.after(number)
          if (next !== number + 1) passed.push(number + 1)
          assert.ok(next - number <= 2)
          number = next
        }
        assert.ok(passed.length >= 5 && passed.length <= 20, `${passed.length} skipped`)
        assert.ok(passed[0]! <= 97)
        assert.ok(skipped.areIn([{ from: 0, to: number }]))
        for (const one of passed.slice(-8)) {
          assert.ok(skipped.areIn([{ from: one, to: one }]))
          assert.ok(
            !skipped.areIn([
              { from: one + 1, to: one + 1 },
              { from: 0, to: 0 },
            ]),
          )
        }
      }),
      { numRuns: 50 },
    )
  })

  it('cannot be foreseen: two connections skip different ones', () => {
    const first = (seed: number): number => {
      const skipped = new SkippedNumbers(new SeededRandom(seed))
      let number = 0
      while (skipped.after(number) === number + 1) number++
      return number
    }
    assert.ok(new Set(Array.from({ length: 20 }, (_, seed) => first(seed))).size > 10)
  })

  it('cost a true peer nothing but an ACK each', () => {
    const pair = new Pair().establish()
    const stream = pair.client.live.open(false)!
    pair.client.send(stream, new Uint8Array(1_000_000))
    pair.flush(pair.client)
    assert.ok(pair.run(() => pair.client.has('stream-acknowledged'), 60_000))
    assert.deepEqual([pair.client.closed, pair.server.closed], [null, null])
  })
})

/** A packet in flight that counts how often its number is looked at. */
const counted = (number: number, looks: { count: number }): SentPacket => ({
  get number() {
    looks.count++
    return number
  },
  sentAt: 0,
  flow: 0,
  bytes: 1200,
  ackEliciting: true,
  carried: [],
})

const IN_FLIGHT = 20_000
const late = { delayMs: 0, now: 10, peerAckDelayMs: 25 }

describe('acknowledgements that only make work', () => {
  it('of packets that elicit none give up what was sent long before, and cost nothing again', () => {
    const looks = { count: 0 }
    const recovery = new Recovery('cubic', 1200, 0)
    for (let number = 0; number < IN_FLIGHT; number++) recovery.onSent('application', counted(number, looks))
    const quiet = { number: IN_FLIGHT, sentAt: 1, flow: 0, bytes: 0, ackEliciting: false, carried: [] }
    recovery.onSent('application', quiet)
    const ranges = [{ from: IN_FLIGHT, to: IN_FLIGHT }]
    const { lost } = recovery.onAck('application', ranges, late)
    assert.equal(lost.length, IN_FLIGHT - 2)
    looks.count = 0
    for (let i = 0; i < 100; i++) recovery.onAck('application', ranges, late)
    assert.ok(looks.count < 100 * 1000, `${looks.count} looks`)
  })

  it('of many gaps are held against what was given up without looking at each', () => {
    const recovery = new Recovery('cubic', 1200, 0)
    for (let number = 0; number < 400; number++) recovery.onSent('application', counted(number, { count: 0 }))
    recovery.onAck('application', [{ from: 399, to: 399 }], late)
    const looks = { count: 0 }
    const ranges = Array.from({ length: 256 }, (_, i) => ({
      get from() {
        looks.count++
        return 100_000 - 2 * i
      },
      get to() {
        looks.count++
        return 100_000 - 2 * i
      },
    }))
    recovery.onAck('application', ranges, late)
    assert.ok(looks.count < 256 * 20, `${looks.count} looks`)
  })
})
