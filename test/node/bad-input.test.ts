// Bad input of every kind, each against a node that serves an honest peer throughout: it ends as docs/protocol.md says, a counter tells of
// it, the honest peer's requests are answered meanwhile, and a newcomer is let in afterwards.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Address } from '../../src/core/address.ts'
import { ascii } from '../../src/core/bytes.ts'
import { type CounterSnapshot, verdictsOf } from '../../src/core/counters.ts'
import { CLOSE, STATUS, STREAM } from '../../src/core/messages/codes.ts'
import { encodeRequestHeader } from '../../src/core/messages/requests.ts'
import { LOCAL_ID_BYTES, parseHeader } from '../../src/core/quic/packet.ts'
import type { UdpSocket } from '../../src/io/ports.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { HELLO, RawPeer } from './raw-peer.ts'
import { control, SPOKEN } from './spoken.ts'
import { type Host, World } from './transport-world.ts'

const ECHO = '/test/echo/1'
const SEED = 20_261
const ACK = { kind: 'hello-ack' } as const

interface Met {
  readonly world: World
  readonly host: Host
  readonly honest: Host
  /** Every datagram from the honest peer to the host so far. */
  readonly overheard: readonly Uint8Array[]
  /** A socket at an address nobody else has, and a way to send from it to the host. */
  readonly stranger: () => Promise<(bytes: Uint8Array) => void>
}

/** Runs a misdeed, asking the host something as the honest peer every 20 ms; gives what it counted meanwhile. */
const beside = async (misdeed: (met: Met) => Promise<void>): Promise<void> => {
  const world = await World.make()
  const limits = { answerBytesPerPeerMax: 400_000, idleAfterMs: 300_000, inboundBytesPerPeerMax: 300_000 }
  const host = await world.host({ limits })
  host.transport.handle(ECHO, ({ payload }) => ({ status: STATUS.ok, payload }))
  host.transport.handle('/test/large/1', () => ({ status: STATUS.ok, payload: new Uint8Array(100_000) }))
  const honest = await world.host()
  const overheard: Uint8Array[] = []
  world.network.tap = (bytes, _from, to) => {
    if (to.ip === host.transport.locals[0]!.ip) overheard.push(bytes.slice())
    return 'pass'
  }
  await world.run(honest.transport.connectPeer(host.address))
  await world.clock.advance(50)
  const remote = host.transport.locals[0]!
  const stranger = async (): Promise<(bytes: Uint8Array) => void> => {
    const local: Address = { family: 4, ip: world.nextIp(), port: 7000 }
    const on = { datagram: () => {}, failed: () => {} }
    const socket: UdpSocket = await world.ports(local.ip).udp.bind(local, on)
    return (bytes) => socket.send(bytes, remote, () => {})
  }

  const served = serve(world, honest, host)
  await misdeed({ world, host, honest, overheard, stranger })
  await served.stop()

  const newcomer = await world.host()
  await world.run(newcomer.transport.connectPeer(host.address))
  await world.clock.advance(50)
  const { accepted, registered, reading, reconcilerDifferences, judged } = host.transport.counters()
  assert.deepEqual([registered, reading], [accepted, accepted])
  assert.equal(reconcilerDifferences, 0)
  assert.equal(verdictsOf(host.transport.counters()), judged)
  await world.close()
}

/** The honest peer's requests, one after another, as long as the misdeed takes; each is answered before long. */
const serve = (world: World, honest: Host, host: Host): { stop: () => Promise<void> } => {
  let asked = 0
  let answered = 0
  const ask = (): void => {
    const payload = Uint8Array.of(asked++)
    const request = honest.transport.request(host.identity.peerId, ECHO, payload, { timeoutMs: 1000 })
    void request.then(({ status, payload: echo }) => {
      assert.equal(status, STATUS.ok)
      assert.deepEqual(echo, payload)
      answered++
    })
    next = world.clock.at(world.clock.now() + 20, ask)
  }
  let next = world.clock.at(world.clock.now() + 20, ask)
  return {
    async stop() {
      next.cancel()
      await world.clock.advance(1100)
      assert.ok(asked > 0)
      assert.equal(answered, asked, 'every honest request was answered')
    },
  }
}

type Numbers = Readonly<Record<string, unknown>>

/** How much a counter named by its path grew. */
const grown = (path: string, before: CounterSnapshot, after: CounterSnapshot): number => {
  const at = (tree: unknown): number =>
    path.split('.').reduce((inner, name) => (inner as Numbers)[name], tree) as number
  return at(after) - at(before)
}

// ── datagrams ──

/** What a misdeed by datagrams is counted as. */
const datagrams = (what: string, counts: string, misdeed: (met: Met) => Promise<void>): void => {
  test(`${what} is counted by ${counts} and hurts nobody`, () =>
    beside(async (met) => {
      const before = met.host.transport.counters()
      await misdeed(met)
      await met.world.clock.advance(100)
      const after = met.host.transport.counters()
      for (const path of counts.split(' ')) assert.ok(grown(path, before, after) > 0, `${path} did not grow`)
      assert.equal(after.closed.inbound, before.closed.inbound, 'no connection ended')
    }))
}

const random = new SeededRandom(SEED)
const noise = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  random.fill(bytes)
  return bytes
}

datagrams('garbage of every length', 'judged dropped.not-quic resets', async ({ world, stranger }) => {
  const send = await stranger()
  for (let length = 0; length < 1500; length += 7) send(noise(length))
  await world.clock.advance(50)
})

datagrams('a first flight cut short', 'dropped.not-quic dropped.initial-too-small', async (met) => {
  const send = await met.stranger()
  const first = met.overheard[0]!
  for (let length = 1; length < 1200; length += 37) send(first.slice(0, length))
  // Whole by its own length, and yet too small for a first datagram.
  const small = noise(1199)
  small.set([0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x96])
  send(small)
  assert.equal(met.host.transport.gauges().halfOpenIn, 0)
})

datagrams('datagrams of a connection cut short', 'packetsDiscarded', async ({ world }) => {
  const pass = world.network.tap
  let seen = 0
  world.network.tap = (bytes, from, to) => {
    // What is left of it is noise: the tap cannot shorten a datagram, but nothing after the cut is genuine.
    if (++seen % 3 === 0) bytes.fill(0, 9 + (seen % 20))
    return pass(bytes, from, to)
  }
  await world.clock.advance(300)
  world.network.tap = pass
})

datagrams('the largest datagrams there are', 'dropped.not-opened packetsDiscarded', async ({ overheard, stranger }) => {
  const send = await stranger()
  const large = new Uint8Array(65_507)
  large.set(overheard[0]!.subarray(0, 30))
  large.set([8, 9, 9, 9, 9, 9, 9, 9, 9], 5)
  send(large)
  const known = new Uint8Array(65_507)
  known.set(overheard.findLast((bytes) => parseHeader(bytes, 0, LOCAL_ID_BYTES)?.form === 'short')!.subarray(0, 40))
  send(known)
})

datagrams('every datagram twice', 'packetsDiscarded', async ({ world }) => {
  world.network.weather.duplication = 1
  await world.clock.advance(500)
  world.network.weather.duplication = 0
})

test('a conversation replayed from elsewhere costs a stranger’s slot and nothing else', () =>
  beside(async ({ world, host, overheard, stranger }) => {
    const replayed = overheard.map((bytes) => bytes.slice())
    const before = host.transport.counters()
    const send = await stranger()
    for (let again = 0; again < 20; again++) for (const bytes of replayed) send(bytes.slice())
    await world.clock.advance(200)
    assert.ok(host.transport.gauges().halfOpenIn <= 8, 'one network is a stranger with 8 slots at most')
    assert.equal(host.transport.counters().accepted.inbound, before.accepted.inbound)
    await world.clock.advance(10_200)
    assert.equal(host.transport.gauges().halfOpenIn, 0)
    const after = host.transport.counters()
    for (const path of ['packetsDiscarded', 'handshakesFailed.inbound.deadline']) {
      assert.ok(grown(path, before, after) > 0, path)
    }
  }))

test('datagrams in any order are put in order: nobody is hurt and nothing is refused', () =>
  beside(async ({ world, host }) => {
    const before = host.transport.counters()
    world.network.weather.jitterMs = 30
    const others = [await world.host(), await world.host()]
    for (const other of others) await world.run(other.transport.connectPeer(host.address))
    await world.clock.advance(500)
    world.network.weather.jitterMs = 0
    const after = host.transport.counters()
    assert.equal(grown('identified.inbound', before, after), 2)
    assert.equal(grown('closed.inbound', before, after), 0)
  }))

datagrams('a valid header with garbage inside', 'dropped.not-opened packetsDiscarded resets', async (met) => {
  const send = await met.stranger()
  for (const bytes of met.overheard.slice()) {
    const header = parseHeader(bytes, 0, LOCAL_ID_BYTES)
    if (header?.form !== 'long' && header?.form !== 'short') continue
    const forged = bytes.slice()
    forged.set(noise(forged.length - header.payload), header.payload)
    send(forged.slice())
    // And to a connection that nobody has.
    forged.set(noise(8), header.form === 'short' ? 1 : 6)
    send(forged)
  }
})

// ── packets under true keys ──

/** CRYPTO with something that is no TLS, a frame nobody knows, HANDSHAKE_DONE from a client, a stream beyond the limit. */
const NO_TLS = Uint8Array.of(0x06, 0x00, 0x08, 0xff, 0x00, 0x00, 0x04, 1, 2, 3, 4)
const BREACHES = [
  { what: 'a frame that nobody knows', forged: Uint8Array.of(0x21, 0x22), code: 0x07 },
  { what: 'a frame that only acceptors send', forged: Uint8Array.of(0x1e), code: 0x0a },
  { what: 'a stream beyond the limit', forged: Uint8Array.of(0x08, 0x80, 0x01, 0x00, 0x00, 0x01), code: 0x04 },
] as const

for (const { what, forged, code } of BREACHES) {
  test(`${what} closes with the transport error ${code}, counted as a breach found here`, () =>
    beside(async ({ world, host }) => {
      const peer = await RawPeer.connect(world, host)
      await peer.greet()
      peer.forged = forged
      peer.say(ascii('anything'))
      await world.clock.advance(30)
      peer.forged = null
      assert.deepEqual(peer.closed?.kind === 'transport' && [peer.closed.ours, peer.closed.code], [false, code])
      assert.equal(host.transport.counters().ended['breach-found-here'], 1)
      await peer.close()
    }))
}

test('a handshake whose messages are no TLS fails with a TLS alert, counted as such', () =>
  beside(async ({ world, host }) => {
    const peer = await RawPeer.connect(world, host, NO_TLS)
    peer.forged = null
    await world.clock.advance(100)
    const code = peer.closed?.kind === 'transport' ? peer.closed.code : 0
    assert.ok(code >= 0x0100 && code < 0x0200, `closed with ${code}`)
    assert.equal(host.transport.counters().handshakesFailed.inbound.tls, 1)
    assert.equal(host.transport.gauges().halfOpenIn, 0)
    await peer.close()
  }))

// ── control messages ──

for (const { what, said, code } of SPOKEN) {
  const counter = code === CLOSE.badMessage ? 'closedFor.badMessage' : 'closedFor.versionUnsupported'
  test(`${what} closes with ${code} and is counted by ${counter}`, () =>
    beside(async ({ world, host }) => {
      const before = host.transport.counters()
      const peer = await RawPeer.connect(world, host)
      const stream = peer.control()
      for (let at = 0; at < said.length;) at += peer.link.write(stream, said.subarray(at))
      await world.clock.advance(100)
      assert.deepEqual(peer.closed?.kind === 'application' && [peer.closed.ours, peer.closed.code], [false, code])
      assert.equal(grown(counter, before, host.transport.counters()), 1)
      assert.equal(host.transport.peers().length, 1, 'only the honest peer is connected')
      await peer.close()
    }))
}

test('addresses that are somebody else’s, or nobody’s, are believed only as far as they can be dialled from here', () =>
  beside(async ({ world, host, honest }) => {
    const claimed: Address[] = [
      { family: 4, ip: '127.0.0.1', port: 9000 },
      { family: 4, ip: '192.168.1.1', port: 9000 },
      { family: 4, ip: '224.0.0.1', port: 9000 },
      honest.transport.locals[0]!,
    ]
    const peer = await RawPeer.connect(world, host)
    peer.control({ kind: 'hello', hello: { ...HELLO.hello, capability: 'node', addresses: claimed } }, ACK)
    await world.clock.advance(50)
    const info = host.transport.peer(peer.identity.peerId)
    assert.deepEqual(info?.hello.addresses, [honest.transport.locals[0]])
    assert.deepEqual(host.transport.peer(honest.identity.peerId)?.remote, honest.transport.locals[0])
    // Whoever dials it there expecting the liar is told that it is somebody else.
    const third = await world.host()
    const dial = third.transport.connectPeer({ address: claimed[3]!, peerId: peer.identity.peerId })
    await assert.rejects(world.run(dial), (error) => (error as { code?: string }).code === 'IDENTITY_MISMATCH')
    await peer.close()
  }))

// ── streams ──

/** Opens every stream that may be opened; the last of each kind brings all before it. Returns how many. */
const openAll = (peer: RawPeer): number => {
  let opened = 0
  for (const bidirectional of [true, false]) {
    let last = peer.link.open(bidirectional)
    for (let next = last; next !== null; next = peer.link.open(bidirectional)) {
      last = next
      opened++
    }
    if (last !== null) peer.link.write(last, Uint8Array.of(40))
  }
  return opened
}

test('a peer that opens every stream and sends nothing has each reset at its deadline, counted', () =>
  beside(async ({ world, host }) => {
    const peer = await RawPeer.connect(world, host)
    await peer.greet()
    peer.link.keepAlive(5000)
    const opened = openAll(peer)
    assert.equal(opened, 199)
    await world.clock.advance(31_000)
    assert.equal(host.transport.counters().streamsStalled, opened)
    const reset = peer.heard.filter(({ kind }) => kind === 'stream-reset' || kind === 'stream-stopped')
    assert.ok(reset.length >= opened)
    assert.ok(reset.every((output) => 'code' in output && output.code === STREAM.deadline))
    assert.equal(peer.closed, null)
    assert.equal(openAll(peer), opened, 'the streams are given back')
    await peer.close()
  }))

test('a peer that opens every stream and never says HELLO is closed with IDENTITY_TIMEOUT, counted', () =>
  beside(async ({ world, host }) => {
    const peer = await RawPeer.connect(world, host)
    openAll(peer)
    await world.clock.advance(5100)
    assert.equal(peer.closed?.kind === 'application' && peer.closed.code, CLOSE.identityTimeout)
    assert.equal(host.transport.counters().identityTimeouts, 1)
    assert.equal(host.transport.counters().closedFor.identityTimeout, 1)
    await peer.close()
  }))

test('a peer that says HELLO and HELLO_ACK and hears nothing is never identified: IDENTITY_TIMEOUT, counted', () =>
  beside(async ({ world, host, honest }) => {
    const before = host.transport.counters()
    const known = [host, honest].map(({ transport }) => transport.locals[0]!.ip)
    // From the turn in which the handshake is finished here, nothing reaches the peer.
    world.network.tap = (_bytes, _from, to) =>
      !known.includes(to.ip) && host.transport.counters().accepted.inbound > before.accepted.inbound ? 'drop' : 'pass'
    const peer = await RawPeer.connect(world, host)
    await peer.greet()
    await world.clock.advance(4500)
    assert.equal(host.transport.peers().length, 1, 'the honest one alone counts as connected')
    await world.clock.advance(600)
    const { identityTimeouts, identified, closedFor } = host.transport.counters()
    assert.deepEqual([identityTimeouts, closedFor.identityTimeout], [1, 1])
    assert.deepEqual(identified, before.identified)
    world.network.tap = () => 'pass'
    await peer.close()
  }))

test('a peer that never reads its answers is told busy, and each is reset at its deadline, counted', () =>
  beside(async ({ world, host }) => {
    const peer = await RawPeer.connect(world, host)
    await peer.greet()
    peer.link.keepAlive(5000)
    const asked = 8
    const header = encodeRequestHeader({ protocol: '/test/large/1', target: null, count: null })
    for (let n = 0; n < asked; n++) peer.say(header)
    await world.clock.advance(500)
    const { requestsBusy } = host.transport.counters()
    assert.equal(requestsBusy, 4, 'four answers of 100 KB fit, the others are too many')
    assert.ok(host.transport.gauges().answerBytes <= 400_000 + 5000)
    await world.clock.advance(61_000)
    assert.ok(host.transport.counters().streamsStalled >= 4)
    assert.ok(host.transport.gauges().answerBytes < 5000, 'what they took is given back')
    assert.equal(peer.closed, null)
    await peer.close()
  }))

test('a peer that sends PINGs and never reads a PONG is answered no more, counted', () =>
  beside(async ({ world, host }) => {
    const peer = await RawPeer.connect(world, host)
    const stream = await peer.greet()
    const ping = control(...Array.from({ length: 2000 }, () => ({ kind: 'ping', token: 2 ** 40 }) as const))
    for (let n = 0; n < 8; n++) {
      for (let at = 0; at < ping.length;) {
        at += peer.link.write(stream, ping.subarray(at))
        await world.clock.advance(10)
      }
    }
    // 64 KiB lie unread at the peer, and 32 more are on their way to it; a PONG takes 14.
    assert.ok(host.transport.counters().pingsUnanswered > 16_000 - (96 * 1024) / 14 - 100)
    assert.equal(peer.closed, null)
    await peer.close()
  }))
