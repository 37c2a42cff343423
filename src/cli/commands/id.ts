// `id`: who the node of a data directory is.
import { SallyportError, loadIdentity, systemPorts } from '../../index.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { defaultDataDirectory } from '../data-directory.ts'

/** Reads the identity file and prints its PeerId; makes nothing. */
export const id: Run<'id'> = async ({ data }, { output }) => {
  const directory = data ?? defaultDataDirectory()
  const ports = systemPorts()
  try {
    const identity = await loadIdentity(ports.files, directory)
    if (identity === null) throw new SallyportError('FILE_NOT_FOUND', `no node was ever started in ${directory}`)
    output.line(identity.peerId)
    output.object({ peerId: identity.peerId })
  } finally {
    await ports.workers.close()
  }
  return EXIT.done
}
