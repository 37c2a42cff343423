// Missing directories, made one after another. Node's own recursive mkdir is not used: where the system lets nobody make a directory
// and says ENOENT, as under /proc, it tries for ever, in a thread that even the end of the process waits for.
import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { SallyportError } from '../core/errors.ts'

/** Only their owner may look into what a node keeps. */
const DIRECTORY_MODE = 0o700

/** Makes `directory` and those above it that are missing; resolves to the absolute paths of those made, the uppermost first. */
export const makeDirectories = async (directory: string): Promise<string[]> => {
  const missing: string[] = []
  for (let at = resolve(directory); !(await isDirectory(at)); at = dirname(at)) {
    missing.unshift(at)
    if (at === dirname(at)) break
  }
  for (const path of missing) await makeOne(path)
  return missing
}

const makeOne = async (path: string): Promise<void> => {
  try {
    await mkdir(path, { mode: DIRECTORY_MODE })
  } catch (error) {
    // Somebody else may have been first.
    if (!hasCode(error, 'EEXIST') || !(await isDirectory(path))) throw refused(path, error)
  }
}

const isDirectory = async (path: string): Promise<boolean> => {
  try {
    if ((await stat(path)).isDirectory()) return true
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    if (!hasCode(error, 'ENOTDIR')) throw error
  }
  throw new SallyportError('IO_FAILED', `${path} is no directory, or lies in something that is none`)
}

/** A full disk stays a full disk; the rest says which directory it is about, and is no "file not found". */
const refused = (path: string, error: unknown): SallyportError => {
  const { code, message } = SallyportError.from(error)
  return new SallyportError(
    code === 'NO_SPACE' ? code : 'IO_FAILED',
    `cannot make the directory ${path}: ${message}`,
    error,
  )
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
