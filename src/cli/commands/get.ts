// `get`: a file or a directory out of the network, into its place or, a file, to stdout.
import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SallyportError, createNode } from '../../index.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { isAbsent } from '../input-file.ts'
import { loggerOption, openLog } from '../log.ts'
import { formatSeconds, formatSize } from '../size.ts'
import { STANDARD, isReaderGone, stdoutStream } from '../standard-streams.ts'

/** Downloads with a throw-away identity; refuses early what could not be written. */
export const get: Run<'get'> = async (values, { output, signal }) => {
  const { argument: link, out: named, bootstrap, force } = values
  const toStdout = named === STANDARD
  const isDirectory = link.endsWith('/')
  // A directory may be named with a separator at its end; what is made beside it first must not lie in it.
  const out = isDirectory ? named.replace(/(?<=.)[/\\]+$/, '') : named
  if (toStdout && isDirectory) throw new SallyportError('ARGUMENT_INVALID', 'a directory cannot go to stdout')
  if (toStdout) output.giveStdout()
  else await (isDirectory ? assertFree(out) : assertWritable(out, force))
  const logger = await openLog(values.logLevel)
  await using node = await createNode({ bootstrap, capability: 'client', ...loggerOption(logger) })
  const begun = performance.now()
  await node.join({ signal })
  const progress = output.progress('downloading')
  try {
    const onProgress = progress.update
    const { bytes, chunks, asked } = await node.get(link, toStdout ? stdoutStream() : out, {
      force,
      signal,
      onProgress,
    })
    progress.end()
    const ms = Math.round(performance.now() - begun)
    output.line(`downloaded ${formatSize(bytes)} to ${toStdout ? 'stdout' : out} in ${formatSeconds(ms)}`)
    output.object({ out, bytes, chunks, ms, asked })
  } catch (error) {
    // Whoever reads only the beginning of a file wanted no more than that.
    if (!toStdout || !isReaderGone(error)) throw error
  } finally {
    progress.end()
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
  // The finished file takes the place of what has its name: a device would be gone for everybody.
  if (there?.isFile() === false) throw new SallyportError('ARGUMENT_INVALID', `${out} is no file, and is not replaced`)
  if (!force && there !== null) throw new SallyportError('FILE_EXISTS', `${out} exists already`)
}

const assertFree = async (out: string): Promise<void> => {
  const directory = dirname(out)
  if (!(await lookAt(directory))?.isDirectory())
    throw new SallyportError('FILE_NOT_FOUND', `there is no directory ${directory}`)
  if ((await lookAt(out)) !== null)
    throw new SallyportError('FILE_EXISTS', `${out} exists already, and no directory is ever replaced`)
}

/** What is at a path, or null when nothing is. */
const lookAt = (path: string): Promise<Stats | null> =>
  stat(path).catch((error: NodeJS.ErrnoException) => {
    if (isAbsent(error)) return null
    throw error
  })
