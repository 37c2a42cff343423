// Datagrams (RFC 9221): they arrive whole or not at all, are sent once, wait for the congestion window, and are bounded wherever they wait.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Reader, Writer } from '../../../src/core/bytes.ts'
import { Datagrams, type DatagramFate } from '../../../src/core/quic/datagrams.ts'
import { datagramFrameBytes, type Frame, readFrame, writeFrame } from '../../../src/core/quic/frames.ts'
import type { ConnectionOutput } from '../../../src/core/quic/outputs.ts'
import { PacketBuilder } from '../../../src/core/quic/packet-builder.ts'
import { TRANSPORT_DEFAULTS } from '../../../src/core/quic/settings.ts'
import { decodeParameters, encodeParameters, PARAMETER_DEFAULTS } from '../../../src/core/quic/transport-parameters.ts'
import { ForgedPair } from './forge.ts'
import { type End, FAIR, FOUL, Pair, type PairOptions } from './pair.ts'
import { watching } from './watching.ts'

const SETTINGS = { frameBytesMax: 65_535, heldMax: 100, heldBytesMax: 100_000 }
const WITH = { ...TRANSPORT_DEFAULTS, datagrams: SETTINGS }
/** Packets of one size, so that what fits does not change. */
const SMALL = { ...WITH, mtuMax: { ip4: 1200, ip6: 1200, loopback: 1200 } }

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
const filled = (length: number, byte = 7): Uint8Array => new Uint8Array(length).fill(byte)

const settled = (pair: Pair): Pair => {
  pair.establish()
  pair.run(() => false, 200)
  return pair
}

const sent = (end: End, bytes: Uint8Array): number => {
  const result = end.live.sendDatagram(bytes)
  assert.equal(result.kind, 'queued')
  return result.kind === 'queued' ? result.id : -1
}

const read = (end: End): Uint8Array[] => {
  const all: Uint8Array[] = []
  for (let next = end.live.readDatagram(); next !== null; next = end.live.readDatagram()) all.push(next)
  return all
}

const fates = (end: End): Map<number, DatagramFate> =>
  new Map(end.log.flatMap((output) => (output.kind === 'datagram-settled' ? [[output.id, output.fate]] : [])))

describe('on the wire', () => {
  it('a frame with a length, and one to the end of its packet', () => {
    const reader = new Reader(hex('3103010203300405'))
    assert.deepEqual(readFrame(reader), { type: 'datagram', data: hex('010203') })
    assert.deepEqual(readFrame(reader), { type: 'datagram', data: hex('0405') })
    assert.equal(reader.remaining, 0)
    assert.deepEqual(readFrame(new Reader(hex('30'))), { type: 'datagram', data: hex('') })
    assert.equal(readFrame(new Reader(hex('310401'))), null)
    const writer = new Writer(new Uint8Array(10))
    writeFrame(writer, { type: 'datagram', data: hex('0a0b') })
    assert.deepEqual(writer.written(), hex('31020a0b'))
  })

  it('max_datagram_frame_size is 0x20, and absent it is 0', () => {
    assert.deepEqual(encodeParameters({ ...PARAMETER_DEFAULTS, maxDatagramFrameBytes: 65_535 }), hex('20048000ffff'))
    assert.equal(decodeParameters(hex('20024500'), 'client')?.maxDatagramFrameBytes, 0x500)
    assert.equal(decodeParameters(hex(''), 'client')?.maxDatagramFrameBytes, 0)
  })

  it('the largest that fits a frame fits it, and one byte more does not', () => {
    const fitting = (peerFrameBytes: number): number => {
      const datagrams = new Datagrams(SETTINGS, () => {})
      datagrams.applyPeer(peerFrameBytes)
      return datagrams.bytesMax(Infinity, 8)
    }
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 16_000, max: 17_000 })),
        (frameBytes) => {
          const max = fitting(frameBytes)
          if (max >= 0) assert.ok(datagramFrameBytes(max) <= frameBytes)
          assert.ok(datagramFrameBytes(max + 1) > frameBytes)
        },
      ),
    )
    assert.deepEqual([fitting(0), fitting(1), fitting(2), fitting(66)], [-1, -1, 0, 63])
  })
})

describe('between two ends', () => {
  it('arrive once each at the most, and as they were, in a foul network; each has one fate, and none is sent again', () => {
    for (let seed = 0; seed < 6; seed++) {
      const carried = new Map<string, number>()
      const observer = watching({
        packetSent: ({ frames }) => {
          for (const frame of frames) {
            if (frame.type !== 'datagram') continue
            const key = Buffer.from(frame.data).toString('hex')
            carried.set(key, (carried.get(key) ?? 0) + 1)
          }
        },
      })
      const pair = settled(new Pair({ seed, weather: FOUL, transport: WITH, client: { observer } }))
      const ids: number[] = []
      const content = (n: number): Uint8Array =>
        Uint8Array.from({ length: 2 + (n % 900) }, (_, i) => (i < 2 ? n >> (8 * i) : i))
      for (let n = 0; n < 400; n++) {
        ids.push(sent(pair.client, content(n)))
        pair.flush(pair.client)
        pair.run(() => false, 3)
      }
      pair.run(() => fates(pair.client).size === ids.length, 20_000)
      const arrived = read(pair.server).map((bytes) => {
        const n = bytes[0]! + 256 * bytes[1]!
        assert.deepEqual(bytes, content(n))
        return ids[n]!
      })
      assert.equal(new Set(arrived).size, arrived.length)
      const told = fates(pair.client)
      assert.deepEqual(
        [...told.keys()].sort((a, b) => a - b),
        ids,
      )
      assert.ok(
        [...carried.values()].every((times) => times === 1),
        `seed ${seed}`,
      )
      assert.ok([...told.values()].includes('lost') && [...told.values()].includes('acknowledged'), `seed ${seed}`)
    }
  })

  it('what is told as acknowledged was received', () => {
    const pair = settled(new Pair({ seed: 4, weather: FOUL, transport: WITH }))
    const arrived = new Set<number>()
    pair.server.onOutput = ({ kind }) => {
      if (kind === 'datagram-readable') for (const bytes of read(pair.server)) arrived.add(bytes[0]!)
    }
    for (let n = 0; n < 200; n++) {
      assert.equal(sent(pair.client, filled(100, n)), n)
      pair.flush(pair.client)
      pair.run(() => false, 3)
    }
    pair.run(() => fates(pair.client).size === 200, 20_000)
    for (const [id, fate] of fates(pair.client)) if (fate === 'acknowledged') assert.ok(arrived.has(id))
    assert.ok(arrived.size > 100 && arrived.size < 200)
  })

  it('the reader is told when there is one again, and not of each', () => {
    const pair = settled(new Pair({ transport: WITH }))
    const told = (): number => pair.server.log.filter(({ kind }) => kind === 'datagram-readable').length
    const send = (count: number): void => {
      for (let n = 0; n < count; n++) sent(pair.client, filled(10, n))
      pair.flush(pair.client)
      pair.run(() => false, 50)
    }
    send(3)
    assert.equal(told(), 1)
    assert.equal(pair.server.live.readDatagram()?.[0], 0)
    send(1)
    assert.equal(told(), 1)
    assert.equal(read(pair.server).length, 3)
    send(1)
    assert.equal(told(), 2)
  })

  it('one of the largest size passes, one more byte is refused with that size', () => {
    const pair = settled(new Pair({ transport: SMALL }))
    const { datagramBytesMax } = pair.client.live
    assert.ok(datagramBytesMax > 1150 && datagramBytesMax < 1200)
    sent(pair.client, filled(datagramBytesMax))
    pair.flush(pair.client)
    pair.run(() => false, 50)
    assert.equal(read(pair.server)[0]?.length, datagramBytesMax)
    const refused = { kind: 'refused', reason: 'too-large', bytesMax: datagramBytesMax }
    assert.deepEqual(pair.client.live.sendDatagram(filled(datagramBytesMax + 1)), refused)
    assert.deepEqual(fates(pair.client).get(0), 'acknowledged')
  })

  it('the peer’s limit is kept where it is the smaller one', () => {
    const server = { ...WITH, datagrams: { ...SETTINGS, frameBytesMax: 50 } }
    const pair = settled(new Pair({ transport: WITH, server: { transport: server } }))
    assert.equal(pair.client.live.datagramBytesMax, 48)
    sent(pair.client, filled(48))
    pair.flush(pair.client)
    pair.run(() => false, 50)
    assert.equal(read(pair.server)[0]?.length, 48)
    assert.ok(pair.server.live.datagramBytesMax > 1000)
  })

  it('are refused where either end takes none, and when all is over', () => {
    for (const options of [{ server: { transport: WITH } }, { client: { transport: WITH } }, {}] as PairOptions[]) {
      const pair = settled(new Pair(options))
      const refused = { kind: 'refused', reason: 'not-negotiated', bytesMax: -1 }
      assert.deepEqual(pair.client.live.sendDatagram(filled(1)), refused)
      assert.deepEqual(pair.server.live.sendDatagram(filled(1)), refused)
    }
    const early = new Pair({ transport: WITH })
    const before = early.client.live.sendDatagram(filled(1))
    assert.ok(before.kind === 'refused' && before.reason === 'closed')
    const over = settled(new Pair({ transport: WITH }))
    over.client.live.close(0, '', over.now)
    const after = over.client.live.sendDatagram(filled(1))
    assert.ok(after.kind === 'refused' && after.reason === 'closed')
  })
})

describe('what a peer must not do', () => {
  const closedFor = (transport: typeof WITH | typeof TRANSPORT_DEFAULTS, frames: Uint8Array): number | null => {
    const pair = new ForgedPair({ transport })
    pair.establish()
    pair.inject(pair.client, { space: 'application', frames })
    const { closed } = pair.server
    return closed?.kind === 'transport' && closed.ours ? closed.code : null
  }
  const limited = { ...WITH, datagrams: { ...SETTINGS, frameBytesMax: 10 } }

  it('is to send one where none is taken', () => {
    assert.equal(closedFor(TRANSPORT_DEFAULTS, hex('310101')), 0x0a)
    assert.equal(closedFor(WITH, hex('310101')), null)
  })

  it('is to send a larger frame than was announced: its type and its length count, however long that is written', () => {
    assert.equal(closedFor(limited, hex('3108' + '00'.repeat(8))), null)
    assert.equal(closedFor(limited, hex('3109' + '00'.repeat(9))), 0x0a)
    assert.equal(closedFor(limited, hex('314008' + '00'.repeat(8))), 0x0a)
    assert.equal(closedFor(limited, hex('30' + '00'.repeat(9))), null)
    assert.equal(closedFor(limited, hex('30' + '00'.repeat(10))), 0x0a)
  })

  it('is to send one before the handshake is done', () => {
    const pair = new ForgedPair({ transport: WITH })
    pair.establish()
    const early = new ForgedPair({ transport: WITH })
    early.run(() => early.server.connection !== null, 100)
    early.inject(early.client, { space: 'initial', frames: hex('310101'), padTo: 1200 })
    assert.ok(early.server.closed?.kind === 'transport' && early.server.closed.code === 0x0a)
  })
})

describe('bounds', () => {
  it('what nobody reads is kept up to a number and up to a size; the oldest goes, and is counted', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('receive' as const), length: fc.nat(400) }),
      fc.record({ kind: fc.constant('read' as const), length: fc.constant(0) }),
    )
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 1000 }),
        (steps, heldMax, heldBytesMax) => {
          const news: ConnectionOutput[] = []
          const datagrams = new Datagrams({ frameBytesMax: 65_535, heldMax, heldBytesMax }, (output) =>
            news.push(output),
          )
          let model: number[] = []
          let [number, dropped] = [0, 0]
          const sizes: number[] = []
          for (const { kind, length } of steps) {
            if (kind === 'read') {
              const next = model.shift()
              const bytes = datagrams.read()
              assert.equal(bytes?.length ?? null, next === undefined ? null : sizes[next])
              continue
            }
            assert.equal(datagrams.receive(filled(length), datagramFrameBytes(length)), null)
            sizes.push(length)
            model.push(number++)
            while (model.length > heldMax || model.reduce((sum, n) => sum + sizes[n]!, 0) > heldBytesMax) {
              model = model.slice(1)
              dropped++
            }
            datagrams.checkInvariants()
          }
          assert.deepEqual([datagrams.counts.received, datagrams.counts.receivedDropped], [number, dropped])
        },
      ),
    )
  })

  it('whoever finds nothing is told of what comes next', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (steps) => {
        let told = 0
        const datagrams = new Datagrams({ ...SETTINGS, heldMax: 3 }, ({ kind }) => {
          if (kind === 'datagram-readable') told++
        })
        let expected = 0
        let isWaiting = true
        for (const comes of steps) {
          if (comes) {
            datagrams.receive(filled(1), 3)
            if (isWaiting) expected++
            isWaiting = false
          } else isWaiting = datagrams.read() === null
          assert.equal(told, expected)
        }
      }),
    )
  })

  it('those that wait for the window are bounded, too, and whose went is told', () => {
    const pair = settled(new Pair({ transport: SMALL }))
    pair.filter = (_bytes, from) => from === pair.client
    for (let n = 0; n < 400; n++) sent(pair.client, filled(1000, n))
    const outcomes = (): Map<number, DatagramFate> => fates(pair.client)
    pair.flush(pair.client)
    assert.equal(outcomes().size, 300)
    assert.ok([...outcomes()].every(([id, fate]) => id < 300 && fate === 'dropped'))
    assert.equal(pair.client.live.datagramCounts.sentDropped, 300)
    pair.client.live.checkInvariants()
  })

  it('no more are in flight than the congestion window holds', () => {
    const pair = settled(new Pair({ transport: SMALL }))
    pair.filter = (_bytes, from) => from === pair.client
    const before = pair.client.sentDatagrams.length
    for (let n = 0; n < 100; n++) sent(pair.client, filled(1000, n))
    pair.flush(pair.client)
    pair.run(() => false, 8)
    const bytes = pair.client.sentDatagrams.slice(before).reduce((sum, length) => sum + length, 0)
    // Ten packets or so at first, and a few more that the handshake's acknowledgements added (RFC 9002 section 7.2).
    assert.ok(bytes > 5000 && bytes < 40_000, `${bytes} bytes`)
    pair.filter = () => true
    assert.ok(pair.run(() => fates(pair.client).size === 100, 20_000))
  })

  it('what was counted as lost is not repeated by a probe', () => {
    const pair = settled(new Pair({ transport: SMALL }))
    pair.filter = (_bytes, from) => from !== pair.client
    sent(pair.client, filled(500))
    pair.flush(pair.client)
    const { length } = pair.client.sentDatagrams
    pair.run(() => pair.client.sentDatagrams.length >= length + 2, 2000)
    assert.ok(pair.client.sentDatagrams.slice(length).every((bytes) => bytes < 100))
    pair.filter = () => true
    assert.ok(pair.run(() => fates(pair.client).get(0) === 'lost', 5000))
    assert.equal(read(pair.server).length, 0)
  })
})

describe('beside streams', () => {
  it('of the largest size, they and the streams of both directions get on', () => {
    const many = { ...SMALL, datagrams: { ...SETTINGS, heldMax: 2000, heldBytesMax: 4_000_000 } }
    const play = (each: number): { datagramBytes: number; tookMs: number } => {
      const pair = settled(new Pair({ transport: many, weather: FAIR }))
      const [up, down] = [pair.client, pair.server].map((end) => {
        const id = end.live.open(false)!
        end.send(id, filled(2_000_000))
        pair.flush(end)
        return id
      })
      let datagramBytes = 0
      pair.server.onOutput = ({ kind }) => {
        if (kind === 'datagram-readable') for (const { length } of read(pair.server)) datagramBytes += length
      }
      const beganAt = pair.now
      // There are always some that wait: where there is no room the oldest go.
      const done = (): boolean => {
        for (let n = 0; n < each; n++) sent(pair.client, filled(pair.client.live.datagramBytesMax))
        return pair.server.received(up!).length === 2_000_000 && pair.client.received(down!).length === 2_000_000
      }
      assert.ok(pair.run(done, 60_000))
      return { datagramBytes, tookMs: pair.now - beganAt }
    }
    const [alone, beside] = [play(0), play(200)]
    assert.ok(beside.datagramBytes > 1_000_000, `${beside.datagramBytes} bytes`)
    assert.ok(beside.tookMs < 4 * alone.tookMs, `${beside.tookMs} ms instead of ${alone.tookMs}`)
  })

  it('one that no packet of the path holds any more is dropped, and those behind it go', () => {
    const datagrams = new Datagrams(SETTINGS, ({ kind, ...what }) => told.push([kind, what]))
    const told: unknown[] = []
    datagrams.applyPeer(65_535)
    datagrams.send(filled(1300))
    datagrams.send(filled(900))
    assert.equal(datagrams.pending(1000, 500), false)
    assert.deepEqual(told, [['datagram-settled', { id: 0, fate: 'dropped' }]])
    assert.equal(datagrams.pending(1000, 1000), true)
  })

  it('every second packet is theirs, where a packet has no room beside an acknowledgement they get one of their own', () => {
    const datagrams = new Datagrams(SETTINGS, () => {})
    const packet = (used: number): PacketBuilder => {
      const builder = new PacketBuilder(new Writer(new Uint8Array(1000)), 1000)
      if (used > 0) builder.add({ type: 'padding', length: used }, null)
      return builder
    }
    const PING: Frame = { type: 'ping' }
    for (let n = 0; n < 3; n++) datagrams.send(filled(900))
    assert.equal(datagrams.isFirst, true)
    assert.equal(datagrams.fill(packet(200)), false)
    assert.equal(datagrams.isFirst, true)
    assert.equal(datagrams.fill(packet(0)), true)
    assert.equal(datagrams.isFirst, false)
    const full = packet(990)
    full.add(PING, null)
    assert.equal(datagrams.fill(full), false)
    assert.equal(datagrams.isFirst, true)
    // One that no packet holds for the moment keeps nobody.
    const small = new PacketBuilder(new Writer(new Uint8Array(500)), 500)
    assert.equal(datagrams.fill(small), true)
  })
})
