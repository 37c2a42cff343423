// One process at a time in a data directory, by files that name their process. Everyone announces itself under a name of its
// own first and looks at the others second, so of two at least one sees the other; a file whose process is gone may be removed by
// anyone, because its name never comes back. So nothing is ever taken over, and there is no moment in which two could.
//
//   announce (an empty file) ─► look ─► nobody else            ─► held (the file is written to)
//                                ├────► held, or an earlier name ─► give up
//                                └────► only later names          ─► look again: they are giving up
import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, stat, truncate, unlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { SallyportError } from '../core/errors.ts'
import { makeDirectories } from './make-directories.ts'

const NAME = /^lock-([0-9a-f]{8})-([0-9a-f]{8})-(\d+)-(\d+)-[0-9a-f]{8}$/

/** Looks at others who are giving up, before this one does; each look is a few file calls. */
const LOOKS_MAX = 1000

/** A held lock. */
export interface DirectoryLock {
  release(): Promise<void>
}

/** Locks a directory, making it if need be, until `release` or the end of this process; rejects with DATA_DIR_IN_USE. */
export const lockDirectory = async (directory: string): Promise<DirectoryLock> => {
  await makeDirectories(directory)
  const self = await thisProcess()
  const name = `lock-${self.host}-${self.boot}-${self.pid}-${self.started}-${randomBytes(4).toString('hex')}`
  const path = join(directory, name)
  await writeFile(path, '', { flag: 'wx', mode: 0o600 })
  try {
    const holder = await contest(directory, name, self)
    if (holder !== null) throw inUse(directory, holder, self)
    await markHeld(path, self)
  } catch (error) {
    await removeFile(path)
    throw SallyportError.from(error)
  }
  return { release: () => removeFile(path) }
}

/** What counts is that the file is not empty: a length without bytes needs no room, and a node whose disk is full must be able to start. */
const markHeld = async (path: string, self: Owner): Promise<void> => {
  try {
    await writeFile(path, `held by process ${self.pid}\n`, { flag: 'r+' })
  } catch (error) {
    if (SallyportError.from(error).code !== 'NO_SPACE') throw error
    await truncate(path, 1)
  }
}

/** Null once the lock is ours, otherwise the one it is left to. */
const contest = async (directory: string, name: string, self: Owner): Promise<Owner | null> => {
  for (let look = 1; ; look++) {
    const others = await othersIn(directory, name, self)
    const ahead = others.find((other) => other.held || other.name < name || look === LOOKS_MAX)
    if (ahead !== undefined) return ahead
    if (others.length === 0) return null
  }
}

/** A process by what tells it from every other that had or will have its number; digests of 8 hexadecimal digits. */
interface Owner {
  readonly host: string
  readonly boot: string
  readonly pid: number
  /** Clock ticks from boot to the start of the process; 0 where the system does not say. */
  readonly started: string
}

interface Other extends Owner {
  readonly name: string
  readonly held: boolean
}

/** Those who announced themselves and are alive as far as can be seen from here; removes the files of the dead. */
const othersIn = async (directory: string, name: string, self: Owner): Promise<Other[]> => {
  const others: Other[] = []
  for (const entry of await readdir(directory)) {
    const match = NAME.exec(entry)
    if (match === null || entry === name) continue
    const [, host = '', boot = '', pid = '', started = ''] = match
    const owner: Owner = { host, boot, pid: Number(pid), started }
    const path = join(directory, entry)
    if (await isGone(owner, self)) await removeFile(path)
    else {
      const size = await sizeOf(path)
      if (size !== null) others.push({ ...owner, name: entry, held: size > 0 || host !== self.host })
    }
  }
  return others
}

/** Of another machine nothing can be seen, so its processes count as alive; of an earlier boot of this one none is. */
const isGone = async (owner: Owner, self: Owner): Promise<boolean> => {
  if (owner.host !== self.host) return false
  return owner.boot !== self.boot || (await startOf(owner.pid)) !== owner.started
}

const thisProcess = async (): Promise<Owner> => ({
  host: digest(hostname()),
  boot: digest((await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '')).trim()),
  pid: process.pid,
  started: (await startOf(process.pid)) ?? '0',
})

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)

/** When a process started, as in field 22 of its stat file, or null when there is none; a zombie has ended. */
const startOf = async (pid: number): Promise<string | null> => {
  const line = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => null)
  if (line === null) return process.platform === 'linux' ? null : startUnknown(pid)
  // The second field is the program's name in parentheses, and may hold any character.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? '0')
}

const startUnknown = (pid: number): string | null => {
  try {
    process.kill(pid, 0)
    return '0'
  } catch (error) {
    return hasCode(error, 'EPERM') ? '0' : null
  }
}

const inUse = (directory: string, holder: Owner, self: Owner): SallyportError => {
  const remedy =
    holder.host === self.host
      ? `by process ${holder.pid}: stop that one, or use another directory`
      : `by process ${holder.pid} of another machine: stop that one; if it is gone, remove ${join(directory, 'lock-*')}`
  return new SallyportError('DATA_DIR_IN_USE', `${directory} is in use ${remedy}`)
}

const sizeOf = (path: string): Promise<number | null> =>
  stat(path).then(
    ({ size }) => size,
    (error: unknown) => nullIfAbsent(error),
  )

const removeFile = (path: string): Promise<void> => unlink(path).catch((error: unknown) => void nullIfAbsent(error))

const nullIfAbsent = (error: unknown): null => {
  if (hasCode(error, 'ENOENT')) return null
  throw error
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
