// The directory everything of a test network lies in. It is locked for as long as its first process lives, so that what a network left
// behind whose processes were all killed at once can be told from one that runs, and is removed by the next that starts.
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises'
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

/**
 * One that is in use, somebody else's, or gone meanwhile is no business of ours. Everybody may write to a directory for temporary files: what
 * is a link, or of another user, who could turn it into one while it is removed, is not touched.
 */
const removeIfLeft = async (directory: string, files: Locks): Promise<void> => {
  try {
    const found = await lstat(directory)
    if (!found.isDirectory() || found.uid !== (process.getuid?.() ?? found.uid)) return
    if (Date.now() - found.mtimeMs < YOUNG_MS) return
    await files.lock(directory)
    await rm(directory, { recursive: true, force: true })
  } catch {
    // It stays where it is.
  }
}
