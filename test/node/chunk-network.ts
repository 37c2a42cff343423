// A network of storages without a transport: requests are calls after a delay of the fake clock, and lookups are always right.
import assert from 'node:assert/strict'
import { compareDistance } from '../../src/core/kademlia/distance.ts'
import { Counters } from '../../src/core/counters.ts'
import { SallyportError } from '../../src/core/errors.ts'
import { peerIdOf } from '../../src/core/ids.ts'
import type { ChunkAddress, PeerId } from '../../src/core/ids.ts'
import type { Crypto } from '../../src/core/ports.ts'
import { createCrypto } from '../../src/io/crypto.ts'
import type { Identity, Workers } from '../../src/io/ports.ts'
import { ChunkStore } from '../../src/node/chunk-store.ts'
import { Storage } from '../../src/node/storage.ts'
import type { Reply } from '../../src/core/chunks/replies.ts'
import type { Asked, Exchange, Routing } from '../../src/node/transfer.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { createInlineWorkers } from '../support/inline-workers.ts'
import { MemoryFiles } from '../support/memory-files.ts'
import { SeededRandom } from '../support/seeded-random.ts'

/** One node of the network; `up` false: it answers nobody and is found by nobody, `silent`: it is found and never answers. */
export interface Member {
  readonly id: PeerId
  readonly files: MemoryFiles
  readonly store: ChunkStore | null
  readonly storage: Storage
  readonly counters: Counters
  readonly handlers: Map<string, (asked: Asked) => Promise<Reply>>
  /** Requests it was asked, by protocol. */
  readonly asked: Map<string, number>
  up: boolean
  silent: boolean
  /** Changes what it gives. */
  forge: (reply: Reply) => Reply
}

/** A network on its own clock. */
export class ChunkNetwork {
  readonly clock = new FakeClock()
  readonly random: SeededRandom
  readonly members: Member[] = []
  delayMs = 5
  #workers: Workers | null = null
  readonly #watchers = new Set<() => void>()
  #crypto: Crypto | null = null

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
  }

  /** Adds `count` nodes that hold chunks. */
  async grow(count: number, capacityBytes = 1e12): Promise<void> {
    for (let i = 0; i < count; i++) await this.#add(new MemoryFiles(), capacityBytes)
  }

  /** Adds a client that holds nothing. */
  client(files = new MemoryFiles()): Promise<Member> {
    return this.#add(files, 0)
  }

  /** Tells everybody that somebody went or came. */
  tellChange(): void {
    for (const changed of this.#watchers) changed()
  }

  /** How many nodes hold that chunk. */
  holders(address: ChunkAddress): number {
    return this.members.filter(({ store }) => store?.has(address)).length
  }

  /** All addresses that anybody holds. */
  addresses(): ChunkAddress[] {
    return [...new Set(this.members.flatMap(({ store }) => [...(store?.addresses() ?? [])]))]
  }

  /** The code of the error with which a promise rejects, `none` when it is fulfilled; anything but an error of ours fails the test. */
  async codeOf(promise: Promise<unknown>): Promise<string> {
    try {
      await this.clock.until(promise)
      return 'none'
    } catch (error) {
      assert.ok(error instanceof SallyportError, String(error))
      return error.code
    }
  }

  async #add(files: MemoryFiles, capacityBytes: number): Promise<Member> {
    const { clock, random } = this
    const workers = (this.#workers ??= await createInlineWorkers(clock))
    const bytes = new Uint8Array(32)
    random.fill(bytes)
    const id = peerIdOf(bytes)
    const identity: Identity = { peerId: id, publicKey: new Uint8Array(1952), privateKey: new Uint8Array(0) }
    const options = { files, workers, identity, directory: '/data/chunks', capacityBytes }
    const store = capacityBytes > 0 ? await clock.until(ChunkStore.open(options)) : null
    const handlers: Member['handlers'] = new Map()
    const exchange = this.#exchange(id, handlers)
    const routing = this.#routing(id)
    const counters = new Counters()
    const crypto = (this.#crypto ??= await createCrypto())
    const world = { clock, timers: clock, files, workers, identity, random, crypto, exchange, routing, store }
    const storage = new Storage({ ...world, counters })
    storage.serve()
    const asked = new Map<string, number>()
    const member: Member = {
      id,
      files,
      store,
      storage,
      counters,
      handlers,
      asked,
      up: true,
      silent: false,
      forge: (reply) => reply,
    }
    this.members.push(member)
    return member
  }

  #exchange(self: PeerId, handlers: Member['handlers']): Exchange {
    return {
      handle: (protocol, answer) => {
        handlers.set(protocol, answer)
        return () => handlers.delete(protocol)
      },
      request: (peer, protocol, payload, { target = null, timeoutMs, signal }) => {
        const { promise, resolve, reject } = Promise.withResolvers<Reply>()
        const { clock } = this
        signal.addEventListener('abort', () => reject(new SallyportError('CANCELLED', 'cancelled')))
        clock.at(clock.now() + timeoutMs, () => reject(new SallyportError('REQUEST_TIMEOUT', 'no answer')))
        clock.at(clock.now() + this.delayMs, () => {
          const member = this.members.find(({ id }) => id === peer)
          if (member?.up !== true) return reject(new SallyportError('CONNECTION_LOST', 'nobody there'))
          if (member.silent) return
          member.asked.set(protocol, (member.asked.get(protocol) ?? 0) + 1)
          const handler = member.handlers.get(protocol)
          const unsupported = { status: 1, payload: new Uint8Array(0) }
          const asked = { peer: self, target, payload: payload.slice() }
          const answer = handler === undefined ? Promise.resolve(unsupported) : handler(asked)
          answer.then((reply) => resolve(member.forge(reply)), reject)
        })
        return promise
      },
    }
  }

  #routing(self: PeerId): Routing {
    const nearest = (address: ChunkAddress, count: number): PeerId[] =>
      this.members
        .filter(({ id, store, up }) => id !== self && store !== null && up)
        .map(({ id }) => id)
        .sort((a, b) => compareDistance(address, a, b))
        .slice(0, count)
    return {
      lookup: (address) => {
        const { promise, resolve } = Promise.withResolvers<PeerId[]>()
        this.clock.at(this.clock.now() + this.delayMs, () => resolve(nearest(address, 20)))
        return promise
      },
      closest: nearest,
      network: () => null,
      watch: (changed) => {
        this.#watchers.add(changed)
        return () => this.#watchers.delete(changed)
      },
    }
  }
}
