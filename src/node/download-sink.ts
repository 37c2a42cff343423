// Where the bytes of a download go. A file is written anywhere under a temporary name, and gets its own when all of it is verified and
// synced; whatever fails before, it goes. A stream is written from the beginning, and what it was given cannot be taken back.
import type { WriteOrder } from '../core/chunks/map-walk.ts'
import { toHex } from '../core/bytes.ts'
import { SallyportError } from '../core/errors.ts'
import type { Random } from '../core/ports.ts'
import type { FileHandle, Files } from '../io/ports.ts'
import { removeQuietly } from './file-steps.ts'
import { unlessEnded } from './patiently.ts'

/** What takes verified bytes. */
export interface DownloadSink {
  readonly order: WriteOrder
  write(bytes: Uint8Array, offset: number, signal: AbortSignal): Promise<void>
  /** All was written: afterwards it is there for good. */
  finish(): Promise<void>
  /** It failed: afterwards there is nothing, as far as that can be had. Never rejects. */
  abandon(error: unknown): Promise<void>
}

/** A file that is to be at `out`; FILE_EXISTS when there is one, unless it is to be replaced. */
export const fileSink = async (
  { files, random }: { readonly files: Files; readonly random: Random },
  { out, force }: { readonly out: string; readonly force: boolean },
): Promise<DownloadSink> => {
  if (!force && (await files.exists(out))) throw fileExists(out)
  const temporary = temporaryBeside(out, random)
  return new FileSink(files, { temporary, out, force }, await files.open(temporary, 'create'))
}

interface Names {
  readonly temporary: string
  readonly out: string
  readonly force: boolean
}

class FileSink implements DownloadSink {
  readonly order = 'any'
  readonly #files: Files
  readonly #names: Names
  readonly #file: FileHandle
  #closed = false

  constructor(files: Files, names: Names, file: FileHandle) {
    this.#files = files
    this.#names = names
    this.#file = file
  }

  write(bytes: Uint8Array, offset: number): Promise<void> {
    return this.#file.write(bytes, offset)
  }

  async finish(): Promise<void> {
    await this.#file.sync()
    this.#closed = true
    await this.#file.close()
    await place(this.#files, this.#names)
  }

  async abandon(): Promise<void> {
    if (!this.#closed) await this.#file.close().catch(() => {})
    await removeQuietly(this.#files, this.#names.temporary)
  }
}

/** Gives the finished file its name: a second name first, so that nothing is replaced that came there meanwhile. */
const place = async (files: Files, { temporary, out, force }: Names): Promise<void> => {
  if (force) return files.rename(temporary, out)
  try {
    await files.link(temporary, out)
  } catch (error) {
    if (SallyportError.from(error).code === 'FILE_EXISTS') throw fileExists(out)
    if (!isUnsupported(error)) throw error
    // A file system without second names: between the look and the rename somebody could come, and would be replaced.
    if (await files.exists(out)) throw fileExists(out)
    return files.rename(temporary, out)
  }
  await removeQuietly(files, temporary)
}

/** That something is in the way at `out`. */
export const fileExists = (out: string): SallyportError => new SallyportError('FILE_EXISTS', `${out} is there already`)

/** Whether a file system knows no second names for a file. */
const isUnsupported = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(String(error.code))

/** Of a long name the beginning: in UTF-8 at most 150 bytes, so that with what is added it is no longer than the 255 that file systems take. */
const NAME_KEPT = 50

/** The name of what is to be at `out` until it is whole, in the same directory, which nobody can foresee. */
export const temporaryBeside = (out: string, random: Random): string => {
  const begin = Math.max(out.lastIndexOf('/'), out.lastIndexOf('\\')) + 1
  const name = out.slice(begin, begin + NAME_KEPT).toWellFormed()
  return `${out.slice(0, begin)}${name}.${randomName(random)}.part`
}

/** Twelve hexadecimal digits that nobody can foresee. */
const randomName = (random: Random): string => {
  const bytes = new Uint8Array(6)
  random.fill(bytes)
  return toHex(bytes)
}

/** A stream that is written in order, and closed at the end or aborted. */
export class StreamSink implements DownloadSink {
  readonly order = 'ascending'
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>

  constructor(stream: WritableStream<Uint8Array>) {
    this.#writer = stream.getWriter()
  }

  /** Returns when the stream has taken the bytes, so that no more than these are on their way. */
  write(bytes: Uint8Array, _offset: number, signal: AbortSignal): Promise<void> {
    return unlessEnded(this.#writer.write(bytes), signal)
  }

  finish(): Promise<void> {
    return this.#writer.close()
  }

  async abandon(error: unknown): Promise<void> {
    this.#writer.abort(error).catch(() => {})
  }
}
