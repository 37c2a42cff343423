// `get`: a file out of the network, into a file or to stdout.
import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SallyportError, createNode } from '../../index.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { isAbsent } from '../input-file.ts'
import { formatSeconds, formatSize } from '../size.ts'
import { STANDARD, isReaderGone, stdoutStream } from '../standard-streams.ts'

/** Downloads with a throw-away identity; refuses early what could not be written. */
export const get: Run<'get'> = async ({ argument: link, out, bootstrap, force }, { output, signal }) => {
  const toStdout = out === STANDARD
  if (toStdout) output.giveStdout()
  else await assertWritable(out, force)
  await using node = await createNode({ bootstrap, capability: 'client' })
  const begun = performance.now()
  await node.join({ signal })
  try {
    const { bytes, chunks, asked } = await node.get(link, toStdout ? stdoutStream() : out, { force, signal })
    const ms = Math.round(performance.now() - begun)
    output.line(`downloaded ${formatSize(bytes)} to ${toStdout ? 'stdout' : out} in ${formatSeconds(ms)}`)
    output.object({ out, bytes, chunks, ms, asked })
  } catch (error) {
    // Whoever reads only the beginning of a file wanted no more than that.
    if (!toStdout || !isReaderGone(error)) throw error
  }
  return EXIT.done
}

const assertWritable = async (out: string, force: boolean): Promise<void> => {
  const directory = dirname(out)
  if (!(await lookAt(directory))?.isDirectory())
    throw new SallyportError('FILE_NOT_FOUND', `there is no directory ${directory}`)
  const there = await lookAt(out)
  if (there?.isDirectory() === true || /[/\\]$/.test(out))
    throw new SallyportError('ARGUMENT_INVALID', `${out} is a directory: --out names the file to write`)
  if (!force && there !== null) throw new SallyportError('FILE_EXISTS', `${out} exists already`)
}

/** What is at a path, or null when nothing is. */
const lookAt = (path: string): Promise<Stats | null> =>
  stat(path).catch((error: NodeJS.ErrnoException) => {
    if (isAbsent(error)) return null
    throw error
  })
