// Many real nodes on this machine, spread over several processes: starts them, forms the network, and asks them to upload and
// download. Whatever ends it, every process is ended and every file removed.
import { rm } from 'node:fs/promises'
import { createSocket } from 'node:dgram'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { SallyportError } from '../index.ts'
import type { PeerId } from '../index.ts'
import { Child } from './child.ts'
import { trueClosest } from './closest.ts'
import type { RestFigures } from './aims.ts'
import type { Departure } from './churn.ts'
import { removeManifest, writeManifest } from './manifest.ts'
import type { Downloaded, HostTotals, Launched, Uploaded } from './requests.ts'
import { makeRoot } from './root.ts'
import { addHostSamples } from './sampling.ts'
import type { HostSample } from './sampling.ts'
import { addTotals } from './totals.ts'

/** What a network consists of. */
export interface NetworkSize {
  /** 8 to 1,000. */
  readonly nodes: number
  /** At least 2, so that an upload and its download run in different ones. */
  readonly processes: number
  /** Percent of the nodes that are slow, and of those that fall silent once the network is formed; none by default. */
  readonly slow?: number
  readonly silent?: number
  /** Nodes that join in a second at most; as many as can by default. */
  readonly joinRate?: number
  /** Where a manifest is, while the network lasts; nowhere by default. */
  readonly manifest?: string
}

/** How many nodes know a chunk: a network is formed when every node finds that many neighbours of its own without error. */
const CLOSE_GROUP = 7
/** Nodes that join, or look themselves up, at the same time: enough to keep two cores busy, few enough to time nobody out. */
const AT_ONCE = 8
/** Nodes that later ones join through: the first ones, so that no single one has to answer everybody. */
const DOORS = 3
const FORM_TIMEOUT_MS = 60_000
const FORM_TIMEOUT_PER_NODE_MS = 500
const ROUND_PAUSE_MS = 100
/** A network that was just formed is still busy with it for so long, and its rest is measured over so long. */
const CALM_MS = 5_000
const REST_MS = 20_000

/** A node as its network knows it. `left` said goodbye, `died` did not, and both come back; `silent` runs on. */
export interface NodeStanding {
  readonly index: number
  readonly peerId: PeerId
  readonly address: string
  readonly role: 'fair' | 'slow' | 'silent'
  readonly state: 'here' | 'left' | 'died' | 'silent'
  /** Milliseconds since it is so. */
  readonly forMs: number
}

interface Member extends Launched {
  readonly index: number
  readonly host: Child
  readonly silent: boolean
}

/** Nodes that one process carries well: each needs some 9 MB and its share of one event loop. */
const NODES_PER_PROCESS = 100

/** Over how many processes a network is spread when nobody says. */
export const processesFor = (nodes: number): number => Math.max(2, Math.ceil(nodes / NODES_PER_PROCESS))

/** A running test network; made by `Network.start`. */
export class Network {
  /** Where the network keeps everything; callers may put files of their own there. */
  readonly root: string
  /** False where the system has no loopback addresses but 127.0.0.1, so that all nodes share that one. */
  readonly ownAddresses: boolean
  readonly #size: NetworkSize
  readonly #hosts: readonly Child[]
  /** Bounded by the nodes asked for. */
  readonly #members: Member[] = []
  #departures = 0
  /** What became of each member, and when. */
  readonly #states = new Map<number, { readonly state: NodeStanding['state']; readonly at: number }>()

  /** Not for callers: `start` finds out first what the system can do. */
  constructor(size: NetworkSize, root: string, ownAddresses: boolean) {
    this.root = root
    this.ownAddresses = ownAddresses
    this.#size = size
    const module = new URL(`./host${EXTENSION}`, import.meta.url)
    const words = size.manifest === undefined ? [root] : [root, size.manifest]
    this.#hosts = Array.from({ length: size.processes }, () => new Child(module, words))
  }

  /** Starts the processes; nodes come with `form`. */
  static async start(size: NetworkSize): Promise<Network> {
    const root = await makeRoot()
    return new Network(size, root, await canBind(addressOf(0)))
  }

  /** Rejects when one of the processes dies; never resolves. */
  get died(): Promise<never> {
    return Promise.race(this.#hosts.map((host) => host.died))
  }

  /** Starts and joins all nodes and waits until each finds its true neighbours; resolves to the milliseconds that took. */
  async form(signal: AbortSignal): Promise<number> {
    const { nodes, joinRate = Infinity } = this.#size
    const begun = performance.now()
    const joinMs = (nodes / joinRate) * 1000
    const deadline = begun + FORM_TIMEOUT_MS + nodes * FORM_TIMEOUT_PER_NODE_MS + joinMs
    const join = async (index: number): Promise<void> => {
      const waitMs = begun + (index / joinRate) * 1000 - performance.now()
      if (waitMs > 0) await setTimeout(waitMs, undefined, { signal })
      await this.#join(index)
    }
    for (let index = 0; index < Math.min(DOORS, nodes); index++) await join(index)
    await eachAtOnce(range(DOORS, nodes), join, signal)
    const ids = this.#members.map(({ peerId }) => peerId)
    let unformed = [...this.#members]
    while (unformed.length > 0) {
      if (performance.now() > deadline) throw notFormed(unformed.length, nodes)
      const found = await eachAtOnce(unformed, (member) => this.#findsNeighbours(member, ids), signal)
      unformed = unformed.filter((_, at) => found[at] !== true)
      if (unformed.length > 0) await setTimeout(ROUND_PAUSE_MS, undefined, { signal })
    }
    return performance.now() - begun
  }

  /** Writes the manifest, and lets those fall silent that are to. */
  async open(): Promise<void> {
    const { manifest } = this.#size
    const nodes = this.#members.map(({ address }) => address)
    if (manifest !== undefined) await writeManifest(manifest, { pid: process.pid, bootstrap: this.#doors(), nodes })
    const silent = this.#members.filter((member) => member.silent)
    await Promise.all(silent.map(({ host, index }) => host.request({ kind: 'silence', index })))
    for (const { index } of silent) this.#became(index, 'silent')
  }

  /** Those who may leave: neither the doors nor the silent. */
  get leavable(): readonly number[] {
    return this.#members.filter(({ index, silent }) => index >= DOORS && !silent).map(({ index }) => index)
  }

  /** How often a node left. */
  get departures(): number {
    return this.#departures
  }

  /** All nodes that have joined, whether they are here or not. */
  get nodes(): NodeStanding[] {
    const now = performance.now()
    return this.#members.map(({ index, peerId, address }) => {
      const { state, at } = this.#states.get(index) ?? { state: 'here' as const, at: now }
      return { index, peerId, address, role: this.#role(index), state, forMs: Math.round(now - at) }
    })
  }

  /** Lets a node leave. */
  async leave({ index, politely }: Departure): Promise<void> {
    await this.#member(index).host.request({ kind: 'leave', index, politely })
    this.#became(index, politely ? 'left' : 'died')
    this.#departures++
  }

  /** Lets a node that left come back to the address it had, with what it holds. */
  async comeBack(index: number): Promise<void> {
    const { host, address } = this.#member(index)
    await this.#launch(host, index, withoutPeer(address))
    this.#became(index, 'here')
  }

  /** Uploads by a client in the first process, or in another that is named. */
  upload(file: string, process = 0): Promise<Uploaded> {
    return this.#host(process).request({ kind: 'upload', ...this.#asClient(process), file })
  }

  /** Downloads by a client in the second process, or in another that is named; it joins now and holds nothing. */
  download(link: string, out: string, process = 1): Promise<Downloaded> {
    return this.#host(process).request({ kind: 'download', ...this.#asClient(process), link, out })
  }

  /** The sums over all nodes, and over the clients that uploaded and downloaded. */
  async totals(): Promise<HostTotals> {
    const all = await Promise.all(this.#hosts.map((host) => host.request<HostTotals>({ kind: 'totals' })))
    return all.reduce((a, b) => ({
      totals: addTotals(a.totals, b.totals),
      rssBytes: a.rssBytes + b.rssBytes,
      cpuMicros: a.cpuMicros + b.cpuMicros,
    }))
  }

  /** All nodes together at this moment. */
  async sample(): Promise<HostSample> {
    const all = await Promise.all(this.#hosts.map((host) => host.request<HostSample>({ kind: 'sample' })))
    return all.reduce(addHostSamples)
  }

  /** Leaves the network alone for a while and resolves to what it is like then. */
  async rest(signal: AbortSignal): Promise<RestFigures> {
    await setTimeout(CALM_MS, undefined, { signal })
    const begun = performance.now()
    const before = await this.totals()
    await setTimeout(REST_MS, undefined, { signal })
    const after = await this.totals()
    const cores = (after.cpuMicros - before.cpuMicros) / 1000 / (performance.now() - begun)
    return { handshakes: before.totals.accepted, rssBytes: after.rssBytes, cores }
  }

  /** Ends every process and removes every file; never rejects because of a process. */
  async end(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.end()))
    await rm(this.root, { recursive: true, force: true })
    const { manifest } = this.#size
    if (manifest !== undefined) await removeManifest(manifest, process.pid)
  }

  async #join(index: number): Promise<void> {
    const host = this.#host(index)
    const launched = await this.#launch(host, index, this.#listen(addressOf(index)))
    this.#members.push({ ...launched, index, host, silent: this.#role(index) === 'silent' })
    this.#became(index, 'here')
  }

  #launch(host: Child, index: number, listen: string): Promise<Launched> {
    return host.request<Launched>({
      kind: 'launch',
      index,
      listen,
      directory: join(this.root, `node-${index}`),
      bootstrap: this.#doors().filter((door) => withoutPeer(door) !== listen),
      slow: this.#role(index) === 'slow',
      asOutside: this.ownAddresses,
    })
  }

  #became(index: number, state: NodeStanding['state']): void {
    this.#states.set(index, { state, at: performance.now() })
  }

  /** Behind the doors come the slow ones, behind them those that fall silent. */
  #role(index: number): 'fair' | 'slow' | 'silent' {
    const { nodes, slow = 0, silent = 0 } = this.#size
    const slowEnd = DOORS + Math.round((nodes * slow) / 100)
    if (index < DOORS) return 'fair'
    if (index < slowEnd) return 'slow'
    return index < slowEnd + Math.round((nodes * silent) / 100) ? 'silent' : 'fair'
  }

  async #findsNeighbours({ host, index, peerId }: Member, ids: readonly PeerId[]): Promise<boolean> {
    const found = await host.request<PeerId[]>({ kind: 'lookup', index, target: peerId })
    const truth = trueClosest(peerId, ids, CLOSE_GROUP)
    return truth.every((id, at) => found[at] === id)
  }

  #asClient(n: number): { listen: string; bootstrap: string[] } {
    return { listen: this.#listen(clientAddress(n)), bootstrap: this.#doors() }
  }

  #doors(): string[] {
    return this.#members.slice(0, DOORS).map(({ address }) => address)
  }

  #listen(ip: string): string {
    return `/ip4/${this.ownAddresses ? ip : '127.0.0.1'}/udp/0/quic-v1`
  }

  #member(index: number): Member {
    const member = this.#members.find((each) => each.index === index)
    if (member === undefined) throw new SallyportError('TESTNET_FAILED', `there is no node ${index}`)
    return member
  }

  #host(n: number): Child {
    const host = this.#hosts[n % this.#hosts.length]
    if (host === undefined) throw new SallyportError('ARGUMENT_INVALID', 'a test network needs at least two processes')
    return host
  }
}

/** The extension this module itself runs with: `.ts` from a checkout, `.js` when published. */
const EXTENSION = import.meta.filename.endsWith('.ts') ? '.ts' : '.js'

/** Each node has a /24 of its own, as nodes of strangers do, so that the rules about neighbours by address apply and are met. */
const addressOf = (index: number): string => `127.${10 + (index >> 8)}.${index & 0xff}.1`

/** The addresses of clients come again: a load has no end of them, and who had one before is gone. */
const clientAddress = (n: number): string => `127.9.${n & 0xff}.1`

/** The same address, to listen at. */
const withoutPeer = (address: string): string => address.slice(0, address.indexOf('/p2p/'))

const canBind = (ip: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', () => resolve(false))
    socket.bind(0, ip, () => socket.close(() => resolve(true)))
  })

const range = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n)

/** Runs `act` for all items, `AT_ONCE` of them at a time; the results are in the order of the items. */
const eachAtOnce = async <T, R>(
  items: readonly T[],
  act: (item: T) => Promise<R>,
  signal: AbortSignal,
): Promise<R[]> => {
  const results: R[] = []
  const waiting = items.entries()
  const lane = async (): Promise<void> => {
    for (const [at, item] of waiting) {
      if (signal.aborted) return
      results[at] = await act(item)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  if (signal.aborted) throw new SallyportError('CANCELLED', 'interrupted')
  return results
}

const notFormed = (unformed: number, nodes: number): SallyportError =>
  new SallyportError('TESTNET_FAILED', `${unformed} of ${nodes} nodes did not find their true neighbours in time`)
