// Drives the re-replication of one node: asks peers what they hold, sends them what they lack, and fetches what was damaged here. What is
// to be done, and how much at once, is decided in core/chunks/replication.ts.
import { unreachable } from '../core/assert.ts'
import { CLOSEST_ASKED } from '../core/chunks/closeness.ts'
import type { PutAnswer } from '../core/chunks/placement.ts'
import { getAnswer, putAnswer } from '../core/chunks/replies.ts'
import type { ReplicationLimits } from '../core/chunks/replication-limits.ts'
import { Replication } from '../core/chunks/replication.ts'
import type { ReplicationOutput, ReplicationStatus } from '../core/chunks/replication.ts'
import { SallyportError } from '../core/errors.ts'
import { idBytes } from '../core/ids.ts'
import type { ChunkAddress, PeerId } from '../core/ids.ts'
import { decodeHasBitmap, encodeHasAddresses } from '../core/messages/chunks.ts'
import { PROTOCOL, STATUS } from '../core/messages/codes.ts'
import type { ChunkStore } from './chunk-store.ts'
import { Drive, silence } from './transfer.ts'
import type { Surroundings } from './transfer.ts'

/** One peer may take so long to give a chunk: 4 MiB at 35 kB/s. */
const GET_TIMEOUT_MS = 120_000

/** What a replicator is made of. */
export interface ReplicatorOptions extends Surroundings {
  readonly store: ChunkStore
  readonly limits?: Partial<ReplicationLimits>
}

/** Keeps the chunks of one node at their holders, from its making to `close`. */
export class Replicator {
  readonly #options: ReplicatorOptions
  readonly #replication: Replication
  readonly #drive: Drive<ReplicationOutput, never>
  readonly #unwatch: () => void

  constructor(options: ReplicatorOptions) {
    const { store, routing, identity, clock, limits = {} } = options
    this.#options = options
    const view = {
      self: identity.peerId,
      held: () => store.addresses(),
      has: (address: ChunkAddress) => store.has(address),
      closest: (address: ChunkAddress) =>
        routing.closest(address, CLOSEST_ASKED).map((peer) => ({ peer, network: routing.network(peer) })),
    }
    const replication = new Replication(view, limits, clock.now())
    this.#replication = replication
    const machine = {
      poll: () => replication.poll(clock.now()),
      timerAt: () => replication.timerAt(),
      timeout: (now: number) => replication.timeout(now),
    }
    this.#drive = new Drive(machine, options, (output) => this.#perform(output))
    this.#drive.outcome.catch(() => {})
    this.#unwatch = routing.watch(() => this.#drive.give((now) => replication.changed(now)))
    this.#drive.give(() => {})
  }

  get status(): ReplicationStatus {
    return this.#replication.status
  }

  /** A chunk was found damaged here and removed. */
  damaged(address: ChunkAddress): void {
    this.#drive.give(() => this.#replication.damaged(address))
  }

  /** Asks and sends nothing any more. */
  close(): void {
    this.#unwatch()
    this.#drive.fail(new SallyportError('CLOSED', 'the storage was closed'))
  }

  #perform(output: ReplicationOutput): void {
    const { request } = output
    switch (output.kind) {
      case 'has':
        return this.#drive.request(request, async (signal) => {
          const held = await this.#ask(output, signal).catch(() => null)
          return (now) => this.#replication.told(request, held, now)
        })
      case 'put':
        return this.#drive.request(request, async (signal) => {
          const answer = await this.#send(output, signal).catch(silence)
          return (now) => this.#replication.answered(request, answer, now)
        })
      case 'fetch':
        return this.#drive.request(request, async (signal) => {
          const succeeded = await this.#fetch(output.address, output.peers, signal)
          return () => this.#replication.fetched(request, succeeded)
        })
      default:
        return unreachable(output)
    }
  }

  async #ask(
    { peer, addresses, timeoutMs }: Extract<ReplicationOutput, { kind: 'has' }>,
    signal: AbortSignal,
  ): Promise<readonly boolean[] | null> {
    const payload = encodeHasAddresses(addresses)
    const reply = await this.#options.exchange.request(peer, PROTOCOL.chunkHas, payload, { timeoutMs, signal })
    return reply.status === STATUS.ok ? decodeHasBitmap(reply.payload, addresses.length) : null
  }

  async #send(
    { peer, address, timeoutMs }: Extract<ReplicationOutput, { kind: 'put' }>,
    signal: AbortSignal,
  ): Promise<PutAnswer> {
    const read = await this.#options.store.read(address)
    if (read.kind === 'corrupt') this.damaged(address)
    // What is not here any more cannot be sent; it says nothing about the peer.
    if (read.kind !== 'found') return { kind: 'held' }
    const target = idBytes(address)
    const { exchange } = this.#options
    return putAnswer(await exchange.request(peer, PROTOCOL.chunkPut, read.stored, { target, timeoutMs, signal }))
  }

  async #fetch(address: ChunkAddress, peers: readonly PeerId[], signal: AbortSignal): Promise<boolean> {
    const { exchange, store } = this.#options
    const asked = { target: idBytes(address), timeoutMs: GET_TIMEOUT_MS, signal }
    for (const peer of peers) {
      if (signal.aborted) return false
      const answer = await exchange
        .request(peer, PROTOCOL.chunkGet, new Uint8Array(0), asked)
        .then(getAnswer)
        .catch(silence)
      if (answer.kind !== 'payload') continue
      const held = await store.hold(address, answer.bytes)
      if (held.kind === 'stored' || held.kind === 'already') return true
      if (held.kind !== 'corrupt') return false
    }
    return false
  }
}
