// A file that is going to be uploaded: what can be known to be wrong with it is told before anything is started for its sake.
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { SallyportError } from '../index.ts'

/** Rejects with FILE_NOT_FOUND, with ARGUMENT_INVALID for what is no file, and with IO_FAILED for what must not be read. */
export const assertInputFile = async (path: string): Promise<void> => {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw isAbsent(error) ? new SallyportError('FILE_NOT_FOUND', `there is no file ${path}`, error) : error
  })
  if (!found.isFile()) throw new SallyportError('ARGUMENT_INVALID', `${path} is no file`)
  await access(path, constants.R_OK)
}

/** Whether a path is a directory's, after the same checks as of a file. */
export const assertInput = async (path: string): Promise<'file' | 'directory'> => {
  const found = await stat(path).catch(() => null)
  if (found?.isDirectory() !== true) {
    await assertInputFile(path)
    return 'file'
  }
  await access(path, constants.R_OK | constants.X_OK)
  return 'directory'
}

/** Whether a look at a path failed because nothing is there; ENOTDIR: what should be a directory in it is a file. */
export const isAbsent = ({ code }: NodeJS.ErrnoException): boolean => code === 'ENOENT' || code === 'ENOTDIR'
