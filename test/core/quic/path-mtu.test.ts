// How large datagrams get: the search on made-up paths, and connections over a network that carries so much and no more.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Address } from '../../../src/core/address.ts'
import { mtuMaxOf, PathMtu } from '../../../src/core/quic/path-mtu.ts'
import { TRANSPORT_DEFAULTS } from '../../../src/core/quic/settings.ts'
import { Pair } from './pair.ts'

const IP4: Address = { family: 4, ip: '192.0.2.1', port: 1 }
const IP6: Address = { family: 6, ip: '2001:db8::1', port: 1 }
const HERE4: Address = { family: 4, ip: '127.0.0.1', port: 1 }
const HERE6: Address = { family: 6, ip: '::1', port: 1 }
const { mtuMax } = TRANSPORT_DEFAULTS
const ALL = { ...mtuMax, loopback: 70_000 }
const MINUTE = 60_000

/** A search that may begin. */
const wanting = (remote: Address, max = mtuMax, peerMax = 65_527): PathMtu => {
  const mtu = new PathMtu(remote, max)
  mtu.begin(peerMax)
  for (let i = 0; i < 8; i++) mtu.filled()
  return mtu
}

/** Tries what is wanted on a path that carries `carries`; the sizes that were tried. */
const search = (mtu: PathMtu, carries: number, now = 0): number[] => {
  const tried: number[] = []
  for (let bytes = mtu.wanted(now); bytes > 0 && tried.length < 100; bytes = mtu.wanted(now)) {
    tried.push(bytes)
    mtu.probeSent()
    assert.equal(mtu.wanted(now), 0, 'one probe at a time')
    if (bytes <= carries) mtu.probeAcknowledged(bytes)
    else mtu.probeLost(bytes, now)
  }
  return tried
}

describe('the search for a size', () => {
  it('begins at 1,200 and goes up to what Ethernet carries, by family', () => {
    const [four, six] = [wanting(IP4), wanting(IP6)]
    assert.equal(four.bytes, 1200)
    assert.deepEqual(search(four, 9000), [1252, 1372, 1392, 1464, 1472])
    assert.equal(four.bytes, 1472)
    assert.deepEqual(search(six, 9000), [1232, 1352, 1372, 1444, 1452])
    assert.equal(six.bytes, 1452)
  })

  it('takes what loopback shall carry at once, and nothing like it elsewhere', () => {
    assert.deepEqual(search(wanting(HERE4), 70_000), [16_384])
    assert.deepEqual(search(wanting(HERE4, ALL), 70_000), [65_507])
    assert.deepEqual(search(wanting(HERE6, ALL), 70_000), [65_488])
    assert.equal(mtuMaxOf({ ...IP4, ip: '10.0.0.1' }, ALL), 1472)
  })

  it('looks on loopback for less when the largest does not pass', () => {
    const mtu = wanting(HERE4, ALL)
    assert.deepEqual(search(mtu, 9000), [65_507, 65_507, 65_507, 16_000, 16_000, 16_000, 8192])
    assert.equal(mtu.bytes, 8192)
  })

  it('ends at the first size that is lost, for longer than systems remember a path, and goes on from there', () => {
    const mtu = wanting(IP4)
    assert.deepEqual(search(mtu, 1380), [1252, 1372, 1392])
    assert.equal(mtu.bytes, 1372)
    assert.deepEqual(search(mtu, 1472, 10 * MINUTE), [])
    assert.deepEqual(search(mtu, 1472, 11 * MINUTE), [1392, 1464, 1472])
  })

  it('asks nothing of a connection that fills no datagrams, nor before the handshake is done', () => {
    const quiet = new PathMtu(IP4, mtuMax)
    quiet.begin(65_527)
    for (let i = 0; i < 7; i++) quiet.filled()
    assert.equal(quiet.wanted(0), 0)
    assert.equal(quiet.nextBytes, 1200)
    quiet.filled()
    assert.equal(quiet.wanted(0), 1252)
    assert.equal(quiet.nextBytes, 1252)
    const early = new PathMtu(IP4, mtuMax)
    for (let i = 0; i < 8; i++) early.filled()
    assert.equal(early.wanted(0), 0)
  })

  it('goes no further than the peer takes, and further than Ethernet where that is asked for', () => {
    assert.deepEqual(search(wanting(IP4, mtuMax, 1300), 9000), [1252, 1300])
    assert.deepEqual(search(wanting(IP4, mtuMax, 1200), 9000), [])
    assert.deepEqual(search(wanting(IP4, { ...mtuMax, ip4: 8972 }), 9000).at(-1), 8972)
    assert.deepEqual(search(wanting(IP4, { ...mtuMax, ip4: 100 }), 9000), [])
  })

  it('falls to 1,200 in a black hole: three losses of large ones and none acknowledged', () => {
    const mtu = wanting(IP4)
    search(mtu, 9000)
    mtu.missed(1)
    mtu.missed(2)
    mtu.acknowledged(1472)
    mtu.missed(3)
    mtu.missed(4)
    mtu.acknowledged(1200)
    assert.equal(mtu.bytes, 1472)
    assert.ok(mtu.missed(5))
    assert.equal(mtu.bytes, 1200)
    assert.deepEqual(search(mtu, 9000, 6), [])
    assert.equal(search(mtu, 9000, 5 + 11 * MINUTE).at(-1), 1472)
  })

  it('never goes beyond what is allowed, whatever is acknowledged, lost and late', () => {
    const step = fc.constantFrom('probe', 'acknowledge', 'lose', 'late', 'missed', 'wait')
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.constantFrom(IP4, IP6, HERE4, HERE6), (steps, remote) => {
        const mtu = wanting(remote, ALL)
        const max = mtuMaxOf(remote, ALL)
        let [now, sent] = [0, 1200]
        for (const each of steps) {
          const wanted = mtu.wanted(now)
          if (each === 'probe' && wanted > 0) {
            mtu.probeSent()
            sent = wanted
          }
          if (each === 'acknowledge' || each === 'late') mtu.probeAcknowledged(sent)
          if (each === 'lose') mtu.probeLost(sent, now)
          if (each === 'missed') mtu.missed(now)
          if (each === 'wait') now += 12 * MINUTE
          for (const bytes of [mtu.bytes, mtu.nextBytes, mtu.wanted(now)])
            assert.ok(bytes <= max && (bytes === 0 || bytes >= 1200))
        }
      }),
    )
  })
})

describe('a connection', () => {
  const network = { loss: 0, duplication: 0, reordering: 0, latencyMs: 10 }
  /** A pair whose ends believe that they are far apart, over a network that carries `carries`. */
  const pairOver = (carries: () => number): Pair => {
    const pair = new Pair({ weather: network, ips: { client: IP4.ip, server: '198.51.100.1' } })
    pair.filter = (bytes) => bytes.length <= carries()
    return pair
  }
  const transfer = (pair: Pair, bytes = 200_000): void => {
    const stream = pair.client.live.open(false)!
    const before = pair.client.log.filter(({ kind }) => kind === 'stream-acknowledged').length
    pair.client.send(stream, new Uint8Array(bytes))
    pair.flush(pair.client)
    const done = (): boolean => pair.client.log.filter(({ kind }) => kind === 'stream-acknowledged').length > before
    assert.ok(pair.run(done), JSON.stringify([pair.client.closed, pair.server.closed]))
  }

  it('finds what its path carries while it sends, and never sends more', () => {
    for (const [carries, found] of [
      [1200, 1200],
      [1300, 1252],
      [9000, 1472],
    ] as const) {
      const pair = pairOver(() => carries).establish()
      transfer(pair)
      assert.equal(pair.client.live.datagramBytes, found)
      assert.ok(Math.max(...pair.client.sentDatagrams) <= 1472)
      assert.ok(
        pair.server.sentDatagrams.every((bytes) => bytes <= 1200),
        'who sends little probes nothing',
      )
    }
  })

  it('takes no lost probe for congestion', () => {
    const lossless = pairOver(() => 1472).establish()
    const narrow = pairOver(() => 1372).establish()
    for (const pair of [lossless, narrow]) transfer(pair, 1_000_000)
    assert.ok(narrow.now <= 1.3 * lossless.now, `${narrow.now} and ${lossless.now} ms`)
  })

  it('gets out of a black hole with all its data', () => {
    let carries = 1472
    const pair = pairOver(() => carries).establish()
    transfer(pair)
    assert.equal(pair.client.live.datagramBytes, 1472)
    carries = 1300
    transfer(pair)
    assert.equal(pair.client.live.datagramBytes, 1200)
    assert.ok(!pair.client.has('closed'))
  })

  it('goes to what loopback shall carry with the first probe', () => {
    const pair = new Pair({ weather: network }).establish()
    transfer(pair, 400_000)
    assert.deepEqual(
      [...new Set(pair.client.sentDatagrams.filter((bytes) => bytes > 1200))].sort((a, b) => b - a)[0],
      16_384,
    )
  })
})
