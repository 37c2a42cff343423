// A node's dealings with chunks: it holds and gives those it is close to, and puts and gets files for whoever runs it. What is
// decided is decided in core/chunks; here it is carried out.
import { GET_SLOTS, PUT_SLOTS, RETRY_AFTER_MS, Slots, admit } from '../core/chunks/admission.ts'
import { CLOSEST_ASKED } from '../core/chunks/closeness.ts'
import type { DownloadResult } from '../core/chunks/download.ts'
import { parseLink } from '../core/chunks/link.ts'
import type { Reply } from '../core/chunks/replies.ts'
import type { UploadResult } from '../core/chunks/upload-outputs.ts'
import { SallyportError } from '../core/errors.ts'
import { chunkAddressOf } from '../core/ids.ts'
import type { ChunkAddress, PeerId } from '../core/ids.ts'
import { PUT_OUTCOME, PUT_REFUSAL, decodeHasAddresses, encodeHasBitmap } from '../core/messages/chunks.ts'
import { PROTOCOL, STATUS } from '../core/messages/codes.ts'
import type { Random } from '../core/ports.ts'
import type { ChunkStore } from './chunk-store.ts'
import { countEnd, countGiven, countTaken, type StorageCounters } from './storage-counts.ts'
import { runDownload } from './transfer-download.ts'
import type { GetOptions } from './transfer-download.ts'
import { runUpload } from './transfer-upload.ts'
import type { PutOptions, PutSource, UploadSurroundings } from './transfer-upload.ts'
import type { Asked, Exchange, Surroundings } from './transfer.ts'

/** What a node's storage is made of. */
export interface StorageOptions extends UploadSurroundings {
  readonly counters: StorageCounters
  /** Null: nothing is held here, and chunk requests are not served. */
  readonly store: ChunkStore | null
}

/** Holds chunks for the network, and uploads and downloads files. */
export class Storage {
  readonly #options: StorageOptions
  readonly #surroundings: Surroundings & { readonly random: Random }
  readonly #store: ChunkStore | null
  readonly #puts = new Slots(PUT_SLOTS)
  readonly #gets = new Slots(GET_SLOTS)
  /** Ends every transfer when the storage closes. */
  readonly #closing = new AbortController()
  /** Transfers in progress; bounded by whoever starts them. */
  readonly #transfers = new Set<Promise<unknown>>()
  #unregister: readonly (() => void)[] = []

  constructor(options: StorageOptions) {
    this.#options = options
    this.#store = options.store
    this.#surroundings = options.store === null ? options : withOwnChunks(options, options.store)
  }

  /** Begins to answer chunk requests, where chunks are held at all. */
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
          inSlot(this.#gets, asked, () => answerGet(store, asked)),
        ),
      ),
    ]
  }

  /** Uploads a file or a stream; see `runUpload` for how it fails. */
  put(source: PutSource, options: PutOptions = {}): Promise<UploadResult> {
    const run = (signal: AbortSignal): Promise<UploadResult> => runUpload(this.#options, source, { ...options, signal })
    return countEnd(this.#options.counters.uploads, this.#transfer(options.signal, run))
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
    return countEnd(this.#options.counters.downloads, this.#transfer(options.signal, run))
  }

  /** Stops answering and ends every transfer with CANCELLED; resolves when no file is in use. Idempotent. */
  async close(): Promise<void> {
    for (const unregister of this.#unregister) unregister()
    this.#unregister = []
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

  async #answerPut(store: ChunkStore, { target, payload }: Asked): Promise<Reply> {
    const address = aboutChunk(target)
    if (address === null) return reply({ status: STATUS.badRequest })
    if (store.has(address)) return reply({ status: STATUS.ok, outcome: PUT_OUTCOME.alreadyStored })
    const { routing, identity } = this.#options
    const known = routing.closest(address, CLOSEST_ASKED)
    const position = { self: identity.peerId, known, room: store.room }
    const admission = admit({ address, bytes: payload.length }, position)
    if (admission.kind === 'malformed') return reply({ status: STATUS.badRequest, reason: admission.reason })
    if (admission.kind === 'refused') return reply({ status: STATUS.refused, reason: admission.reason })
    const held = await store.hold(address, payload)
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
}

const answerHas = (store: ChunkStore, { payload }: Asked): Reply => {
  const addresses = decodeHasAddresses(payload)
  if (addresses === null) return reply({ status: STATUS.badRequest })
  return reply({ status: STATUS.ok }, encodeHasBitmap(addresses.map((address) => store.has(address))))
}

const answerGet = async (store: ChunkStore, { target }: Asked): Promise<Reply> => {
  const address = aboutChunk(target)
  if (address === null) return reply({ status: STATUS.badRequest })
  const read = await store.read(address)
  switch (read.kind) {
    case 'found':
      return reply({ status: STATUS.ok }, read.stored)
    case 'absent':
    case 'corrupt':
      return reply({ status: STATUS.absent })
    default:
      return reply({ status: STATUS.refused, reason: 'disk' })
  }
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
const withOwnChunks = <S extends Surroundings>(surroundings: S, store: ChunkStore): S => {
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
    },
    exchange: {
      request: (peer, protocol, payload, options) =>
        peer === self
          ? answerGet(store, { peer, payload, target: options.target ?? null })
          : exchange.request(peer, protocol, payload, options),
      handle: (protocol, answer) => exchange.handle(protocol, answer),
    } satisfies Exchange,
  }
}

const aboutChunk = (target: Uint8Array | null): ChunkAddress | null => (target === null ? null : chunkAddressOf(target))

const reply = (header: Omit<Reply, 'payload'>, payload: Uint8Array = NOTHING): Reply => ({ ...header, payload })

const NOTHING: Uint8Array = new Uint8Array(0)
