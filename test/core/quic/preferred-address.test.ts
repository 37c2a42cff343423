// A server that would rather be spoken to elsewhere (RFC 9000 section 9.6): the client goes there once somebody answered it from there, and
// nowhere that such a server must not be able to send it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Address, addressText } from '../../../src/core/address.ts'
import { toHex } from '../../../src/core/bytes.ts'
import type { Frame } from '../../../src/core/quic/frames.ts'
import { idObjection } from '../../../src/core/quic/own-parameters.ts'
import { parseHeader } from '../../../src/core/quic/packet.ts'
import { preferredFor, type PreferredPlaces, readPreferred } from '../../../src/core/quic/preferred-address.ts'
import { TRANSPORT_DEFAULTS } from '../../../src/core/quic/settings.ts'
import { PARAMETER_DEFAULTS } from '../../../src/core/quic/transport-parameters.ts'
import { ForgedPair } from './forge.ts'
import { type End, FOUL, Pair, type PairOptions } from './pair.ts'
import { watching } from './watching.ts'

const SMALL = { ...TRANSPORT_DEFAULTS, mtuMax: { ip4: 1200, ip6: 1200, loopback: 1200 } }

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
const at = (ip: string, port: number): Address => ({ family: ip.includes(':') ? 6 : 4, ip, port })
const RATHER = at('127.0.0.3', 3333)
const ALONE: PreferredPlaces = { ip4: RATHER, ip6: null }

const moves = (end: End): string[] =>
  end.log.flatMap((output) => (output.kind === 'migrated' ? [`${addressText(output.remote)} ${output.local}`] : []))

/** A server that says so, and is there; a client that follows. */
const made = <Made extends Pair>(Made: new (options: PairOptions) => Made, options: PairOptions = {}): Made => {
  const pair = new Made({
    transport: SMALL,
    ...options,
    client: { followsPreferred: true, ...options.client },
    server: { preferred: ALONE, ...options.server },
  })
  pair.server.places[1] = options.server?.preferred?.ip4 ?? RATHER
  return pair
}

const download = (pair: Pair, bytes: number): (() => boolean) => {
  const id = pair.server.live.open(false)!
  pair.server.send(id, new Uint8Array(bytes).fill(5))
  pair.flush(pair.server)
  return () => pair.client.received(id).length === bytes
}

const upload = (pair: Pair, bytes: number): (() => boolean) => {
  const id = pair.client.live.open(false)!
  pair.client.send(id, new Uint8Array(bytes).fill(5))
  pair.flush(pair.client)
  return () => pair.server.received(id).length === bytes
}

describe('a client whose server would rather be spoken to elsewhere', () => {
  it('goes there in foul weather and under a transfer, and both say so, or stays where it was', () => {
    let gone = 0
    for (let seed = 0; seed < 12; seed++) {
      const pair = made(Pair, { seed, weather: FOUL })
      pair.establish()
      const done = [download(pair, 100_000), upload(pair, 100_000)]
      assert.ok(
        pair.run(() => done.every((each) => each()), 120_000),
        `seed ${seed}`,
      )
      const { destination } = pair.client.live
      // Of a hundred some lose every challenge, or its answer, for as long as is asked.
      if (moves(pair.client).length === 0) {
        assert.deepEqual([destination.remote, moves(pair.server)], [pair.server.address, []])
        continue
      }
      gone++
      pair.run(() => moves(pair.server).length > 0, 5000)
      assert.deepEqual(moves(pair.client), ['127.0.0.3:3333 0'], `seed ${seed}`)
      assert.deepEqual(moves(pair.server), ['127.0.0.1:1111 1'], `seed ${seed}`)
      assert.deepEqual([destination.remote, pair.server.live.destination.local], [RATHER, 1])
    }
    assert.ok(gone >= 9, `${gone} of twelve`)
  })

  it('leaves the first address for good, and uses no id of either end at both', () => {
    const pair = made(Pair)
    const ids = new Map<string, Set<string>>()
    pair.filter = (bytes, from) => {
      const { remote, local } = from.live.destination
      const header = parseHeader(bytes, 0, 8)
      if (header?.form !== 'short') return true
      const place = from === pair.client ? `to ${addressText(remote)}` : `from ${local}`
      ids.set(place, (ids.get(place) ?? new Set()).add(toHex(header.destinationId)))
      return true
    }
    pair.establish()
    assert.ok(pair.run(() => moves(pair.client).length + moves(pair.server).length === 2, 5000))
    pair.run(() => false, 3000)
    pair.server.places[0] = at('127.0.0.9', 9)
    assert.ok(pair.run(download(pair, 100_000), 20_000))
    for (const [one, other] of [
      ['to 127.0.0.2:2222', 'to 127.0.0.3:3333'],
      ['from 0', 'from 1'],
    ]) {
      const [before, after] = [ids.get(one!)!, ids.get(other!)!]
      assert.ok(before.size > 0 && after.size > 0)
      for (const id of after) assert.ok(!before.has(id), `${one} and ${other}: ${id}`)
    }
  })

  it('hears nothing but challenges and answers from there before it has gone there', () => {
    const pair = made(Pair)
    const early: number[] = []
    pair.filter = (bytes, from) => {
      if (from === pair.server && from.live.destination.local === 1 && !pair.client.has('migrated'))
        early.push(bytes.length)
      return true
    }
    pair.establish()
    assert.ok(pair.run(download(pair, 100_000), 20_000))
    assert.ok(early.length > 0 && early.length <= 3 && early.every((bytes) => bytes === 1200), early.join())
  })

  it('stays where it is when nobody answers there, sends little there, and says nothing', () => {
    const pair = made(Pair)
    pair.server.places.length = 1
    pair.establish()
    const done = download(pair, 100_000)
    assert.ok(pair.run(done, 20_000))
    pair.run(() => false, 20_000)
    assert.ok(pair.strays.length > 0 && pair.strays.length <= 8, `${pair.strays.length}`)
    assert.ok(pair.strays.every(({ to }) => addressText(to) === addressText(RATHER)))
    assert.ok(!pair.client.has('migrated') && !pair.client.has('migration-failed') && !pair.server.has('migrated'))
    assert.ok(pair.run(upload(pair, 50_000), 20_000))
    assert.equal(pair.client.live.destination.remote.port, 2222)
  })

  it('does not go before the handshake is confirmed', () => {
    const pair = made(Pair, { weather: { loss: 0, duplication: 0, reordering: 0, latencyMs: 50 } })
    let isConfirmed = false
    pair.filter = (_bytes, from) => {
      if (from === pair.client && from.live.destination.remote.port === RATHER.port) assert.ok(isConfirmed)
      return true
    }
    pair.establish()
    // HANDSHAKE_DONE is on its way.
    pair.run(() => false, 49)
    isConfirmed = true
    assert.ok(pair.run(() => pair.client.has('migrated'), 2000))
  })

  it('moves of its own will as well, meanwhile and afterwards', () => {
    const meanwhile = made(Pair)
    meanwhile.client.places[1] = at('127.0.0.77', 7777)
    meanwhile.establish()
    // There are no ids for a third path: first it goes where the server wants it.
    assert.equal(meanwhile.client.live.migrate(1, meanwhile.now), 'not-ready')
    assert.ok(meanwhile.run(() => meanwhile.client.live.migrate(1, meanwhile.now) === 'begun', 5000))
    meanwhile.flush(meanwhile.client)
    assert.ok(meanwhile.run(() => moves(meanwhile.client).includes('127.0.0.3:3333 1'), 5000))
    const afterwards = made(Pair, { server: { transport: { ...SMALL, migration: false } } })
    afterwards.client.places[1] = at('127.0.0.77', 7777)
    afterwards.establish()
    assert.equal(afterwards.client.live.migrate(1, afterwards.now), 'forbidden')
    assert.ok(afterwards.run(() => afterwards.client.has('migrated'), 2000))
    // What is forbidden is to leave the address of the handshake (section 18.2).
    assert.ok(afterwards.run(() => afterwards.client.live.migrate(1, afterwards.now) === 'begun', 5000))
    afterwards.flush(afterwards.client)
    assert.ok(afterwards.run(() => moves(afterwards.client).includes('127.0.0.3:3333 1'), 5000))
    assert.ok(afterwards.run(download(afterwards, 100_000), 20_000))
  })

  it('that does not follow stays, and gives the id back when it is asked to', () => {
    const pair = made(Pair, { client: { followsPreferred: false } })
    pair.establish()
    assert.ok(pair.run(download(pair, 50_000), 20_000))
    assert.deepEqual([pair.strays.length, moves(pair.client).length, moves(pair.server).length], [0, 0, 0])
    const before = pair.server.live.localIds.map(toHex)
    assert.equal(before.length, 2)
    pair.server.live.renewIds()
    pair.flush(pair.server)
    pair.run(() => false, 4000)
    const after = pair.server.live.localIds.map(toHex)
    assert.ok(after.length === 2 && after.every((id) => !before.includes(id)))
    assert.equal(pair.client.closed, null)
  })
})

describe('where a client does not go', () => {
  const server = at('198.51.100.1', 443)
  const six = at('2001:db8::1', 443)
  const places = (ip4: Address | null, ip6: Address | null = null): PreferredPlaces => ({ ip4, ip6 })

  it('is where nobody is, or nobody but whoever is nearer than the server', () => {
    for (const ip of ['0.0.0.0', '127.0.0.1', '10.0.0.1', '192.168.1.1', '169.254.1.1', '224.0.0.1', '255.255.255.255'])
      assert.equal(preferredFor(server, places(at(ip, 53))), null, ip)
    for (const ip of ['::', '::1', 'fe80::1', 'fd00::1', 'ff02::1'])
      assert.equal(preferredFor(six, places(null, at(ip, 53))), null, ip)
    assert.equal(preferredFor(server, places(at('203.0.113.5', 0))), null)
    assert.deepEqual(preferredFor(server, places(at('203.0.113.5', 53))), at('203.0.113.5', 53))
    assert.deepEqual(preferredFor(at('127.0.0.1', 443), places(at('127.0.0.1', 444))), at('127.0.0.1', 444))
  })

  it('is another family', () => {
    assert.equal(preferredFor(server, places(null, six)), null)
    assert.equal(preferredFor(six, places(server)), null)
  })

  it('nothing is sent there at all', () => {
    const ips = { client: '192.0.2.1', server: '198.51.100.1' }
    for (const place of [at('127.0.0.1', 53), at('255.255.255.255', 9), at('203.0.113.7', 0), at('10.0.0.1', 53)]) {
      const pair = made(Pair, { ips, server: { preferred: places(place) } })
      pair.server.places.length = 1
      pair.establish()
      assert.ok(pair.run(download(pair, 50_000), 20_000))
      assert.deepEqual([pair.strays, moves(pair.client)], [[], []], addressText(place))
    }
  })

  it('is where it is already', () => {
    const pair = made(Pair, { server: { preferred: places(at('127.0.0.2', 2222)) } })
    pair.establish()
    assert.ok(pair.run(download(pair, 50_000), 20_000))
    assert.deepEqual(moves(pair.client), [])
  })
})

describe('a server', () => {
  it('does not follow by a socket where nobody proved to be, and not where its client has left again', () => {
    for (const isBack of [false, true]) {
      const asked: Uint8Array[] = []
      const observer = watching({
        packetSent: ({ frames }) => {
          for (const frame of frames) if (frame.type === 'path-challenge') asked.push(frame.data.slice())
        },
      })
      const pair = made(ForgedPair, { client: { followsPreferred: false }, server: { preferred: ALONE, observer } })
      pair.establish()
      pair.run(() => false, 300)
      const by = (local: number, ...frames: Frame[]): void => {
        const datagram = pair.forge(pair.client, { space: 'application', frames, padTo: 1200 })
        pair.server.live.receive(datagram, { ...pair.client.address, local }, pair.now)
        pair.flush(pair.server)
      }
      by(1, { type: 'ping' })
      assert.deepEqual([pair.server.live.destination.local, moves(pair.server)], [0, []])
      assert.ok(pair.run(() => asked.length > 0, 1000))
      // The client speaks from where it was: that the other place is proven later is no reason to go there.
      if (isBack) by(0, { type: 'ping' })
      for (const data of asked.splice(0)) by(1, { type: 'path-response', data })
      pair.run(() => false, 20)
      for (const data of asked.splice(0)) by(1, { type: 'path-response', data })
      pair.run(() => false, 2000)
      assert.equal(moves(pair.server).length, isBack ? 0 : 1)
      assert.equal(pair.server.live.destination.local, isBack ? 0 : 1)
    }
  })

  it('that has no ids has no preferred address, and one id is for one sequence number', () => {
    const preferredAddress = { ...ALONE, id: new Uint8Array(8), resetToken: new Uint8Array(16) }
    const seen = { role: 'client', remote: new Uint8Array(0), original: new Uint8Array(8), retryId: null } as const
    const parameters = { ...PARAMETER_DEFAULTS, initialSourceId: seen.remote, originalDestinationId: seen.original }
    assert.equal(idObjection(parameters, seen), null)
    assert.notEqual(idObjection({ ...parameters, preferredAddress }, seen), null)
    const pair = made(Pair, { server: { random: { fill: (into) => into.fill(7) } } })
    pair.run(() => pair.client.closed !== null, 5000)
    assert.ok(pair.client.closed?.kind === 'transport' && pair.client.closed.ours && pair.client.closed.code === 0x08)
  })

  it('says it in the form of section 18.2', () => {
    const value = hex(`c0000207115120010db8000000000000000000000007115203aabbcc${'11'.repeat(16)}`)
    assert.deepEqual(readPreferred(value), {
      ip4: { family: 4, ip: '192.0.2.7', port: 0x1151 },
      ip6: { family: 6, ip: '2001:db8::7', port: 0x1152 },
      id: Uint8Array.of(0xaa, 0xbb, 0xcc),
      resetToken: new Uint8Array(16).fill(0x11),
    })
    const none = hex(`${'00'.repeat(24)}01aa${'11'.repeat(16)}`)
    assert.deepEqual([readPreferred(none)?.ip4, readPreferred(none)?.ip6], [null, null])
    const empty = hex(`${'00'.repeat(24)}00${'11'.repeat(16)}`)
    assert.equal(readPreferred(empty), null)
    assert.equal(readPreferred(none.subarray(1)), null)
    assert.equal(readPreferred(Buffer.concat([none, Buffer.of(0)])), null)
  })
})
