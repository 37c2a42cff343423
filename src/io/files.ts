// Files over node:fs/promises. Its calls run in Node's shared thread pool, four threads for files, names and the application
// together: at most two of them are ever kept busy from here, whatever the disk does.
import {
  chmod,
  link,
  lstat,
  open,
  readdir,
  rename,
  rm,
  stat,
  unlink,
  type FileHandle as NodeHandle,
} from 'node:fs/promises'
import type { BigIntStats } from 'node:fs'
import { dirname } from 'node:path'
import { lockDirectory } from './directory-lock.ts'
import { makeDirectories } from './make-directories.ts'
import type { FileHandle, Files, Look } from './ports.ts'

const CALLS_MAX = 2

/** Permissions of what is made, less what the user's umask takes away. */
const MODES = { create: 0o666, 'create-private': 0o600 } as const

let calls = 0
/** Calls waiting for their turn. Bounded by the callers, each of whom waits for its call. */
const waiting: (() => void)[] = []

/** The files of this machine. `create` makes a new file and is EEXIST where there is one: nothing is ever overwritten. */
export const systemFiles: Files = Object.freeze<Files>({
  open: async (path, mode) =>
    new OpenFile(await inTurn(() => (mode === 'read' ? open(path, 'r') : open(path, 'wx+', MODES[mode])))),
  rename: (from, to) =>
    inTurn(async () => {
      await rename(from, to)
      await syncDirectory(dirname(to))
    }),
  link: (from, to) =>
    inTurn(async () => {
      await link(from, to)
      await syncDirectory(dirname(to))
    }),
  remove: (path) => inTurn(() => unlink(path).catch((error: unknown) => unlessAbsent(error, undefined))),
  exists: (path) =>
    inTurn(() =>
      stat(path).then(
        () => true,
        (error: unknown) => unlessAbsent(error, false),
      ),
    ),
  look: (path) =>
    inTurn(() => lstat(path, { bigint: true }).then(lookOf, (error: unknown) => unlessAbsent(error, null))),
  setMode: (path, mode) => inTurn(() => chmod(path, mode)),
  removeTree: (directory) => inTurn(() => rm(directory, { recursive: true, force: true })),
  list: async (directory) => {
    const names = await inTurn(() => readdir(directory).catch((error: unknown) => unlessAbsent(error, [])))
    return names.toSorted(byCodeUnit)
  },
  makeDirectory: (directory) => inTurn(() => makeDirectory(directory)),
  lock: (directory) => inTurn(() => lockDirectory(directory)),
})

class OpenFile implements FileHandle {
  readonly #handle: NodeHandle

  constructor(handle: NodeHandle) {
    this.#handle = handle
  }

  async size(): Promise<number> {
    return (await inTurn(() => this.#handle.stat())).size
  }

  /** What the file system writes down when bytes are written; two changes within one tick of its clock look like one. */
  async version(): Promise<string> {
    return versionOf(await inTurn(() => this.#handle.stat({ bigint: true })))
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    return (await inTurn(() => this.#handle.read(into, 0, into.length, position))).bytesRead
  }

  /** The system may take less than it is given: near the end of the disk, or above 2 GiB. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const start = at
      at += (await inTurn(() => this.#handle.write(bytes, start, bytes.length - start, position + start))).bytesWritten
    }
  }

  sync(): Promise<void> {
    return inTurn(() => this.#handle.sync())
  }

  close(): Promise<void> {
    return inTurn(() => this.#handle.close())
  }
}

const versionOf = ({ size, mtimeNs }: BigIntStats): string => `${size} ${mtimeNs}`

const lookOf = (stats: BigIntStats): Look => ({
  kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'link' : 'other',
  size: Number(stats.size),
  mode: Number(stats.mode) & 0o777,
  version: versionOf(stats),
})

/** Makes the directories that are missing, and sees to it that a power cut leaves them in place. */
const makeDirectory = async (directory: string): Promise<void> => {
  for (const made of (await makeDirectories(directory)).toReversed()) await syncDirectory(dirname(made))
}

/** Windows cannot sync a directory, and needs not to. */
const syncDirectory = async (directory: string): Promise<void> => {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const inTurn = async <T>(call: () => Promise<T>): Promise<T> => {
  if (calls >= CALLS_MAX) await new Promise<void>((resolve) => waiting.push(resolve))
  else calls++
  try {
    return await call()
  } finally {
    // The place is passed on rather than freed, so that nobody comes between.
    const next = waiting.shift()
    if (next === undefined) calls--
    else next()
  }
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const unlessAbsent = <T>(error: unknown, otherwise: T): T => {
  const code = error instanceof Error && 'code' in error ? error.code : null
  if (code === 'ENOENT' || code === 'ENOTDIR') return otherwise
  throw error
}
