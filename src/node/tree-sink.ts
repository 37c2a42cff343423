// A directory from the bytes of a download. It is made under a temporary name, empty and for its owner alone, so nothing in it can lead
// elsewhere; it gets its own name when all of it was verified and synced. Whatever fails before, it goes.
import { TreeReader } from '../core/chunks/tree-reader.ts'
import type { TreeStep } from '../core/chunks/tree-reader.ts'
import type { ManifestEntry } from '../core/chunks/manifest.ts'
import { SallyportError } from '../core/errors.ts'
import type { Random } from '../core/ports.ts'
import type { FileHandle, Files } from '../io/ports.ts'
import { type DownloadSink, fileExists, temporaryBeside } from './download-sink.ts'

/** While it is being made, a directory is its owner's alone, and can be removed again. */
const OWN = 0o700

/** A directory that is to be at `out`; FILE_EXISTS when there is anything. */
export const treeSink = async (
  { files, random }: { readonly files: Files; readonly random: Random },
  out: string,
): Promise<DownloadSink> => {
  if (await files.exists(out)) throw fileExists(out)
  const temporary = temporaryBeside(out, random)
  await files.makeDirectory(temporary)
  return new TreeSink(files, { out, temporary })
}

class TreeSink implements DownloadSink {
  readonly order = 'ascending'
  readonly #files: Files
  readonly #out: string
  readonly #temporary: string
  readonly #reader = new TreeReader()
  #file: FileHandle | null = null
  #written = 0

  constructor(files: Files, names: { readonly out: string; readonly temporary: string }) {
    this.#files = files
    this.#out = names.out
    this.#temporary = names.temporary
  }

  async write(bytes: Uint8Array, _offset: number, signal: AbortSignal): Promise<void> {
    const steps = this.#reader.receive(bytes)
    if ('refused' in steps) throw refusal(steps.refused, steps.reason)
    for (const step of steps) {
      signal.throwIfAborted()
      await this.#take(step)
    }
  }

  async finish(): Promise<void> {
    const { manifest, done } = this.#reader
    if (manifest === null || !done) throw refusal('malformed', 'it ends before everything listed has come')
    // From below: who may not enter a directory any more could not set what is in it.
    for (const { path, mode, size } of manifest.entries.toReversed())
      if (size === null) await this.#files.setMode(this.#pathOf(path), mode)
    await this.#files.setMode(this.#temporary, manifest.mode)
    if (await this.#files.exists(this.#out)) throw fileExists(this.#out)
    await this.#files.rename(this.#temporary, this.#out)
  }

  async abandon(): Promise<void> {
    await this.#file?.close().catch(() => {})
    await this.#files.setMode(this.#temporary, OWN).catch(() => {})
    for (const { path, size } of this.#reader.manifest?.entries ?? [])
      if (size === null) await this.#files.setMode(this.#pathOf(path), OWN).catch(() => {})
    await this.#files.removeTree(this.#temporary).catch(() => {})
  }

  async #take(step: TreeStep): Promise<void> {
    switch (step.kind) {
      case 'directory':
        return this.#files.makeDirectory(this.#pathOf(step.entry.path))
      case 'file':
        this.#file = await this.#files.open(this.#pathOf(step.entry.path), 'create-private')
        this.#written = 0
        return undefined
      case 'bytes':
        await this.#file?.write(step.bytes, this.#written)
        this.#written += step.bytes.length
        return undefined
      case 'end':
        return this.#end(step.entry)
    }
  }

  async #end({ path, mode }: ManifestEntry): Promise<void> {
    const file = this.#file
    await file?.sync()
    this.#file = null
    await file?.close()
    await this.#files.setMode(this.#pathOf(path), mode)
  }

  #pathOf(path: string): string {
    return `${this.#temporary}/${path}`
  }
}

const refusal = (why: 'malformed' | 'unsafe', reason: string): SallyportError =>
  why === 'unsafe'
    ? new SallyportError('DIRECTORY_UNSAFE', `the directory is not restored: ${reason}`)
    : new SallyportError('CHUNK_CORRUPT', `the link names no directory: ${reason}`)
