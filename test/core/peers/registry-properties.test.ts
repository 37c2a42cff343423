// Any interleaving of true, late, repeated and impossible events leaves the registry equal to a model that only knows which handles are
// alive and identified, with connect and disconnect alternating for each peer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ConnectionHandle, PeerId } from '../../../src/core/ids.ts'
import { CLOSE } from '../../../src/core/messages/codes.ts'
import type { RegistryOutput } from '../../../src/core/peers/registry.ts'
import { hello, Played, peer, SELF } from './played.ts'

type Event =
  | {
      readonly kind: 'draw' | 'established' | 'failed' | 'lost' | 'began' | 'ended' | 'close' | 'goaway'
      readonly on: number
    }
  | { readonly kind: 'identified'; readonly on: number; readonly incarnation: string }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'hold'; readonly peer: number }
  | { readonly kind: 'release'; readonly peer: number }
  | { readonly kind: 'disconnect'; readonly peer: number }
  | { readonly kind: 'carry-out' }

/** What must be true, told by nothing but the outputs and the events that were possible. */
class Truth {
  readonly peers = new Map<ConnectionHandle, PeerId>()
  readonly live = new Set<ConnectionHandle>()
  readonly identified = new Set<ConnectionHandle>()
  readonly connected = new Set<PeerId>()
  /** Ordered to close, not yet reported lost. */
  readonly toClose: ConnectionHandle[] = []

  see(output: RegistryOutput): void {
    switch (output.kind) {
      case 'identified':
        assert.ok(this.live.has(output.info.connection), 'only a living connection is identified')
        this.identified.add(output.info.connection)
        return
      case 'close':
        assert.ok(this.live.has(output.handle), 'only a living connection is closed')
        assert.ok(!this.toClose.includes(output.handle), 'a connection is closed once')
        this.toClose.push(output.handle)
        return
      case 'migrated':
        assert.ok(this.identified.has(output.info.connection), 'only who is identified is seen to move')
        return
      case 'ended':
        this.identified.delete(output.handle)
        return
      case 'connected':
        assert.ok(!this.connected.has(output.info.peerId), 'connected comes after disconnected')
        assert.ok(this.ofPeer(output.info.peerId).length > 0, 'connected comes after an identified connection')
        this.connected.add(output.info.peerId)
        return
      case 'disconnected':
        assert.ok(this.connected.delete(output.peerId), 'disconnected comes after connected')
        assert.equal(this.ofPeer(output.peerId).length, 0, 'disconnected comes after the last connection')
        return
      case 'goaway':
      case 'keep-alive':
        assert.ok(this.live.has(output.handle))
    }
  }

  ofPeer(peerId: PeerId): ConnectionHandle[] {
    return [...this.identified].filter((handle) => this.peers.get(handle) === peerId)
  }
}

const PEERS = [peer(1), peer(9), SELF]

/** Plays one history and checks the registry against the truth after each event. */
const play = (events: readonly Event[], atOnce: boolean): { played: Played; truth: Truth } => {
  const played = new Played({ connectionsMax: 8 })
  const { registry } = played
  const truth = new Truth()
  const drawn: ConnectionHandle[] = []
  const streams = new Map<ConnectionHandle, number>()
  let now = 0

  const lose = (handle: ConnectionHandle): void => {
    registry.lost(handle)
    truth.live.delete(handle)
    drain()
  }
  const drain = (): void => {
    for (const output of played.outputs()) truth.see(output)
    if (atOnce) for (const handle of truth.toClose.splice(0)) lose(handle)
  }
  const one = (event: Event): void => {
    if (event.kind === 'time') return registry.timeout((now += event.ms))
    if (event.kind === 'carry-out') return truth.toClose.length > 0 ? lose(truth.toClose.shift()!) : undefined
    if (event.kind === 'hold') return void registry.hold(PEERS[event.peer]!)
    if (event.kind === 'release') return registry.release(PEERS[event.peer]!)
    if (event.kind === 'disconnect') return void registry.disconnect(PEERS[event.peer]!, CLOSE.noError)
    if (event.kind === 'draw') {
      if (registry.full) return
      const handle = registry.draw(event.on % 2 === 0 ? 'inbound' : 'outbound')
      drawn.push(handle)
      truth.live.add(handle)
      truth.peers.set(handle, PEERS[event.on % PEERS.length]!)
      return
    }
    const handle = drawn[event.on % drawn.length]
    if (handle === undefined) return
    const held = streams.get(handle) ?? 0
    switch (event.kind) {
      case 'established': {
        const [direction, peerId] = [handle % 2 === 0 ? 'inbound' : 'outbound', truth.peers.get(handle)!] as const
        return registry.established({ handle, direction, peerId, remote: played.remote }, now)
      }
      case 'identified':
        return registry.identified(handle, hello(event.incarnation), now)
      case 'failed':
        registry.failed(handle)
        truth.live.delete(handle)
        return
      case 'lost':
        return lose(handle)
      case 'began':
        streams.set(handle, held + 1)
        return registry.streamBegan(handle, now)
      case 'ended':
        if (held === 0) return
        streams.set(handle, held - 1)
        return registry.streamEnded(handle, now)
      case 'close':
        return registry.close(handle, CLOSE.refused, '')
      case 'goaway':
        return registry.peerGoesAway(handle, CLOSE.idle, now)
    }
  }

  for (const event of events) {
    one(event)
    drain()
    for (const handle of truth.toClose)
      if (!truth.live.has(handle)) truth.toClose.splice(truth.toClose.indexOf(handle), 1)
    assert.deepEqual(new Set(registry.handles()), truth.live)
    assert.deepEqual(new Set(registry.active().map((info) => info.connection)), truth.identified)
    assert.deepEqual(new Set(registry.peers().map((info) => info.peerId)), truth.connected)
    for (const peerId of PEERS) assert.equal(truth.connected.has(peerId), truth.ofPeer(peerId).length > 0)
  }
  for (const handle of truth.live) lose(handle)
  return { played, truth }
}

const kinds = ['established', 'failed', 'lost', 'began', 'ended', 'close', 'goaway'] as const
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('draw' as const), on: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('established' as const), on: fc.nat(20) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('identified' as const),
      on: fc.nat(20),
      incarnation: fc.constantFrom('a', 'a', 'a', 'b'),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom(...kinds), on: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('hold', 'release', 'disconnect'), peer: fc.nat(2) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(1, 1000, 5000, 60_000) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('carry-out' as const) }) },
)

test('any history leaves the registry equal to the truth, connect and disconnect alternating', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 120, size: 'max' }), fc.boolean(), (events, atOnce) => {
      const { played, truth } = play(events, atOnce)
      assert.equal(played.registry.size, 0)
      assert.equal(truth.connected.size, 0)
      assert.equal(played.registry.nextAt(), Infinity)
    }),
    { numRuns: 600 },
  )
})

test('the true events of many connections, shuffled in any way, register each connection that was alive', () => {
  const count = 6
  const all = Array.from({ length: count }, (_, on) =>
    (['established', 'identified', 'lost', 'failed', 'established', 'identified'] as const).map((kind): Event =>
      kind === 'identified' ? { kind, on, incarnation: 'a' } : { kind, on },
    ),
  ).flat()
  const draws = Array.from({ length: count }, (_, on): Event => ({ kind: 'draw', on }))
  fc.assert(
    fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (events) => {
      const { played } = play([...draws, ...events], true)
      const { registered, closed } = played.counters
      assert.deepEqual(registered, closed)
      assert.equal(played.registry.size, 0)
    }),
    { numRuns: 300 },
  )
})
