// Real nodes over loopback of whom one after another goes and another comes: leaving politely, dying without a word, restarting with the
// same identity after either. Their number stays the same, and of each it is checked, while it lives and when it goes, that nothing is
// amiss inside.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createNode, type CounterSnapshot, type Node, type Ports, SallyportError } from '../../src/index.ts'
import { Alternation } from './alternation.ts'
import { type CuttableUdp, cuttableUdp } from './cuttable-udp.ts'

export const ECHO = '/soak/echo/1'

/** One running node; a restarted one is another member. `alive` until it begins to go. */
export interface Member {
  readonly node: Node
  readonly udp: CuttableUdp
  readonly directory: string
  readonly address: string
  readonly events: Alternation
  alive: boolean
}

/** How a member goes, and who comes. */
export const CHURN = ['leave', 'restart', 'die', 'crash'] as const
export type Churn = (typeof CHURN)[number]

/** What must be nothing in every node at every moment. */
export interface Wrongs {
  /** Nodes in which accepted, registered and reading differed, times they were seen so. */
  gaps: number
  reconcilerDifferences: number
  taskFailures: number
  eventsBroken: number
  /** Broken invariants, by their messages. */
  readonly invariants: string[]
}

/** Connections a minute of which nothing is heard go away, so that some do within a short run. */
const LIMITS = { idleAfterMs: 8000 }

const DOORS = 3

/** See the head of this file; made by `ChurningNetwork.start`. */
export class ChurningNetwork {
  readonly wrongs: Wrongs = { gaps: 0, reconcilerDifferences: 0, taskFailures: 0, eventsBroken: 0, invariants: [] }
  /** How often each kind of churn happened. */
  readonly churned: Record<Churn, number> = { leave: 0, restart: 0, die: 0, crash: 0 }
  readonly #root: string
  readonly #ports: Ports
  readonly #signal: AbortSignal
  readonly #members: Member[] = []
  #made = 0
  eventsHeard = 0
  /** Joins for which every door had gone. */
  unjoined = 0

  static async start(
    count: number,
    parts: { readonly root: string; readonly ports: Ports; readonly signal: AbortSignal },
  ): Promise<ChurningNetwork> {
    const network = new ChurningNetwork(parts)
    for (let n = 0; n < count; n++) await network.#launch(network.#directory(), 0)
    return network
  }

  private constructor({ root, ports, signal }: { root: string; ports: Ports; signal: AbortSignal }) {
    this.#root = root
    this.#ports = ports
    this.#signal = signal
  }

  get members(): readonly Member[] {
    return this.#members
  }

  /** One member goes as `churn` says, and one comes in its place; meanwhile others may. */
  async churn(churn: Churn, victim: Member): Promise<void> {
    this.churned[churn]++
    victim.alive = false
    this.#members.splice(this.#members.indexOf(victim), 1)
    if (churn === 'die' || churn === 'crash') victim.udp.cut()
    const ended = this.#end(victim)
    if (churn === 'restart' || churn === 'crash') {
      await ended
      return this.#launch(victim.directory, portOf(victim.address))
    }
    await Promise.all([this.#launch(this.#directory(), 0), ended])
    await rm(victim.directory, { recursive: true, force: true })
  }

  /** Looks into every node. */
  check(): void {
    for (const member of this.#members) this.#check(member)
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.splice(0).map((member) => this.#end(member)))
  }

  #directory(): string {
    return join(this.#root, `node-${this.#made++}`)
  }

  async #launch(directory: string, port: number): Promise<void> {
    const udp = cuttableUdp(this.#ports.udp)
    const node = await createNode({
      listen: [`/ip4/127.0.0.1/udp/${port}/quic-v1`],
      bootstrap: this.#members.slice(-DOORS).map(({ address }) => address),
      dataDirectory: directory,
      capability: 'node',
      limits: LIMITS,
      ports: { ...this.#ports, udp },
    })
    node.transport.handle(ECHO, ({ payload }) => ({ status: 0, payload }))
    const events = new Alternation(node)
    const member = { node, udp, directory, address: node.addresses[0] ?? '', events, alive: true }
    if (this.#members.length > 0) await this.#join(member)
    this.#members.push(member)
  }

  /** Whom it would join through may have gone meanwhile; then others tell it about themselves, or it dials somebody who is here. */
  async #join({ node }: Member): Promise<void> {
    try {
      await node.join({ signal: this.#signal })
    } catch (error) {
      if (this.#signal.aborted) return
      if (SallyportError.from(error).code !== 'BOOTSTRAP_UNREACHABLE') throw error
      this.unjoined++
      await node.transport.connectPeer(this.#members.at(-1)?.address ?? '', { signal: this.#signal })
    }
  }

  async #end(member: Member): Promise<void> {
    this.#check(member)
    await member.node.close()
    await member.events.ended
    this.#count(member.node.counters())
    this.wrongs.eventsBroken += member.events.broken
    this.eventsHeard += member.events.heard
  }

  #check({ node }: Member): void {
    const counters = node.counters()
    if (hasGap(counters)) this.wrongs.gaps++
    try {
      node.transport.checkInvariants()
    } catch (error) {
      this.wrongs.invariants.push(String(error))
    }
  }

  #count(counters: CounterSnapshot): void {
    if (hasGap(counters)) this.wrongs.gaps++
    this.wrongs.reconcilerDifferences += counters.reconcilerDifferences
    this.wrongs.taskFailures += counters.taskFailures
  }
}

const hasGap = ({ accepted, registered, reading }: CounterSnapshot): boolean =>
  (['inbound', 'outbound'] as const).some(
    (way) => accepted[way] !== registered[way] || registered[way] !== reading[way],
  )

const portOf = (address: string): number => Number(/\/udp\/(\d+)\//.exec(address)?.[1] ?? 0)
