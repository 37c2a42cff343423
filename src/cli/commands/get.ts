// `get`: a file out of the network.
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SallyportError, createNode } from '../../index.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { formatSeconds, formatSize } from '../size.ts'

/** Downloads with a throw-away identity; refuses early what could not be written. */
export const get: Run<'get'> = async ({ argument: link, out, bootstrap, force }, { output, signal }) => {
  await assertWritable(out, force)
  await using node = await createNode({ bootstrap, capability: 'client' })
  const begun = performance.now()
  await node.join({ signal })
  const { bytes, chunks, asked } = await node.get(link, out, { force, signal })
  const ms = Math.round(performance.now() - begun)
  output.line(`downloaded ${formatSize(bytes)} to ${out} in ${formatSeconds(ms)}`)
  output.object({ out, bytes, chunks, ms, asked })
  return EXIT.done
}

const assertWritable = async (out: string, force: boolean): Promise<void> => {
  if (!(await isThere(dirname(out))))
    throw new SallyportError('FILE_NOT_FOUND', `there is no directory ${dirname(out)}`)
  if (!force && (await isThere(out))) throw new SallyportError('FILE_EXISTS', `${out} exists already`)
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
