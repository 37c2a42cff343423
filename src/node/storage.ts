// A node's dealings with chunks: it holds and gives those it is close to, and puts and gets files for whoever runs it. What is
// decided is decided in core/chunks; here it is carried out.
import { GET_SLOTS, PUT_SLOTS, RETRY_AFTER_MS, Slots, admit } from '../core/chunks/admission.ts'
import { CLOSEST_ASKED } from '../core/chunks/closeness.ts'
import { Eviction } from '../core/chunks/eviction.ts'
import type { DownloadResult } from '../core/chunks/download.ts'
import { parseLink } from '../core/chunks/link.ts'
import { Quota } from '../core/chunks/quota.ts'
import type { Reply } from '../core/chunks/replies.ts'
import type { ReplicationLimits } from '../core/chunks/replication-limits.ts'
import type { ReplicationStatus } from '../core/chunks/replication.ts'
import type { UploadResult } from '../core/chunks/upload-outputs.ts'
import { SallyportError } from '../core/errors.ts'
import { chunkAddressOf } from '../core/ids.ts'
import type { ChunkAddress, PeerId } from '../core/ids.ts'
import { PUT_OUTCOME, PUT_REFUSAL, decodeHasAddresses, encodeHasBitmap } from '../core/messages/chunks.ts'
import { PROTOCOL, STATUS } from '../core/messages/codes.ts'
import type { Random } from '../core/ports.ts'
import type { TraceDetail, Tracing } from '../io/ports.ts'
import type { ChunkStore, Held } from './chunk-store.ts'
import { Replicator } from './replicator.ts'
import { countEnd, countGiven, countTaken, type StorageCounters } from './storage-counts.ts'
import { runDownload } from './transfer-download.ts'
import type { GetOptions } from './transfer-download.ts'
import { runUpload } from './transfer-upload.ts'
import type { PutOptions, PutSource, UploadSurroundings } from './transfer-upload.ts'
import type { Asked, Exchange, Surroundings } from './transfer.ts'
import { UNTRACED } from './untraced.ts'

/** What a node's storage is made of. */
export interface StorageOptions extends UploadSurroundings {
  readonly counters: StorageCounters
  /** Null: nothing is held here, and chunk requests are not served. */
  readonly store: ChunkStore | null
  readonly replication?: Partial<ReplicationLimits>
}

/** What an upload is made from, as onlookers are told. */
const kindOf = (source: PutSource): string => {
  if (typeof source === 'string') return 'file'
  return 'directory' in source ? 'directory' : 'stream'
}

/** Holds chunks for the network, and uploads and downloads files. */
export class Storage {
  readonly #options: StorageOptions
  readonly #surroundings: Surroundings & { readonly random: Random }
  readonly #store: ChunkStore | null
  /** Null where nothing is held. */
  readonly #quota: Quota | null
  readonly #eviction: Eviction | null
  readonly #tracing: Tracing
  readonly #puts = new Slots(PUT_SLOTS)
  readonly #gets = new Slots(GET_SLOTS)
  /** Ends every transfer when the storage closes. */
  readonly #closing = new AbortController()
  /** Transfers in progress; bounded by whoever starts them. */
  readonly #transfers = new Set<Promise<unknown>>()
  #unregister: readonly (() => void)[] = []
  /** Null until chunk requests are served. */
  #replicator: Replicator | null = null

  constructor(options: StorageOptions) {
    this.#options = options
    this.#tracing = options.tracing ?? UNTRACED
    this.#store = options.store
    const { store, identity, routing } = options
    this.#quota = store === null ? null : new Quota(store.capacity)
    store?.watch((address) => this.#quota?.give(address))
    this.#eviction =
      store === null
        ? null
        : new Eviction({
            self: identity.peerId,
            held: () => store.addresses(),
            closest: (address) => routing.closest(address, CLOSEST_ASKED),
          })
    this.#surroundings =
      store === null ? options : withOwnChunks(options, (asked) => this.#answerGet(store, asked), store)
  }

  /** How far the copies of the chunks held here are behind; null where none are held. */
  get replication(): ReplicationStatus | null {
    return this.#replicator?.status ?? null
  }

  /** Begins to answer chunk requests and to keep chunks at their holders, where chunks are held at all. */
  serve(): void {
    const store = this.#store
    if (store === null || this.#unregister.length > 0) return
    const { exchange, counters } = this.#options
    this.#unregister = [
      exchange.handle(PROTOCOL.chunkHas, async (asked) => answerHas(store, asked)),
      exchange.handle(PROTOCOL.chunkPut, (asked) =>
        countTaken(
          counters,
          inSlot(this.#puts, asked, () => this.#answerPut(store, asked)),
        ),
      ),
      exchange.handle(PROTOCOL.chunkGet, (asked) =>
        countGiven(
          counters,
          inSlot(this.#gets, asked, () => this.#answerGet(store, asked)),
        ),
      ),
    ]
    const { replication: limits = {} } = this.#options
    this.#replicator = new Replicator({ ...this.#options, store, limits })
  }

  /** Uploads a file or a stream; see `runUpload` for how it fails. */
  put(source: PutSource, options: PutOptions = {}): Promise<UploadResult> {
    const run = (signal: AbortSignal): Promise<UploadResult> => runUpload(this.#options, source, { ...options, signal })
    const about = (): TraceDetail => ({ from: kindOf(source), private: options.private === true })
    return countEnd(
      this.#options.counters.uploads,
      this.#tracing.run('put', about, () => this.#transfer(options.signal, run)),
    )
  }

  /** Downloads what a link names to a file or into a stream; LINK_INVALID, or see `runDownload` for how it fails. */
  async get(link: string, out: string | WritableStream<Uint8Array>, options: GetOptions = {}): Promise<DownloadResult> {
    const parsed = parseLink(link)
    if (parsed === null)
      throw new SallyportError(
        'LINK_INVALID',
        'a link is sallyport:<64 hex digits>#<64 hex digits>, and / for a directory',
      )
    const run = (signal: AbortSignal): Promise<DownloadResult> =>
      runDownload(this.#surroundings, { link: parsed, out }, { ...options, signal })
    const about = (): TraceDetail => ({ to: typeof out === 'string' ? parsed.kind : 'stream' })
    return countEnd(
      this.#options.counters.downloads,
      this.#tracing.run('get', about, () => this.#transfer(options.signal, run)),
    )
  }

  /** Stops answering and ends every transfer with CANCELLED; resolves when no file is in use. Idempotent. */
  async close(): Promise<void> {
    for (const unregister of this.#unregister) unregister()
    this.#unregister = []
    this.#replicator?.close()
    this.#closing.abort()
    await Promise.allSettled(this.#transfers)
    await this.#store?.quiet()
  }

  /** Ends with the caller's signal or with the storage; neither signal is held on to afterwards. */
  async #transfer<T>(signal: AbortSignal | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    const abort = (): void => controller.abort()
    const sources = [this.#closing.signal, ...(signal === undefined ? [] : [signal])]
    for (const source of sources) {
      source.addEventListener('abort', abort, { once: true })
      if (source.aborted) abort()
    }
    const running = run(controller.signal)
    this.#transfers.add(running)
    try {
      return await running
    } finally {
      this.#transfers.delete(running)
      for (const source of sources) source.removeEventListener('abort', abort)
    }
  }

  async #answerPut(store: ChunkStore, { peer, target, payload }: Asked): Promise<Reply> {
    const address = aboutChunk(target)
    if (address === null) return reply({ status: STATUS.badRequest })
    if (store.has(address)) return reply({ status: STATUS.ok, outcome: PUT_OUTCOME.alreadyStored })
    const { routing, identity } = this.#options
    const known = routing.closest(address, CLOSEST_ASKED)
    const bytes = payload.length
    const position = { self: identity.peerId, known }
    const admission = admit({ address, bytes }, position)
    if (admission.kind === 'malformed') return reply({ status: STATUS.badRequest, reason: admission.reason })
    if (admission.kind === 'refused') return reply({ status: STATUS.refused, reason: admission.reason })
    if (this.#quota?.take(address, { peer, network: routing.network(peer) }, bytes) === false) {
      return reply({ status: STATUS.refused, reason: PUT_REFUSAL.quota })
    }
    try {
      return putReply(await store.hold(address, payload, (blocks) => this.#makeRoom(store, blocks)))
    } finally {
      if (!store.has(address)) this.#quota?.give(address)
    }
  }

  /** A full node gives up what others are closer to; what it cannot give up leaves it full. */
  async #makeRoom(store: ChunkStore, bytes: number): Promise<void> {
    while (store.room < bytes) {
      const address = this.#eviction?.next() ?? null
      const { room } = store
      if (address !== null) await store.remove(address)
      // One that is being written or read does not go.
      if (store.room === room) return
    }
  }

  /** A chunk that proves damaged when it is read is gone for whoever asked, and fetched again. */
  async #answerGet(store: ChunkStore, { target }: Asked): Promise<Reply> {
    const address = aboutChunk(target)
    if (address === null) return reply({ status: STATUS.badRequest })
    const read = await store.read(address)
    switch (read.kind) {
      case 'found':
        return reply({ status: STATUS.ok }, read.stored)
      case 'corrupt':
        this.#replicator?.damaged(address)
        return reply({ status: STATUS.absent })
      case 'absent':
        return reply({ status: STATUS.absent })
      default:
        return reply({ status: STATUS.refused, reason: 'disk' })
    }
  }
}

const putReply = (held: Held): Reply => {
  switch (held.kind) {
    case 'stored':
      return reply({ status: STATUS.ok, outcome: PUT_OUTCOME.stored })
    case 'already':
      return reply({ status: STATUS.ok, outcome: PUT_OUTCOME.alreadyStored })
    case 'full':
    case 'corrupt':
      return reply({ status: STATUS.refused, reason: PUT_REFUSAL[held.kind] })
    default:
      return reply({ status: STATUS.refused, reason: held.error.code === 'NO_SPACE' ? PUT_REFUSAL.full : 'disk' })
  }
}

const answerHas = (store: ChunkStore, { payload }: Asked): Reply => {
  const addresses = decodeHasAddresses(payload)
  if (addresses === null) return reply({ status: STATUS.badRequest })
  return reply({ status: STATUS.ok }, encodeHasBitmap(addresses.map((address) => store.has(address))))
}

/** A peer over its share is told when to come again. */
const inSlot = async (slots: Slots, { peer }: Asked, answer: () => Promise<Reply>): Promise<Reply> => {
  if (!slots.enter(peer)) return reply({ status: STATUS.busy, retryAfterMs: RETRY_AFTER_MS })
  try {
    return await answer()
  } finally {
    slots.leave(peer)
  }
}

/** Surroundings in which what this node holds is found here too, in its turn among the others, and given without a request. */
const withOwnChunks = <S extends Surroundings>(
  surroundings: S,
  give: (asked: Asked) => Promise<Reply>,
  store: ChunkStore,
): S => {
  const { exchange, identity, routing } = surroundings
  const self: PeerId = identity.peerId
  return {
    ...surroundings,
    routing: {
      lookup: async (address, options) => {
        const others = await routing.lookup(address, options)
        return store.has(address) ? [self, ...others] : others
      },
      closest: (address, count) => routing.closest(address, count),
      network: (peer) => (peer === self ? null : routing.network(peer)),
      watch: (changed) => routing.watch(changed),
    },
    exchange: {
      request: (peer, protocol, payload, options) =>
        peer === self
          ? give({ peer, payload, target: options.target ?? null })
          : exchange.request(peer, protocol, payload, options),
      handle: (protocol, answer) => exchange.handle(protocol, answer),
    } satisfies Exchange,
  }
}

const aboutChunk = (target: Uint8Array | null): ChunkAddress | null => (target === null ? null : chunkAddressOf(target))

const reply = (header: Omit<Reply, 'payload'>, payload: Uint8Array = NOTHING): Reply => ({ ...header, payload })

const NOTHING: Uint8Array = new Uint8Array(0)
