// Drives an upload: reads the file, has pieces sealed, and puts them at the peers the machine names.
import { unreachable } from '../core/assert.ts'
import type { PutAnswer } from '../core/chunks/placement.ts'
import { hasAnswer, putAnswer } from '../core/chunks/replies.ts'
import type { UploadLimits, UploadOutput, UploadResult } from '../core/chunks/upload-outputs.ts'
import { Upload } from '../core/chunks/upload.ts'
import { SallyportError } from '../core/errors.ts'
import { idBytes } from '../core/ids.ts'
import { encodeHasAddresses } from '../core/messages/chunks.ts'
import { PROTOCOL } from '../core/messages/codes.ts'
import type { FileHandle } from '../io/ports.ts'
import { readFully } from './file-steps.ts'
import { Drive, silence, findCandidates, runDrive } from './transfer.ts'
import type { Surroundings } from './transfer.ts'

/** How far an upload is: bytes and chunks that are placed, of how many, and copies newly stored. */
export interface UploadProgress {
  readonly bytes: number
  readonly of: number
  readonly chunks: number
  readonly stored: number
}

/** How an upload is done. */
export interface PutOptions {
  /** Takes fewer holders than the quorum of 4, but at least one. */
  readonly allowFewer?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: UploadProgress) => void
  readonly limits?: Partial<UploadLimits>
}

/**
 * Uploads the file at `path`. Rejects with FILE_NOT_FOUND, FILE_CHANGED, NOT_ENOUGH_HOLDERS, TOO_LARGE, CANCELLED or IO_FAILED.
 */
export const runUpload = async (
  surroundings: Surroundings,
  path: string,
  options: PutOptions,
): Promise<UploadResult> => {
  try {
    const file = await surroundings.files.open(path, 'read')
    try {
      const version = await file.version()
      const size = await file.size()
      if (size === 0) await assertEmpty(file)
      const result = await new UploadRun(surroundings, { file, size }, options).run(options.signal)
      if ((await file.version()) === version) return result
    } finally {
      await file.close()
    }
  } catch (error) {
    throw SallyportError.from(error)
  }
  throw new SallyportError('FILE_CHANGED', 'the file changed while it was uploaded')
}

/** What the system makes up when it is read, as in /proc, says that it has no bytes. */
const assertEmpty = async (file: FileHandle): Promise<void> => {
  const read = await file.read(new Uint8Array(1), 0)
  if (read > 0)
    throw new SallyportError('FILE_CHANGED', 'the file has more bytes than its size says: upload a copy of it')
}

/** A file open for reading, and its size when the upload began. */
interface Source {
  readonly file: FileHandle
  readonly size: number
}

class UploadRun {
  readonly #surroundings: Surroundings
  readonly #source: Source
  readonly #upload: Upload
  readonly #drive: Drive<UploadOutput, UploadResult>
  readonly #onProgress: PutOptions['onProgress']

  constructor(surroundings: Surroundings, source: Source, options: PutOptions) {
    const { allowFewer = false, limits = {} } = options
    this.#surroundings = surroundings
    this.#source = source
    this.#onProgress = options.onProgress
    this.#upload = new Upload({ size: source.size, allowFewer, limits }, surroundings.clock.now())
    this.#drive = new Drive(this.#upload, surroundings, (output) => this.#perform(output))
  }

  run(signal: AbortSignal | undefined): Promise<UploadResult> {
    return runDrive(this.#drive, signal)
  }

  #perform(output: UploadOutput): void {
    const { workers, identity } = this.#surroundings
    switch (output.kind) {
      case 'read-piece':
        return this.#drive.operate(async () => {
          const bytes = await readFully(this.#source.file, { position: output.offset, size: output.size })
          return (now) => this.#upload.piece(output.index, bytes, now)
        })
      case 'work':
        return workers.run({
          work: output.work,
          identity,
          done: (result) => this.#drive.give((now) => this.#upload.done(result, now)),
        })
      case 'lookup':
        return this.#drive.look(async (signal) => {
          const found = await findCandidates(this.#surroundings.routing, output.address, signal)
          return (now) => this.#upload.found(output.address, found, now)
        })
      case 'has':
      case 'put':
        return this.#drive.request(output.request, async (signal) => {
          const answer = await this.#ask(output, signal).catch(silence)
          return (now) => this.#upload.answered(output.request, answer, now)
        })
      case 'cancel':
        return this.#drive.cancel(output.request)
      case 'progress':
        return this.#onProgress?.({
          bytes: output.bytes,
          of: this.#source.size,
          chunks: output.chunks,
          stored: output.stored,
        })
      case 'finished': {
        const { link, bytes, chunks, holders, stored } = output
        return this.#drive.succeed({ link, bytes, chunks, holders, stored })
      }
      case 'failed':
        return this.#drive.fail(new SallyportError(output.code, output.detail))
      default:
        return unreachable(output)
    }
  }

  async #ask(output: Extract<UploadOutput, { kind: 'has' | 'put' }>, signal: AbortSignal): Promise<PutAnswer> {
    const { exchange } = this.#surroundings
    const { peer, address, timeoutMs } = output
    if (output.kind === 'put') {
      const target = idBytes(address)
      return putAnswer(await exchange.request(peer, PROTOCOL.chunkPut, output.bytes, { target, timeoutMs, signal }))
    }
    const payload = encodeHasAddresses([address])
    return hasAnswer(await exchange.request(peer, PROTOCOL.chunkHas, payload, { timeoutMs, signal }))
  }
}
