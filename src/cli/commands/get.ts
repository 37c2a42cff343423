// `get`: a file out of the network.
import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SallyportError, createNode } from '../../index.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { isAbsent } from '../input-file.ts'
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
  const directory = dirname(out)
  if (!(await lookAt(directory))?.isDirectory())
    throw new SallyportError('FILE_NOT_FOUND', `there is no directory ${directory}`)
  const there = await lookAt(out)
  if (there?.isDirectory() === true || /[/\\]$/.test(out))
    throw new SallyportError('ARGUMENT_INVALID', `${out} is a directory: --out names the file to write`)
  // The finished file takes the place of what has its name: a device would be gone for everybody.
  if (there?.isFile() === false) throw new SallyportError('ARGUMENT_INVALID', `${out} is no file, and is not replaced`)
  if (!force && there !== null) throw new SallyportError('FILE_EXISTS', `${out} exists already`)
}

/** What is at a path, or null when nothing is. */
const lookAt = (path: string): Promise<Stats | null> =>
  stat(path).catch((error: NodeJS.ErrnoException) => {
    if (isAbsent(error)) return null
    throw error
  })
