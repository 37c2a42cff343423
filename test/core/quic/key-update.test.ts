// Keys change under a running connection (RFC 9001 section 6): both ends begin and follow, what is late is still read for a while, and a
// peer that breaks the order is cut off.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromHex, toHex } from '../../../src/core/bytes.ts'
import type { Frame } from '../../../src/core/quic/frames.ts'
import { KeyPhases } from '../../../src/core/quic/key-phases.ts'
import { nextSecret } from '../../../src/core/quic/keys.ts'
import { TRANSPORT_DEFAULTS } from '../../../src/core/quic/settings.ts'
import { PacketSpace } from '../../../src/core/quic/space.ts'
import { ForgedPair } from './forge.ts'
import { crypto, type End, FAIR, FOUL, Pair } from './pair.ts'

const OFTEN = { ...TRANSPORT_DEFAULTS, keyPackets: 20 }
const PING: Frame = { type: 'ping' }

/** Bytes that differ from place to place. */
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31) ^ (i >> 8))

const quiet = (pair: Pair, ms = 2000): void => void pair.run(() => false, ms)

/** Established, confirmed and quiet. */
const settled = (): ForgedPair => {
  const pair = new ForgedPair()
  pair.establish()
  quiet(pair, 200)
  return pair
}

/** Has `end` change its keys, and say something under the new ones that the other end hears and answers. */
const update = (pair: Pair, end: End): void => {
  end.live.updateKeys()
  end.live.write(end.live.open(false)!, Uint8Array.of(1))
  pair.flush(end)
}

const codeOf = (end: End): number | null => (end.closed?.kind === 'transport' ? end.closed.code : null)

describe('a key update', () => {
  it('derives the secret of RFC 9001 section A.5', () => {
    const secret = fromHex('9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b')!
    assert.equal(
      toHex(nextSecret(crypto, 0x1301, secret)),
      '1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9',
    )
  })

  it('goes unnoticed by the streams, however often and in whatever weather', () => {
    for (let seed = 0; seed < 10; seed++) {
      const pair = new Pair({
        seed,
        weather: FOUL,
        transport: OFTEN,
        ips: { client: '192.0.2.1', server: '198.51.100.1' },
      }).establish()
      const sent = pattern(300_000)
      const up = pair.client.live.open(false)!
      const down = pair.server.live.open(false)!
      pair.client.send(up, sent)
      pair.server.send(down, sent)
      pair.flush(pair.client)
      pair.flush(pair.server)
      const done = (): boolean => pair.server.received(up).length + pair.client.received(down).length === 600_000
      assert.ok(pair.run(done, 120_000), `seed ${seed}: ${JSON.stringify([pair.client.closed, pair.server.closed])}`)
      assert.deepEqual(Buffer.compare(pair.server.received(up), sent), 0)
      assert.deepEqual(Buffer.compare(pair.client.received(down), sent), 0)
      assert.ok(pair.client.live.keyUpdates >= 3, `${pair.client.live.keyUpdates} updates`)
      assert.ok(Math.abs(pair.client.live.keyUpdates - pair.server.live.keyUpdates) <= 1)
    }
  })

  it('is followed by the peer in its next packet', () => {
    for (const who of ['client', 'server'] as const) {
      const pair = settled()
      update(pair, pair[who])
      quiet(pair)
      assert.deepEqual([pair.client.live.keyUpdates, pair.server.live.keyUpdates], [1, 1])
      assert.deepEqual([pair.client.closed, pair.server.closed], [null, null])
    }
  })

  it('of both ends at once is one update', () => {
    const pair = settled()
    update(pair, pair.client)
    update(pair, pair.server)
    quiet(pair)
    assert.deepEqual([pair.client.live.keyUpdates, pair.server.live.keyUpdates], [1, 1])
  })

  it('waits for the handshake to be confirmed', () => {
    const pair = new Pair()
    pair.client.live.updateKeys()
    pair.filter = (_bytes, from) => from === pair.client || !pair.server.has('established')
    pair.run(() => pair.client.has('established'), 5000)
    quiet(pair, 1000)
    assert.equal(pair.client.live.keyUpdates, 0)
    pair.filter = () => true
    quiet(pair, 5000)
    assert.equal(pair.client.live.keyUpdates, 1)
  })

  it('waits until the one before was acknowledged, and three probe timeouts', () => {
    const pair = settled()
    update(pair, pair.client)
    pair.filter = () => false
    update(pair, pair.client)
    quiet(pair, 500)
    assert.equal(pair.client.live.keyUpdates, 1)
    pair.filter = () => true
    pair.run(() => pair.server.live.keyUpdates === 1, 10_000)
    pair.run(() => false, 2 * FAIR.latencyMs + 1)
    update(pair, pair.client)
    assert.equal(pair.client.live.keyUpdates, 1)
    quiet(pair)
    update(pair, pair.client)
    assert.equal(pair.client.live.keyUpdates, 2)
  })

  it('leaves the keys before it for what is late, for three probe timeouts and no longer', () => {
    for (const [lateMs, read] of [
      [5, true],
      [5000, false],
    ] as const) {
      const pair = settled()
      const id = pair.client.live.open(false)!
      const late = pair.forge(pair.client, {
        space: 'application',
        number: 900,
        frames: [{ type: 'stream', stream: id, offset: 0, data: pattern(5), fin: false }],
      })
      // Numbers go on above the late one.
      const pings = pair.forge(pair.client, { space: 'application', number: 899, frames: [PING] })
      pair.receive(pair.client, pings)
      pair.filter = (_bytes, from) => from === pair.server
      pair.receive(pair.client, pair.forgeLater(pair.client, 1, { space: 'application', number: 901, frames: [PING] }))
      assert.equal(pair.server.live.keyUpdates, 1)
      quiet(pair, lateMs)
      pair.receive(pair.client, late)
      pair.flush(pair.server)
      assert.equal(pair.server.received(id).length, read ? 5 : 0)
      assert.equal(pair.server.closed, null)
    }
  })

  it('costs a rejected packet of either phase one attempt to open it', () => {
    const tries: number[] = []
    let count = 0
    const pair = new ForgedPair({}, (key) => ({
      seal: (...all) => key.seal(...all),
      mask: (...all) => key.mask(...all),
      release: () => key.release(),
      open: (...all) => {
        count++
        return key.open(...all)
      },
    }))
    pair.establish()
    quiet(pair, 200)
    for (const keyPhase of [0, 1] as const) {
      const packet = pair.forge(pair.client, { space: 'application', frames: [PING], keyPhase, padTo: 60 })
      packet[packet.length - 1]! ^= 1
      count = 0
      pair.receive(pair.client, packet)
      tries.push(count)
    }
    assert.deepEqual(tries, [1, 1])
    assert.equal(pair.server.live.keyUpdates, 0)
  })
})

describe('a peer that breaks the order of keys is cut off with KEY_UPDATE_ERROR', () => {
  it('by a newer key on a packet before one of an older key', () => {
    const pair = settled()
    pair.receive(pair.client, pair.forge(pair.client, { space: 'application', number: 950, frames: [PING] }))
    pair.receive(pair.client, pair.forgeLater(pair.client, 1, { space: 'application', number: 949, frames: [PING] }))
    pair.flush(pair.server)
    assert.equal(codeOf(pair.server), 0x0e)
  })

  it('by an older key on a packet behind one of a newer key', () => {
    const pair = settled()
    const receive = (generation: number, number: number): void =>
      pair.receive(
        pair.client,
        pair.forgeLater(pair.client, generation, { space: 'application', number, frames: [PING] }),
      )
    receive(1, 960)
    receive(0, 955)
    pair.flush(pair.server)
    assert.equal(pair.server.closed, null)
    receive(1, 954)
    pair.flush(pair.server)
    assert.equal(codeOf(pair.server), 0x0e)
  })

  it('by a second update that did not wait for an answer to the first', () => {
    const pair = settled()
    for (const generation of [1, 2]) {
      const number = 970 + generation
      pair.receive(
        pair.client,
        pair.forgeLater(pair.client, generation, { space: 'application', number, frames: [PING] }),
      )
    }
    pair.flush(pair.server)
    assert.equal(codeOf(pair.server), 0x0e)
  })

  it('by acknowledging under an older key what it read under a newer', () => {
    const pair = settled()
    pair.filter = () => false
    const before = pair.server.sentDatagrams.length
    update(pair, pair.server)
    assert.ok(pair.server.sentDatagrams.length > before && pair.server.live.keyUpdates === 1)
    for (let largest = 1; pair.server.closed === null && largest < 100; largest++) {
      const ack: Frame = { type: 'ack', ranges: [{ from: largest, to: largest }], delay: 0, ecn: null }
      pair.inject(pair.client, { space: 'application', frames: [ack] })
    }
    assert.equal(codeOf(pair.server), 0x0e)
  })
})

describe('a key', () => {
  it('is worn out shortly before it has protected 2^23 packets, and not before', () => {
    const space = new PacketSpace('application')
    const phases = new KeyPhases(space, crypto, 2 ** 30)
    phases.install({ direction: 'write', suite: 0x1301, secret: new Uint8Array(32) })
    phases.install({ direction: 'read', suite: 0x1301, secret: new Uint8Array(32).fill(1) })
    let number = 0
    while (!phases.isWornOut) phases.sealed(number++, true)
    assert.ok(number < 2 ** 23 && number > 2 ** 23 - 1000, `${number} packets`)
  })

  it('is changed when half of what it may protect is used up, whatever the settings say', () => {
    const space = new PacketSpace('application')
    const phases = new KeyPhases(space, crypto, 2 ** 30)
    phases.install({ direction: 'write', suite: 0x1301, secret: new Uint8Array(32) })
    phases.install({ direction: 'read', suite: 0x1301, secret: new Uint8Array(32).fill(1) })
    const read = space.readKey!
    phases.opened(read, 0, { now: 0, threePtoMs: 10 })
    let number = 0
    phases.sealed(number++, true)
    assert.equal(phases.acknowledged(read, 0, 1), null)
    while (phases.updates === 0) {
      phases.sealed(number++, true)
      phases.updateIfDue({ now: 2, threePtoMs: 10 })
    }
    assert.equal(number, 2 ** 22)
  })

  it('before and after the one in use is released with the connection', () => {
    const pair = settled()
    update(pair, pair.client)
    quiet(pair, 20)
    pair.server.live.close(0, '', pair.now)
    pair.flush(pair.server)
    pair.run(() => pair.server.has('gone') && pair.client.has('gone'), 10_000)
    assert.equal(pair.liveKeys(), 0)
  })
})
