// X.509 through the public options: what files give, what is pinned, what authorities say; against servers and against clients.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, test } from 'node:test'
import type { ConnectOptions, ListenOptions, Peer, Verify } from '../../src/quic/index.ts'
import { certify, keyPemOf, pemOf } from '../support/certificates.ts'
import { failure, QuicWorld, SERVER } from './quic-world.ts'

const root = certify({ name: 'Root', authority: { pathLength: null } })
const middle = certify({ name: 'Middle', issuer: root, authority: { pathLength: 0 } })
const leaf = certify({ name: 'server', issuer: middle, hosts: ['server.example', '192.0.2.1'] })
const other = certify({ name: 'other', issuer: middle, hosts: ['other.example'] })
const client = certify({ name: 'client', issuer: root, kind: 'ed25519' })
const strange = certify({ name: 'Strange root', authority: { pathLength: null } })

const files = (of: typeof leaf, ...rest: (typeof leaf)[]): NonNullable<ListenOptions['certificate']> => ({
  chain: pemOf(of, ...rest),
  key: keyPemOf(of),
})
const pem = (of: typeof leaf): string => pemOf(of)
const fingerprint = new X509Certificate(leaf.der).fingerprint256

/** A server with that certificate and no raw key. */
const serverOf = async (
  world: QuicWorld,
  certificate = files(leaf, middle),
  more: Partial<ListenOptions> = {},
): ReturnType<QuicWorld['listen']> =>
  world.listen({ identity: undefined, certificate, ...more } as Partial<ListenOptions>)

const clientOf = (verify: Verify, more: Partial<ConnectOptions> = {}): Partial<ConnectOptions> =>
  ({ identity: undefined, verify, ...more }) as Partial<ConnectOptions>

describe('a server with a certificate', () => {
  test('is trusted by its authority and its name, by its address, and by its fingerprint', async () => {
    const world = await QuicWorld.make()
    const listener = await serverOf(world)
    const ports = world.ports('192.0.3.1', { 'server.example': ['192.0.2.1'] })
    const ways: Partial<ConnectOptions>[] = [
      clientOf({ authorities: pem(root) }, { host: 'server.example', ports }),
      clientOf({ authorities: pem(root) }, { host: 'server.example.', ports }),
      clientOf({ authorities: pem(root) }),
      clientOf({ authorities: `${pem(strange)}\n${pem(root)}`, name: 'server.example' }),
      clientOf({ fingerprints: [fingerprint] }),
      clientOf({ fingerprints: ['00'.repeat(32), fingerprint.replaceAll(':', '').toLowerCase()] }),
    ]
    for (const way of ways) {
      const session = await world.connect(way)
      assert.ok(session.peer.kind === 'certificates' && session.peer.chain.length === 2)
      assert.equal(session.peer.fingerprint, fingerprint.replaceAll(':', '').toLowerCase())
      assert.equal((await world.run(listener.accept()))?.peer.kind, 'anonymous')
      await world.run(session.close())
    }
    await world.run(listener.close())
  })

  test('is not trusted by another authority, name, fingerprint or kind of key', async () => {
    const world = await QuicWorld.make()
    const listener = await serverOf(world)
    const ways: Verify[] = [
      { authorities: pem(strange) },
      { authorities: 'bundled' },
      { authorities: pem(root), name: 'other.example' },
      { fingerprints: ['00'.repeat(32)] },
      { keys: [SERVER.peerId] },
    ]
    for (const verify of ways) {
      const { code } = await failure(world.connect(clientOf(verify)))
      assert.ok(code === 'PEER_UNTRUSTED' || code === 'HANDSHAKE_FAILED' || code === 'CONNECTION_REFUSED', code)
      if (!('keys' in verify)) assert.equal(code, 'PEER_UNTRUSTED')
    }
    assert.equal(listener.stats.counters.accepted.inbound, 0)
    await world.run(listener.close())
    const second = await serverOf(world, files(other, middle))
    assert.equal((await failure(world.connect(clientOf({ authorities: pem(root) })))).code, 'PEER_UNTRUSTED')
    await world.run(second.close())
  })

  test('shows it to a function that decides', async () => {
    const world = await QuicWorld.make()
    const listener = await serverOf(world)
    const seen: Peer[] = []
    const session = await world.connect(clientOf((peer) => seen.push(peer) > 0))
    const [peer] = seen
    assert.ok(peer?.kind === 'certificates')
    assert.match(new X509Certificate(peer.chain[0]!).subjectAltName ?? '', /server\.example/)
    await world.run(session.close())
    assert.equal((await failure(world.connect(clientOf(() => false)))).code, 'PEER_UNTRUSTED')
    await world.run(listener.close())
  })

  test('may have a raw key beside it, for those who want that', async () => {
    const world = await QuicWorld.make()
    const listener = await world.listen({ certificate: files(leaf, middle) })
    for (const verify of [{ keys: [SERVER.peerId] }, { fingerprints: [fingerprint] }]) {
      const session = await world.connect(clientOf(verify))
      assert.equal(session.peer.kind, 'keys' in verify ? 'raw-public-key' : 'certificates')
      await world.run(session.close())
    }
    await world.run(listener.close())
  })
})

describe('a client with a certificate', () => {
  test('is let in where its authority is trusted, and nobody else is', async () => {
    const world = await QuicWorld.make()
    const listener = await serverOf(world, files(leaf, middle), { verify: { authorities: pem(root) } })
    const trusting = { fingerprints: [fingerprint] }
    const session = await world.connect(clientOf(trusting, { certificate: files(client) }))
    const peer = (await world.run(listener.accept()))?.peer
    assert.ok(peer?.kind === 'certificates' && peer.chain.length === 1)
    await world.run(session.close())
    // A client is done before the server has judged it.
    const refused = await world.connect(clientOf(trusting, { certificate: files(strange) }))
    const closing = await world.run(refused.closed)
    assert.ok(closing.kind === 'transport' && !closing.ours && closing.code >= 0x100 && closing.code < 0x200)
    await world.run(listener.close())
  })
})

describe('suites and groups', () => {
  test('are agreed on by both ends’ lists, with a HelloRetryRequest where the first share is of another group', async () => {
    const world = await QuicWorld.make()
    for (const group of ['x25519mlkem768', 'mlkem768', 'x25519', 'secp256r1'] as const) {
      for (const suite of ['aes-128-gcm', 'aes-256-gcm', 'chacha20-poly1305'] as const) {
        const { listener, client, server } = await world.pair({ server: { groups: [group], suites: [suite] } })
        assert.deepEqual([client.group, client.suite], [group, suite])
        assert.deepEqual([server.group, server.suite], [group, suite])
        await world.run(listener.close())
      }
    }
  })

  test('that have nothing in common fail, and names that are none are refused', async () => {
    const world = await QuicWorld.make()
    const listener = await world.listen({ groups: ['x25519'], suites: ['aes-256-gcm'] })
    assert.equal((await failure(world.connect({ groups: ['secp256r1'] }))).code, 'HANDSHAKE_FAILED')
    assert.equal((await failure(world.connect({ suites: ['aes-128-gcm'] }))).code, 'HANDSHAKE_FAILED')
    for (const groups of [[], ['x448'], ['x25519', 'x25519']]) {
      const options = { groups: groups as 'x25519'[] }
      assert.equal((await failure(world.connect(options))).code, 'ARGUMENT_INVALID')
    }
    assert.equal((await failure(world.connect({ suites: [] }))).code, 'ARGUMENT_INVALID')
    const other = 'reno' as 'new-reno'
    assert.equal((await failure(world.connect({ congestion: other }))).code, 'ARGUMENT_INVALID')
    await world.run(listener.close())
  })
})

test('files that are no certificate, or not of that key, are refused before anything is bound', async () => {
  const world = await QuicWorld.make()
  for (const certificate of [
    { chain: '', key: keyPemOf(leaf) },
    { chain: pem(leaf), key: 'nothing' },
    { chain: pem(leaf), key: keyPemOf(other) },
  ]) {
    assert.equal((await failure(serverOf(world, certificate))).code, 'ARGUMENT_INVALID')
  }
  const nothing = { identity: undefined } as unknown as Partial<ListenOptions>
  assert.equal((await failure(world.listen(nothing))).code, 'ARGUMENT_INVALID')
  const none = world.connect({ verify: { authorities: '' } })
  assert.equal((await failure(none)).code, 'AUTHENTICATION_MISSING')
  assert.equal((await failure(world.connect({ verify: { fingerprints: ['xy'] } }))).code, 'ARGUMENT_INVALID')
})
