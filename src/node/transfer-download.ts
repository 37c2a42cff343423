// Drives a download: fetches chunks from the peers the machine names, has them opened, and hands them to the sink.
import { unreachable } from '../core/assert.ts'
import { Download } from '../core/chunks/download.ts'
import type { DownloadLimits, DownloadOutput, DownloadResult, GetAnswer } from '../core/chunks/download.ts'
import type { Link } from '../core/chunks/link.ts'
import { getAnswer } from '../core/chunks/replies.ts'
import { SallyportError } from '../core/errors.ts'
import { idBytes } from '../core/ids.ts'
import { PROTOCOL } from '../core/messages/codes.ts'
import type { Random } from '../core/ports.ts'
import { StreamSink, fileSink } from './download-sink.ts'
import { treeSink } from './tree-sink.ts'
import type { DownloadSink } from './download-sink.ts'
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
  /** Replaces a file that is there already; a directory never is. */
  readonly force?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: DownloadProgress) => void
  readonly limits?: Partial<DownloadLimits>
}

/**
 * Downloads what a link names to a file or a new directory, or into a stream in order. Rejects with FILE_EXISTS, DIRECTORY_UNSAFE, CHUNK_NOT_FOUND, CHUNK_CORRUPT, NO_SPACE,
 * CANCELLED, IO_FAILED or what the stream fails with; then a file at `out` is as it was, and a stream has had verified bytes alone.
 */
export const runDownload = async (
  surroundings: Surroundings & { readonly random: Random },
  { link, out }: { readonly link: Link; readonly out: string | WritableStream<Uint8Array> },
  options: GetOptions,
): Promise<DownloadResult> => {
  try {
    const sink = await sinkOf(surroundings, { link, out, force: options.force === true })
    try {
      const result = await new DownloadRun(surroundings, { sink, link }, options).run(options.signal)
      await sink.finish()
      return result
    } catch (error) {
      await sink.abandon(error)
      throw error
    }
  } catch (error) {
    throw SallyportError.from(error)
  }
}

const sinkOf = async (
  surroundings: Surroundings & { readonly random: Random },
  {
    link,
    out,
    force,
  }: { readonly link: Link; readonly out: string | WritableStream<Uint8Array>; readonly force: boolean },
): Promise<DownloadSink> => {
  if (link.kind === 'directory') {
    if (typeof out === 'string') return treeSink(surroundings, out)
    throw new SallyportError('ARGUMENT_INVALID', 'a directory is no stream: it needs a place of its own')
  }
  return typeof out === 'string' ? fileSink(surroundings, { out, force }) : new StreamSink(out)
}

class DownloadRun {
  readonly #surroundings: Surroundings
  readonly #sink: DownloadSink
  readonly #download: Download
  readonly #drive: Drive<DownloadOutput, DownloadResult>
  readonly #onProgress: GetOptions['onProgress']

  constructor(
    surroundings: Surroundings,
    { sink, link }: { readonly sink: DownloadSink; readonly link: Link },
    options: GetOptions,
  ) {
    this.#surroundings = surroundings
    this.#sink = sink
    this.#onProgress = options.onProgress
    const { limits = {} } = options
    this.#download = new Download(link, surroundings.clock.now(), { order: sink.order, limits })
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
        return this.#drive.operate(async (signal) => {
          await this.#sink.write(output.bytes, output.offset, signal)
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
