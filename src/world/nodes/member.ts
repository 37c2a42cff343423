// A node of a simulated network and the host it lives on: started, watched, and started again after whatever felled it, as an owner would.
import { formatAddress } from '../../core/address.ts'
import type { Identity } from '../../io/ports.ts'
import { createNode, type Node } from '../../node/node.ts'
import type { NodeOptions } from '../../node/node-options.ts'
import type { Host, Process } from '../host.ts'
import type { World } from '../world.ts'
import { EventWatch } from './event-watch.ts'
import type { Findings } from './findings.ts'
import { brokenRule, leftBehind } from './node-checks.ts'

/** What answers with what it is asked. */
export const ECHO = '/world/echo/1'

/** Whoever could not start or join tries again after so long. */
const AGAIN_MS = 5000

/** A start or a join that is not over after so long hangs: each dial of it has a deadline of seconds. */
const JOIN_WITHIN_MS = 600_000

const PORT = 9000

/** What nodes counted: datagrams judged, handshakes finished, identities told, events heard. */
export interface Seen {
  readonly judged: number
  readonly accepted: number
  readonly identified: number
  readonly events: number
}

const NOTHING_SEEN: Seen = Object.freeze({ judged: 0, accepted: 0, identified: 0, events: 0 })

/** The sum of two. */
export const addSeen = (a: Seen, b: Seen): Seen => ({
  judged: a.judged + b.judged,
  accepted: a.accepted + b.accepted,
  identified: a.identified + b.identified,
  events: a.events + b.events,
})

/** What a member is made of. */
export interface MemberOptions {
  readonly world: World
  readonly host: Host
  readonly identity: Identity
  readonly findings: Findings
  /** A client holds nothing and is put into nobody's phonebook. */
  readonly kind: 'node' | 'client'
  /** Through whom it joins; asked at each try. */
  readonly bootstrap: () => readonly string[]
  readonly options?: Pick<NodeOptions, 'limits' | 'gate' | 'capacityBytes'>
}

/** One member of a network. */
export class Member {
  readonly host: Host
  readonly kind: 'node' | 'client'
  readonly identity: Identity
  readonly #options: MemberOptions
  #node: Node | null = null
  #process: Process | null = null
  #watch: EventWatch | null = null
  #before = NOTHING_SEEN
  #lately = NOTHING_SEEN
  #joined = false
  #hanging: { readonly since: number; readonly what: string } | null = null

  constructor(options: MemberOptions) {
    this.#options = options
    this.host = options.host
    this.kind = options.kind
    this.identity = options.identity
  }

  /** The node, while its process lives and once it listens. */
  get node(): Node | null {
    return this.#process?.isAlive === true ? this.#node : null
  }

  /** Whether it has joined the network since it was started. */
  get joined(): boolean {
    return this.node !== null && this.#joined
  }

  /** Where others dial it; what is behind a translator is not dialled. */
  get address(): string {
    return formatAddress({ family: 4, ip: this.host.nic.ip4 ?? '', port: PORT }, this.identity.peerId)
  }

  /** What its nodes counted, as far as it was looked at; those of earlier processes included. */
  get seen(): Seen {
    return addSeen(this.#before, this.#lately)
  }

  /** Starts its process; goes on by itself until the node has joined. */
  start(): void {
    const process = this.host.start()
    this.#process = process
    this.#node = this.#watch = null
    this.#before = this.seen
    this.#lately = NOTHING_SEEN
    this.#joined = false
    void this.#live(process)
  }

  /** Looks at it between two turns. */
  check(): void {
    const { findings, world } = this.#options
    const { node } = this
    if (node !== null) this.#look(node)
    const broken = node === null ? null : (brokenRule(node) ?? this.#watch?.check() ?? null)
    if (broken !== null) findings.add(broken.rule, this.host.name, broken.detail)
    const hanging = this.#process?.isAlive === true ? this.#hanging : null
    if (hanging !== null && world.now - hanging.since > JOIN_WITHIN_MS) {
      findings.add('nobody waits in vain', this.host.name, hanging.what)
    }
  }

  /** Closes the node; afterwards the process must hold nothing. */
  async close(): Promise<void> {
    const { findings, world } = this.#options
    const process = this.#process
    if (process === null || !process.isAlive) return
    await this.#node?.close().catch((error: unknown) => findings.add('closing succeeds', this.host.name, String(error)))
    await world.sleep(SETTLED_MS)
    const left = [...process.held.left(), ...(this.#node === null ? [] : leftBehind(this.#node.transport.gauges()))]
    if (left.length > 0) findings.add('nothing is left after close', this.host.name, left.join(', '))
    this.host.kill()
  }

  #look(node: Node): void {
    const { judged, accepted, identified } = node.counters()
    this.#lately = {
      judged,
      accepted: accepted.inbound + accepted.outbound,
      identified: identified.inbound + identified.outbound,
      events: this.#watch?.heard ?? 0,
    }
  }

  async #live(process: Process): Promise<void> {
    const { world } = this.#options
    while (process.isAlive && this.#node === null) {
      const node = await this.#tried('start', this.#create(process))
      if (!process.isAlive) return
      if (node === null) await world.sleep(AGAIN_MS)
      else this.#opened(node)
    }
    while (process.isAlive && !this.#joined && this.#node !== null) {
      const joined = this.#options.bootstrap().length === 0 ? true : await this.#tried('join', this.#node.join())
      if (joined === null) await world.sleep(AGAIN_MS)
      else this.#joined = true
    }
    if (this.#joined && process.isAlive) world.trace.note(world.now, 'joined', this.host.name)
  }

  #opened(node: Node): void {
    const { findings } = this.#options
    this.#node = node
    this.#watch = new EventWatch(node, ({ rule, detail }) => findings.add(rule, this.host.name, detail))
    node.transport.handle(ECHO, ({ payload }) => ({ status: 0, payload }))
  }

  async #tried<Result>(what: string, promise: Promise<Result>): Promise<Result | null> {
    this.#hanging = { since: this.#options.world.now, what }
    try {
      return await promise
    } catch (error) {
      this.#options.findings.unexpected(error, this.host.name, what)
      return null
    } finally {
      this.#hanging = null
    }
  }

  #create({ ports }: Process): Promise<Node> {
    const { identity, kind, options = {} } = this.#options
    return createNode({
      ...options,
      ports,
      identity,
      listen: [`/ip4/${this.host.nic.ip4 ?? ''}/udp/${PORT}/quic-v1`],
      bootstrap: this.#options.bootstrap(),
      ...(kind === 'node' ? { dataDirectory: '/data' } : {}),
    })
  }
}

/** Calls to a disk and results of workers that were under way may come back after a node has closed. */
const SETTLED_MS = 2000
