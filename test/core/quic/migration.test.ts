// A peer's address changes under a running connection (RFC 9000 section 9), because a NAT maps it anew or because it moves: nothing is
// lost, nobody is flooded, and what an attacker only pretends changes nothing for good.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Address, addressText, sameAddress } from '../../../src/core/address.ts'
import { toHex } from '../../../src/core/bytes.ts'
import type { Frame } from '../../../src/core/quic/frames.ts'
import { parseHeader } from '../../../src/core/quic/packet.ts'
import { TRANSPORT_DEFAULTS } from '../../../src/core/quic/settings.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { ForgedPair } from './forge.ts'
import { type End, FOUL, Pair, type PairOptions } from './pair.ts'

/** Datagrams as small as they must be everywhere, so that a transfer takes a while. */
const SMALL = { ...TRANSPORT_DEFAULTS, mtuMax: { ip4: 1200, ip6: 1200, loopback: 1200 } }

const PING: Frame = { type: 'ping' }
const CHALLENGE: Frame = { type: 'path-challenge', data: new Uint8Array(8).fill(7) }

const at = (ip: string, port: number): Address => ({ family: 4, ip, port })

/** Where the other end was told that `end` has gone, in order. */
const moves = (end: End): string[] =>
  end.log.flatMap((output) => (output.kind === 'migrated' ? [addressText(output.remote)] : []))

/** A pair that has been quiet for a while. */
const settled = <Made extends Pair>(pair: Made): Made => {
  pair.establish()
  pair.run(() => false, 300)
  return pair
}

/** Bytes that differ from place to place. */
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31) ^ (i >> 8))

/** Both ends send; says when all has arrived. */
const exchange = (pair: Pair, bytes: number): (() => boolean) => {
  const sent = pattern(bytes)
  const up = pair.client.live.open(false)!
  const down = pair.server.live.open(false)!
  pair.client.send(up, sent)
  pair.server.send(down, sent)
  pair.flush(pair.client)
  pair.flush(pair.server)
  return () => {
    const arrived = [pair.server.received(up), pair.client.received(down)]
    if (arrived.some(({ length }) => length < bytes)) return false
    return arrived.every((received) => Buffer.compare(received, sent) === 0)
  }
}

/** Only the server sends. */
const download = (pair: Pair, bytes: number): (() => boolean) => {
  const id = pair.server.live.open(false)!
  pair.server.send(id, pattern(bytes))
  pair.flush(pair.server)
  return () => pair.client.received(id).length === bytes
}

describe('a peer whose address changes under a running transfer', () => {
  const play = (seed: number, move: (count: number) => Address): void => {
    const random = new SeededRandom(seed)
    const pair = new Pair({ seed, weather: FOUL, transport: SMALL })
    pair.establish()
    // Whoever only listens would never be found again.
    pair.client.live.keepAliveMs = 300
    const done = exchange(pair, 600_000)
    let count = 0
    while (!done() && pair.now < 300_000) {
      pair.run(done, 800 + random.below(800))
      pair.client.places[0] = move(++count)
    }
    assert.ok(done(), `seed ${seed}: ${JSON.stringify([pair.client.closed, pair.server.closed])}`)
    assert.deepEqual(moves(pair.client), [])
    assert.ok(count > 0 && moves(pair.server).length > 0, `seed ${seed}`)
    assert.ok(
      pair.run(() => moves(pair.server).at(-1) === addressText(pair.client.address), 20_000),
      `seed ${seed}`,
    )
    assert.ok(sameAddress(pair.server.live.destination.remote, pair.client.address))
  }

  it('loses nothing by it where the port alone changes, for 8 seeds of a foul network', () => {
    for (let seed = 0; seed < 8; seed++) play(seed, (count) => at('127.0.0.1', 2000 + count))
  })

  it('loses nothing by it where the network changes, for 8 seeds of a foul network', () => {
    for (let seed = 0; seed < 8; seed++) play(seed, (count) => at(`127.0.${count % 200}.1`, 1111))
  })

  it('is served on within two round trips of its first packet from there', () => {
    const pair = settled(new Pair({ transport: SMALL }))
    const done = download(pair, 400_000)
    pair.run(() => false, 100)
    pair.client.places[0] = at('127.0.0.1', 4000)
    pair.client.live.write(pair.client.live.open(false)!, Uint8Array.of(1))
    pair.flush(pair.client)
    assert.ok(pair.run(() => moves(pair.server).length === 1, 4 * pair.weather.latencyMs + 1))
    assert.deepEqual(moves(pair.server), ['127.0.0.1:4000'])
    assert.ok(pair.run(done, 10_000))
  })

  it('is followed though the transport parameters forbid it to move, since a NAT asks nobody', () => {
    const pair = settled(new Pair({ transport: { ...TRANSPORT_DEFAULTS, migration: false } }))
    pair.client.places[0] = at('127.0.0.1', 4000)
    assert.ok(pair.run(exchange(pair, 50_000), 20_000))
    assert.deepEqual(moves(pair.server), ['127.0.0.1:4000'])
  })

  it('is not followed before the handshake is confirmed, nor is a server ever', () => {
    const early = new Pair()
    early.run(() => early.server.connection !== null, 100)
    early.client.places[0] = at('127.0.0.1', 4000)
    early.run(() => false, 20_000)
    assert.ok(!early.server.has('established') && moves(early.server).length === 0)
    const late = settled(new Pair({ transport: SMALL }))
    late.server.places[0] = at('127.0.0.2', 4000)
    const done = download(late, 1000)
    assert.ok(!late.run(done, 5000))
    assert.ok(late.client.live.takeDiscarded() > 0)
  })

  it('has its old packets read, which do not call the connection back', () => {
    const pair = settled(new Pair({ transport: SMALL }))
    const id = pair.client.live.open(false)!
    const packets: Uint8Array[] = []
    pair.filter = (bytes) => {
      packets.push(bytes.slice())
      return false
    }
    for (let i = 0; i < 2; i++) {
      pair.client.live.write(id, pattern(9))
      pair.flush(pair.client)
    }
    const [late, newer] = packets
    assert.ok(late !== undefined && newer !== undefined)
    pair.filter = () => true
    const before = pair.client.address
    const there = at('127.0.0.1', 4000)
    pair.client.places[0] = there
    pair.server.live.receive(newer, there, pair.now)
    pair.flush(pair.server)
    pair.server.live.receive(late, before, pair.now)
    pair.flush(pair.server)
    assert.equal(pair.server.received(id).length, 18)
    const unproven = pair.server.sentDatagrams.length
    assert.ok(pair.run(() => moves(pair.server).length === 1, 1000))
    assert.ok(sameAddress(pair.server.live.destination.remote, there))
    // The address is proven by small datagrams, that full ones pass is asked next.
    assert.ok(pair.server.sentDatagrams.slice(unproven).includes(1200))
  })
})

describe('the network that a peer has moved to', () => {
  /** What the server has measured and may send when its peer was seen at another address. */
  const after = (there: Address): { rttMs: number; burst: number } => {
    const streamBytes = { opening: 1 << 16, initial: 1 << 16, max: 1 << 20 }
    const pair = settled(new Pair({ transport: { ...SMALL, streamBytes } }))
    const done = download(pair, 600_000)
    assert.ok(pair.run(done, 20_000))
    pair.client.places[0] = there
    pair.client.live.write(pair.client.live.open(false)!, Uint8Array.of(1))
    pair.flush(pair.client)
    assert.ok(pair.run(() => moves(pair.server).length === 1, 1000))
    const { rttMs } = pair.server.live.stats
    const before = pair.server.sentDatagrams.length
    pair.server.live.write(pair.server.live.open(false)!, new Uint8Array(500_000))
    pair.flush(pair.server)
    const burst = pair.server.sentDatagrams.slice(before).reduce((sum, length) => sum + length, 0)
    return { rttMs, burst }
  }

  it('is measured anew, and gets no more than a new connection would', () => {
    const { burst } = after(at('127.0.9.9', 1111))
    assert.ok(burst <= 14_720 && burst > 8000, `${burst} bytes at once`)
  })

  it('is the same one where only the port has changed', () => {
    const { rttMs, burst } = after(at('127.0.0.1', 4000))
    assert.ok(burst > 20_000, `${burst} bytes at once`)
    assert.ok(rttMs < 100)
  })
})

describe('an attacker who sends copies of a peer’s packets from another address', () => {
  /** The server sees the client's next packet first as a copy from `victim`. */
  const spoofed = (pair: Pair, victim: Address, copies = 1): void => {
    let left = copies
    pair.filter = (bytes, from) => {
      if (from === pair.client && left-- > 0) pair.server.live.receive(bytes.slice(), victim, pair.now)
      return true
    }
    pair.client.live.write(pair.client.live.open(false)!, new Uint8Array(30))
    pair.flush(pair.client)
    pair.flush(pair.server)
  }

  const VICTIM = at('127.9.9.9', 53)

  it('has no more than three times as much sent there, and for no longer than until the peer is heard', () => {
    const pair = settled(new Pair({ transport: SMALL }))
    const done = download(pair, 500_000)
    pair.run(() => false, 40)
    spoofed(pair, VICTIM)
    assert.ok(pair.run(done, 20_000))
    const bytes = pair.strays.reduce((sum, { length }) => sum + length, 0)
    assert.ok(bytes > 0 && bytes <= 3 * 1200, `${bytes} bytes to the victim`)
    assert.deepEqual(moves(pair.server), [])
    assert.ok(sameAddress(pair.server.live.destination.remote, pair.client.address))
  })

  it('does not keep us from a peer that is silent then: the last proven address is used again', () => {
    const pair = settled(new Pair({ transport: SMALL }))
    pair.client.autoRead = true
    spoofed(pair, VICTIM)
    // What the client would say by itself, to what the old address is asked as well, is lost.
    pair.filter = (_bytes, from) => from === pair.server
    pair.run(() => false, 3200)
    const id = pair.server.live.open(false)!
    pair.server.live.write(id, Uint8Array.of(1, 2, 3))
    pair.flush(pair.server)
    assert.ok(pair.run(() => pair.client.received(id).length === 3, 10_000))
    assert.deepEqual(moves(pair.server), [])
  })

  it('and forwards what is sent there holds no connection that the peer can still be reached by', () => {
    const pair = settled(new Pair({ transport: SMALL }))
    const relay = at('127.9.9.9', 53)
    // A faster way: whatever the client sends arrives from there first, and what is sent there reaches the client.
    pair.client.places.push(relay)
    let copies = 6
    pair.filter = (bytes, from) => {
      if (from === pair.client && copies-- > 0) pair.server.live.receive(bytes.slice(), relay, pair.now)
      return true
    }
    const done = download(pair, 200_000)
    pair.run(() => moves(pair.server).length > 0, 2000)
    pair.filter = () => true
    assert.ok(pair.run(done, 30_000))
    assert.ok(sameAddress(pair.server.live.destination.remote, pair.client.address), 'back at the peer’s own')
  })

  it('from a thousand addresses makes us know four, and ask a few', () => {
    const pair = settled(new ForgedPair())
    pair.filter = (_bytes, from) => from === pair.server
    const before = pair.server.sentDatagrams.length
    let received = 0
    for (let i = 0; i < 1000; i++) {
      const datagram = pair.forge(pair.client, { space: 'application', frames: [PING], number: 40 + i })
      received += datagram.length
      pair.server.live.receive(datagram, at(`127.1.${i >> 8}.${i & 255}`, 53), pair.now)
      pair.flush(pair.server)
    }
    assert.ok(pair.server.live.takeDiscarded() >= 990)
    const sent = pair.server.sentDatagrams.slice(before).reduce((sum, length) => sum + length, 0)
    pair.run(() => false, 500)
    const strange = pair.strays.reduce((sum, { length }) => sum + length, 0)
    assert.ok(strange <= 3 * received && sent < 30_000, `${strange} bytes for ${received}, ${sent} in all`)
    assert.equal(pair.server.closed, null)
    pair.receive(pair.client, pair.forge(pair.client, { space: 'application', frames: [PING], number: 2000 }))
    pair.flush(pair.server)
    assert.ok(sameAddress(pair.server.live.destination.remote, pair.client.address))
  })

  it('changes nothing by packets that do not open', () => {
    const pair = settled(new ForgedPair())
    for (let i = 0; i < 50; i++) {
      const datagram = pair.forge(pair.client, { space: 'application', frames: [PING], padTo: 1200 })
      datagram[datagram.length - 1]! ^= 1
      pair.server.live.receive(datagram, at('127.9.9.9', 1000 + i), pair.now)
      pair.flush(pair.server)
    }
    pair.run(() => false, 4000)
    assert.equal(pair.strays.length, 0)
    assert.deepEqual(moves(pair.server), [])
  })
})

describe('a dialler that moves of its own will', () => {
  const OTHER = at('127.0.0.77', 7777)

  const moved = (options: PairOptions = {}): Pair => {
    const pair = settled(new Pair({ transport: SMALL, ...options }))
    pair.client.places.push(OTHER)
    return pair
  }

  it('loses nothing, is followed, and is seen under other ids both ways', () => {
    for (let seed = 0; seed < 10; seed++) {
      const pair = moved({ seed, weather: FOUL })
      const ids = new Map<string, Set<string>>()
      pair.filter = (bytes, from) => {
        const { local, remote } = from.live.destination
        const place = addressText(from === pair.client ? pair.client.places[local]! : remote)
        const header = parseHeader(bytes, 0, 8)
        const key = `${from === pair.client ? 'to' : 'from'} server`
        if (header === null) return true
        const seen = ids.get(`${key} at ${place}`) ?? new Set()
        ids.set(`${key} at ${place}`, seen.add(toHex(header.destinationId)))
        return true
      }
      const done = exchange(pair, 200_000)
      pair.run(() => false, 100)
      assert.equal(pair.client.live.migrate(1, pair.now), 'begun')
      pair.flush(pair.client)
      const there = addressText(OTHER)
      assert.ok(
        pair.run(() => moves(pair.server).includes(there) && pair.client.has('migrated'), 20_000),
        `seed ${seed}`,
      )
      assert.equal(pair.client.live.destination.local, 1)
      // The old socket is gone.
      pair.client.places[0] = at('127.0.0.1', 1)
      assert.ok(pair.run(done, 60_000), `seed ${seed}: ${JSON.stringify([pair.client.closed, pair.server.closed])}`)
      const here = addressText(at('127.0.0.1', 1111))
      for (const way of ['to server at', 'from server at']) {
        const [before, after] = [ids.get(`${way} ${here}`)!, ids.get(`${way} ${there}`)!]
        assert.ok(before.size > 0 && after.size > 0)
        for (const id of after) assert.ok(!before.has(id), `${way} both: ${id}`)
      }
    }
  })

  it('gives the ids of the path it left back, and can move again and again', () => {
    const pair = moved()
    for (let round = 1; round < 8; round++) {
      pair.client.places[round] = at('127.0.0.77', 7000 + round)
      assert.equal(pair.client.live.migrate(round, pair.now), 'begun', `round ${round}`)
      pair.flush(pair.client)
      assert.ok(
        pair.run(() => moves(pair.server).length === round, 10 * pair.weather.latencyMs),
        `round ${round}`,
      )
      pair.run(() => false, 10_000)
      assert.deepEqual([pair.client.live.localIds.length, pair.server.live.localIds.length], [2, 2])
    }
  })

  it('stays where it is when nobody answers there, and says so', () => {
    const pair = moved()
    pair.client.places[1] = at('127.0.0.77', 7777)
    pair.filter = (_bytes, from) => from.live.destination.local === 0
    pair.server.onOutput = () => {}
    const done = exchange(pair, 100_000)
    assert.equal(pair.client.live.migrate(1, pair.now), 'begun')
    pair.flush(pair.client)
    assert.ok(pair.run(done, 20_000))
    assert.ok(pair.run(() => pair.client.has('migration-failed'), 10_000))
    assert.deepEqual([moves(pair.client), moves(pair.server)], [[], []])
    assert.equal(pair.client.live.destination.local, 0)
  })

  it('may not where the acceptor forbids it, nor may an acceptor, nor anybody before the handshake is confirmed', () => {
    const forbidden = moved({ server: { transport: { ...TRANSPORT_DEFAULTS, migration: false } } })
    assert.equal(forbidden.client.live.migrate(1, forbidden.now), 'forbidden')
    const pair = new Pair()
    assert.equal(pair.client.live.migrate(1, pair.now), 'not-ready')
    assert.equal(settled(pair).server.live.migrate(1, pair.now), 'forbidden')
    assert.equal(pair.client.live.migrate(1, pair.now), 'begun')
  })

  it('and has used up the acceptor’s ids has to wait for another', () => {
    const pair = moved()
    pair.filter = () => false
    assert.equal(pair.client.live.migrate(1, pair.now), 'begun')
    pair.flush(pair.client)
    assert.equal(pair.client.live.migrate(2, pair.now), 'not-ready')
  })

  it('is followed though the acceptor has forgotten where it went, and can ask for no id to answer with', () => {
    const pair = moved({ transport: { ...SMALL, idleTimeoutMs: 120_000 } })
    // Once it has moved the old network is gone, and nothing comes through on the new one for a while.
    pair.filter = () => !pair.client.has('migrated')
    assert.equal(pair.client.live.migrate(1, pair.now), 'begun')
    pair.flush(pair.client)
    assert.ok(pair.run(() => pair.client.has('migrated'), 1000))
    pair.client.places[0] = at('127.0.0.1', 1)
    const done = exchange(pair, 20_000)
    pair.run(() => false, 10_000)
    pair.filter = () => true
    assert.deepEqual(moves(pair.server), [])
    assert.ok(pair.run(done, 20_000), JSON.stringify([pair.client.closed, pair.server.closed]))
  })

  it('and came to nothing leaves the acceptor an id to answer with where it tries next', () => {
    const pair = moved()
    pair.client.places.push(at('127.0.0.78', 7778))
    pair.filter = (_bytes, from) => from === pair.client || from.live.destination.remote.port !== OTHER.port
    assert.equal(pair.client.live.migrate(1, pair.now), 'begun')
    pair.flush(pair.client)
    assert.ok(pair.run(() => pair.client.has('migration-failed'), 10_000))
    pair.filter = () => true
    pair.run(() => false, 10_000)
    assert.equal(pair.client.live.migrate(2, pair.now), 'begun')
    pair.flush(pair.client)
    assert.ok(pair.run(() => moves(pair.server).includes('127.0.0.78:7778'), 3000))
  })

  it('only asks before it moves: what it has to say stays on the old path until the new one is proven', () => {
    const pair = moved()
    const sizes: number[] = []
    pair.filter = (bytes, from) => {
      if (from === pair.client && pair.client.live.destination.local === 1 && !pair.client.has('migrated')) {
        sizes.push(bytes.length)
      }
      return true
    }
    const done = exchange(pair, 50_000)
    pair.client.live.migrate(1, pair.now)
    pair.flush(pair.client)
    assert.ok(pair.run(done, 20_000))
    assert.ok(sizes.length > 0 && sizes.length <= 3 && sizes.every((size) => size === 1200), sizes.join())
  })
})

describe('a challenge', () => {
  it('on the path that was left because of a copy brings the connection back, though the peer has nothing to say', () => {
    const pair = settled(new Pair({ transport: SMALL }))
    let copied = false
    pair.filter = (bytes, from) => {
      if (from !== pair.client || copied) return true
      copied = true
      pair.server.live.receive(bytes.slice(), at('127.9.9.9', 53), pair.now)
      return false
    }
    pair.client.live.write(pair.client.live.open(false)!, new Uint8Array(30))
    pair.flush(pair.client)
    pair.flush(pair.server)
    assert.ok(pair.strays.length > 0 || copied)
    pair.run(() => false, 3 * pair.weather.latencyMs)
    pair.server.live.write(pair.server.live.open(false)!, new Uint8Array(50))
    pair.flush(pair.server)
    assert.ok(sameAddress(pair.server.live.destination.remote, pair.client.address))
    assert.deepEqual(moves(pair.server), [])
  })

  it('from an address we do not know is answered there, and asks back, within three times its size', () => {
    for (const padTo of [0, 400, 1200]) {
      const pair = settled(new ForgedPair())
      const there = at('127.0.5.5', 5555)
      const datagram = pair.forge(pair.client, { space: 'application', frames: [CHALLENGE], padTo, number: 40 })
      pair.server.live.receive(datagram, there, pair.now)
      pair.flush(pair.server)
      pair.run(() => false, 500)
      const bytes = pair.strays.map(({ length }) => length)
      assert.ok(
        bytes.length > 0 && bytes.every((length) => length === Math.min(1200, 3 * datagram.length)),
        bytes.join(),
      )
      assert.ok(bytes.reduce((sum, length) => sum + length, 0) <= 3 * datagram.length)
      // It was only asked: the connection stays where it is.
      pair.server.live.write(pair.server.live.open(false)!, new Uint8Array(50))
      pair.flush(pair.server)
      assert.ok(sameAddress(pair.server.live.destination.remote, pair.client.address))
      assert.deepEqual(moves(pair.server), [])
    }
  })
})
