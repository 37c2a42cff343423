// `id`: who the node of a data directory is.
import { SallyportError, readIdentity } from '../../index.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { defaultDataDirectory } from '../data-directory.ts'

/** Reads the identity file and prints its PeerId; makes nothing. */
export const id: Run<'id'> = async ({ data }, { output }) => {
  const directory = data ?? defaultDataDirectory()
  const identity = await readIdentity(directory)
  if (identity === null) throw new SallyportError('FILE_NOT_FOUND', `no node was ever started in ${directory}`)
  output.line(identity.peerId)
  output.object({ peerId: identity.peerId })
  return EXIT.done
}
