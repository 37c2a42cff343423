// What passes between the nodes of a soak: requests, uploads and downloads, between members drawn by a seed, one after another in
// several lanes. Every call is given the same signal, which lives as long as the run: a listener left on it stays to be counted.
import { randomFillSync } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SallyportError } from '../../src/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { type ChurningNetwork, ECHO, type Member } from './churning-network.ts'

const REQUEST_BYTES_MAX = 20_000
const REQUEST_TIMEOUT_MS = 4000
/** Three pieces or so, each kept by seven holders. */
const FILE_BYTES = 100_000
const PAUSE_MS = 30

/** How one kind of work went; `disturbed` failed because a node of it went meanwhile, or the run was over. */
export interface Tally {
  done: number
  disturbed: number
  readonly failed: Record<string, number>
}

const tally = (): Tally => ({ done: 0, disturbed: 0, failed: {} })

/** The work of one run. */
export class Load {
  readonly requests = tally()
  readonly uploads = tally()
  readonly downloads = tally()
  /** Answers and files that were not what was sent. */
  corrupt = 0
  readonly #network: ChurningNetwork
  readonly #random: SeededRandom
  readonly #root: string
  readonly #signal: AbortSignal
  #files = 0

  constructor(
    network: ChurningNetwork,
    { random, root, signal }: { random: SeededRandom; root: string; signal: AbortSignal },
  ) {
    this.#network = network
    this.#random = random
    this.#root = root
    this.#signal = signal
  }

  /** Asks and transfers until `over`. */
  async run(over: () => boolean): Promise<void> {
    const lane = async (act: () => Promise<void>): Promise<void> => {
      while (!over()) {
        await act()
        await sleep(PAUSE_MS)
      }
    }
    const ask = (): Promise<void> => this.#ask()
    await Promise.all([lane(ask), lane(ask), lane(() => this.transfer())])
  }

  /** A request that was lost with its connection is made once more, as an application would. */
  async #ask(): Promise<void> {
    const [from, to] = this.#pair()
    const payload = randomFillSync(new Uint8Array(this.#random.below(REQUEST_BYTES_MAX) + 1))
    const options = { signal: this.#signal, timeoutMs: REQUEST_TIMEOUT_MS }
    const ask = async (): Promise<Uint8Array> => {
      await from.node.transport.connectPeer(to.address, options)
      return (await from.node.transport.request(to.node.peerId, ECHO, payload, options)).payload
    }
    await this.#tried(this.requests, [from, to], async () => {
      const answer = await ask().catch((error: unknown) => {
        if (!LOST.has(SallyportError.from(error).code)) throw error
        return ask()
      })
      if (Buffer.compare(answer, payload) !== 0) this.corrupt++
    })
  }

  /** Uploads a file at one member and downloads it at another. */
  async transfer(): Promise<void> {
    const [from, to] = this.#pair()
    const content = randomFillSync(new Uint8Array(FILE_BYTES))
    const path = join(this.#root, `file-${this.#files++}`)
    const out = `${path}.out`
    await writeFile(path, content)
    let link = ''
    await this.#tried(this.uploads, [from], async () => {
      link = (await from.node.put(path, { signal: this.#signal })).link
    })
    if (link !== '') {
      await this.#tried(this.downloads, [to], async () => {
        await to.node.get(link, out, { signal: this.#signal })
        if (Buffer.compare(await readFile(out), content) !== 0) this.corrupt++
      })
    }
    await Promise.all([rm(path, { force: true }), rm(out, { force: true })])
  }

  async #tried(count: Tally, parties: readonly Member[], act: () => Promise<void>): Promise<void> {
    try {
      await act()
      count.done++
    } catch (error) {
      const { code } = SallyportError.from(error)
      if (this.#signal.aborted || parties.some(({ alive }) => !alive)) count.disturbed++
      else count.failed[code] = (count.failed[code] ?? 0) + 1
    }
  }

  /** Two members of the moment, never the same. */
  #pair(): [Member, Member] {
    const { members } = this.#network
    const first = this.#random.below(members.length)
    const second = (first + 1 + this.#random.below(members.length - 1)) % members.length
    return [members[first]!, members[second]!]
  }
}

/** The connection ended under the request, or before it: the peer had gone and come back. */
const LOST = new Set(['CONNECTION_LOST', 'NOT_CONNECTED', 'REQUEST_TIMEOUT'])
