// Drives a download: fetches chunks from the peers the machine names, has them opened, and writes them under a temporary name. The
// file gets its own name when all of it is verified and synced; whatever fails before, the temporary file goes.
import { unreachable } from '../core/assert.ts'
import { toHex } from '../core/bytes.ts'
import { Download } from '../core/chunks/download.ts'
import type { DownloadLimits, DownloadOutput, DownloadResult, GetAnswer } from '../core/chunks/download.ts'
import type { Link } from '../core/chunks/link.ts'
import { getAnswer } from '../core/chunks/replies.ts'
import { SallyportError } from '../core/errors.ts'
import { idBytes } from '../core/ids.ts'
import { PROTOCOL } from '../core/messages/codes.ts'
import type { Random } from '../core/ports.ts'
import type { FileHandle, Files } from '../io/ports.ts'
import { removeQuietly } from './file-steps.ts'
import { Drive, silence, findCandidates, runDrive } from './transfer.ts'
import type { Surroundings } from './transfer.ts'

/** How far a download is: bytes and chunks that are written, of how many bytes. */
export interface DownloadProgress {
  readonly bytes: number
  readonly of: number
  readonly chunks: number
}

/** How a download is done. */
export interface GetOptions {
  /** Replaces a file that is there already. */
  readonly force?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: DownloadProgress) => void
  readonly limits?: Partial<DownloadLimits>
}

/**
 * Downloads what a link names to `out`. Rejects with FILE_EXISTS, CHUNK_NOT_FOUND, CHUNK_CORRUPT, NO_SPACE, CANCELLED or IO_FAILED,
 * and then `out` is as it was.
 */
export const runDownload = async (
  surroundings: Surroundings & { readonly random: Random },
  { link, out }: { readonly link: Link; readonly out: string },
  options: GetOptions,
): Promise<DownloadResult> => {
  const { files, random } = surroundings
  const force = options.force === true
  const temporary = `${out}.${randomName(random)}.part`
  try {
    if (!force && (await files.exists(out))) throw fileExists(out)
    const file = await files.open(temporary, 'create')
    try {
      const result = await writeAll(file, () =>
        new DownloadRun(surroundings, { file, link }, options).run(options.signal),
      )
      await place(files, { temporary, out, force })
      return result
    } catch (error) {
      await removeQuietly(files, temporary)
      throw error
    }
  } catch (error) {
    throw SallyportError.from(error)
  }
}

/** Closes the file when `write` has ended either way, and has it on disk when it went well. */
const writeAll = async (file: FileHandle, write: () => Promise<DownloadResult>): Promise<DownloadResult> => {
  try {
    const result = await write()
    await file.sync()
    return result
  } finally {
    await file.close()
  }
}

/** Gives the finished file its name: a second name first, so that nothing is replaced that came there meanwhile. */
const place = async (
  files: Files,
  { temporary, out, force }: { readonly temporary: string; readonly out: string; readonly force: boolean },
): Promise<void> => {
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

const fileExists = (out: string): SallyportError => new SallyportError('FILE_EXISTS', `${out} is there already`)

/** Whether a file system knows no second names for a file. */
const isUnsupported = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(String(error.code))

const randomName = (random: Random): string => {
  const bytes = new Uint8Array(6)
  random.fill(bytes)
  return toHex(bytes)
}

class DownloadRun {
  readonly #surroundings: Surroundings
  readonly #file: FileHandle
  readonly #download: Download
  readonly #drive: Drive<DownloadOutput, DownloadResult>
  readonly #onProgress: GetOptions['onProgress']

  constructor(
    surroundings: Surroundings,
    { file, link }: { readonly file: FileHandle; readonly link: Link },
    options: GetOptions,
  ) {
    this.#surroundings = surroundings
    this.#file = file
    this.#onProgress = options.onProgress
    this.#download = new Download(link, surroundings.clock.now(), options.limits)
    this.#drive = new Drive(this.#download, surroundings, (output) => this.#perform(output))
  }

  run(signal: AbortSignal | undefined): Promise<DownloadResult> {
    return runDrive(this.#drive, signal)
  }

  #perform(output: DownloadOutput): void {
    const { workers, identity, routing } = this.#surroundings
    switch (output.kind) {
      case 'lookup':
        return this.#drive.look(async (signal) => {
          const found = await findCandidates(routing, output.address, signal)
          return (now) => this.#download.found(output.address, found, now)
        })
      case 'get':
        return this.#drive.request(output.request, async (signal) => {
          const answer = await this.#ask(output, signal).catch(silence)
          return (now) => this.#download.answered(output.request, answer, now)
        })
      case 'cancel':
        return this.#drive.cancel(output.request)
      case 'work':
        return workers.run({
          work: output.work,
          identity,
          done: (result) => this.#drive.give((now) => this.#download.done(result, now)),
        })
      case 'write-piece':
        return this.#drive.operate(async () => {
          await this.#file.write(output.bytes, output.offset)
          return (now) => this.#download.written(output.id, now)
        })
      case 'progress':
        return this.#onProgress?.({ bytes: output.bytes, of: output.of, chunks: output.chunks })
      case 'finished':
        return this.#drive.succeed({ bytes: output.bytes, chunks: output.chunks, asked: output.asked })
      case 'failed':
        return this.#drive.fail(new SallyportError(output.code, output.detail))
      default:
        return unreachable(output)
    }
  }

  async #ask(output: Extract<DownloadOutput, { kind: 'get' }>, signal: AbortSignal): Promise<GetAnswer> {
    const { peer, address, timeoutMs } = output
    const options = { target: idBytes(address), timeoutMs, signal }
    return getAnswer(await this.#surroundings.exchange.request(peer, PROTOCOL.chunkGet, NOTHING, options))
  }
}

const NOTHING = new Uint8Array(0)
