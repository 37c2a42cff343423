// What members do all day: upload, download, ask each other, dial each other. What comes back must be what went in, and every call must end
// within its time, well or with one of the documented errors.
import { sameBytes } from '../../core/bytes.ts'
import type { Node } from '../../node/node.ts'
import type { Process } from '../host.ts'
import { SeededRandom } from '../random.ts'
import type { World } from '../world.ts'
import type { Findings } from './findings.ts'
import { ECHO, type Member } from './member.ts'

/** A file that was uploaded, by the seed of its bytes. */
export interface Acknowledged {
  readonly link: string
  readonly content: number
  readonly bytes: number
}

/** What a workload works with. */
export interface WorkloadParts {
  readonly world: World
  readonly members: readonly Member[]
  readonly findings: Findings
  /** One call begins this often on average, in milliseconds. */
  readonly everyMs: number
}

/** Calls by what they were; those that ended well, and those that failed. */
export type CallCounts = Record<CallKind, { done: number; failed: number }>

const CALL_KINDS = ['put', 'get', 'echo', 'dial'] as const
/** What nodes are asked to do. */
export type CallKind = (typeof CALL_KINDS)[number]

/** A call that is under way for longer hangs: requests and dials have deadlines of seconds, uploads and downloads of each of their parts. */
const WITHIN_MS: Readonly<Record<CallKind, number>> = { put: 1_800_000, get: 1_800_000, echo: 180_000, dial: 180_000 }

/** Files remembered for downloads; the first is forgotten for the next. */
const ACKNOWLEDGED_MAX = 500

/** Sizes in bytes: mostly one small chunk, at times several. */
const SMALL_MAX = 60_000
const LARGE_MAX = 400_000
const ECHO_MAX = 30_000

interface Pending {
  readonly kind: CallKind
  readonly who: string
  readonly process: Process
  readonly since: number
}

/** The calls of one run. */
export class Workload {
  readonly counts: CallCounts
  /** Bounded by ACKNOWLEDGED_MAX. */
  readonly acknowledged: Acknowledged[] = []
  readonly #parts: WorkloadParts
  readonly #random: SeededRandom
  /** Under way. Bounded by their deadlines and how often they begin. */
  readonly #pending = new Set<Pending>()
  #numbers = 0
  #stopped = false

  constructor(parts: WorkloadParts) {
    this.#parts = parts
    this.#random = parts.world.random('workload')
    this.counts = { put: none(), get: none(), echo: none(), dial: none() }
  }

  /** Begins calls until it is stopped. */
  start(): void {
    const { world, everyMs } = this.#parts
    const pause = -Math.log(1 - this.#random.fraction()) * everyMs
    world.timeline.at(world.now + pause, () => {
      if (this.#stopped) return
      this.#begin()
      this.start()
    })
  }

  stop(): void {
    this.#stopped = true
  }

  /** Looks for calls that hang; those of a process that is gone never end. */
  check(): void {
    const { world, findings } = this.#parts
    for (const call of this.#pending) {
      if (!call.process.isAlive) this.#pending.delete(call)
      else if (world.now - call.since > WITHIN_MS[call.kind]) findings.add('nobody waits in vain', call.who, call.kind)
    }
  }

  /** Uploads a new file from a member. */
  async put(member: Member, bytes: number): Promise<boolean> {
    const content = ++this.#numbers
    const path = `/in-${content}`
    member.host.disk.put(path, this.#contentOf({ content, bytes }))
    const put = await this.#call('put', member, (node) => node.put(path))
    member.host.disk.remove(path)
    if (put === null) return false
    this.acknowledged.push({ link: put.link, content, bytes })
    if (this.acknowledged.length > ACKNOWLEDGED_MAX) this.acknowledged.shift()
    return true
  }

  /** Downloads a file to a member and compares it. */
  async get(member: Member, file: Acknowledged): Promise<boolean> {
    const out = `/out-${++this.#numbers}`
    const got = await this.#call('get', member, (node) => node.get(file.link, out))
    const { disk } = member.host
    const bytes = disk.peek(out)
    disk.remove(out)
    if (got === null) return false
    if (bytes === null || !sameBytes(bytes, this.#contentOf(file))) {
      this.#parts.findings.add('no wrong bytes', member.host.name, `${file.link} ${bytes?.length ?? 'no'} bytes`)
    }
    return true
  }

  /** Asks a peer for what it was sent. */
  async echo(member: Member, peer: Member): Promise<boolean> {
    const payload = this.#random.bytes(this.#random.below(ECHO_MAX))
    const sent = payload.slice()
    const { peerId } = peer.identity
    const answer = await this.#call('echo', member, (node) => node.transport.request(peerId, ECHO, payload))
    if (answer === null || answer.status !== 0) return false
    if (!sameBytes(answer.payload, sent)) {
      this.#parts.findings.add('no wrong bytes', member.host.name, `an echo of ${sent.length} bytes`)
    }
    return true
  }

  /** Dials a member whose address is known. */
  async dial(member: Member, peer: Member): Promise<boolean> {
    const met = await this.#call('dial', member, (node) => node.transport.connectPeer(peer.address, { insist: true }))
    return met !== null
  }

  #begin(): void {
    const { members } = this.#parts
    const random = this.#random
    // Drawn before it is known who lives, so that a fault shifts nothing of what others do.
    const [member, peer, kind] = [random.pick(members), random.pick(members), random.fraction()]
    const bytes = 1 + random.below(random.chance(0.1) ? LARGE_MAX : SMALL_MAX)
    const file = this.acknowledged[random.below(Math.max(1, this.acknowledged.length))]
    if (member.node === null || !member.joined) return
    if (kind < 0.1) void this.put(member, bytes)
    else if (kind < 0.3 && file !== undefined) void this.get(member, file)
    else if (member === peer || peer.kind === 'client') return
    else if (kind < 0.7) void this.#ask(member, peer)
    else void this.dial(member, peer)
  }

  async #ask(member: Member, peer: Member): Promise<void> {
    if (member.node?.transport.peer(peer.identity.peerId) !== null || (await this.dial(member, peer))) {
      await this.echo(member, peer)
    }
  }

  async #call<Result>(kind: CallKind, member: Member, run: (node: Node) => Promise<Result>): Promise<Result | null> {
    const { world, findings } = this.#parts
    const { node, host } = member
    const { process } = host
    if (node === null || process === null) return null
    const pending = { kind, who: host.name, process, since: world.now }
    this.#pending.add(pending)
    try {
      const result = await run(node)
      this.counts[kind].done++
      world.trace.note(world.now, kind, host.name, 'done')
      return result
    } catch (error) {
      findings.unexpected(error, host.name, kind)
      this.counts[kind].failed++
      world.trace.note(world.now, kind, host.name, String(error))
      return null
    } finally {
      this.#pending.delete(pending)
    }
  }

  #contentOf({ content, bytes }: Pick<Acknowledged, 'content' | 'bytes'>): Uint8Array {
    return new SeededRandom(this.#parts.world.seed, `content ${content}`).bytes(bytes)
  }
}

const none = (): { done: number; failed: number } => ({ done: 0, failed: 0 })
