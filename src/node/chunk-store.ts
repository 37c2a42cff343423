// The chunks a node holds, one file each: `<directory>/<2 hex digits>/<64 hex digits>`. A chunk is written under a temporary name,
// synced and renamed, so that what has its name is whole, whatever happens to the process or the power. Which chunks there are is
// found by listing at the start; that their bytes are right is checked whenever one is read.
import { isStoredSize } from '../core/chunks/chunk.ts'
import { SallyportError } from '../core/errors.ts'
import { chunkAddressOf, parseChunkAddress } from '../core/ids.ts'
import type { ChunkAddress } from '../core/ids.ts'
import type { FileHandle, Files, Identity, Workers } from '../io/ports.ts'
import { readFully, removeQuietly } from './file-steps.ts'
import { perform } from './perform-work.ts'

/** What a chunk store is made of. */
export interface ChunkStoreOptions {
  readonly files: Files
  readonly workers: Workers
  readonly identity: Identity
  /** Where the chunks are; nobody else writes there. Made when it is missing. */
  readonly directory: string
  /** Bytes on disk at most, each chunk counted as at least one block of 4 KiB. Default 64 GiB. */
  readonly capacityBytes?: number
  /** Told of each chunk that could not be kept or read; default: nobody is. */
  readonly trouble?: (trouble: ChunkTrouble) => void
}

/** What was wrong with a chunk: `full`: there was no room for it; `damaged`: its file was not what had been written. */
export interface ChunkTrouble {
  readonly what: 'write' | 'read' | 'damaged' | 'full'
  readonly address: ChunkAddress
  readonly error: SallyportError | null
}

/** What became of a chunk that was to be held. */
export type Held =
  | { readonly kind: 'stored' | 'already' | 'full' | 'corrupt' }
  /** Nothing of it was kept; the error's code is NO_SPACE where the disk is full. */
  | { readonly kind: 'failed'; readonly error: SallyportError }

/** What became of reading a chunk; `corrupt`: its file was damaged and has been removed. */
export type Read =
  | { readonly kind: 'found'; readonly stored: Uint8Array }
  | { readonly kind: 'absent' | 'corrupt' }
  | { readonly kind: 'failed'; readonly error: SallyportError }

const CAPACITY_BYTES = 64 * 1024 ** 3
/** What a file takes on disk at least; bounds the number of chunks by the capacity too. */
const BLOCK_BYTES = 4096
const TEMPORARY = /^[0-9a-f]{64}\.\d+\.part$/

/** A chunk from when it was stored until it is removed: stored anew it is another one. */
interface HeldChunk {
  readonly size: number
}

/** The chunks of one data directory. Made by `open`. */
export class ChunkStore {
  readonly #options: ChunkStoreOptions
  readonly #capacity: number
  /** Each chunk held. Bounded by the capacity over BLOCK_BYTES. */
  readonly #chunks = new Map<ChunkAddress, HeldChunk>()
  /** Chunks being written or removed. Bounded by the callers of `hold` and `read`. */
  readonly #changing = new Map<ChunkAddress, Promise<void>>()
  /** Told of each chunk that is not held any more. */
  #onForgotten: (address: ChunkAddress) => void = () => {}
  #usedBytes = 0
  #temporaries = 0

  private constructor(options: ChunkStoreOptions) {
    this.#options = options
    this.#capacity = options.capacityBytes ?? CAPACITY_BYTES
  }

  /** Finds the chunks of before and removes what was left half-written. Rejects when the directory cannot be used. */
  static async open(options: ChunkStoreOptions): Promise<ChunkStore> {
    const store = new ChunkStore(options)
    await options.files.makeDirectory(options.directory)
    for (const name of await options.files.list(options.directory)) {
      if (/^[0-9a-f]{2}$/.test(name)) await store.#find(name)
    }
    return store
  }

  /** How many chunks are held. */
  get count(): number {
    return this.#chunks.size
  }

  /** Bytes on disk at most. */
  get capacity(): number {
    return this.#capacity
  }

  /** `told` is called with each chunk that is not held any more; the last to ask is the only one who is told. */
  watch(told: (address: ChunkAddress) => void): void {
    this.#onForgotten = told
  }

  /** Bytes that can still be taken. */
  get room(): number {
    return Math.max(0, this.#capacity - this.#usedBytes)
  }

  /** Whether the chunk is held; its bytes are not looked at. */
  has(address: ChunkAddress): boolean {
    return this.#chunks.has(address)
  }

  /** The addresses of the chunks held. */
  addresses(): IterableIterator<ChunkAddress> {
    return this.#chunks.keys()
  }

  /**
   * Keeps a chunk; when this resolves to `stored` it would survive a power cut. `stored` is given away. `makeRoom` is asked for bytes on disk that
   * there are not, once the chunk has proved to be one.
   */
  async hold(address: ChunkAddress, stored: Uint8Array, makeRoom?: (bytes: number) => Promise<void>): Promise<Held> {
    if (this.has(address)) return { kind: 'already' }
    const bytes = isStoredSize(stored.length) ? await this.#verified(address, stored) : null
    if (bytes instanceof SallyportError) return { kind: 'failed', error: bytes }
    if (bytes === null) return { kind: 'corrupt' }
    if (blocks(bytes.length) > this.room) await makeRoom?.(blocks(bytes.length))
    for (let other = this.#changing.get(address); other !== undefined; other = this.#changing.get(address)) await other
    if (this.has(address)) return { kind: 'already' }
    if (blocks(bytes.length) > this.room) {
      this.#tell('full', address)
      return { kind: 'full' }
    }
    this.#usedBytes += blocks(bytes.length)
    const error = await this.#change(address, () => this.#write(address, bytes))
    if (error === null) return { kind: 'stored' }
    this.#usedBytes -= blocks(bytes.length)
    this.#tell('write', address, error)
    return { kind: 'failed', error }
  }

  /** The bytes of a chunk, checked against its address. */
  async read(address: ChunkAddress): Promise<Read> {
    const held = this.#chunks.get(address)
    if (held === undefined) return { kind: 'absent' }
    const { size } = held
    const bytes = await this.#load(address, size)
    if (bytes instanceof SallyportError) {
      if (bytes.code !== 'FILE_NOT_FOUND') {
        this.#tell('read', address, bytes)
        return { kind: 'failed', error: bytes }
      }
      if (this.#chunks.get(address) === held) this.#forget(address)
      return { kind: 'absent' }
    }
    const stored = bytes.length === size ? await this.#verified(address, bytes) : null
    if (stored instanceof SallyportError) return { kind: 'failed', error: stored }
    if (stored !== null) return { kind: 'found', stored }
    // Another reader may have found it out first, and somebody may have stored it anew since: what was not read is not removed.
    if (this.#chunks.get(address) === held) {
      this.#tell('damaged', address)
      await this.#discard(address)
    }
    return { kind: 'corrupt' }
  }

  /** Removes a chunk, unless it is being written or removed already. */
  async remove(address: ChunkAddress): Promise<void> {
    await this.#discard(address)
  }

  /** Resolves when no chunk is being written or removed. */
  async quiet(): Promise<void> {
    while (this.#changing.size > 0) await Promise.all(this.#changing.values())
  }

  async #find(name: string): Promise<void> {
    const { files, directory } = this.#options
    for (const file of await files.list(`${directory}/${name}`)) {
      const path = `${directory}/${name}/${file}`
      const address = file.startsWith(name) ? parseChunkAddress(file) : null
      if (address !== null) this.#remember(address, await this.#sizeOf(path))
      else if (TEMPORARY.test(file)) await removeQuietly(files, path)
    }
  }

  /** 0 for a file that cannot be looked at: it is left alone, and the chunk can be stored anew. */
  async #sizeOf(path: string): Promise<number> {
    try {
      const file = await this.#options.files.open(path, 'read')
      try {
        return await file.size()
      } finally {
        await file.close()
      }
    } catch {
      return 0
    }
  }

  #remember(address: ChunkAddress, size: number): void {
    if (!isStoredSize(size)) return
    this.#chunks.set(address, { size })
    this.#usedBytes += blocks(size)
  }

  #tell(what: ChunkTrouble['what'], address: ChunkAddress, error: SallyportError | null = null): void {
    this.#options.trouble?.({ what, address, error })
  }

  #forget(address: ChunkAddress): void {
    const held = this.#chunks.get(address)
    if (held === undefined) return
    this.#chunks.delete(address)
    this.#usedBytes -= blocks(held.size)
    this.#onForgotten(address)
  }

  async #discard(address: ChunkAddress): Promise<void> {
    if (this.#changing.has(address) || !this.has(address)) return
    this.#forget(address)
    await this.#change(address, async () => {
      await removeQuietly(this.#options.files, this.#path(address))
      return null
    })
  }

  /** Nobody else changes that chunk meanwhile. */
  async #change(address: ChunkAddress, change: () => Promise<SallyportError | null>): Promise<SallyportError | null> {
    const changing = change().finally(() => this.#changing.delete(address))
    this.#changing.set(
      address,
      changing.then(() => {}),
    )
    return changing
  }

  /** Never rejects: what failed is returned, and nothing is left of it. */
  async #write(address: ChunkAddress, bytes: Uint8Array): Promise<SallyportError | null> {
    const { files, directory } = this.#options
    const path = this.#path(address)
    const temporary = `${path}.${this.#temporaries++}.part`
    let file: FileHandle | null = null
    try {
      await files.makeDirectory(`${directory}/${address.slice(0, 2)}`)
      file = await files.open(temporary, 'create')
      await file.write(bytes, 0)
      await file.sync()
      await file.close()
      await files.rename(temporary, path)
      this.#chunks.set(address, { size: bytes.length })
      return null
    } catch (error) {
      await file?.close().catch(() => {})
      await removeQuietly(files, temporary)
      // A rename can fail after the fact, when its directory cannot be synced.
      await removeQuietly(files, path)
      return SallyportError.from(error)
    }
  }

  async #load(address: ChunkAddress, size: number): Promise<Uint8Array | SallyportError> {
    try {
      const file = await this.#options.files.open(this.#path(address), 'read')
      try {
        return await readFully(file, { position: 0, size })
      } finally {
        await file.close()
      }
    } catch (error) {
      return SallyportError.from(error)
    }
  }

  /** The same bytes when their hash is the address, null when it is not, an error when nobody could hash them. */
  async #verified(address: ChunkAddress, stored: Uint8Array): Promise<Uint8Array | SallyportError | null> {
    const { workers, identity } = this.#options
    const done = await perform(workers, identity, { id: 0, kind: 'hash-chunk', stored })
    if (done.kind !== 'hash-chunk') return new SallyportError('INTERNAL', 'a chunk could not be hashed')
    return chunkAddressOf(done.address) === address ? done.stored : null
  }

  #path(address: ChunkAddress): string {
    return `${this.#options.directory}/${address.slice(0, 2)}/${address}`
  }
}

/** What a chunk of so many bytes takes on disk. */
export const blocks = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES
