// Coming back to a server without a signature, through the public options.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { connect, type ConnectOptions, type Session, SessionCache } from '../../src/quic/index.ts'
import { certify, keyPemOf, pemOf } from '../support/certificates.ts'
import { bytes, CLIENT, everything, failure, peerIdOf, put, QuicWorld, SERVER } from './quic-world.ts'

/** Connects, has the server accept it and its ticket come, and closes. */
const visit = async (
  world: QuicWorld,
  listener: Awaited<ReturnType<QuicWorld['listen']>>,
  options: Partial<ConnectOptions>,
): Promise<[Session, Session]> => {
  const client = await world.connect(options)
  const server = await world.run(listener.accept())
  const stream = await client.openUnidirectionalStream()
  const [there] = await world.run(Promise.all([server!.acceptUnidirectionalStream(), put(stream.writable, bytes(9))]))
  assert.equal((await world.run(everything(there!.readable))).length, 9)
  await world.clock.advance(200)
  await world.run(client.close())
  return [client, server!]
}

test('who was here comes back without a signature, by name known at both ends, and each ticket is used once', async () => {
  const world = await QuicWorld.make()
  const listener = await world.listen({ verify: { keys: [CLIENT.peerId] } })
  const sessions = new SessionCache()
  await visit(world, listener, { sessions })
  const signed = world.workers.asked.sign
  assert.ok(signed > 0 && sessions.size === 1)
  for (let n = 0; n < 3; n++) {
    const [client, server] = await visit(world, listener, { sessions, verify: { keys: [SERVER.peerId] } })
    assert.deepEqual([client.isResumed, server.isResumed], [true, true])
    assert.deepEqual([peerIdOf(client.peer), peerIdOf(server.peer)], [SERVER.peerId, CLIENT.peerId])
    assert.equal(client.group, 'x25519mlkem768')
    assert.equal(world.workers.asked.sign, signed)
  }
  const [stranger] = await visit(world, listener, {})
  assert.equal(stranger.isResumed, false)
  sessions.clear()
  const [forgetful] = await visit(world, listener, { sessions })
  assert.equal(forgetful.isResumed, false)
  await world.run(listener.close())
})

test('a server with a certificate is come back to by whoever verifies as before, and by nobody else', async () => {
  const world = await QuicWorld.make()
  const root = certify({ name: 'Root', authority: { pathLength: null } })
  const leaf = certify({ name: 'server', issuer: root, hosts: ['192.0.2.1'] })
  const certificate = { chain: pemOf(leaf), key: keyPemOf(leaf) }
  const listener = await world.listen({ identity: undefined, certificate } as object)
  const sessions = new SessionCache()
  const verify = { authorities: pemOf(root) }
  await visit(world, listener, { sessions, verify })
  const [again] = await visit(world, listener, { sessions, verify: { ...verify } })
  assert.equal(again.isResumed, true)
  assert.equal(again.peer.kind, 'certificates')
  // Another name would have to be looked for in the certificate, which a ticket is not.
  const { code } = await failure(world.connect({ sessions, verify: { ...verify, name: 'other.example' } }))
  assert.equal(code, 'PEER_UNTRUSTED')
  await world.run(listener.close())
})

test('a function that decides is asked about whoever comes back, at both ends', async () => {
  const world = await QuicWorld.make()
  let [isWelcome, asked] = [true, 0]
  const verify = (): boolean => {
    asked++
    return isWelcome
  }
  const listener = await world.listen({ verify })
  const sessions = new SessionCache()
  await visit(world, listener, { sessions, verify })
  const [client] = await visit(world, listener, { sessions, verify })
  assert.equal(client.isResumed, true)
  assert.equal(asked, 4)
  isWelcome = false
  assert.equal((await failure(world.connect({ sessions, verify }))).code, 'PEER_UNTRUSTED')
  await world.run(listener.close())
})

test('who connects as somebody else, or as nobody, does not come back as who was here', async () => {
  const world = await QuicWorld.make()
  const listener = await world.listen({ verify: () => true })
  const sessions = new SessionCache()
  await visit(world, listener, { sessions })
  const [other, seen] = await visit(world, listener, { sessions, identity: SERVER })
  assert.deepEqual([other.isResumed, peerIdOf(seen.peer)], [false, SERVER.peerId])
  const { identity: _, ...nameless } = world.client({ sessions })
  const nobody = await world.run(connect(nameless))
  const closing = await world.run(nobody.closed)
  assert.ok(!nobody.isResumed && closing.kind === 'transport' && closing.code === 0x100 + 116)
  // Each finds its own.
  for (const identity of [CLIENT, SERVER]) {
    const [again, there] = await visit(world, listener, { sessions, identity })
    assert.deepEqual([again.isResumed, peerIdOf(there.peer)], [true, identity.peerId])
  }
  await world.run(listener.close())
})

test('what is trusted is what "verify" said when it was given, whatever becomes of its list', async () => {
  const world = await QuicWorld.make()
  const leaf = certify({ name: 'server' })
  const certificate = { chain: pemOf(leaf), key: keyPemOf(leaf) }
  const listener = await world.listen({ identity: undefined, certificate } as object)
  const sessions = new SessionCache()
  const fingerprints = [createHash('sha256').update(leaf.der).digest('hex')]
  const verify = { fingerprints }
  await visit(world, listener, { sessions, verify })
  fingerprints[0] = '00'.repeat(32)
  assert.equal((await failure(world.connect({ sessions, verify }))).code, 'PEER_UNTRUSTED')
  await world.run(listener.close())
})

test('a server that was started anew takes no old ticket, and the connect goes on as if there were none', async () => {
  const world = await QuicWorld.make()
  const sessions = new SessionCache()
  const first = await world.listen()
  await visit(world, first, { sessions })
  await world.run(first.close())
  const second = await world.listen()
  const [client] = await visit(world, second, { sessions })
  assert.equal(client.isResumed, false)
  const [again] = await visit(world, second, { sessions })
  assert.equal(again.isResumed, true)
  await world.run(second.close())
})

test('a cache holds as many servers as it is told to, the oldest goes', async () => {
  const world = await QuicWorld.make()
  const sessions = new SessionCache({ serversMax: 2 })
  const listeners = []
  for (const port of [1001, 1002, 1003]) {
    const listener = await world.listen({ port })
    listeners.push(listener)
    await visit(world, listener, { sessions, port })
  }
  assert.equal(sessions.size, 2)
  const [oldest] = await visit(world, listeners[0]!, { sessions, port: 1001 })
  const [newest] = await visit(world, listeners[2]!, { sessions, port: 1003 })
  assert.deepEqual([oldest.isResumed, newest.isResumed], [false, true])
  for (const listener of listeners) await world.run(listener.close())
})

test('a ticket is taken once', () => {
  const sessions = new SessionCache()
  const place = { host: 'server', port: 1, trusted: 'one', shown: '' }
  const session = { lifetimeMs: 1000 } as Parameters<SessionCache['keep']>[1]
  sessions.keep(place, session, 5)
  assert.deepEqual(sessions.take(place, 8), { session, ageMs: 3 })
  assert.equal(sessions.take(place, 8), null)
})

test('who was here at the same address is spared a Retry', async () => {
  const world = await QuicWorld.make()
  const gate = { strangersMax: 1, strangersPerNetworkMax: 1, strangerSignaturesPerSecond: 1 }
  const listener = await world.listen({ gate, limits: { halfOpenInMax: 3 } })
  const retries = (): number => listener.stats.counters.retries
  const sessions = new SessionCache()
  await visit(world, listener, { sessions })
  const before = retries()
  assert.ok(before > 0)
  for (let n = 0; n < 3; n++) await visit(world, listener, { sessions })
  assert.equal(retries(), before)
  assert.ok(listener.stats.counters.slotsByStanding['new-token'] >= 3)
  sessions.clear()
  await visit(world, listener, { sessions })
  assert.equal(retries(), before + 1)
  await world.run(listener.close())
})
