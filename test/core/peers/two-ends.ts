// Two peers, their registries and the connections between them, one step at a time: whoever holds a TwoEnds decides which message arrives
// next, on which connection and at which end, which connection goes silent, who restarts, and when either learns of it. Messages of one
// connection keep their order at each end, as on a control stream; a close may overtake them, as its datagram may.
import assert from 'node:assert/strict'
import { Counters, type Direction } from '../../../src/core/counters.ts'
import type { ConnectionHandle } from '../../../src/core/ids.ts'
import { CLOSE, type CloseCode } from '../../../src/core/messages/codes.ts'
import type { ControlMessage } from '../../../src/core/messages/control.ts'
import { IdentityExchange } from '../../../src/core/peers/identity-exchange.ts'
import { Registry, type RegistryOutput } from '../../../src/core/peers/registry.ts'
import { CONFIG, hello, peer } from './played.ts'

export type Side = 0 | 1
export const SIDES: readonly Side[] = [0, 1]
const other = (side: Side): Side => (side === 0 ? 1 : 0)

/** The smaller PeerId, which decides about duplicates, and the larger. */
export const PEERS = [peer(3), peer(7)] as const

type Message =
  | { readonly kind: 'initial' | 'flight' | 'finished' | 'request' | 'response' }
  | { readonly kind: 'control'; readonly message: ControlMessage }

/** One end of a wire, in the process it began in. */
interface Half {
  readonly process: Process
  readonly direction: Direction
  handle: ConnectionHandle | null
  state: 'none' | 'half-open' | 'established' | 'closed'
  readonly exchange: IdentityExchange
  /** Requests of this end without a response. */
  requests: number
  /** What is on its way to this end. */
  readonly inbox: Message[]
  /** Whether the other end's close is on its way. */
  closeComes: boolean
  /** A close was ordered here and not carried out yet. */
  closeOrdered: boolean
}

/** One connection. */
export interface Wire {
  readonly id: number
  readonly halves: readonly [Half, Half]
  /** Nothing arrives any more. */
  cut: boolean
  /** Its dialler found it needless: the peer was identified otherwise, if only by a process that has ended since. */
  withdrawn: boolean
}

/** One run of one peer. */
export interface Process {
  readonly side: Side
  readonly registry: Registry
  readonly counters: Counters
  readonly incarnation: string
  readonly events: string[]
}

/** See the head of this file. */
export class TwoEnds {
  now = 0
  readonly wires: Wire[] = []
  readonly processes: [Process, Process]
  /** Requests that got no response although their connection was not cut and no process ended. */
  lostRequests = 0
  #started = 0

  constructor() {
    this.processes = [this.#start(0), this.#start(1)]
  }

  // ── what the world does ──

  dial(side: Side): void {
    const process = this.processes[side]
    const handle = process.registry.draw('outbound')
    const dialling: Half = { ...half(process, 'outbound'), handle, state: 'half-open' }
    const accepting = half(this.processes[other(side)], 'inbound')
    accepting.inbox.push({ kind: 'initial' })
    const halves = side === 0 ? ([dialling, accepting] as const) : ([accepting, dialling] as const)
    this.wires.push({ id: this.wires.length, halves, cut: false, withdrawn: false })
  }

  /** From now on nothing passes; either end learns of it when it is told to. */
  cut(wire: Wire): void {
    wire.cut = true
    for (const half of wire.halves) {
      half.inbox.length = 0
      half.closeComes = false
    }
  }

  /** A process ends without a word and the next begins: its ends are gone, the others learn of it when they are told to. */
  restart(side: Side): void {
    const ended = this.processes[side]
    this.processes[side] = this.#start(side)
    for (const wire of this.wires) {
      if (wire.halves[side].process !== ended) continue
      wire.halves[side].state = 'closed'
      wire.halves[side].inbox.length = 0
    }
  }

  disconnect(side: Side): void {
    this.processes[side].registry.disconnect(PEERS[other(side)], CLOSE.noError)
    this.#drain(this.processes[side])
  }

  /** A request over the connection in use, if there is one. */
  request(side: Side): void {
    const process = this.processes[side]
    const info = process.registry.usable(PEERS[other(side)])
    if (info === null) return
    const wire = this.#wireOf(process, info.connection)
    wire.halves[side].requests++
    process.registry.streamBegan(info.connection, this.now)
    this.#send(wire, side, { kind: 'request' })
    this.#drain(process)
  }

  tick(ms: number): void {
    this.now += ms
    for (const process of this.processes) {
      process.registry.timeout(this.now)
      this.#drain(process)
    }
  }

  /** All that can happen next without the world doing anything. */
  moves(): (() => void)[] {
    const moves: (() => void)[] = []
    for (const wire of this.wires) {
      for (const side of SIDES) {
        const half = wire.halves[side]
        if (half.process !== this.processes[side]) continue
        if (half.inbox.length > 0) moves.push(() => this.#arrive(wire, side))
        if (half.closeComes) moves.push(() => this.#lose(wire, side))
        if (half.closeOrdered) moves.push(() => this.#carryOut(wire, side))
        const widowed = wire.cut || this.#goneAt(wire, other(side))
        if (widowed && half.inbox.length === 0 && isOpen(half) && !half.closeComes && !half.closeOrdered) {
          moves.push(() => this.#lose(wire, side))
        }
      }
    }
    return moves
  }

  /** Lets everything happen that is under way, then the time pass in which connections go away. */
  settle(): void {
    this.#exhaust()
    for (let ms = 0; ms <= CONFIG.goAwayMs; ms += 1000) {
      this.tick(1000)
      this.#exhaust()
    }
  }

  // ── what is true ──

  /** The wires that count as identified at an end. */
  identifiedAt(side: Side): number[] {
    const process = this.processes[side]
    return process.registry.active().map((info) => this.#wireOf(process, info.connection).id)
  }

  usableAt(side: Side): number | null {
    const process = this.processes[side]
    const info = process.registry.usable(PEERS[other(side)])
    return info === null ? null : this.#wireOf(process, info.connection).id
  }

  /** Connections that have not ended at both ends. */
  get living(): number {
    return this.wires.filter(({ halves }) => halves.some(({ state }) => state !== 'closed')).length
  }

  /** Checks what must hold at every moment. */
  check(): void {
    for (const process of this.processes) {
      process.registry.checkInvariants()
      const open = this.wires.map(({ halves }) => halves[process.side]).filter((half) => half.process === process)
      assert.deepEqual(
        new Set(process.registry.handles()),
        new Set(open.filter(isOpen).map(({ handle }) => handle)),
        'the registry has the connections there are',
      )
      assert.ok(
        process.events.every((event, n) => event === (n % 2 === 0 ? 'connected' : 'disconnected')),
        `connected and disconnected alternate: ${process.events.join(' ')}`,
      )
      const connected = process.events.at(-1) === 'connected'
      assert.equal(connected, process.registry.active().length > 0, 'connected while a connection is identified')
      const { registered, closed } = process.counters
      const living = open.filter(({ state }) => state === 'established').length
      const sum = (by: Readonly<Record<Direction, number>>): number => by.inbound + by.outbound
      assert.equal(sum(registered) - sum(closed), living, 'what was registered is here or was closed')
    }
  }

  // ── one step ──

  #arrive(wire: Wire, side: Side): void {
    const half = wire.halves[side]
    const message = half.inbox.shift()
    if (message === undefined) return
    const { registry } = half.process
    switch (message.kind) {
      case 'initial':
        half.handle = registry.draw('inbound')
        half.state = 'half-open'
        this.#send(wire, side, { kind: 'flight' })
        break
      case 'flight':
        this.#send(wire, side, { kind: 'finished' })
        this.#establish(wire, side)
        break
      case 'finished':
        this.#establish(wire, side)
        break
      case 'request':
        registry.streamBegan(handleOf(half), this.now)
        registry.streamEnded(handleOf(half), this.now)
        this.#send(wire, side, { kind: 'response' })
        break
      case 'response':
        half.requests--
        registry.streamEnded(handleOf(half), this.now)
        break
      case 'control':
        this.#hear(wire, side, message.message)
    }
    this.#drain(half.process)
  }

  #establish(wire: Wire, side: Side): void {
    const half = wire.halves[side]
    half.state = 'established'
    const { process, direction } = half
    const [handle, peerId] = [handleOf(half), PEERS[other(side)]]
    const remote = { family: 4, ip: '192.0.2.1', port: 9000 } as const
    process.registry.established({ handle, direction, peerId, remote }, this.now)
    this.#send(wire, side, control({ kind: 'hello', hello: hello(process.incarnation) }))
  }

  #hear(wire: Wire, side: Side, message: ControlMessage): void {
    const half = wire.halves[side]
    if (message.kind === 'goaway') {
      return half.process.registry.peerGoesAway(handleOf(half), message.reason as CloseCode, this.now)
    }
    // The packet that answers a HELLO acknowledges the one that brought it.
    if (message.kind === 'hello-ack') half.exchange.peerHears()
    const step = half.exchange.receive(message)
    assert.notEqual(step.kind, 'violation')
    if (step.kind === 'acknowledge') this.#send(wire, side, control({ kind: 'hello-ack' }))
    if (step.kind === 'identified') half.process.registry.identified(handleOf(half), step.hello, this.now)
  }

  /** What a close, a reset, silence or a failed handshake means at one end. */
  #lose(wire: Wire, side: Side): void {
    const half = wire.halves[side]
    half.closeComes = false
    half.inbox.length = 0
    if (!isOpen(half)) return
    if (!wire.cut && !this.#goneAt(wire, other(side))) this.lostRequests += half.requests
    const wasHalfOpen = half.state === 'half-open'
    half.state = 'closed'
    half.closeOrdered = false
    if (wasHalfOpen) half.process.registry.failed(handleOf(half))
    else half.process.registry.lost(handleOf(half))
    this.#drain(half.process)
  }

  /** Our own close leaves, and the connection is gone here. */
  #carryOut(wire: Wire, side: Side): void {
    wire.halves[side].closeOrdered = false
    const there = wire.halves[other(side)]
    if (!wire.cut && there.process === this.processes[other(side)]) there.closeComes = true
    this.#lose(wire, side)
  }

  /** What is said to an end that is gone, or that has been closed there, is not heard. */
  #send(wire: Wire, side: Side, message: Message): void {
    const there = wire.halves[other(side)]
    if (!wire.cut && !there.closeOrdered && !this.#goneAt(wire, other(side))) there.inbox.push(message)
  }

  #drain(process: Process): void {
    for (let output = process.registry.poll(); output !== null; output = process.registry.poll()) {
      this.#perform(process, output)
    }
  }

  #perform(process: Process, output: RegistryOutput): void {
    switch (output.kind) {
      case 'close':
        return order(this.#wireOf(process, output.handle).halves[process.side])
      case 'goaway':
        return this.#send(
          this.#wireOf(process, output.handle),
          process.side,
          control({ kind: 'goaway', reason: output.code, retryAfterMs: null }),
        )
      case 'identified':
        return this.#withdraw(process, output.info.connection)
      case 'connected':
      case 'disconnected':
        process.events.push(output.kind)
        return
      case 'migrated':
      case 'ended':
      case 'keep-alive':
    }
  }

  /** As the dialler does: handshakes of ours in progress are needless once the peer is identified. */
  #withdraw(process: Process, identified: ConnectionHandle): void {
    for (const wire of this.wires) {
      const half = wire.halves[process.side]
      if (half.process !== process || half.handle === identified) continue
      if (half.state !== 'half-open' || half.direction !== 'outbound') continue
      wire.withdrawn = true
      order(half)
    }
  }

  #goneAt(wire: Wire, side: Side): boolean {
    const half = wire.halves[side]
    return half.process !== this.processes[side] || half.state === 'closed'
  }

  #wireOf(process: Process, handle: ConnectionHandle): Wire {
    const wire = this.wires.find(({ halves }) => {
      const half = halves[process.side]
      return half.process === process && half.handle === handle
    })
    assert.ok(wire !== undefined)
    return wire
  }

  #exhaust(): void {
    for (let moves = this.moves(), steps = 0; moves.length > 0; moves = this.moves()) {
      assert.ok(++steps < 10_000, 'two ends come to rest')
      moves[0]?.()
      this.check()
    }
  }

  #start(side: Side): Process {
    const counters = new Counters()
    const config = { ...CONFIG, self: PEERS[side] }
    const incarnation = String.fromCodePoint(97 + this.#started++)
    return { side, registry: new Registry(config, counters), counters, incarnation, events: [] }
  }
}

const half = (process: Process, direction: Direction): Half => ({
  process,
  direction,
  handle: null,
  state: 'none',
  exchange: new IdentityExchange(),
  requests: 0,
  inbox: [],
  closeComes: false,
  closeOrdered: false,
})

const order = (half: Half): void => {
  half.inbox.length = 0
  half.closeOrdered = true
}

const isOpen = ({ state }: Half): boolean => state === 'half-open' || state === 'established'

const control = (message: ControlMessage): Message => ({ kind: 'control', message })

const handleOf = ({ handle }: Half): ConnectionHandle => {
  assert.ok(handle !== null)
  return handle
}
