// Where the states of unfinished uploads are kept, one file for each file that is uploaded, found by its path.
import { createHash } from 'node:crypto'
import { access, constants, readdir, realpath, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { systemPorts } from '../index.ts'

/** A state that nobody took up for so long is removed: nothing in it is believed any more. */
const FORGOTTEN_MS = 7 * 24 * 3_600_000

const NAME = /^[0-9a-f]{32}\.upload(\.[0-9a-f]{12}\.part)?$/

/** `$XDG_STATE_HOME/sallyport/uploads`; a relative or missing XDG_STATE_HOME counts as `~/.local/state`. */
export const defaultStateDirectory = (environment: NodeJS.ProcessEnv = process.env): string => {
  const state = environment['XDG_STATE_HOME'] ?? ''
  return join(isAbsolute(state) ? state : join(homedir(), '.local', 'state'), 'sallyport', 'uploads')
}

/** The state file of a file's upload, in a directory that is made, for its owner alone, where there is none. Rejects where nothing can be written. */
export const stateFileOf = async (
  directory: string,
  file: string,
  options: { readonly private: boolean },
): Promise<string> => {
  await using ports = await systemPorts()
  await ports.files.makeDirectory(directory)
  await access(directory, constants.W_OK)
  await removeForgotten(directory)
  const what = `${options.private ? 'private' : 'convergent'}\n${await realpath(file)}`
  return join(directory, `${createHash('sha256').update(what).digest('hex').slice(0, 32)}.upload`)
}

const removeForgotten = async (directory: string): Promise<void> => {
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    if (!NAME.test(name)) continue
    const looked = await stat(path).catch(() => null)
    if (looked !== null && Date.now() - looked.mtimeMs > FORGOTTEN_MS) await rm(path, { force: true })
  }
}
