// Dials, waits and connections of one transport in every order that a scheduler makes: its QUIC is scripted, so that each step of each
// connection comes when fast-check says so. On failure it prints the seed, the path and the order.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Address, formatAddress } from '../../src/core/address.ts'
import { type ErrorCode, SallyportError } from '../../src/core/errors.ts'
import { connectionHandle, type PeerId, streamId } from '../../src/core/ids.ts'
import { type ControlMessage, encodeControl } from '../../src/core/messages/control.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { UdpEvents } from '../../src/io/ports.ts'
import type { TransportHandle } from '../../src/node/transport-handle.ts'
import { hello, peer } from '../core/peers/played.ts'
import { firstDatagram, laterDatagram, scripted, type ScriptedConnection } from './scripted-quic.ts'
import { World } from './transport-world.ts'

const PEERS = [peer(1), peer(250)] as const
const identity = await generateIdentity()

/** How far a connection comes, and whether it ends then. */
interface Course {
  readonly direction: 'inbound' | 'outbound'
  readonly peer: 0 | 1
  /** Dialled without a PeerId. */
  readonly anybody: boolean
  readonly steps: 1 | 2 | 3 | 4
  readonly ends: boolean
  /** The process of the peer. */
  readonly incarnation: 'a' | 'b'
}

/** Somebody waits for a peer, or for the n-th connection. */
interface Wait {
  readonly on: { readonly peer: 0 | 1 } | { readonly connection: number }
  readonly gives: 'up' | 'not up'
}

interface Line {
  readonly course: Course
  readonly connection: ScriptedConnection
  readonly id: number
  readonly port: number
  /** The address dialled, with the peer if one is expected; dials to the same are one. */
  readonly dialled: string
}

/** A promise under way, and whether it still should be. */
interface Pending {
  readonly may: () => boolean
  isOver: boolean
}

class Stage {
  readonly #world: World
  readonly transport: TransportHandle
  readonly #events: UdpEvents
  readonly #made: ScriptedConnection[]
  readonly lines: Line[] = []
  readonly #pending: Pending[] = []
  readonly heard: { peerId: PeerId; kind: string }[] = []
  readonly problems: string[] = []

  static async open(): Promise<Stage> {
    const world = await World.make()
    const ports = world.ports(world.nextIp())
    const caught: UdpEvents[] = []
    const made: ScriptedConnection[] = []
    const udp: typeof ports.udp = {
      bind: async (local, on) => {
        caught.push(on)
        const send = (_bytes: Uint8Array, _to: Address, sent: () => void): void => world.clock.soon(sent)
        return { local, send, kernelDrops: () => 0, close: async () => {} }
      },
    }
    const quic = scripted((connection) => made.push(connection))
    const { transport } = await world.host({ ports: { ...ports, udp }, identity, quic })
    return new Stage({ world, transport, events: caught[0]!, made })
  }

  private constructor(parts: {
    world: World
    transport: TransportHandle
    events: UdpEvents
    made: ScriptedConnection[]
  }) {
    this.#world = parts.world
    this.transport = parts.transport
    this.#events = parts.events
    this.#made = parts.made
    void this.#listen()
  }

  begin(course: Course, number: number): Line | null {
    const before = this.#made.length
    const address = addressOf(number)
    const dialled = formatAddress(address, course.anybody ? null : PEERS[course.peer])
    if (course.direction === 'inbound') {
      this.#events.datagram(firstDatagram(before + 1), address)
    } else {
      const expected = course.anybody ? null : PEERS[course.peer]
      const dial = this.transport.connectPeer(dialled)
      const mine = (): boolean => this.lines.some((line) => line.dialled === dialled && line.connection.isOpen)
      const met = (): boolean => expected !== null && this.transport.peer(expected) !== null
      this.#watch(dial, { may: () => mine() && !met(), codes: DIAL_CODES, expected })
      // Whoever answers there is somebody there.
      void dial.then(
        ({ connection: met }) => {
          const port = this.lines.find(({ id }) => id === Number(met))?.port
          if (expected === null && port !== address.port) this.problems.push('somebody from elsewhere')
        },
        () => {},
      )
    }
    const connection = this.#made[before]
    if (connection === undefined) return null
    const line: Line = {
      course,
      connection,
      id: before + 1,
      port: address.port,
      dialled: course.direction === 'outbound' ? dialled : '',
    }
    this.lines.push(line)
    return line
  }

  /** One more thing happens on a connection, whatever happened before; late ones must change nothing. */
  step({ course, connection, id }: Line, step: number): void {
    const theirs = streamId(course.direction === 'inbound' ? 2 : 3)
    const say = (message: Exclude<ControlMessage, { kind: 'unknown' }>): void => {
      connection.readable.set(theirs, [...(connection.readable.get(theirs) ?? []), encodeControl(message)])
      connection.outputs.push({ kind: 'stream-readable', stream: theirs })
    }
    if (step === 2) {
      const peerId = PEERS[course.peer]
      connection.outputs.push({ kind: 'established', peerId, publicKey: new Uint8Array(1952) })
    }
    if (step === 3) say({ kind: 'hello', hello: hello(course.incarnation) })
    if (step === 4) say({ kind: 'hello-ack' })
    this.#events.datagram(laterDatagram(id), addressOf(0))
  }

  end({ connection, id }: Line): void {
    connection.die()
    this.#events.datagram(laterDatagram(id), addressOf(0))
  }

  wait({ on, gives }: Wait): AbortController {
    const controller = new AbortController()
    const target = 'peer' in on ? PEERS[on.peer] : connectionHandle(on.connection)
    const promise = this.transport.waitForPeerIdentity(target, { signal: controller.signal })
    const line = (): Line | undefined => ('peer' in on ? undefined : this.lines.find(({ id }) => id === on.connection))
    const may = (): boolean =>
      'peer' in on ? this.transport.peer(PEERS[on.peer]) === null : line()?.connection.isOpen === true
    this.#watch(promise, { may: () => may() && !(gives === 'up' && controller.signal.aborted), codes: WAIT_CODES })
    return controller
  }

  /** Lets every promise go on that can, and checks everything that must hold now. */
  async check(): Promise<void> {
    await this.#world.clock.settle()
    this.transport.checkInvariants()
    const open = this.lines.filter(({ connection }) => connection.isOpen)
    assert.equal(this.transport.gauges().connections, open.length, 'the registry has the connections there are')
    const identified = this.transport.listActiveConnections().map(({ connection }) => Number(connection))
    for (const handle of identified)
      assert.ok(
        open.some(({ id }) => id === handle),
        'who is identified is there',
      )
    for (const { may, isOver } of this.#pending) assert.ok(isOver || may(), 'nobody waits for what is over')
    for (const peerId of PEERS) {
      const kinds = this.heard.filter((event) => event.peerId === peerId).map(({ kind }) => kind)
      assert.ok(
        kinds.every((kind, n) => kind === (n % 2 === 0 ? 'connected' : 'disconnected')),
        kinds.join(' '),
      )
      const isConnected = this.transport.peers().some((info) => info.peerId === peerId)
      assert.equal(kinds.at(-1) === 'connected', isConnected, 'what was told is what is')
    }
    assert.deepEqual(this.problems, [])
  }

  /** Everybody's time runs out; nothing is left. */
  async finish(): Promise<void> {
    await this.#world.clock.advance(100_000)
    assert.ok(
      this.#pending.every(({ isOver }) => isOver),
      'every promise has settled',
    )
    const { accepted, registered, reading, closed, reconcilerDifferences, taskFailures } = this.transport.counters()
    assert.deepEqual([registered, reading, closed], [accepted, accepted, accepted])
    assert.equal(reconcilerDifferences + taskFailures, 0)
    assert.equal(this.transport.gauges().connections, 0)
    await this.#world.close()
    assert.equal(this.#world.clock.next(), Infinity)
  }

  #watch(
    promise: Promise<{ readonly peerId: PeerId }>,
    { may, codes, expected = null }: { may: () => boolean; codes: readonly ErrorCode[]; expected?: PeerId | null },
  ): void {
    const pending: Pending = { may, isOver: false }
    this.#pending.push(pending)
    void promise
      .then(
        ({ peerId }) => {
          if (expected !== null && peerId !== expected) this.problems.push('another peer than the expected one')
        },
        (error: unknown) => {
          const code = error instanceof SallyportError ? error.code : 'INTERNAL'
          if (!codes.includes(code)) this.problems.push(`${code} ${String(error)}`)
        },
      )
      .finally(() => (pending.isOver = true))
  }

  async #listen(): Promise<void> {
    for await (const event of this.transport.events()) {
      if (event.kind === 'connected' || event.kind === 'disconnected') {
        this.heard.push({ peerId: event.peerId, kind: event.kind })
      }
    }
  }
}

const DIAL_CODES: readonly ErrorCode[] = [
  'DIAL_TIMEOUT',
  'DIAL_TOO_SOON',
  'CONNECTION_LOST',
  'IDENTITY_TIMEOUT',
  'CANCELLED',
]
const WAIT_CODES: readonly ErrorCode[] = ['IDENTITY_TIMEOUT', 'CONNECTION_LOST', 'CANCELLED']

/** Of some addresses there are two connections, so that dials join and addresses fail twice. */
const addressOf = (number: number): Address => ({ family: 4, ip: '127.0.0.2', port: 4000 + (number % 3) })

const course: fc.Arbitrary<Course> = fc.record({
  direction: fc.constantFrom('inbound', 'outbound'),
  peer: fc.constantFrom(0, 0, 1),
  anybody: fc.boolean(),
  steps: fc.constantFrom(1, 2, 3, 4, 4, 4),
  ends: fc.boolean(),
  incarnation: fc.constantFrom('a', 'a', 'a', 'b'),
})
const wait: fc.Arbitrary<Wait> = fc.record({
  on: fc.oneof(
    fc.record({ peer: fc.constantFrom<0 | 1>(0, 1) }),
    fc.record({ connection: fc.integer({ min: 1, max: 5 }) }),
  ),
  gives: fc.constantFrom('up', 'not up'),
})

test('whatever the order of dials, waits, handshakes, identities, losses and late work, the truth is told and nobody waits in vain', async () => {
  const plan = {
    courses: fc.array(course, { minLength: 1, maxLength: 5, size: 'max' }),
    waits: fc.array(wait, { maxLength: 4, size: 'max' }),
    lateWork: fc.boolean(),
  }
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.record(plan), async (scheduler, { courses, waits, lateWork }) => {
      const stage = await Stage.open()
      const act = (label: string, run: () => void): { label: string; builder: () => Promise<void> } => ({
        label,
        builder: async () => {
          run()
          await stage.check()
        },
      })
      const sequences = courses.map((each, n) => {
        let line: Line | null = null
        const on = (run: (line: Line) => void) => (): void => {
          if (line !== null) run(line)
        }
        const steps = [2, 3, 4].filter((step) => step <= each.steps)
        const ends = each.ends
          ? [
              act(
                `${n} ends`,
                on((it) => stage.end(it)),
              ),
            ]
          : []
        const late = lateWork
          ? [2, 3, 4].map((step) =>
              act(
                `${n} late ${step}`,
                on((it) => stage.step(it, step)),
              ),
            )
          : []
        return scheduler.scheduleSequence([
          act(`${n} begins`, () => (line = stage.begin(each, n))),
          ...steps.map((step) =>
            act(
              `${n} ${step}`,
              on((it) => stage.step(it, step)),
            ),
          ),
          ...ends,
          ...(each.ends ? late : []),
        ]).task
      })
      const waiting = waits.map((each, n) => {
        let controller: AbortController | null = null
        const up = act(`wait ${n} gives up`, () => controller?.abort())
        const begins = act(`wait ${n}`, () => (controller = stage.wait(each)))
        return scheduler.scheduleSequence(each.gives === 'up' ? [begins, up] : [begins]).task
      })
      await scheduler.waitIdle()
      for (const { faulty } of await Promise.all([...sequences, ...waiting])) assert.ok(!faulty)
      await stage.finish()
    }),
    { numRuns: 300 },
  )
})
