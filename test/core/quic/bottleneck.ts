// A network with a bottleneck, in memory and in virtual time: one link that serves a queue at its rate, delays, loses at random and drops
// what the queue has no room for; any number of flows share it, each a real connection that sends without end. The way back is only
// delayed. Packets are not encrypted, so that a simulated minute takes seconds.
import type { PacketKey } from '../../../src/core/ports.ts'
import type { CongestionName } from '../../../src/core/quic/congestion.ts'
import { QuicConnection, type QuicConfig } from '../../../src/core/quic/connection.ts'
import { growthBudget } from '../../../src/core/quic/flow-control.ts'
import { parseHeader } from '../../../src/core/quic/packet.ts'
import { TRANSPORT_DEFAULTS, type TransportSettings } from '../../../src/core/quic/settings.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { ALICE, BOB, crypto, doWork, type TestIdentity } from './pair.ts'

/** The link. */
export interface Route {
  readonly megabits: number
  readonly roundTripMs: number
  /** What the queue holds, in bandwidth-delay products. */
  readonly queue: number
  /** Fraction of datagrams lost at random. */
  readonly loss?: number
  /** Fraction of datagrams that come up to a quarter of a round trip later. */
  readonly reordering?: number
}

/** What a flow is. */
export interface FlowOptions {
  readonly congestion: CongestionName
  readonly startMs?: number
  readonly transport?: Partial<TransportSettings>
}

const OPEN_WINDOW = { initial: 16 << 20, max: 16 << 20 }

/** Nothing is hidden in a simulation: a packet key that seals with sixteen zeros. Generations of keys are told apart by their objects. */
const PLAIN: PacketKey = {
  seal: (buffer, _header, _start, end) => void buffer.fill(0, end, end + 16),
  open: (_buffer, _header, start, end) => (end - start < 16 ? -1 : end - 16),
  mask: (_buffer, _sample, into) => void into.fill(0),
  release: () => {},
}

const PLAIN_CRYPTO = { ...crypto, packetKey: () => ({ ...PLAIN }) }

interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Virtual time. */
class Events {
  now = 0
  #order = 0
  readonly #heap: Event[] = []

  at(time: number, run: () => void): void {
    const heap = this.#heap
    const event = { at: Math.max(time, this.now), order: this.#order++, run }
    let place = heap.push(event) - 1
    for (let up = (place - 1) >> 1; place > 0 && before(event, heap[up]!); up = (place - 1) >> 1) {
      heap[place] = heap[up]!
      place = up
    }
    heap[place] = event
  }

  runUntil(end: number): void {
    for (let event = this.#heap[0]; event !== undefined && event.at <= end; event = this.#heap[0]) {
      this.#pop()
      this.now = event.at
      event.run()
    }
    this.now = end
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let place = 0
    for (let child = 1; child < heap.length; child = 2 * place + 1) {
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[place] = heap[child]!
      place = child
    }
    heap[place] = last
  }
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/** One end of a flow. */
class FlowEnd {
  connection: QuicConnection | null = null
  readonly identity: TestIdentity
  readonly #events: Events
  readonly #send: (bytes: Uint8Array) => void
  readonly #output: (output: ReturnType<QuicConnection['poll']> & {}) => void
  readonly #buffer = new Uint8Array(1500)
  #armedAt = Infinity

  constructor(
    events: Events,
    identity: TestIdentity,
    on: { send: (bytes: Uint8Array) => void; output: (output: ReturnType<QuicConnection['poll']> & {}) => void },
  ) {
    this.#events = events
    this.identity = identity
    this.#send = on.send
    this.#output = on.output
  }

  /** Lets the connection say all it has to say now, and sets its timer. */
  turn(): void {
    const { connection } = this
    if (connection === null) return
    const { now } = this.#events
    for (let output = connection.poll(); output !== null; output = connection.poll()) {
      if (output.kind === 'work') connection.done(doWork(output.work, this.identity), now)
      else this.#output(output)
    }
    for (let size = connection.transmit(this.#buffer, now); size > 0; size = connection.transmit(this.#buffer, now)) {
      this.#send(this.#buffer.slice(0, size))
    }
    const at = connection.timerAt()
    if (at >= this.#armedAt || at === Infinity) return
    this.#armedAt = at
    this.#events.at(at, () => this.#expire(at))
  }

  #expire(at: number): void {
    if (at !== this.#armedAt) return
    this.#armedAt = Infinity
    const { connection } = this
    if (connection !== null && connection.timerAt() <= this.#events.now) connection.timeout(this.#events.now)
    this.turn()
  }
}

/** A connection whose client sends as much as it may, from its start to the end of the simulation. */
export class Flow {
  /** Bytes of the stream that arrived, and datagrams of ours that the link dropped. */
  received = 0
  dropped = 0
  readonly #client: FlowEnd
  readonly #server: FlowEnd
  readonly #network: Bottleneck

  constructor(network: Bottleneck, options: FlowOptions) {
    this.#network = network
    const { events } = network
    const transport: TransportSettings = {
      ...TRANSPORT_DEFAULTS,
      dataBytes: OPEN_WINDOW,
      streamBytes: OPEN_WINDOW,
      growth: growthBudget(1 << 30),
      congestion: options.congestion,
      ...options.transport,
    }
    const config = (role: 'client' | 'server', publicKey: Uint8Array): QuicConfig => ({
      role,
      publicKey,
      transport,
      crypto: PLAIN_CRYPTO,
      random: network.random,
      alpn: ['sallyport/1'],
      expectedPeer: null,
      remote: { family: 4, ip: '192.0.2.1', port: 1 },
    })
    this.#server = new FlowEnd(events, BOB, {
      send: (bytes) => events.at(events.now + network.delayMs, () => this.#arrive(this.#client, bytes)),
      output: (output) => output.kind === 'stream-readable' && this.#read(output.stream),
    })
    this.#client = new FlowEnd(events, ALICE, {
      send: (bytes) => network.carry(bytes, { drop: () => this.dropped++, arrive: () => this.#reach(bytes, config) }),
      output: (output) => {
        if (output.kind === 'established') this.#begin()
        if (output.kind === 'stream-writable') this.#write(output.stream)
      },
    })
    events.at(options.startMs ?? 0, () => {
      this.#client.connection = QuicConnection.connect(config('client', ALICE.publicKey), events.now)
      this.#client.turn()
    })
  }

  #reach(bytes: Uint8Array, config: (role: 'server', publicKey: Uint8Array) => QuicConfig): void {
    if (this.#server.connection === null) {
      const header = parseHeader(bytes, 0, 8)
      if (header?.form !== 'long') return
      this.#server.connection = QuicConnection.accept(config('server', BOB.publicKey), header, this.#network.events.now)
    }
    this.#arrive(this.#server, bytes)
  }

  #arrive(end: FlowEnd, bytes: Uint8Array): void {
    end.connection?.receive(bytes, { family: 4, ip: '192.0.2.1', port: 1 }, this.#network.events.now)
    end.turn()
  }

  #read(stream: Parameters<QuicConnection['read']>[0]): void {
    const { connection } = this.#server
    for (let bytes = connection?.read(stream); bytes; bytes = connection?.read(stream)) this.received += bytes.length
  }

  #begin(): void {
    for (let i = 0; i < STREAMS; i++) {
      const stream = this.#client.connection?.open(false) ?? null
      if (stream !== null) this.#write(stream)
    }
  }

  #write(stream: Parameters<QuicConnection['write']>[0]): void {
    while ((this.#client.connection?.write(stream, PIECE) ?? 0) > 0);
  }
}

/** One stream holds 512 KiB at most that are not acknowledged: less than a long path takes. */
const STREAMS = 8
const PIECE = new Uint8Array(64 * 1024)

/** The link and its queue. */
export class Bottleneck {
  readonly events = new Events()
  readonly random: SeededRandom
  readonly delayMs: number
  readonly queueBytesMax: number
  readonly #route: Route
  readonly #bytesPerMs: number
  #freeAt = 0
  /** Most bytes queued since it was last asked, and their mean over time. */
  #queuePeak = 0
  #queueArea = 0
  #measuredFrom = 0

  constructor(route: Route, seed = 1) {
    this.#route = route
    this.random = new SeededRandom(seed)
    this.delayMs = route.roundTripMs / 2
    this.#bytesPerMs = route.megabits * 125
    this.queueBytesMax = Math.max(3000, route.queue * this.#bytesPerMs * route.roundTripMs)
  }

  /** A datagram of a flow. */
  carry(bytes: Uint8Array, fate: { drop: () => void; arrive: () => void }): void {
    const { events, random } = this
    const queued = Math.max(0, (this.#freeAt - events.now) * this.#bytesPerMs)
    if (queued + bytes.length > this.queueBytesMax) return fate.drop()
    this.#queuePeak = Math.max(this.#queuePeak, queued + bytes.length)
    this.#freeAt = Math.max(this.#freeAt, events.now) + bytes.length / this.#bytesPerMs
    // Each datagram is in the queue for as long as it waits.
    this.#queueArea += bytes.length * (this.#freeAt - events.now)
    if (random.fraction() < (this.#route.loss ?? 0)) return fate.drop()
    const isLate = random.fraction() < (this.#route.reordering ?? 0)
    const late = isLate ? (random.fraction() * this.#route.roundTripMs) / 4 : 0
    events.at(this.#freeAt + this.delayMs + late, fate.arrive)
  }

  /** Runs to a time in ms; what is measured counts from the last call. */
  run(untilMs: number, flows: readonly Flow[]): Measured {
    const before = flows.map(({ received, dropped }) => ({ received, dropped }))
    this.events.runUntil(untilMs)
    const ms = untilMs - this.#measuredFrom
    const shares = flows.map((flow, i) => (flow.received - before[i]!.received) / (ms * this.#bytesPerMs))
    const result = {
      shares,
      used: shares.reduce((sum, share) => sum + share, 0),
      dropped: flows.reduce((sum, flow, i) => sum + flow.dropped - before[i]!.dropped, 0),
      queuePeak: this.#queuePeak / this.queueBytesMax,
      queueMean: this.#queueArea / ms / this.queueBytesMax,
    }
    this.#measuredFrom = untilMs
    this.#queuePeak = this.#queueArea = 0
    return result
  }
}

/** What came of a stretch of time. Shares of the link's rate by flow and in all; the queue as a share of what it holds. */
export interface Measured {
  readonly shares: readonly number[]
  readonly used: number
  readonly dropped: number
  readonly queuePeak: number
  readonly queueMean: number
}
