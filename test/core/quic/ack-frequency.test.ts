// Acknowledgements as they are asked for (draft-ietf-quic-ack-frequency): what is asked, what is done about it, and what that saves.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Writer } from '../../../src/core/bytes.ts'
import { AckFrequency } from '../../../src/core/quic/ack-frequency.ts'
import { PacketBuilder } from '../../../src/core/quic/packet-builder.ts'
import { isAckDelay, ReceivedPackets } from '../../../src/core/quic/received-packets.ts'
import { FOUL, Pair } from './pair.ts'

describe('what is asked for', () => {
  /** The sequence numbers of frames written for windows of so many datagrams. */
  const asked = (frequency: AckFrequency, datagrams: readonly number[], roundTripMs = 80): number[] =>
    datagrams.flatMap((count) => {
      const packet = new PacketBuilder(new Writer(new Uint8Array(100)), 100)
      frequency.fill(packet, count, roundTripMs)
      return packet.carried.map((carried) => (carried.kind === 'ack-frequency' ? carried.sequence : -1))
    })
  const understood = (minUs = 1000, maxUs = 25_000): AckFrequency => {
    const frequency = new AckFrequency()
    frequency.begin(minUs, maxUs)
    return frequency
  }

  it('is nothing of a peer that does not know the frame, nor while the window is small', () => {
    assert.deepEqual(asked(new AckFrequency(), [10, 1000]), [])
    assert.deepEqual(asked(understood(), [10, 31]), [])
  })

  it('is news only when it is twice or half of what was asked before', () => {
    assert.deepEqual(asked(understood(), [32, 40, 63, 64, 100, 128, 127, 65, 64]), [0, 1, 2, 3])
  })

  it('is asked again when the last frame was lost, and not for an older one', () => {
    const frequency = understood()
    asked(frequency, [32, 64])
    frequency.lost(0)
    assert.deepEqual(asked(frequency, [64]), [])
    frequency.lost(1)
    assert.deepEqual(asked(frequency, [64]), [2])
  })

  it('needs room for its frame', () => {
    const packet = new PacketBuilder(new Writer(new Uint8Array(100)), 15)
    understood().fill(packet, 100, 80)
    assert.equal(packet.carried.length, 0)
  })
})

describe('what is done about it', () => {
  const receive = (received: ReceivedPackets, numbers: readonly number[], now = 0): number[] =>
    numbers.filter((number) => {
      received.add(number, true, { now, atOnce: false })
      const isDue = received.ackAt <= now
      if (isDue) received.sent()
      return isDue
    })
  const asking = (wish: {
    threshold: number
    delayUs?: number
    reordering?: number
    sequence?: number
  }): ReceivedPackets => {
    const received = new ReceivedPackets()
    received.ask({ sequence: 0, delayUs: 10_000, reordering: 1, ...wish })
    return received
  }
  const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i)

  it('unasked, every second packet is acknowledged at once', () => {
    assert.deepEqual(receive(new ReceivedPackets(), upTo(7)), [1, 3, 5])
  })

  it('more packets wait when that is asked, none when none shall, and no longer than was asked', () => {
    assert.deepEqual(receive(asking({ threshold: 3 }), upTo(9)), [3, 7])
    assert.deepEqual(receive(asking({ threshold: 0 }), upTo(3)), [0, 1, 2])
    const received = asking({ threshold: 9, delayUs: 4000 })
    received.add(0, true, { now: 10, atOnce: false })
    assert.equal(received.ackAt, 14)
  })

  it('a packet that asks for it is acknowledged at once', () => {
    const received = asking({ threshold: 9 })
    received.add(0, true, { now: 10, atOnce: true })
    assert.equal(received.ackAt, 10)
  })

  it('an older wish than the last changes nothing', () => {
    const received = asking({ threshold: 3, sequence: 5 })
    received.ask({ sequence: 4, threshold: 0, delayUs: 1000, reordering: 1 })
    assert.deepEqual(receive(received, upTo(4)), [3])
  })

  it('a gap makes hurry when it is as far behind as was asked, once, and never with 0', () => {
    assert.deepEqual(receive(asking({ threshold: 99 }), [0, 2, 3]), [2])
    assert.deepEqual(receive(asking({ threshold: 99, reordering: 3 }), [0, 1, 3, 4, 5, 6, 7]), [5])
    assert.deepEqual(receive(asking({ threshold: 99, reordering: 3 }), [0, 2, 3, 1, 4, 5, 6, 7]), [])
    assert.deepEqual(receive(asking({ threshold: 99, reordering: 0 }), [0, 9, 3, 20]), [])
  })

  it('the draft’s examples come out as they stand there', () => {
    const examples = [
      { reordering: 3, numbers: [0, 1, 3, 4, 5, 8, 9, 10], acknowledged: [5, 9, 10] },
      { reordering: 5, numbers: [0, 1, 3, 5, 6, 7, 8, 9], acknowledged: [7, 9] },
    ]
    for (const { reordering, numbers, acknowledged } of examples)
      assert.deepEqual(receive(asking({ threshold: 99, reordering }), numbers), acknowledged)
  })

  it('one that comes after the peer had to take it for lost makes hurry, and one that comes before does not', () => {
    const late = (number: number): number[] =>
      receive(asking({ threshold: 99, reordering: 4 }), [0, 1, 5, 6, 10, number])
    // The acknowledgement of 6 shows 2 to be lost, that of 10 all up to 6.
    assert.deepEqual(late(2), [6, 10, 2])
    assert.deepEqual(late(4), [6, 10, 4])
    assert.deepEqual(late(7), [6, 10])
  })

  it('only delays that max_ack_delay could say, and not below our min_ack_delay, are any', () => {
    assert.deepEqual([0, 999, 1000, 25_000, 16_383_999, 16_384_000].map(isAckDelay), [
      false,
      false,
      true,
      true,
      true,
      false,
    ])
  })

  it('whatever is asked, an acknowledgement is due within the longest delay there is', () => {
    const integer = fc.maxSafeNat()
    const delayUs = fc.integer({ min: 1000, max: 2 ** 14 * 1000 - 1 })
    const wish = fc.record({ sequence: integer, threshold: integer, delayUs, reordering: integer })
    fc.assert(
      fc.property(wish, fc.array(fc.nat(300), { minLength: 1, maxLength: 50 }), (each, numbers) => {
        const received = new ReceivedPackets()
        received.ask(each)
        for (const number of numbers)
          if (!received.isDuplicate(number)) received.add(number, true, { now: 5, atOnce: false })
        assert.ok(received.ackAt >= 5 && received.ackAt <= 5 + 2 ** 14)
      }),
    )
  })
})

describe('a connection', () => {
  const transfer = (pair: Pair, bytes: number): void => {
    const stream = pair.client.live.open(false)!
    pair.client.send(stream, new Uint8Array(bytes))
    pair.flush(pair.client)
    assert.ok(pair.run(() => pair.client.has('stream-acknowledged'), 120_000))
  }
  const far = { client: '192.0.2.1', server: '198.51.100.1' }

  it('is acknowledged by far fewer datagrams than every second, once its window is wide', () => {
    const weather = { loss: 0, duplication: 0, reordering: 0, latencyMs: 25 }
    const pair = new Pair({ ips: far, weather }).establish()
    transfer(pair, 3_000_000)
    const [data, acknowledgements] = [pair.client.sentDatagrams.length, pair.server.sentDatagrams.length]
    assert.ok(acknowledgements < data / 4, `${acknowledgements} for ${data}`)
  })

  it('loses nothing by it in bad weather', () => {
    for (let seed = 0; seed < 5; seed++) transfer(new Pair({ ips: far, weather: FOUL, seed }).establish(), 500_000)
  })
})
