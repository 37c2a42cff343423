// Drives an upload: reads its source, has pieces sealed, and puts them at the peers the machine names.
import { unreachable } from '../core/assert.ts'
import type { PutAnswer } from '../core/chunks/placement.ts'
import { hasAnswer, putAnswer } from '../core/chunks/replies.ts'
import type { UploadLimits, UploadOutput, UploadResult } from '../core/chunks/upload-outputs.ts'
import { CONVERGENT_CONTEXT } from '../core/chunks/chunk.ts'
import { Upload } from '../core/chunks/upload.ts'
import { SallyportError } from '../core/errors.ts'
import { idBytes } from '../core/ids.ts'
import { encodeHasAddresses } from '../core/messages/chunks.ts'
import { PROTOCOL } from '../core/messages/codes.ts'
import type { Crypto, Random } from '../core/ports.ts'
import { Drive, silence, findCandidates, runDrive } from './transfer.ts'
import type { Surroundings } from './transfer.ts'
import type { Files } from '../io/ports.ts'
import { TreeSource } from './tree-source.ts'
import { StreamSource, fileSource } from './upload-source.ts'
import type { UploadSource } from './upload-source.ts'
import { UploadState, drawn } from './upload-state.ts'

/** How far an upload is: bytes and chunks that are placed, of how many (null for a stream), and copies newly stored. */
export interface UploadProgress {
  readonly bytes: number
  readonly of: number | null
  readonly chunks: number
  readonly stored: number
}

/** How an upload is done. */
export interface PutOptions {
  /** Takes fewer holders than the quorum of 4, but at least one. */
  readonly allowFewer?: boolean
  /** Seals with a context of its own, so that nobody can find out by guessing what was uploaded; the link reads it as any other. */
  readonly private?: boolean
  /** Where to write down what was done, so that an upload of the same file continues after an interruption; without it nothing is. */
  readonly stateFile?: string
  /** Leaves links and devices out of a directory, and is told of each; without it, a directory with any is refused. */
  readonly onSkipped?: (path: string) => void
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: UploadProgress) => void
  readonly limits?: Partial<UploadLimits>
}

/** A file's path, a stream (a Web stream or one of Node's is such an iterable), or a directory with all that is in it. */
export type PutSource = string | AsyncIterable<Uint8Array> | { readonly directory: string }

/**
 * Uploads a file, a stream or a directory. Rejects with FILE_NOT_FOUND, FILE_CHANGED, DIRECTORY_UNFIT, NOT_ENOUGH_HOLDERS, TOO_LARGE,
 * CANCELLED, IO_FAILED or what the stream fails with.
 */
export const runUpload = async (
  surroundings: UploadSurroundings,
  from: PutSource,
  options: PutOptions,
): Promise<UploadResult> => {
  try {
    const source = await sourceOf(surroundings.files, from, options)
    try {
      const result = await continued(surroundings, source, options)
      if (await source.unchanged()) return result
    } finally {
      await source.close()
    }
  } catch (error) {
    throw SallyportError.from(error)
  }
  throw new SallyportError('FILE_CHANGED', 'it changed while it was uploaded')
}

const sourceOf = async (files: Files, from: PutSource, { onSkipped }: PutOptions): Promise<UploadSource> => {
  if (typeof from === 'string') return fileSource(files, from)
  return 'directory' in from ? TreeSource.open(files, from.directory, onSkipped ?? 'refuse') : new StreamSource(from)
}

/** What an upload needs of its node. */
export interface UploadSurroundings extends Surroundings {
  readonly random: Random
  readonly crypto: Crypto
}

/** Runs an upload from where its state says; a stream, which cannot be read again, has none. */
const continued = async (
  surroundings: UploadSurroundings,
  source: UploadSource,
  options: PutOptions,
): Promise<UploadResult> => {
  const { stateFile, signal } = options
  const isPrivate = options.private === true
  if (stateFile === undefined || source.size === null) {
    const context = isPrivate ? drawn(surroundings.random, 32) : CONVERGENT_CONTEXT
    return new UploadRun(surroundings, { source, context, state: null }, options).run(signal)
  }
  const state = await UploadState.open(surroundings, { path: stateFile, private: isPrivate })
  try {
    const { context } = state
    const result = await new UploadRun(surroundings, { source, context, state }, options).run(signal)
    await state.done()
    return result
  } catch (error) {
    await state.keep()
    throw error
  }
}

/** What one upload is made of. */
interface UploadParts {
  readonly source: UploadSource
  readonly context: Uint8Array
  readonly state: UploadState | null
}

class UploadRun {
  readonly #surroundings: Surroundings
  readonly #source: UploadSource
  readonly #state: UploadState | null
  readonly #upload: Upload
  readonly #drive: Drive<UploadOutput, UploadResult>
  readonly #onProgress: PutOptions['onProgress']

  constructor(surroundings: Surroundings, { source, context, state }: UploadParts, options: PutOptions) {
    const { allowFewer = false, limits = {} } = options
    this.#surroundings = surroundings
    this.#source = source
    this.#onProgress = options.onProgress
    this.#state = state
    const what = { kind: source.kind, size: source.size, context, resumed: state?.placed ?? [] }
    this.#upload = new Upload({ ...what, allowFewer, limits }, surroundings.clock.now())
    this.#drive = new Drive(this.#upload, surroundings, (output) => this.#perform(output))
  }

  run(signal: AbortSignal | undefined): Promise<UploadResult> {
    return runDrive(this.#drive, signal)
  }

  #perform(output: UploadOutput): void {
    const { workers, identity } = this.#surroundings
    switch (output.kind) {
      case 'read-piece':
        return this.#drive.operate(async (signal) => {
          const bytes = await this.#source.read(output.offset, output.size, signal)
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
      case 'placed':
        return this.#state?.add(output)
      case 'release':
        return giveBack(output.bytes)
      case 'progress':
        return this.#onProgress?.({
          bytes: output.bytes,
          of: this.#source.size,
          chunks: output.chunks,
          stored: output.stored,
        })
      case 'finished': {
        const { link, bytes, chunks, holders, stored, resumed } = output
        return this.#drive.succeed({ link, bytes, chunks, holders, stored, resumed })
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

/** Gives back the memory of a chunk at once: a collector that sees a few small objects takes its time with 4 MiB each. */
const giveBack = ({ buffer, byteLength }: Uint8Array): void => {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}
