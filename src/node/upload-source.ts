// Where the bytes of an upload come from: a file, which has a size and can be read anywhere, or a stream, which has neither.
import { SallyportError } from '../core/errors.ts'
import type { FileHandle, Files } from '../io/ports.ts'
import { readFully } from './file-steps.ts'
import { unlessEnded } from './patiently.ts'

/** Bytes to upload, from first to last. */
export interface UploadSource {
  /** What the link will lead to. */
  readonly kind: 'file' | 'directory'
  /** Null where only its end will tell. */
  readonly size: number | null
  /** `[offset, offset + size)` in memory of their own, fewer only at the end. Of a stream the next ones, one call at a time. */
  read(offset: number, size: number, signal: AbortSignal): Promise<Uint8Array>
  /** Whether it is still what it was at the beginning, as far as can be told without reading it again. */
  unchanged(): Promise<boolean>
  close(): Promise<void>
}

/** The file at a path; rejects with the system's error. */
export const fileSource = async (files: Files, path: string): Promise<UploadSource> => {
  const file = await files.open(path, 'read')
  try {
    const version = await file.version()
    const size = await file.size()
    if (size === 0) await assertEmpty(file)
    return new FileSource(file, { size, version })
  } catch (error) {
    await file.close()
    throw error
  }
}

/** What the system makes up when it is read, as in /proc, says that it has no bytes. */
const assertEmpty = async (file: FileHandle): Promise<void> => {
  const read = await file.read(new Uint8Array(1), 0)
  if (read > 0)
    throw new SallyportError('FILE_CHANGED', 'the file has more bytes than its size says: upload a copy of it')
}

class FileSource implements UploadSource {
  readonly kind = 'file'
  readonly size: number
  readonly #file: FileHandle
  readonly #version: string

  constructor(file: FileHandle, { size, version }: { readonly size: number; readonly version: string }) {
    this.#file = file
    this.#version = version
    this.size = size
  }

  read(offset: number, size: number): Promise<Uint8Array> {
    return readFully(this.#file, { position: offset, size })
  }

  async unchanged(): Promise<boolean> {
    return (await this.#file.version()) === this.#version
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** The bytes an iterable gives: a Web stream, a stream of Node's, or a generator. Nothing is asked of it before it is wanted. */
export class StreamSource implements UploadSource {
  readonly kind = 'file'
  readonly size = null
  readonly #iterator: AsyncIterator<Uint8Array>
  #rest = NOTHING
  #ended = false

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#iterator = stream[Symbol.asyncIterator]()
  }

  async read(_offset: number, size: number, signal: AbortSignal): Promise<Uint8Array> {
    const bytes = new Uint8Array(size)
    let filled = 0
    while (filled < size) {
      if (this.#rest.length === 0 && !(await this.#more(signal))) return bytes.slice(0, filled)
      const part = this.#rest.subarray(0, size - filled)
      bytes.set(part, filled)
      filled += part.length
      this.#rest = this.#rest.subarray(part.length)
    }
    return bytes
  }

  async unchanged(): Promise<boolean> {
    return true
  }

  /** Lets the stream go, unless it has ended; not waited for, since it may hang. */
  async close(): Promise<void> {
    if (!this.#ended) this.#iterator.return?.().catch(() => {})
  }

  async #more(signal: AbortSignal): Promise<boolean> {
    while (!this.#ended) {
      const next = await unlessEnded(this.#iterator.next(), signal)
      if (next.done === true) this.#ended = true
      else if (!(next.value instanceof Uint8Array))
        throw new SallyportError('ARGUMENT_INVALID', 'a stream to upload gives Uint8Arrays')
      else if (next.value.length > 0) {
        this.#rest = next.value
        return true
      }
    }
    return false
  }
}

const NOTHING: Uint8Array = new Uint8Array(0)
