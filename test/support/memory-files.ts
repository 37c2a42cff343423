// Files in memory that fail when they are told to and forget like a real disk: `crash()` leaves of each file what was synced, and
// of each directory the names it had when it was synced last (by `rename`, `link` or `makeDirectory` within it).
import { SallyportError } from '../../src/core/errors.ts'
import type { FileHandle, Files } from '../../src/io/ports.ts'

/** One call, for tests that fail each in turn and want to say which. */
export type Operation =
  | 'open'
  | 'create'
  | 'size'
  | 'read'
  | 'write'
  | 'sync'
  | 'close'
  | 'rename'
  | 'link'
  | 'remove'
  | 'exists'
  | 'list'
  | 'makeDirectory'
  | 'lock'

/** What goes wrong, and when; null: nothing. May be changed at any time. */
export interface Faults {
  /** The disk is full after so many more bytes; a write above it is done in part and fails with ENOSPC. */
  spaceBytes: number
  /** The call with this number (`operations` counts from 0) fails with `code`; `lasting`: so do all after it. */
  failAt: number | null
  code: string
  lasting: boolean
  /** Calls of these kinds wait until `release()`: a hanging disk. */
  hang: ReadonlySet<Operation>
}

interface Node {
  bytes: Uint8Array
  synced: Uint8Array
}

const ROOT = '/'

/** Files in memory; paths are absolute or not, with `/` between names. Only `lock` makes directories by itself. */
export class MemoryFiles implements Files {
  readonly faults: Faults = { spaceBytes: Infinity, failAt: null, code: 'EIO', lasting: false, hang: new Set() }
  /** Every call so far. Unbounded: it lives as long as one test. */
  readonly log: { readonly operation: Operation; readonly path: string }[] = []
  #names = new Map<string, Node>()
  #durableNames = new Map<string, Node>()
  readonly #directories = new Set<string>([ROOT, '.'])
  readonly #locks = new Set<string>()
  #hanging: (() => void)[] = []
  /** Goes up at each crash: handles and locks of before are dead. */
  #life = 0

  /** Calls so far: the number of the next one. */
  get operations(): number {
    return this.log.length
  }

  /** Every file's path, sorted. */
  get paths(): string[] {
    return [...this.#names.keys()].toSorted((a, b) => (a < b ? -1 : 1))
  }

  /** A file's bytes, or null: for tests to look at and to break (through `put`). */
  peek(path: string): Uint8Array | null {
    return this.#names.get(path)?.bytes ?? null
  }

  /** Puts a file in place, durably, without a call being counted. */
  put(path: string, bytes: Uint8Array): void {
    const node = { bytes: Uint8Array.from(bytes), synced: Uint8Array.from(bytes) }
    this.#makeDirectories(parentOf(path))
    this.#names.set(path, node)
    this.#durableNames.set(path, node)
  }

  /** The machine loses power and starts again: what was not synced is gone, open files and locks too. */
  crash(): void {
    this.#life++
    this.#locks.clear()
    this.#names = new Map(this.#durableNames)
    for (const node of new Set(this.#names.values())) node.bytes = Uint8Array.from(node.synced)
  }

  /** Lets the calls that hang go on. */
  release(): void {
    this.faults.hang = new Set()
    for (const resume of this.#hanging.splice(0)) resume()
  }

  async open(path: string, mode: 'read' | 'create'): Promise<FileHandle> {
    await this.#begin(mode === 'read' ? 'open' : 'create', path)
    const existing = this.#names.get(path)
    if (mode === 'read') {
      if (this.#directories.has(path))
        return this.#handle(path, { bytes: new Uint8Array(0), synced: new Uint8Array(0) })
      if (existing === undefined) throw systemError('ENOENT', path)
      return this.#handle(path, existing)
    }
    if (existing !== undefined || this.#directories.has(path)) throw systemError('EEXIST', path)
    this.#requireDirectory(path)
    const node = { bytes: new Uint8Array(0), synced: new Uint8Array(0) }
    this.#names.set(path, node)
    return this.#handle(path, node)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#begin('rename', to)
    const node = this.#names.get(from)
    if (node === undefined) throw systemError('ENOENT', from)
    this.#requireDirectory(to)
    this.#names.delete(from)
    this.#names.set(to, node)
    this.#syncDirectory(parentOf(to))
  }

  async link(from: string, to: string): Promise<void> {
    await this.#begin('link', to)
    const node = this.#names.get(from)
    if (node === undefined) throw systemError('ENOENT', from)
    if (this.#names.has(to)) throw systemError('EEXIST', to)
    this.#requireDirectory(to)
    this.#names.set(to, node)
    this.#syncDirectory(parentOf(to))
  }

  async remove(path: string): Promise<void> {
    await this.#begin('remove', path)
    this.#names.delete(path)
  }

  async exists(path: string): Promise<boolean> {
    await this.#begin('exists', path)
    return this.#names.has(path) || this.#directories.has(path)
  }

  async list(directory: string): Promise<string[]> {
    await this.#begin('list', directory)
    const inside = [...this.#names.keys(), ...this.#directories].filter(
      (path) => path !== directory && parentOf(path) === directory,
    )
    return inside.map((path) => path.slice(path.lastIndexOf('/') + 1)).toSorted((a, b) => (a < b ? -1 : 1))
  }

  async makeDirectory(directory: string): Promise<void> {
    await this.#begin('makeDirectory', directory)
    if (this.#names.has(directory)) throw systemError('EEXIST', directory)
    this.#makeDirectories(directory)
  }

  async lock(directory: string): Promise<{ release(): Promise<void> }> {
    await this.#begin('lock', directory)
    if (this.#locks.has(directory))
      throw new SallyportError('DATA_DIR_IN_USE', `${directory} is in use by another process`)
    this.#makeDirectories(directory)
    this.#locks.add(directory)
    const life = this.#life
    return {
      release: async () => {
        if (life === this.#life) this.#locks.delete(directory)
      },
    }
  }

  #handle(path: string, node: Node): FileHandle {
    const life = this.#life
    let open = true
    const begin = async (operation: Operation): Promise<void> => {
      await this.#begin(operation, path)
      if (!open || life !== this.#life) throw systemError('EBADF', path)
    }
    return {
      size: async () => {
        await begin('size')
        return node.bytes.length
      },
      read: async (into, position) => {
        await begin('read')
        const part = node.bytes.subarray(position, position + into.length)
        into.set(part)
        return part.length
      },
      write: async (bytes, position) => {
        const given = Uint8Array.from(bytes)
        await begin('write')
        this.#write(path, node, { bytes: given, position })
      },
      sync: async () => {
        await begin('sync')
        node.synced = Uint8Array.from(node.bytes)
      },
      close: async () => {
        if (open) await this.#begin('close', path)
        open = false
      },
    }
  }

  #write(path: string, node: Node, { bytes, position }: { bytes: Uint8Array; position: number }): void {
    const taken = bytes.subarray(0, Math.min(bytes.length, this.faults.spaceBytes))
    const end = Math.max(node.bytes.length, taken.length === 0 ? 0 : position + taken.length)
    const grown = new Uint8Array(end)
    grown.set(node.bytes)
    grown.set(taken, taken.length === 0 ? 0 : position)
    node.bytes = grown
    this.faults.spaceBytes -= taken.length
    if (taken.length < bytes.length) throw systemError('ENOSPC', path)
  }

  /** Every call is a turn of its own, is logged, and fails when it is told to. */
  async #begin(operation: Operation, path: string): Promise<void> {
    const number = this.log.push({ operation, path }) - 1
    await Promise.resolve()
    if (this.faults.hang.has(operation)) await new Promise<void>((resolve) => this.#hanging.push(resolve))
    const { failAt, lasting, code } = this.faults
    if (failAt !== null && (lasting ? number >= failAt : number === failAt)) throw systemError(code, path)
  }

  #requireDirectory(path: string): void {
    if (!this.#directories.has(parentOf(path))) throw systemError('ENOENT', path)
  }

  #makeDirectories(directory: string): void {
    for (let at = directory; !this.#directories.has(at); at = parentOf(at)) this.#directories.add(at)
  }

  #syncDirectory(directory: string): void {
    for (const path of this.#durableNames.keys()) {
      if (parentOf(path) === directory && !this.#names.has(path)) this.#durableNames.delete(path)
    }
    for (const [path, node] of this.#names) if (parentOf(path) === directory) this.#durableNames.set(path, node)
  }
}

const parentOf = (path: string): string => {
  const at = path.lastIndexOf('/')
  return at < 0 ? '.' : at === 0 ? ROOT : path.slice(0, at)
}

const systemError = (code: string, path: string): Error => Object.assign(new Error(`${code}: ${path}`), { code })
