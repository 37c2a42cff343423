// Many replications at once, without a node around them: questions and copies are calls after a random delay, and who is there is known
// to all after another. Checks the bounds of each after everything that happens.
import assert from 'node:assert/strict'
import { compareDistance } from '../../../src/core/kademlia/distance.ts'
import { chunkAddressOf, peerIdOf } from '../../../src/core/ids.ts'
import type { ChunkAddress, PeerId } from '../../../src/core/ids.ts'
import { HAS_ADDRESSES_MAX } from '../../../src/core/messages/chunks.ts'
import type { PutAnswer } from '../../../src/core/chunks/placement.ts'
import { REPLICATION_LIMITS } from '../../../src/core/chunks/replication-limits.ts'
import { Replication } from '../../../src/core/chunks/replication.ts'
import type { ReplicationOutput } from '../../../src/core/chunks/replication.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

/** How a node takes what it is sent: as it should, not at all, only now and then, or it is too busy at first. */
export type Manner = 'good' | 'full' | 'moody' | 'busy'

/** One node of the network. */
export interface SimulatedNode {
  readonly id: PeerId
  readonly manner: Manner
  readonly holds: Set<ChunkAddress>
  readonly replication: Replication
  up: boolean
}

const LIMITS = REPLICATION_LIMITS

/** A network on a clock of its own. */
export class ReplicationNetwork {
  readonly random: SeededRandom
  readonly nodes: SimulatedNode[] = []
  now = 0
  /** Copies sent, and questions asked. */
  puts = 0
  asks = 0
  #events: { readonly at: number; readonly run: () => void }[] = []

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
  }

  add(manner: Manner): SimulatedNode {
    const id = peerIdOf(this.#bytes())
    const holds = new Set<ChunkAddress>()
    const view = {
      self: id,
      held: () => holds.values(),
      has: (address: ChunkAddress) => holds.has(address),
      closest: (address: ChunkAddress) => this.closest(address, 20, id).map((peer) => ({ peer, network: null })),
    }
    const node = { id, manner, holds, replication: new Replication(view, {}, this.now), up: true }
    this.nodes.push(node)
    return node
  }

  /** A chunk that is held where it belongs. */
  chunk(): ChunkAddress {
    const address = chunkAddressOf(this.#bytes())
    for (const node of this.willing(address)) node.holds.add(address)
    return address
  }

  /** The seven who should hold a chunk: those that are there and take what they are sent. */
  willing(address: ChunkAddress): SimulatedNode[] {
    return this.nodes
      .filter(({ up, manner }) => up && manner !== 'full')
      .sort((a, b) => compareDistance(address, a.id, b.id))
      .slice(0, 7)
  }

  closest(address: ChunkAddress, count: number, except: PeerId): PeerId[] {
    return this.nodes
      .filter(({ id, up }) => up && id !== except)
      .map(({ id }) => id)
      .sort((a, b) => compareDistance(address, a, b))
      .slice(0, count)
  }

  /** Everybody hears of a change, each in its own time. */
  tellChange(): void {
    for (const { replication } of this.nodes) this.#within(2000, () => replication.changed(this.now))
  }

  /** Copies on their way. */
  get inProgress(): number {
    return this.nodes.reduce((sum, { replication, up }) => sum + (up ? replication.inProgress.puts : 0), 0)
  }

  /** The sum of what lags behind. */
  get lag(): number {
    return this.nodes.reduce((sum, { replication, up }) => sum + (up ? replication.status.lag : 0), 0)
  }

  /** Goes on until nothing lags behind any more; fails when that takes longer than `limitMs`. */
  settle(limitMs: number): void {
    const end = this.now + limitMs
    do {
      this.#drain()
      const at = Math.min(this.#nextEvent(), this.#nextTimer())
      assert.ok(at <= end, `something still lags behind after ${limitMs} ms`)
      this.now = Math.max(this.now, at)
      for (const { replication, up } of this.nodes)
        if (up && replication.timerAt() <= this.now) replication.timeout(this.now)
      const due = this.#events.filter((event) => event.at <= this.now)
      this.#events = this.#events.filter((event) => event.at > this.now)
      for (const { run } of due) run()
    } while (this.lag > 0 || this.#events.length > 0)
  }

  #nextEvent(): number {
    return this.#events.reduce((first, { at }) => Math.min(first, at), Infinity)
  }

  #nextTimer(): number {
    return this.nodes.reduce(
      (first, { replication, up }) => (up ? Math.min(first, replication.timerAt()) : first),
      Infinity,
    )
  }

  #drain(): void {
    for (const node of this.nodes) {
      if (!node.up) continue
      for (let output = node.replication.poll(this.now); output !== null; output = node.replication.poll(this.now)) {
        this.#perform(node, output)
        const { asks, puts, fetches } = node.replication.inProgress
        assert.ok(asks <= LIMITS.asksMax && puts <= LIMITS.putsMax && fetches <= LIMITS.fetchesMax)
      }
    }
  }

  #perform(node: SimulatedNode, output: ReplicationOutput): void {
    const { request } = output
    switch (output.kind) {
      case 'has': {
        this.asks++
        const { peer, addresses } = output
        assert.ok(addresses.length > 0 && addresses.length <= HAS_ADDRESSES_MAX)
        return this.#within(300, () => {
          const asked = this.#there(peer)
          const held = asked === null ? null : addresses.map((address) => asked.holds.has(address))
          this.#within(300, () => node.replication.told(request, held, this.now))
        })
      }
      case 'put': {
        this.puts++
        assert.ok(node.holds.has(output.address), 'only what is held is sent')
        return this.#within(2000, () => node.replication.answered(request, this.#take(output), this.now))
      }
      case 'fetch':
        return this.#within(500, () => {
          const found = output.peers.some((peer) => this.#there(peer)?.holds.has(output.address) === true)
          if (found) node.holds.add(output.address)
          node.replication.fetched(request, found)
        })
    }
  }

  #take({ peer, address }: Extract<ReplicationOutput, { kind: 'put' }>): PutAnswer {
    const asked = this.#there(peer)
    if (asked === null) return { kind: 'failed', reason: 'CONNECTION_LOST' }
    if (asked.holds.has(address)) return { kind: 'held' }
    if (asked.manner === 'full') return { kind: 'refused', reason: 'full' }
    if (asked.manner === 'moody' && this.random.below(3) === 0) return { kind: 'failed', reason: 'REQUEST_TIMEOUT' }
    if (asked.manner === 'busy' && this.random.below(2) === 0) return { kind: 'busy', retryAfterMs: 250 }
    asked.holds.add(address)
    return { kind: 'stored' }
  }

  #there(peer: PeerId): SimulatedNode | null {
    return this.nodes.find(({ id, up }) => id === peer && up) ?? null
  }

  #within(ms: number, run: () => void): void {
    this.#events.push({ at: this.now + this.random.fraction() * ms, run })
  }

  #bytes(): Uint8Array {
    const bytes = new Uint8Array(32)
    this.random.fill(bytes)
    return bytes
  }
}
