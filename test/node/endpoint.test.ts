// The endpoint and what hangs on it, in single turns: the network, the timers and the connections are scripted, so that a test sees
// what is done before the call that brought a datagram returns.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Address } from '../../src/core/address.ts'
import type { Counters } from '../../src/core/counters.ts'
import { peerIdOf } from '../../src/core/ids.ts'
import { FrameReader } from '../../src/core/messages/framing.ts'
import type { Registry } from '../../src/core/peers/registry.ts'
import { TRANSPORT_DEFAULTS } from '../../src/core/quic/settings.ts'
import type { Identity, Job, Ports, UdpEvents } from '../../src/io/ports.ts'
import type { Acceptance } from '../../src/node/acceptance.ts'
import { Endpoint } from '../../src/node/endpoint.ts'
import { limitsOf } from '../../src/node/options.ts'
import { Schedule } from '../../src/node/schedule.ts'
import { type TransportParts, transportParts } from '../../src/node/transport-parts.ts'
import { firstDatagram, laterDatagram, scripted, type ScriptedConnection } from './scripted-quic.ts'

const HERE: Address = { family: 4, ip: '192.0.2.1', port: 9000 }
/** On this machine: the gate lets it in without a token. */
const THERE: Address = { family: 4, ip: '127.0.0.2', port: 4000 }
const ESTABLISHED = {
  kind: 'established',
  peerId: peerIdOf(new Uint8Array(32)),
  publicKey: new Uint8Array(1952),
} as const

const identity: Identity = {
  peerId: peerIdOf(new Uint8Array(32).fill(9)),
  publicKey: new Uint8Array(1952),
  privateKey: new Uint8Array(0),
}

/** A world that does nothing by itself. */
class Still {
  now = 0
  soon: (() => void)[] = []
  timers: { time: number; run: (() => void) | null }[] = []
  readonly sent: { bytes: Uint8Array; to: Address; done: () => void }[] = []
  readonly work: Job[] = []
  readonly connections: ScriptedConnection[] = []
  #events: UdpEvents | null = null

  readonly ports = {
    clock: { now: () => this.now, wall: () => 0 },
    timers: {
      at: (time: number, run: () => void) => {
        const timer: { time: number; run: (() => void) | null } = { time, run }
        this.timers.push(timer)
        return { cancel: () => void (timer.run = null) }
      },
      soon: (run: () => void) => void this.soon.push(run),
    },
    udp: {
      bind: async (local: Address, events: UdpEvents) => {
        this.#events = events
        return {
          local,
          send: (bytes: Uint8Array, to: Address, done: () => void) => void this.sent.push({ bytes, to, done }),
          kernelDrops: () => 3,
          close: async () => {},
        }
      },
    },
    workers: {
      run: (job: Job) => void this.work.push(job),
      lateness: () => 0,
      close: async () => {},
    },
    crypto: { swiftest: 0x1301 },
    random: { fill: (into: Uint8Array) => void into.fill(7) },
  } as unknown as Ports

  readonly quic = scripted((connection) => this.connections.push(connection))

  datagram(bytes: Uint8Array, from = THERE): void {
    this.#events?.datagram(bytes, from)
  }

  /** Datagrams of newcomers, each of its own, and the turns in which all are met. */
  newcomers(count: number): void {
    for (let n = 1; n <= count; n++) this.datagram(firstDatagram(n))
    for (let n = 0; n < count; n++) this.turn()
  }

  /** Ends the turn. */
  turn(): void {
    for (const run of this.soon.splice(0)) run()
  }

  get timersSet(): number {
    return this.timers.filter(({ run }) => run !== null).length
  }

  /** Moves time on and runs what is due. */
  to(time: number): void {
    this.now = time
    const due = this.timers.filter((timer) => timer.run !== null && timer.time <= time)
    this.timers = this.timers.filter((timer) => !due.includes(timer) && timer.run !== null)
    for (const { run } of due) run?.()
  }
}

const transport = async (
  change: Partial<Parameters<typeof transportParts>[0]> = {},
): Promise<[Still, TransportParts]> => {
  const world = new Still()
  const parts = transportParts({
    ports: world.ports,
    identity,
    capability: 'node',
    listen: [],
    quic: world.quic,
    ...change,
  })
  await parts.endpoint.bind(HERE)
  return [world, parts]
}

/** An endpoint whose acceptance a test makes of a registry and the real thing. */
const endpointWith = async (
  acceptance: (real: Acceptance, registry: Registry) => Acceptance,
): Promise<[Still, Counters]> => {
  const [world, parts] = await transport()
  const endpoint = new Endpoint({
    ports: world.ports,
    identity,
    alpn: ['test'],
    limits: parts.limits,
    transport: TRANSPORT_DEFAULTS,
    schedule: parts.schedule,
    counters: parts.counters,
    acceptance: acceptance(parts.lifecycle, parts.registry),
    handles: parts.registry,
    quic: world.quic,
  })
  await endpoint.bind(HERE)
  return [world, parts.counters]
}

const finishHandshake = (world: Still): void => {
  world.datagram(firstDatagram(0xaa))
  world.connections[0]!.outputs.push(ESTABLISHED)
  world.datagram(laterDatagram(1))
}

const three = ({ accepted, registered, reading }: Counters): number[] => [
  accepted.inbound,
  registered.inbound,
  reading.inbound,
]

test('the call that brings the last handshake datagram registers, reads and says HELLO before it returns', async () => {
  const [world, parts] = await transport()
  world.datagram(firstDatagram(0xaa))
  assert.deepEqual(three(parts.counters), [0, 0, 0])
  const [connection] = world.connections
  connection!.outputs.push(ESTABLISHED)
  world.datagram(laterDatagram(1))
  assert.deepEqual(three(parts.counters), [1, 1, 1])
  const frames = new FrameReader(16_384)
  frames.receive(connection!.written[0]!.bytes)
  assert.equal(frames.next().kind, 'map')
  assert.equal(world.sent.length, 0)
  world.turn()
  assert.equal(world.sent.length, 1)
})

test('without the registry step, or without the reader, the gap shows', async () => {
  const nobodyRegisters = await endpointWith((real) => ({
    established: () => {},
    migrated: real.migrated.bind(real),
    lost: real.lost.bind(real),
    failed: real.failed.bind(real),
  }))
  finishHandshake(nobodyRegisters[0])
  assert.deepEqual(three(nobodyRegisters[1]), [1, 0, 0])
  const nobodyReads = await endpointWith((real, registry) => ({
    established: ({ handle, direction, remote, peer }, now) =>
      registry.established({ handle, direction, remote, peerId: peer!.peerId }, now),
    migrated: real.migrated.bind(real),
    lost: real.lost.bind(real),
    failed: real.failed.bind(real),
  }))
  finishHandshake(nobodyReads[0])
  assert.deepEqual(three(nobodyReads[1]), [1, 1, 0])
})

test('what happened on the streams before the reader was armed is not lost', async () => {
  const [world, parts] = await transport()
  world.datagram(firstDatagram(0xaa))
  const [connection] = world.connections
  const heard: string[] = []
  connection!.read = () => {
    heard.push('read')
    return null
  }
  const readable = { kind: 'stream-readable', stream: 2 } as never
  connection!.outputs.push({ kind: 'stream-opened', stream: 2 as never, bidirectional: false }, readable, ESTABLISHED)
  world.datagram(laterDatagram(1))
  assert.deepEqual(heard, ['read'])
  assert.deepEqual(three(parts.counters), [1, 1, 1])
})

test('work goes to the workers and its result to the connection, unless that has ended', async () => {
  const [world] = await transport()
  world.datagram(firstDatagram(0xaa))
  const [connection] = world.connections
  const work = { kind: 'sign', id: 5, content: new Uint8Array(1) } as const
  connection!.outputs.push({ kind: 'work', work }, { kind: 'work', work: { ...work, id: 6 } })
  world.datagram(laterDatagram(1))
  assert.deepEqual(
    world.work.map(({ work: asked, identity: signer }) => [asked.id, signer]),
    [
      [5, identity],
      [6, identity],
    ],
  )
  world.work[0]!.done({ kind: 'sign', id: 5, signature: new Uint8Array(1) })
  assert.deepEqual(
    connection!.results.map(({ id }) => id),
    [5],
  )
  connection!.abandon()
  world.datagram(laterDatagram(1))
  world.work[1]!.done({ kind: 'sign', id: 6, signature: new Uint8Array(1) })
  assert.equal(connection!.results.length, 1)
})

test('a first flight of two datagrams is one connection and one verdict', async () => {
  const [world, parts] = await transport()
  world.datagram(firstDatagram(0xaa))
  world.datagram(firstDatagram(0xaa))
  assert.equal(world.connections.length, 1)
  assert.equal(parts.counters.judged, 1)
  world.datagram(firstDatagram(0xaa), { ...THERE, port: 4001 })
  world.datagram(firstDatagram(0xbb))
  world.turn()
  assert.equal(world.connections.length, 3)
  parts.endpoint.checkInvariants()
})

test('those in progress go on before newcomers begin, two of them a turn, and each second datagram finds the first', async () => {
  const [world, parts] = await transport()
  world.datagram(firstDatagram(1))
  world.turn()
  const order: string[] = []
  world.connections[0]!.onReceive = () => void order.push('in progress')
  const begun = (): number => world.connections.length - 1
  for (let n = 2; n <= 6; n++) for (const _ of [1, 2]) world.datagram(firstDatagram(n))
  assert.equal(begun(), 2)
  world.datagram(laterDatagram(1))
  assert.deepEqual(order, ['in progress'])
  world.turn()
  assert.equal(begun(), 4)
  assert.equal(parts.counters.judged, 5)
  world.turn()
  assert.equal(begun(), 5)
  assert.equal(parts.counters.judged, 6)
  for (const connection of world.connections.slice(1)) assert.equal(connection.received, 2)
  for (let n = 0; n < 2; n++) world.turn()
  assert.equal(world.soon.length, 0, 'nobody waits, and no turn is asked for')
  parts.endpoint.checkInvariants()
})

test('a newcomer that waited too long is not begun, and one without room to wait is dropped', async () => {
  const [world, parts] = await transport()
  for (let n = 0; n < 5000; n++) world.datagram(firstDatagram(16 + (n % 200)), { ...THERE, port: 1024 + n })
  assert.equal(parts.counters.slots, 2)
  assert.equal(parts.counters.dropped.crowd, 5000 - 2 - 2048)
  world.to(4001)
  for (let n = 0; n < 32; n++) world.turn()
  assert.equal(parts.counters.dropped.crowd, 5000 - 2)
  assert.equal(parts.counters.judged, 5000)
  world.to(4200)
  world.datagram(firstDatagram(9), { ...THERE, port: 9000 })
  assert.equal(parts.counters.slots, 3)
})

test('a first datagram that does not open takes the place of a newcomer in its turn, for it costs as much', async () => {
  const [world, parts] = await transport({ quic: scripted((connection) => (connection.opened = false)) })
  for (let n = 1; n <= 7; n++) world.datagram(firstDatagram(n))
  assert.equal(parts.counters.dropped['not-opened'], 2)
  world.turn()
  assert.equal(parts.counters.dropped['not-opened'], 4)
  for (let n = 0; n < 2; n++) world.turn()
  assert.equal(parts.counters.dropped['not-opened'], 7)
})

test('a datagram that does not open leaves nothing behind', async () => {
  const [world, parts] = await transport({
    quic: scripted((connection) => (connection.opened = false)),
  })
  world.datagram(firstDatagram(0xaa))
  assert.equal(parts.counters.dropped['not-opened'], 1)
  assert.equal(parts.registry.size, 0)
  assert.deepEqual(parts.endpoint.halfOpen, { inbound: 0, outbound: 0, strangers: 0, fullest: 0 })
  parts.endpoint.checkInvariants()
})

test('outputs leave once a turn, connections taking turns, a bounded number of datagrams', async () => {
  const [world] = await transport()
  world.newcomers(3)
  for (const connection of world.connections) connection.owed = 200
  for (let n = 1; n <= 3; n++) world.datagram(laterDatagram(n))
  assert.equal(world.sent.length, 0)
  world.turn()
  assert.equal(world.sent.length, 256)
  const first = world.sent.slice(0, 48).map(({ bytes }) => bytes[0])
  assert.deepEqual(new Set(first), new Set([1, 2, 3]))
  world.turn()
  world.turn()
  assert.equal(world.sent.length, 600)
  assert.equal(world.soon.length, 0)
})

test('while every buffer is with the system nothing more is taken, and it goes on when one comes back', async () => {
  const [world] = await transport()
  world.datagram(firstDatagram(1))
  world.connections[0]!.owed = 5000
  for (let i = 0; i < 20; i++) world.turn()
  assert.equal(world.sent.length, 1024)
  for (const { done } of world.sent.slice(0, 10)) done()
  world.turn()
  assert.equal(world.sent.length, 1034)
})

test('however many connections there are, one timer of the world is set', async () => {
  const [world, parts] = await transport()
  world.newcomers(100)
  const fired: number[] = []
  world.connections.forEach((connection, i) => {
    connection.at = 1000 + i
    connection.onTimeout = () => fired.push(i)
    world.datagram(laterDatagram(i + 1))
  })
  world.turn()
  assert.equal(world.timersSet, 1)
  world.to(1050)
  assert.equal(fired.length, 51)
  world.turn()
  assert.equal(world.timersSet, 1)
  world.to(10_000)
  assert.equal(parts.counters.handshakesFailed.inbound.deadline, 100)
  assert.equal(parts.registry.size, 0)
})

test('no progress moves the deadline of a handshake', async () => {
  const [world, parts] = await transport()
  world.datagram(firstDatagram(1))
  for (let time = 1000; time < 10_000; time += 1000) {
    world.now = time
    world.datagram(laterDatagram(1))
    world.turn()
  }
  world.to(9999)
  assert.equal(parts.endpoint.halfOpen.inbound, 1)
  world.to(10_000)
  assert.equal(parts.endpoint.halfOpen.inbound, 0)
})

test('what a newcomer waited for its turn is part of its handshake’s time', async () => {
  const [world, parts] = await transport()
  for (let n = 1; n <= 3; n++) world.datagram(firstDatagram(n))
  world.now = 900
  world.turn()
  assert.equal(parts.endpoint.halfOpen.inbound, 3)
  world.to(10_000)
  assert.equal(parts.counters.handshakesFailed.inbound.deadline, 3)
})

test('a handshake whose timer ran while every buffer was with the system still ends at its deadline', async () => {
  const [world, parts] = await transport()
  world.datagram(firstDatagram(1))
  const [connection] = world.connections
  connection!.at = 1000
  world.turn()
  connection!.owed = 5000
  world.datagram(laterDatagram(1))
  for (let i = 0; i < 20; i++) world.turn()
  world.to(1000)
  world.turn()
  world.to(10_000)
  assert.equal(parts.counters.handshakesFailed.inbound.deadline, 1)
})

test('first datagrams that do not open push out no connection that still says why it closed', async () => {
  let opened = true
  const made: ScriptedConnection[] = []
  const quic = scripted((connection) => {
    connection.opened = opened
    made.push(connection)
  })
  const [world, parts] = await transport({ quic, limits: { closedLinksMax: 1 } })
  world.datagram(firstDatagram(0xaa))
  made[0]!.outputs.push(ESTABLISHED)
  world.datagram(laterDatagram(1))
  parts.lifecycle.change((registry) => registry.disconnect(ESTABLISHED.peerId, 0))
  world.turn()
  opened = false
  for (let n = 2; n < 9; n++) world.datagram(firstDatagram(n))
  let asked = 0
  made[0]!.onReceive = () => void asked++
  world.datagram(laterDatagram(1))
  assert.equal(asked, 1)
  parts.endpoint.checkInvariants()
})

test('inbound slots are refused when full, and dials still have theirs', async () => {
  const [world, parts] = await transport({ limits: { halfOpenInMax: 2, halfOpenOutMax: 1 } })
  world.newcomers(4)
  assert.equal(parts.counters.slots, 2)
  assert.equal(parts.counters.refused['slots-full'], 2)
  assert.deepEqual(
    world.sent.map(({ bytes }) => bytes.length),
    [60, 60],
  )
  assert.equal(parts.endpoint.dial(THERE, null).kind, 'dialling')
  assert.deepEqual(parts.endpoint.dial(THERE, null), { kind: 'refused', reason: 'slots-full' })
  assert.deepEqual(parts.endpoint.dial({ family: 6, ip: '::1', port: 1 }, null), {
    kind: 'refused',
    reason: 'no-socket',
  })
})

test('a closed connection still says why until it is gone, and counts for nothing meanwhile', async () => {
  const [world, parts] = await transport()
  finishHandshake(world)
  const [connection] = world.connections
  parts.lifecycle.change((registry) => registry.disconnect(ESTABLISHED.peerId, 0))
  world.turn()
  world.turn()
  assert.equal(parts.registry.size, 0)
  assert.deepEqual([...parts.endpoint.handles()], [])
  let asked = 0
  connection!.onReceive = () => void asked++
  world.datagram(laterDatagram(1))
  assert.equal(asked, 1)
  connection!.outputs.push({ kind: 'gone' })
  world.datagram(laterDatagram(1))
  world.datagram(laterDatagram(1))
  assert.equal(asked, 2)
  assert.equal(parts.counters.resets, 1)
  parts.endpoint.checkInvariants()
})

test('the reconciler counts and repairs what only one side has', async () => {
  const [world, parts] = await transport()
  finishHandshake(world)
  parts.registry.draw('inbound')
  world.to(5000)
  assert.equal(parts.counters.reconcilerDifferences, 1)
  world.turn()
  assert.equal(parts.registry.size, 0, 'the one drawn by nobody is repaired; the silent one met its deadline')
})

test('a limit that is none is refused', () => {
  assert.throws(() => limitsOf({ connectionsMax: 0 }), /connectionsMax/)
  assert.throws(() => limitsOf({ connectionMax: 5 } as never), /connectionMax/)
  assert.equal(limitsOf({ connectionsMax: 5 }).connectionsMax, 5)
})

test('a schedule that is closed runs nothing', () => {
  const world = new Still()
  const schedule = new Schedule(world.ports.clock, world.ports.timers)
  schedule.once(5, () => assert.fail('it ran'))
  schedule.close()
  world.to(10)
  assert.equal(world.timersSet, 0)
})
