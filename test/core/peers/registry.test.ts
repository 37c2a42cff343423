import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Source } from '../../../src/core/gate/source.ts'
import { CLOSE } from '../../../src/core/messages/codes.ts'
import { handleOf, hello, Played, peer, SELF } from './played.ts'

const smaller = peer(1) // below SELF: the other side decides about duplicates
const larger = peer(9) // above SELF: we decide

test('a connection is registered in the call that establishes it, and connected once identified', () => {
  const played = new Played()
  const handle = played.established('inbound', larger)
  assert.equal(played.counters.registered.inbound, 1)
  assert.deepEqual(played.take(), [])
  played.registry.identified(handle, hello('a'), 1)
  assert.deepEqual(played.take(), ['identified 1', `connected ${larger}`])
  assert.equal(played.registry.usable(larger)?.connection, handle)
  assert.equal(played.registry.isActive(handle), true)
})

test('a connection that does not identify itself is closed at its deadline, whatever else happens on it', () => {
  const played = new Played()
  const handle = played.established('inbound', larger, 100)
  played.registry.streamBegan(handle, 4000)
  played.registry.timeout(5099)
  assert.deepEqual(played.take(), [])
  played.registry.timeout(5100)
  assert.deepEqual(played.take(), [`close 1 ${CLOSE.identityTimeout}`, 'ended 1'])
  assert.equal(played.counters.identityTimeouts, 1)
})

test('events about a closed connection change nothing and are counted', () => {
  const played = new Played()
  const first = played.identified('inbound', larger)
  played.registry.lost(first)
  const second = played.identified('inbound', larger)
  played.take()
  played.registry.lost(first)
  played.registry.identified(first, hello('z'), 5)
  played.registry.established({ handle: first, direction: 'inbound', peerId: larger, remote: played.remote }, 6)
  played.registry.failed(first)
  played.registry.streamEnded(first, 7)
  assert.deepEqual(played.take(), [])
  assert.equal(played.counters.eventsAboutClosed, 5)
  assert.equal(played.registry.usable(larger)?.connection, second)
})

test('a connection lost before it was registered is not registered by the late event', () => {
  const played = new Played()
  const handle = played.registry.draw('inbound')
  played.registry.lost(handle)
  played.registry.established({ handle, direction: 'inbound', peerId: larger, remote: played.remote }, 1)
  assert.equal(played.registry.size, 0)
  assert.equal(played.counters.registered.inbound, 0)
})

test('a handle that was never drawn is a mistake of ours', () => {
  const played = new Played()
  assert.throws(() => played.registry.lost(handleOf(1)), /was drawn/)
})

test('the smaller PeerId keeps the connection identified last and sends GOAWAY on the other', () => {
  const played = new Played()
  const first = played.identified('inbound', larger)
  const second = played.identified('outbound', larger)
  assert.deepEqual(played.take().slice(2), [
    'identified 2',
    `goaway ${first} ${CLOSE.duplicate}`,
    `keep-alive ${first} null`,
  ])
  assert.equal(played.registry.usable(larger)?.connection, second)
  assert.equal(played.counters.duplicates, 1)
})

test('the larger PeerId closes no duplicate and uses the newest', () => {
  const played = new Played()
  played.identified('inbound', smaller)
  const second = played.identified('outbound', smaller)
  assert.deepEqual(played.take(), ['identified 1', `connected ${smaller}`, 'identified 2'])
  assert.equal(played.registry.usable(smaller)?.connection, second)
})

test('a connection going away ends when its streams have, but lingers for a request on its way', () => {
  const played = new Played()
  const first = played.identified('inbound', larger, 0)
  played.registry.streamBegan(first, 10)
  played.identified('outbound', larger, 100)
  played.take()
  played.registry.streamEnded(first, 200)
  assert.deepEqual(played.take(), [])
  played.registry.timeout(1100)
  assert.deepEqual(played.take(), [`close ${first} ${CLOSE.duplicate}`, `ended ${first}`])
})

test('a connection going away with a stream that never ends is closed after 30 s', () => {
  const played = new Played()
  const first = played.identified('inbound', larger, 0)
  played.registry.streamBegan(first, 10)
  played.identified('outbound', larger, 100)
  played.take()
  played.registry.timeout(30_099)
  assert.deepEqual(played.take(), [])
  played.registry.timeout(30_100)
  assert.deepEqual(played.take(), [`close ${first} ${CLOSE.duplicate}`, `ended ${first}`])
})

test('a restarted peer is a disconnect, then a connect, and its older connections are closed at once', () => {
  const played = new Played()
  played.identified('inbound', larger, 0, 'a')
  played.identified('outbound', larger, 0, 'a')
  played.take()
  played.identified('inbound', larger, 5, 'b')
  assert.deepEqual(played.take(), [
    `close 1 ${CLOSE.duplicate}`,
    'ended 1',
    `close 2 ${CLOSE.duplicate}`,
    'ended 2',
    `disconnected ${larger}`,
    'identified 3',
    `connected ${larger}`,
  ])
})

test('a HELLO of the process before, on a connection older than the one in use, closes that older one', () => {
  const played = new Played()
  const older = played.established('inbound', larger)
  const newer = played.identified('inbound', larger, 0, 'b')
  played.take()
  played.registry.identified(older, hello('a'), 1)
  assert.deepEqual(played.take(), [`close ${older} ${CLOSE.duplicate}`, `ended ${older}`])
  assert.equal(played.registry.usable(larger)?.connection, newer)
})

test('the fifth connection of a peer closes its oldest', () => {
  const played = new Played()
  for (let i = 0; i < 4; i++) played.established('inbound', larger)
  assert.deepEqual(played.take(), [])
  played.established('inbound', larger)
  assert.deepEqual(played.take(), [`close 1 ${CLOSE.duplicate}`, 'ended 1'])
})

test('what goes away gives way to the fifth connection first, then the oldest that is not in use', () => {
  const played = new Played()
  const inUse = played.identified('inbound', larger)
  const second = played.established('inbound', larger)
  played.established('inbound', larger)
  played.established('inbound', larger)
  played.take()
  played.established('inbound', larger)
  assert.deepEqual(played.take(), [`close ${second} ${CLOSE.duplicate}`, `ended ${second}`])
  played.registry.lost(second)
  const leaving = new Played()
  leaving.established('inbound', larger)
  const gone = leaving.identified('inbound', larger)
  leaving.registry.peerGoesAway(gone, CLOSE.idle, 0)
  for (let i = 0; i < 2; i++) leaving.established('inbound', larger)
  leaving.take()
  leaving.established('inbound', larger)
  assert.equal(leaving.take()[0], `close ${gone} ${CLOSE.duplicate}`)
  assert.equal(played.registry.usable(larger)?.connection, inUse)
})

test('the end that does not decide about duplicates bears twice as many, so that both do not close at once', () => {
  const played = new Played()
  for (let i = 0; i < 8; i++) played.established('inbound', smaller)
  assert.deepEqual(played.take(), [])
  played.established('inbound', smaller)
  assert.deepEqual(played.take(), [`close 1 ${CLOSE.duplicate}`, 'ended 1'])
})

test('a connection to oneself is registered and refused', () => {
  const played = new Played()
  played.established('outbound', SELF)
  assert.deepEqual(played.take(), [`close 1 ${CLOSE.refused}`, 'ended 1'])
  assert.equal(played.counters.registered.outbound, 1)
})

test('after 60 s without a request a connection goes away, one that is held or in use does not', () => {
  const played = new Played()
  const idle = played.identified('inbound', peer(6), 0)
  const busy = played.identified('inbound', peer(7), 0)
  played.identified('inbound', peer(8), 0)
  assert.equal(played.registry.hold(peer(8)), true)
  played.take()
  played.registry.streamBegan(busy, 1)
  played.registry.streamBegan(busy, 2)
  assert.deepEqual(played.take(), [`keep-alive ${busy} 25000`], 'while something goes on')
  played.registry.streamEnded(busy, 3)
  played.registry.timeout(60_000)
  assert.deepEqual(played.take(), [`goaway ${idle} ${CLOSE.idle}`, `keep-alive ${idle} null`])
  played.registry.streamEnded(busy, 61_000)
  assert.deepEqual(played.take(), [`keep-alive ${busy} null`])
  played.registry.timeout(120_999)
  assert.deepEqual(played.take(), [`close ${idle} ${CLOSE.idle}`, `ended ${idle}`, `disconnected ${peer(6)}`])
  played.registry.timeout(121_000)
  assert.deepEqual(played.take(), [`goaway ${busy} ${CLOSE.idle}`, `keep-alive ${busy} null`])
})

test('held peers are kept alive by both sides, the dialler more often', () => {
  const played = new Played()
  played.registry.hold(peer(7))
  const out = played.identified('outbound', peer(7))
  const inbound = played.identified('inbound', peer(8))
  played.registry.hold(peer(8))
  assert.deepEqual(
    played.take().filter((line) => line.startsWith('keep-alive')),
    [`keep-alive ${out} 10000`, `keep-alive ${inbound} 25000`],
  )
  played.registry.release(peer(8))
  assert.deepEqual(played.take(), [`keep-alive ${inbound} null`])
})

test('at most 64 peers are held', () => {
  const played = new Played()
  for (let i = 0; i < 64; i++) assert.equal(played.registry.hold(peer(i)), true)
  assert.equal(played.registry.hold(peer(64)), false)
  assert.equal(played.registry.hold(peer(63)), true)
  played.registry.release(peer(63))
  assert.equal(played.registry.hold(peer(64)), false)
  played.registry.release(peer(63))
  assert.equal(played.registry.hold(peer(64)), true)
})

test('connections are bounded, half-open ones included', () => {
  const played = new Played({ connectionsMax: 2 })
  played.registry.draw('inbound')
  played.established('outbound', larger)
  assert.equal(played.registry.full, true)
  assert.throws(() => played.registry.draw('inbound'), /room/)
})

test('shutting down says so to everyone and closes what has no streams', () => {
  const played = new Played()
  const waiting = played.established('inbound', peer(6))
  const idle = played.identified('inbound', peer(7))
  const busy = played.identified('inbound', peer(8))
  played.registry.streamBegan(busy, 0)
  played.take()
  played.registry.shutdown(10)
  assert.deepEqual(played.take(), [
    `close ${waiting} ${CLOSE.shutdown}`,
    `ended ${waiting}`,
    `goaway ${idle} ${CLOSE.shutdown}`,
    `keep-alive ${idle} null`,
    `goaway ${busy} ${CLOSE.shutdown}`,
    `keep-alive ${busy} null`,
  ])
  played.established('inbound', peer(9))
  assert.deepEqual(played.take(), [`close 4 ${CLOSE.shutdown}`, 'ended 4'])
})

test('each connection in use has a share: clients go first, then nodes by idleness, those that are held never', () => {
  const played = new Played()
  const { registry, shares } = played
  const elsewhere = new Source({ family: 4, ip: '203.0.113.1' })
  const rival = (): number | null => {
    played.take()
    return shares.rival(elsewhere)
  }
  registry.draw('inbound')
  assert.equal(rival(), null, 'a half-open one has none yet')
  const nodes = [1, 2, 3, 4].map((n) => played.identified('inbound', peer(n)))
  const mute = played.established('inbound', peer(6))
  assert.equal(rival(), mute)
  registry.lost(mute)
  assert.equal(rival(), nodes[0])
  registry.streamBegan(nodes[0]!, 1)
  assert.equal(rival(), nodes[1])
  registry.hold(peer(2))
  assert.equal(rival(), nodes[2])
  registry.close(nodes[2]!, 6, 'retryAfterMs=5000')
  assert.equal(rival(), nodes[3])
  registry.release(peer(2))
  registry.peerGoesAway(nodes[1]!, 3, 2)
  assert.equal(rival(), nodes[1], 'one that goes anyway goes first')
  registry.lost(nodes[1]!)
  assert.equal(rival(), nodes[3])
  assert.equal(shares.size, 2)
})

test('a peer that says it shuts down has left at once, by GOAWAY or by its close, until it is identified anew', () => {
  const played = new Played()
  const first = played.identified('inbound', larger, 100)
  const { registry } = played
  assert.equal(registry.hasLeft(larger, 100), false)
  registry.peerGoesAway(first, CLOSE.idle, 200)
  assert.equal(registry.hasLeft(larger, 200), false, 'that a connection is idle says nothing of the node')
  const second = played.identified('inbound', larger, 300)
  registry.peerGoesAway(second, CLOSE.shutdown, 400)
  assert.equal(registry.hasLeft(larger, 400), true)
  registry.lost(second)
  assert.equal(registry.hasLeft(larger, 500), true)
  assert.equal(registry.hasLeft(larger, 30_400), false)
  const third = played.identified('outbound', larger, 600)
  assert.equal(registry.hasLeft(larger, 600), false)
  registry.peerLeaves(third, 700)
  registry.lost(third)
  assert.equal(registry.hasLeft(larger, 700), true)
  registry.peerLeaves(third, 40_000)
  assert.equal(registry.hasLeft(larger, 40_000), false, 'a connection that is closed says nothing any more')
  assert.equal(registry.hasLeft(smaller, 700), false)
})

test('connections that come to their deadline together end some at a time, in order, until none is left', () => {
  const played = new Played()
  const handles = Array.from({ length: 100 }, (_, n) => played.established('inbound', peer(100 + n), 0))
  played.take()
  const { registry } = played
  const ended: string[] = []
  for (let calls = 0; registry.nextAt() <= 5000; calls++) {
    assert.ok(calls < handles.length)
    registry.timeout(5000)
    const closed = played.take().filter((output) => output.startsWith('close'))
    assert.ok(closed.length > 0 && closed.length <= 50, `${closed.length} in one go`)
    ended.push(...closed)
  }
  assert.deepEqual(
    ended,
    handles.map((handle) => `close ${handle} ${CLOSE.identityTimeout}`),
  )
  registry.checkInvariants()
})

test('a peer that has moved is the same one, known at its new address and counted there', () => {
  const played = new Played()
  const handle = played.identified('inbound', larger)
  played.take()
  const remote = { family: 4, ip: '198.51.100.7', port: 4000 } as const
  played.registry.migrated(handle, { remote, hasShare: true })
  assert.deepEqual(played.take(), ['migrated 1 4000'])
  assert.deepEqual(played.registry.usable(larger)?.remote, remote)
  assert.deepEqual(played.registry.peers()[0]?.remote, remote)
  assert.equal(played.shares.countOf(new Source(remote), 'host'), 1)
  assert.equal(played.shares.countOf(new Source(played.remote), 'host'), 0)
})

test('a peer that has moved before it is identified is identified where it is', () => {
  const played = new Played()
  const handle = played.established('inbound', larger)
  const remote = { family: 4, ip: '198.51.100.7', port: 4000 } as const
  played.registry.migrated(handle, { remote, hasShare: true })
  assert.deepEqual(played.take(), [])
  played.registry.identified(handle, hello('a'), 1)
  assert.deepEqual(played.registry.usable(larger)?.remote, remote)
})

test('a connection that moves to where there are enough is closed, identified or not, and no other', () => {
  const played = new Played()
  for (let n = 0; n < 10; n++) played.identified('inbound', peer(20 + n))
  const there = played.remote
  const remote = { family: 4, ip: '198.51.100.7', port: 4000 } as const
  for (const identify of [true, false]) {
    const handle = played.registry.draw('inbound')
    played.registry.established({ handle, direction: 'inbound', peerId: larger, remote }, 0)
    if (identify) played.registry.identified(handle, hello('a'), 0)
    played.take()
    played.registry.migrated(handle, { remote: there, hasShare: true })
    const closes = played.take().filter((line) => line.startsWith('close'))
    assert.deepEqual(closes, [`close ${handle} ${CLOSE.overloaded}`])
    played.registry.migrated(handle, { remote, hasShare: true })
    assert.deepEqual(played.take(), [])
    played.registry.lost(handle)
  }
  assert.equal(played.counters.eventsRepeated, 2)
  assert.equal(played.registry.peers().length, 10)
})
