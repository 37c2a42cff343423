// The file in which an upload writes down what it has done, so that the next one of the same file continues. It is written from the front
// and made under another name first, so that a crash leaves the old one, the new one, or a new one whose end is torn, which its
// reader notices. Readable by its owner alone: it holds the keys to what it lists.
import { sameBytes, toHex } from '../core/bytes.ts'
import { CONVERGENT_CONTEXT } from '../core/chunks/chunk.ts'
import {
  HEADER_BYTES,
  RECORD_BYTES,
  RECORD_FILE_BYTES_MAX,
  decodeUploadRecord,
  encodePlacedRecord,
  encodeUploadHeader,
} from '../core/chunks/upload-record.ts'
import type { PlacedRecord, UploadRecord } from '../core/chunks/upload-record.ts'
import type { Crypto, Random } from '../core/ports.ts'
import type { Clock, FileHandle, Files } from '../io/ports.ts'
import { readFully, removeQuietly } from './file-steps.ts'

/** For so long what was placed is believed to be there still, as it is within one upload that takes as long. */
const BELIEVED_MS = 24 * 3_600_000

/** Records after which the file is synced: what is lost of it costs a question about each chunk. */
const SYNC_EVERY = 16

/** What a state needs of the world. */
export interface StateWorld {
  readonly files: Files
  readonly crypto: Crypto
  readonly random: Random
  readonly clock: Clock
}

/** Where the state lies, and what the upload is. */
export interface StateOptions {
  readonly path: string
  readonly private: boolean
}

/** The state of one upload. */
export class UploadState {
  /** What its chunks are sealed with: of a private upload that is continued, what it was. */
  readonly context: Uint8Array
  /** What is known to have been placed. */
  readonly placed: readonly PlacedRecord[]
  readonly #world: StateWorld
  readonly #path: string
  readonly #file: FileHandle
  #end: number
  /** One write after the other, as they come. */
  #writing: Promise<void> = Promise.resolve()
  #unsynced = 0
  #failed = false

  private constructor(
    world: StateWorld,
    path: string,
    parts: { readonly record: UploadRecord; readonly file: FileHandle },
  ) {
    this.#world = world
    this.#path = path
    this.#file = parts.file
    this.context = parts.record.context
    this.placed = parts.record.placed
    this.#end = HEADER_BYTES + this.placed.length * RECORD_BYTES
  }

  /** Takes up the state at a path, or begins one; rejects with the system's error where it cannot be written. */
  static async open(world: StateWorld, options: StateOptions): Promise<UploadState> {
    const { files, crypto } = world
    const record = usable(await readRecord(world, options.path), world, options)
    const temporary = `${options.path}.${toHex(drawn(world.random, 6))}.part`
    const file = await files.open(temporary, 'create-private')
    try {
      const { context, placed } = record
      await file.write(encodeUploadHeader(crypto, record), 0)
      for (const [i, one] of placed.entries())
        await file.write(encodePlacedRecord(crypto, context, one), HEADER_BYTES + i * RECORD_BYTES)
      await file.sync()
      await files.rename(temporary, options.path)
      return new UploadState(world, options.path, { record, file })
    } catch (error) {
      await file.close().catch(() => {})
      await removeQuietly(files, temporary)
      throw error
    }
  }

  /** Writes down that a chunk was placed. A disk that fails now costs no more than what is not written down. */
  add(record: PlacedRecord): void {
    if (this.#end + RECORD_BYTES > RECORD_FILE_BYTES_MAX) return
    const at = this.#end
    this.#end += RECORD_BYTES
    this.#writing = this.#writing.then(() => this.#write(record, at))
  }

  /** The upload is done, and its state of no use any more. */
  async done(): Promise<void> {
    await this.keep()
    await removeQuietly(this.#world.files, this.#path)
  }

  /** The upload was not done: the state stays for the next one. */
  async keep(): Promise<void> {
    await this.#writing
    if (!this.#failed) await this.#file.sync().catch(() => {})
    await this.#file.close().catch(() => {})
  }

  async #write(record: PlacedRecord, at: number): Promise<void> {
    // A gap would hide what comes after it.
    if (this.#failed) return
    try {
      await this.#file.write(encodePlacedRecord(this.#world.crypto, this.context, record), at)
      if (++this.#unsynced < SYNC_EVERY) return
      this.#unsynced = 0
      await this.#file.sync()
    } catch {
      this.#failed = true
    }
  }
}

/** What an earlier upload left, or null; an unreadable one is as if there were none. */
const readRecord = async ({ files, crypto }: StateWorld, path: string): Promise<UploadRecord | null> => {
  if (!(await files.exists(path))) return null
  const file = await files.open(path, 'read')
  try {
    const size = Math.min(await file.size(), RECORD_FILE_BYTES_MAX)
    return decodeUploadRecord(crypto, await readFully(file, { position: 0, size }))
  } finally {
    await file.close()
  }
}

/** What of a record counts: nothing of an upload of the other kind, and of one long ago only its context. */
const usable = (
  record: UploadRecord | null,
  { clock, random }: StateWorld,
  options: { readonly private: boolean },
): UploadRecord => {
  const now = Math.floor(clock.wall())
  const isPrivate = record !== null && !sameBytes(record.context, CONVERGENT_CONTEXT)
  if (record === null || isPrivate !== options.private)
    return { context: options.private ? drawn(random, 32) : CONVERGENT_CONTEXT, begunMs: now, placed: [] }
  const age = now - record.begunMs
  return age >= 0 && age < BELIEVED_MS ? record : { ...record, begunMs: now, placed: [] }
}

/** Random bytes. */
export const drawn = (random: Random, size: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  random.fill(bytes)
  return bytes
}
