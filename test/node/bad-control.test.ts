// Bad input on control streams beyond what is said there: streams that end, are reset or stopped, words that never come to an end, and the
// same misdeeds from a peer that was dialled. Each closes with its code and is counted, and an honest peer is served meanwhile.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ascii, concat } from '../../src/core/bytes.ts'
import { CLOSE, STATUS } from '../../src/core/messages/codes.ts'
import { encodeControl } from '../../src/core/messages/control.ts'
import { encodeMessageHeader, encodeRequestHeader } from '../../src/core/messages/requests.ts'
import { SallyportError } from '../../src/core/errors.ts'
import type { StreamId } from '../../src/core/ids.ts'
import { HELLO, RawPeer } from './raw-peer.ts'
import { control, SPOKEN } from './spoken.ts'
import { type Host, World } from './transport-world.ts'

const ECHO = '/test/echo/1'

/** A host that echoes, beside an honest peer that is served before and after. */
const beside = async (misdeed: (met: { world: World; host: Host }) => Promise<void>): Promise<void> => {
  const world = await World.make()
  const host = await world.host({ limits: { idleAfterMs: 300_000 } })
  host.transport.handle(ECHO, ({ payload }) => ({ status: STATUS.ok, payload }))
  const honest = await world.host({ limits: { idleAfterMs: 300_000 } })
  await world.run(honest.transport.connectPeer(host.address))
  const release = honest.transport.hold(host.identity.peerId)
  const serve = async (): Promise<void> => {
    const { status } = await world.run(honest.transport.request(host.identity.peerId, ECHO, ascii('x')))
    assert.equal(status, STATUS.ok)
  }
  await serve()
  await misdeed({ world, host })
  await serve()
  release?.()
  const { accepted, registered, reading, reconcilerDifferences, taskFailures } = host.transport.counters()
  assert.deepEqual([registered, reading], [accepted, accepted])
  assert.equal(reconcilerDifferences + taskFailures, 0)
  await world.close()
}

const codeOf = (peer: RawPeer): number | null => (peer.closed?.kind === 'application' ? peer.closed.code : null)

const MISDEEDS: readonly { what: string; act: (peer: RawPeer, control: StreamId) => void }[] = [
  { what: 'ends its control stream', act: ({ link }, stream) => link.finish(stream) },
  { what: 'resets its control stream', act: ({ link }, stream) => link.reset(stream, 7) },
  {
    what: 'ends its control stream in the middle of a message',
    act: ({ link }, stream) => {
      link.write(stream, encodeControl({ kind: 'ping', token: 1 }).subarray(0, 2))
      link.finish(stream)
    },
  },
  {
    what: 'stops our control stream',
    act: ({ link, heard }) => {
      const ours = heard.find((output) => output.kind === 'stream-opened' && !output.bidirectional)
      assert.ok(ours?.kind === 'stream-opened')
      link.stop(ours.stream, 7)
    },
  },
]

for (const { what, act } of MISDEEDS) {
  for (const identified of [false, true]) {
    test(`a peer that ${what} ${identified ? 'once identified' : 'before it is'} is closed with BAD_MESSAGE, counted`, () =>
      beside(async ({ world, host }) => {
        const peer = await RawPeer.connect(world, host)
        const stream = identified ? await peer.greet() : peer.control(HELLO)
        await world.clock.advance(50)
        act(peer, stream)
        await world.clock.advance(200)
        assert.equal(codeOf(peer), CLOSE.badMessage)
        assert.equal(host.transport.counters().closedFor.badMessage, 1)
        assert.equal(host.transport.peers().length, 1)
        await peer.close()
      }))
  }
}

test('a HELLO that comes byte by byte does not put off the deadline of its identity', () =>
  beside(async ({ world, host }) => {
    const peer = await RawPeer.connect(world, host)
    const said = control(HELLO, { kind: 'hello-ack' })
    const stream = peer.control()
    for (let n = 0; n < said.length && peer.closed === null; n++) {
      peer.link.write(stream, said.subarray(n, n + 1))
      await world.clock.advance(400)
    }
    assert.equal(codeOf(peer), CLOSE.identityTimeout)
    assert.equal(host.transport.counters().identityTimeouts, 1)
    await peer.close()
  }))

test('a HELLO on any stream but the first introduces nobody', () =>
  beside(async ({ world, host }) => {
    const peer = await RawPeer.connect(world, host)
    peer.control()
    peer.say(control(HELLO, { kind: 'hello-ack' }), { bidirectional: false, open: true })
    peer.say(control(HELLO, { kind: 'hello-ack' }), { open: true })
    await world.clock.advance(4000)
    assert.equal(host.transport.peers().length, 1)
    await world.clock.advance(1500)
    assert.equal(codeOf(peer), CLOSE.identityTimeout)
    await peer.close()
  }))

test('a peer that says goodbye again and again, and then asks, is answered until it is closed, and only it has left', () =>
  beside(async ({ world, host }) => {
    const peer = await RawPeer.connect(world, host)
    const stream = await peer.greet()
    const goaway = encodeControl({ kind: 'goaway', reason: CLOSE.shutdown, retryAfterMs: null })
    for (let n = 0; n < 200; n++) peer.link.write(stream, goaway)
    const asked = peer.say(concat(encodeRequestHeader({ protocol: ECHO, target: null, count: null }), ascii('x')))
    await world.clock.advance(100)
    assert.equal(peer.answer(asked)?.status, STATUS.ok)
    await world.clock.advance(2000)
    assert.equal(codeOf(peer), CLOSE.shutdown)
    assert.equal(host.transport.hasLeft(peer.identity.peerId), true)
    assert.equal(host.transport.peers().filter(({ peerId }) => host.transport.hasLeft(peerId)).length, 0)
    await peer.close()
  }))

test('unknown control messages and addresses without end are heard and kept by nobody', () =>
  beside(async ({ world, host }) => {
    const peer = await RawPeer.connect(world, host)
    const stream = await peer.greet()
    const before = host.transport.gauges()
    const flood = concat(
      ...Array.from({ length: 500 }, () => control({ kind: 'addresses', addresses: [] }, { kind: 'pong', token: 9 })),
    )
    for (let round = 0; round < 20; round++) {
      for (let at = 0; at < flood.length;) {
        at += peer.link.write(stream, flood.subarray(at))
        await world.clock.advance(5)
      }
    }
    const { inboundBytes, tasks, deadlines } = host.transport.gauges()
    assert.deepEqual([inboundBytes, tasks], [0, 0])
    assert.ok(deadlines <= before.deadlines + 1)
    assert.equal(peer.closed, null)
    await peer.close()
  }))

const HEADERS: readonly { what: string; said: Uint8Array; bidirectional: boolean }[] = [
  { what: 'a request whose header is noise', said: Uint8Array.of(5, 0xff, 1, 2, 3, 4), bidirectional: true },
  { what: 'a message whose header is noise', said: Uint8Array.of(5, 0xff, 1, 2, 3, 4), bidirectional: false },
  { what: 'a header of 4 KiB plus one', said: Uint8Array.of(0x50, 0x01, 0xa0), bidirectional: true },
  { what: 'a request that ends within its header', said: Uint8Array.of(9, 0xa1, 0), bidirectional: true },
  { what: 'a message that ends within its header', said: Uint8Array.of(9, 0xa1, 0), bidirectional: false },
  { what: 'a request that ends before its header', said: new Uint8Array(0), bidirectional: true },
  {
    what: 'a header with bytes behind its map',
    said: concat(Uint8Array.of(40), encodeMessageHeader({ protocol: ECHO }).subarray(1), new Uint8Array(30)),
    bidirectional: false,
  },
]

for (const { what, said, bidirectional } of HEADERS) {
  test(`${what} closes with BAD_MESSAGE, counted`, () =>
    beside(async ({ world, host }) => {
      const peer = await RawPeer.connect(world, host)
      await peer.greet()
      peer.say(said, { bidirectional })
      await world.clock.advance(200)
      assert.equal(codeOf(peer), CLOSE.badMessage)
      assert.equal(host.transport.counters().badMessages, 1)
      assert.equal(host.transport.gauges().inboundBytes, 0)
      await peer.close()
    }))
}

for (const { what, said, code } of SPOKEN) {
  // Who is introduced first may be connected before it misbehaves.
  const hasGreeted = /once identified|second HELLO_ACK|on a control stream/.test(what)
  test(`${what}, from a peer that was dialled, closes with ${code} and ends the dial with a reason`, () =>
    beside(async ({ world, host }) => {
      const peer = await RawPeer.listen(world)
      const outcome = host.transport.connectPeer(peer.address).then(
        () => 'connected',
        (error: unknown) => SallyportError.from(error).code,
      )
      await world.clock.advance(100)
      const stream = peer.control()
      for (let at = 0; at < said.length;) at += peer.link.write(stream, said.subarray(at))
      await world.clock.advance(200)
      assert.equal(codeOf(peer), code)
      const expected = code === CLOSE.versionUnsupported ? 'CONNECTION_REFUSED' : 'CONNECTION_LOST'
      const told = await world.run(outcome)
      assert.ok(told === expected || (hasGreeted && told === 'connected'), told)
      assert.equal(host.transport.counters().ended['closed-here'], 1)
      assert.equal(host.transport.peers().length, 1)
      await peer.close()
    }))
}
