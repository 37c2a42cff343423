// The directory everything of a test network lies in. It is locked for as long as its first process lives, so that what a network left
// behind whose processes were all killed at once can be told from one that runs, and is removed by the next that starts.
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemPorts } from '../index.ts'

const PREFIX = 'sallyport-testnet-'

/** A directory that changed so lately may be one that is just being made. */
const YOUNG_MS = 10_000

/** Makes a directory for one network; what was left of others is removed first. It is unlocked by its removal. */
export const makeRoot = async (): Promise<string> => {
  await using ports = await systemPorts()
  for (const name of await readdir(tmpdir())) {
    if (name.startsWith(PREFIX)) await removeIfLeft(join(tmpdir(), name), ports.files)
  }
  const root = await mkdtemp(join(tmpdir(), PREFIX))
  await ports.files.lock(root)
  return root
}

type Locks = Pick<Awaited<ReturnType<typeof systemPorts>>['files'], 'lock'>

/** One that is in use, somebody else's, or gone meanwhile is no business of ours. */
const removeIfLeft = async (directory: string, files: Locks): Promise<void> => {
  try {
    const { mtimeMs } = await stat(directory)
    if (Date.now() - mtimeMs < YOUNG_MS) return
    await files.lock(directory)
    await rm(directory, { recursive: true, force: true })
  } catch {
    // It stays where it is.
  }
}
