// Files in memory that fail when they are told to and forget like a real disk: `crash()` leaves of each file what was synced, and
// of each directory the names it had when it was synced last (by `rename`, `link` or `makeDirectory` within it).
import type { FileHandle, Files, Look, OpenMode } from '../../src/io/ports.ts'
import { Disk, type Inode, systemError } from '../../src/world/disk.ts'

/** One call, for tests that fail each in turn and want to say which. */
export type Operation =
  | 'open'
  | 'create'
  | 'size'
  | 'version'
  | 'read'
  | 'write'
  | 'sync'
  | 'close'
  | 'rename'
  | 'link'
  | 'remove'
  | 'exists'
  | 'list'
  | 'look'
  | 'setMode'
  | 'removeTree'
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

/** Files in memory; paths are absolute or not, with `/` between names. Only `lock` makes directories by itself. */
export class MemoryFiles implements Files {
  readonly faults: Faults
  /** Every call so far. Unbounded: it lives as long as one test. */
  readonly log: { readonly operation: Operation; readonly path: string }[] = []
  readonly #disk = new Disk()
  #hanging: (() => void)[] = []

  constructor() {
    const disk = this.#disk
    this.faults = {
      get spaceBytes() {
        return disk.spaceBytes
      },
      set spaceBytes(bytes) {
        disk.spaceBytes = bytes
      },
      failAt: null,
      code: 'EIO',
      lasting: false,
      hang: new Set(),
    }
  }

  /** Calls so far: the number of the next one. */
  get operations(): number {
    return this.log.length
  }

  /** Every file's path, sorted. */
  get paths(): string[] {
    return this.#disk.paths
  }

  /** A file's bytes, or null: for tests to look at and to break (through `put`). */
  peek(path: string): Uint8Array | null {
    return this.#disk.peek(path)
  }

  /** Puts a file in place, durably, without a call being counted. */
  put(path: string, bytes: Uint8Array): void {
    this.#disk.put(path, bytes)
  }

  /** The machine loses power and starts again: what was not synced is gone, open files and locks too. */
  crash(): void {
    this.#disk.crash()
  }

  /** Lets the calls that hang go on. */
  release(): void {
    this.faults.hang = new Set()
    for (const resume of this.#hanging.splice(0)) resume()
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    await this.#begin(mode === 'read' ? 'open' : 'create', path)
    return this.#handle(path, this.#disk.open(path, mode))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#begin('rename', to)
    this.#disk.rename(from, to)
  }

  async link(from: string, to: string): Promise<void> {
    await this.#begin('link', to)
    this.#disk.link(from, to)
  }

  async remove(path: string): Promise<void> {
    await this.#begin('remove', path)
    this.#disk.remove(path)
  }

  async exists(path: string): Promise<boolean> {
    await this.#begin('exists', path)
    return this.#disk.exists(path)
  }

  async look(path: string): Promise<Look | null> {
    await this.#begin('look', path)
    return this.#disk.look(path)
  }

  async setMode(path: string, mode: number): Promise<void> {
    await this.#begin('setMode', path)
    this.#disk.setMode(path, mode)
  }

  async removeTree(directory: string): Promise<void> {
    await this.#begin('removeTree', directory)
    this.#disk.removeTree(directory)
  }

  async list(directory: string): Promise<string[]> {
    await this.#begin('list', directory)
    return this.#disk.list(directory)
  }

  async makeDirectory(directory: string): Promise<void> {
    await this.#begin('makeDirectory', directory)
    this.#disk.makeDirectory(directory)
  }

  async lock(directory: string): Promise<{ release(): Promise<void> }> {
    await this.#begin('lock', directory)
    const unlock = this.#disk.lock(directory)
    return { release: async () => void unlock() }
  }

  #handle(path: string, inode: Inode): FileHandle {
    const disk = this.#disk
    const { life } = disk
    let open = true
    const begin = async (operation: Operation): Promise<void> => {
      await this.#begin(operation, path)
      if (!open || life !== disk.life) throw systemError('EBADF', path)
    }
    return {
      size: async () => {
        await begin('size')
        return inode.bytes.length
      },
      version: async () => {
        await begin('version')
        return String(inode.writes)
      },
      read: async (into, position) => {
        await begin('read')
        return disk.read(inode, into, position)
      },
      write: async (bytes, position) => {
        const given = Uint8Array.from(bytes)
        await begin('write')
        disk.write(inode, given, { path, position })
      },
      sync: async () => {
        await begin('sync')
        disk.sync(inode)
      },
      close: async () => {
        if (open) await this.#begin('close', path)
        open = false
      },
    }
  }

  /** Every call is a turn of its own, is logged, and fails when it is told to. */
  async #begin(operation: Operation, path: string): Promise<void> {
    const number = this.log.push({ operation, path }) - 1
    await Promise.resolve()
    if (this.faults.hang.has(operation)) await new Promise<void>((resolve) => this.#hanging.push(resolve))
    const { failAt, lasting, code } = this.faults
    if (failAt !== null && (lasting ? number >= failAt : number === failAt)) throw systemError(code, path)
  }
}
