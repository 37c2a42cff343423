// What is on a disk, and what of it would survive: `crash()` leaves of each file what was synced, and of each directory the names it had
// when it was synced last (by `rename`, `link` or `makeDirectory` within it). Everything happens at once; who waits for what, and what a
// call costs, is the business of whoever offers it as a port.
import { SallyportError } from '../core/errors.ts'
import type { Look, OpenMode } from '../io/ports.ts'

/** A file's contents. An array is never changed in place, so that both names of one state may share it. */
export interface Inode {
  bytes: Uint8Array
  synced: Uint8Array
  /** Writes so far. */
  writes: number
}

const ROOT = '/'
const EMPTY = new Uint8Array(0)

/** One disk; paths are absolute or not, with `/` between names. Only `lock` makes directories by itself. */
export class Disk {
  /** The disk is full after so many more bytes; a write above it is done in part and fails with ENOSPC. May be changed at any time. */
  spaceBytes = Infinity
  #names = new Map<string, Inode>()
  #durableNames = new Map<string, Inode>()
  readonly #directories = new Set<string>([ROOT, '.'])
  /** Permission bits, of what had them set. */
  readonly #modes = new Map<string, number>()
  readonly #locks = new Set<string>()
  /** Goes up at each crash: handles and locks of before are dead. */
  #life = 0

  /** How often it lost power. */
  get life(): number {
    return this.#life
  }

  /** Every file's path, sorted. */
  get paths(): string[] {
    return [...this.#names.keys()].toSorted((a, b) => (a < b ? -1 : 1))
  }

  /** A file's bytes, or null: to look at and to break (through `put`). */
  peek(path: string): Uint8Array | null {
    return this.#names.get(path)?.bytes ?? null
  }

  /** Puts a file in place, durably. */
  put(path: string, bytes: Uint8Array): void {
    const own = new Uint8Array(bytes)
    const inode = { bytes: own, synced: own, writes: 0 }
    this.#makeDirectories(parentOf(path))
    this.#names.set(path, inode)
    this.#durableNames.set(path, inode)
  }

  /** The machine loses power and starts again: what was not synced is gone, open files and locks too. Bytes and names that were lost. */
  crash(): number {
    let lost = 0
    for (const [path, { bytes, synced }] of this.#names) if (bytes !== synced || !this.#durableNames.has(path)) lost++
    this.releaseLocks()
    this.#names = new Map(this.#durableNames)
    for (const inode of new Set(this.#names.values())) inode.bytes = inode.synced
    return lost
  }

  /** The process is gone, and its locks with it; what it had open is dead. @internal */
  releaseLocks(): void {
    this.#life++
    this.#locks.clear()
  }

  /** @internal */
  open(path: string, mode: OpenMode): Inode {
    const existing = this.#names.get(path)
    if (mode === 'read') {
      if (this.#directories.has(path)) return { bytes: EMPTY, synced: EMPTY, writes: 0 }
      if (existing === undefined) throw systemError('ENOENT', path)
      return existing
    }
    if (existing !== undefined || this.#directories.has(path)) throw systemError('EEXIST', path)
    this.#requireDirectory(path)
    const inode = { bytes: EMPTY, synced: EMPTY, writes: 0 }
    this.#names.set(path, inode)
    this.#modes.set(path, mode === 'create' ? 0o644 : 0o600)
    return inode
  }

  rename(from: string, to: string): void {
    if (this.#directories.has(from)) return this.#renameDirectory(from, to)
    const inode = this.#existing(from)
    this.#requireDirectory(to)
    this.#names.delete(from)
    this.#names.set(to, inode)
    this.#modes.set(to, this.#modes.get(from) ?? 0o644)
    this.#modes.delete(from)
    this.#syncDirectory(parentOf(to))
  }

  link(from: string, to: string): void {
    const inode = this.#existing(from)
    if (this.#names.has(to)) throw systemError('EEXIST', to)
    this.#requireDirectory(to)
    this.#names.set(to, inode)
    this.#syncDirectory(parentOf(to))
  }

  remove(path: string): void {
    this.#names.delete(path)
  }

  exists(path: string): boolean {
    return this.#names.has(path) || this.#directories.has(path)
  }

  look(path: string): Look | null {
    const file = this.#names.get(path)
    if (file !== undefined)
      return {
        kind: 'file',
        size: file.bytes.length,
        mode: this.#modes.get(path) ?? 0o644,
        version: String(file.writes),
      }
    return this.#directories.has(path)
      ? { kind: 'directory', size: 0, mode: this.#modes.get(path) ?? 0o700, version: '' }
      : null
  }

  setMode(path: string, mode: number): void {
    if (!this.exists(path)) throw systemError('ENOENT', path)
    this.#modes.set(path, mode)
  }

  removeTree(directory: string): void {
    for (const path of [...this.#names.keys(), ...this.#directories]) {
      if (path !== directory && !path.startsWith(`${directory}/`)) continue
      this.#names.delete(path)
      this.#directories.delete(path)
      this.#modes.delete(path)
    }
  }

  list(directory: string): string[] {
    const inside = [...this.#names.keys(), ...this.#directories].filter(
      (path) => path !== directory && parentOf(path) === directory,
    )
    return inside.map((path) => path.slice(path.lastIndexOf('/') + 1)).toSorted((a, b) => (a < b ? -1 : 1))
  }

  makeDirectory(directory: string): void {
    if (this.#names.has(directory)) throw systemError('EEXIST', directory)
    this.#makeDirectories(directory)
  }

  /** Returns what releases the lock; DATA_DIR_IN_USE when another has it. @internal */
  lock(directory: string): () => boolean {
    if (this.#locks.has(directory)) {
      throw new SallyportError('DATA_DIR_IN_USE', `${directory} is in use by another process`)
    }
    this.#makeDirectories(directory)
    this.#locks.add(directory)
    const life = this.#life
    return () => life === this.#life && this.#locks.delete(directory)
  }

  /** @internal */
  read(inode: Inode, into: Uint8Array, position: number): number {
    const part = inode.bytes.subarray(position, position + into.length)
    into.set(part)
    return part.length
  }

  /** @internal */
  write(inode: Inode, bytes: Uint8Array, { path, position }: { path: string; position: number }): void {
    const taken = bytes.subarray(0, Math.min(bytes.length, this.spaceBytes))
    const end = Math.max(inode.bytes.length, taken.length === 0 ? 0 : position + taken.length)
    const grown = new Uint8Array(end)
    grown.set(inode.bytes)
    grown.set(taken, taken.length === 0 ? 0 : position)
    inode.bytes = grown
    inode.writes++
    this.spaceBytes -= taken.length
    if (taken.length < bytes.length) throw systemError('ENOSPC', path)
  }

  /** @internal */
  sync(inode: Inode): void {
    inode.synced = inode.bytes
  }

  #renameDirectory(from: string, to: string): void {
    if (this.#names.has(to)) throw systemError('ENOTDIR', to)
    if (this.list(to).length > 0) throw systemError('ENOTEMPTY', to)
    this.#requireDirectory(to)
    const moved = (path: string): string | null =>
      path === from || path.startsWith(`${from}/`) ? to + path.slice(from.length) : null
    for (const map of [this.#names, this.#durableNames, this.#modes] as Map<string, unknown>[]) {
      for (const [path, value] of new Map(map)) {
        const there = moved(path)
        if (there !== null && map.delete(path)) map.set(there, value)
      }
    }
    for (const path of new Set(this.#directories)) {
      const there = moved(path)
      if (there !== null && this.#directories.delete(path)) this.#directories.add(there)
    }
  }

  #existing(path: string): Inode {
    const inode = this.#names.get(path)
    if (inode === undefined) throw systemError('ENOENT', path)
    return inode
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
    for (const [path, inode] of this.#names) if (parentOf(path) === directory) this.#durableNames.set(path, inode)
  }
}

const parentOf = (path: string): string => {
  const at = path.lastIndexOf('/')
  return at < 0 ? '.' : at === 0 ? ROOT : path.slice(0, at)
}

/** An error as the system gives it. */
export const systemError = (code: string, path: string): Error => Object.assign(new Error(`${code}: ${path}`), { code })
