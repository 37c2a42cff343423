// Many real nodes on this machine, spread over several processes: starts them, forms the network, and asks them to upload and
// download. Whatever ends it, every process is ended and every file removed.
import { mkdtemp, rm } from 'node:fs/promises'
import { createSocket } from 'node:dgram'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SallyportError } from '../index.ts'
import type { PeerId } from '../index.ts'
import { Child } from './child.ts'
import { trueClosest } from './closest.ts'
import type { Downloaded, HostTotals, Launched, Uploaded } from './requests.ts'
import { addTotals } from './totals.ts'

/** How large a network is, and over how many processes. */
export interface NetworkSize {
  /** 8 to 1,000. */
  readonly nodes: number
  /** At least 2, so that an upload and its download run in different ones. */
  readonly processes: number
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

interface Member extends Launched {
  readonly index: number
  readonly host: Child
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
  readonly #hosts: readonly Child[]
  /** Bounded by the nodes asked for. */
  readonly #members: Member[] = []

  /** Not for callers: `start` finds out first what the system can do. */
  constructor(root: string, ownAddresses: boolean, processes: number) {
    this.root = root
    this.ownAddresses = ownAddresses
    this.#hosts = Array.from(
      { length: processes },
      () => new Child(new URL(`./host${EXTENSION}`, import.meta.url), [root]),
    )
  }

  /** Starts the processes; nodes come with `form`. */
  static async start({ processes }: NetworkSize): Promise<Network> {
    const root = await mkdtemp(join(tmpdir(), 'sallyport-testnet-'))
    return new Network(root, await canBind(addressOf(0)), processes)
  }

  /** Rejects when one of the processes dies; never resolves. */
  get died(): Promise<never> {
    return Promise.race(this.#hosts.map((host) => host.died))
  }

  /** Starts and joins all nodes and waits until each finds its true neighbours; resolves to the milliseconds that took. */
  async form(nodes: number, signal: AbortSignal): Promise<number> {
    const begun = performance.now()
    const deadline = begun + FORM_TIMEOUT_MS + nodes * FORM_TIMEOUT_PER_NODE_MS
    for (let index = 0; index < Math.min(DOORS, nodes); index++) await this.#launch(index)
    await eachAtOnce(range(DOORS, nodes), (index) => this.#launch(index), signal)
    const ids = this.#members.map(({ peerId }) => peerId)
    let unformed = [...this.#members]
    while (unformed.length > 0) {
      if (performance.now() > deadline) throw notFormed(unformed.length, nodes)
      const found = await eachAtOnce(unformed, (member) => this.#findsNeighbours(member, ids), signal)
      unformed = unformed.filter((_, at) => found[at] !== true)
      if (unformed.length > 0) await new Promise((resolve) => setTimeout(resolve, ROUND_PAUSE_MS))
    }
    return performance.now() - begun
  }

  /** Uploads by a client in the first process. */
  upload(file: string): Promise<Uploaded> {
    return this.#host(0).request({ kind: 'upload', ...this.#asClient(0), file })
  }

  /** Downloads by a client in the second process, which joins now and holds nothing. */
  download(link: string, out: string): Promise<Downloaded> {
    return this.#host(1).request({ kind: 'download', ...this.#asClient(1), link, out })
  }

  /** The sums over all nodes, and over the clients that uploaded and downloaded. */
  async totals(): Promise<HostTotals> {
    const all = await Promise.all(this.#hosts.map((host) => host.request<HostTotals>({ kind: 'totals' })))
    return all.reduce((a, b) => ({ totals: addTotals(a.totals, b.totals), rssBytes: a.rssBytes + b.rssBytes }))
  }

  /** Ends every process and removes every file; never rejects because of a process. */
  async end(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.end()))
    await rm(this.root, { recursive: true, force: true })
  }

  async #launch(index: number): Promise<void> {
    const host = this.#host(index % this.#hosts.length)
    const launched = await host.request<Launched>({
      kind: 'launch',
      index,
      listen: this.#listen(addressOf(index)),
      directory: join(this.root, `node-${index}`),
      bootstrap: this.#doors(),
    })
    this.#members.push({ ...launched, index, host })
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

  #host(n: number): Child {
    const host = this.#hosts[n]
    if (host === undefined) throw new SallyportError('ARGUMENT_INVALID', 'a test network needs at least two processes')
    return host
  }
}

/** The extension this module itself runs with: `.ts` from a checkout, `.js` when published. */
const EXTENSION = import.meta.filename.endsWith('.ts') ? '.ts' : '.js'

/** Each node has a /24 of its own, as nodes of strangers do, so that the rules about neighbours by address apply and are met. */
const addressOf = (index: number): string => `127.${10 + (index >> 8)}.${index & 0xff}.1`

const clientAddress = (n: number): string => `127.9.${n}.1`

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
