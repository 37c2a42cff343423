// A directory as the bytes of an upload: the manifest, and behind it the contents of its files. They are read as they are wanted, each file
// opened for its part, so a large directory takes no more memory than its manifest.
import { MANIFEST_ENTRIES_MAX, comparePaths, encodeManifest, objectionTo } from '../core/chunks/manifest.ts'
import type { Manifest, ManifestEntry } from '../core/chunks/manifest.ts'
import { sameBytes } from '../core/bytes.ts'
import { pathObjection } from '../core/chunks/portable-path.ts'
import { SallyportError } from '../core/errors.ts'
import type { Files } from '../io/ports.ts'
import { readFully } from './file-steps.ts'
import type { UploadSource } from './upload-source.ts'

/** What to do about links and devices, which are not kept: refuse the directory, or leave them out and tell. */
export type OnSpecial = 'refuse' | ((path: string) => void)

/** Directories within directories at most. */
const DEPTH_MAX = 64

/** A file's place among the bytes. */
interface Part {
  readonly start: number
  readonly end: number
  readonly path: string
}

/** A directory on the way to being uploaded. */
export class TreeSource implements UploadSource {
  readonly kind = 'directory'
  readonly size: number
  readonly #files: Files
  readonly #directory: string
  readonly #head: Uint8Array
  readonly #versions: readonly string[]
  /** In order, without a gap from the end of the head on. Bounded by MANIFEST_ENTRIES_MAX. */
  readonly #parts: readonly Part[]

  private constructor(files: Files, directory: string, parts: Listing & { readonly head: Uint8Array }) {
    this.#files = files
    this.#directory = directory
    this.#head = parts.head
    this.#versions = parts.versions
    this.#parts = partsOf(parts.manifest, parts.head.length)
    this.size = this.#parts.at(-1)?.end ?? parts.head.length
  }

  /** Looks through a directory. Rejects with FILE_NOT_FOUND, DIRECTORY_UNFIT, TOO_LARGE or what reading it can fail with. */
  static async open(files: Files, directory: string, special: OnSpecial): Promise<TreeSource> {
    const listing = await listed(files, directory, special)
    return new TreeSource(files, directory, { ...listing, head: headOf(listing.manifest) })
  }

  async read(offset: number, size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(size)
    const head = this.#head.subarray(offset, offset + size)
    bytes.set(head)
    let filled = head.length
    for (let i = this.#firstAt(offset + filled); filled < size; i++) {
      const part = this.#parts[i]
      if (part === undefined) return bytes.slice(0, filled)
      const from = offset + filled - part.start
      const wanted = Math.min(size - filled, part.end - part.start - from)
      const read = wanted === 0 ? bytes.subarray(0, 0) : await this.#readPart(part.path, from, wanted)
      if (read.length < wanted) throw new SallyportError('FILE_CHANGED', `${part.path} became shorter`)
      bytes.set(read, filled)
      filled += read.length
    }
    return bytes
  }

  /** Whether the directory still has the same names, modes and sizes, and no file was written to. */
  async unchanged(): Promise<boolean> {
    const { manifest, versions } = await listed(this.#files, this.#directory, () => {})
    return sameBytes(headOf(manifest), this.#head) && versions.every((version, i) => version === this.#versions[i])
  }

  async close(): Promise<void> {}

  async #readPart(path: string, position: number, size: number): Promise<Uint8Array> {
    const file = await this.#files.open(`${this.#directory}/${path}`, 'read')
    try {
      return await readFully(file, { position, size })
    } finally {
      await file.close()
    }
  }

  /** The first part that ends beyond an offset. */
  #firstAt(offset: number): number {
    let [low, high] = [0, this.#parts.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#parts[middle]?.end ?? 0) > offset) high = middle
      else low = middle + 1
    }
    return low
  }
}

const headOf = (manifest: Manifest): Uint8Array => {
  const head = encodeManifest(manifest)
  if (head === null) throw tooLarge()
  return head
}

const partsOf = ({ entries }: Manifest, start: number): Part[] => {
  const parts: Part[] = []
  let at = start
  for (const { path, size } of entries) {
    if (size === null) continue
    parts.push({ start: at, end: at + size, path })
    at += size
  }
  return parts
}

/** What is in a directory, and the version of each entry, in the manifest's order. */
interface Listing {
  readonly manifest: Manifest
  readonly versions: readonly string[]
}

const listed = async (files: Files, directory: string, special: OnSpecial): Promise<Listing> => {
  const root = await files.look(directory)
  if (root === null) throw new SallyportError('FILE_NOT_FOUND', `there is no directory ${directory}`)
  if (root.kind !== 'directory') throw new SallyportError('ARGUMENT_INVALID', `${directory} is no directory`)
  /** Bounded by MANIFEST_ENTRIES_MAX. */
  const entries: (ManifestEntry & { readonly version: string })[] = []
  /** Directories to look into, the last first. Bounded by the entries. */
  const waiting = ['']
  for (let inside = waiting.pop(); inside !== undefined; inside = waiting.pop()) {
    if (inside.split('/').length > DEPTH_MAX) throw unfit(`${inside} lies too deep`)
    for (const name of await files.list(inside === '' ? directory : `${directory}/${inside}`)) {
      const path = inside === '' ? name : `${inside}/${name}`
      const look = await files.look(`${directory}/${path}`)
      // A name that is no UTF-8 is not what was listed either.
      if (look === null) throw vanished(path)
      if (look.kind === 'link' || look.kind === 'other') {
        if (special === 'refuse') throw unfit(`${path} is a link or a device, which are not kept`)
        special(path)
        continue
      }
      if (entries.length === MANIFEST_ENTRIES_MAX) throw tooLarge()
      const isDirectory = look.kind === 'directory'
      if (isDirectory) waiting.push(path)
      entries.push({
        path,
        mode: look.mode,
        size: isDirectory ? null : look.size,
        version: isDirectory ? '' : look.version,
      })
    }
  }
  const sorted = entries.toSorted((a, b) => comparePaths(a.path, b.path))
  const objection = objectionTo(sorted)
  if (objection !== null) throw unfit(objection)
  return { manifest: { mode: root.mode, entries: sorted }, versions: sorted.map(({ version }) => version) }
}

const vanished = (path: string): SallyportError => {
  const objection = pathObjection(path)
  return objection === null ? new SallyportError('FILE_CHANGED', `${path} is gone`) : unfit(`${path} ${objection}`)
}

const tooLarge = (): SallyportError => new SallyportError('TOO_LARGE', 'the directory has too many entries')

const unfit = (what: string): SallyportError =>
  new SallyportError('DIRECTORY_UNFIT', `the directory cannot be kept: ${what}`)
