// `put`: a file, a directory, or what comes on stdin, into the network.
import { realpath } from 'node:fs/promises'
import { createNode, SallyportError } from '../../index.ts'
import type { Node, PutOptions, PutSource, UploadResult } from '../../index.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { assertInput } from '../input-file.ts'
import { loggerOption, openLog } from '../log.ts'
import type { ValuesOf } from '../options.ts'
import type { Output } from '../output.ts'
import { formatCount, formatSeconds, formatSize } from '../size.ts'
import { STANDARD } from '../standard-streams.ts'
import { defaultStateDirectory, stateFileOf } from '../state-directory.ts'

/** Uploads with a throw-away identity and prints the link. */
export const put: Run<'put'> = async (values, { output, signal }) => {
  const { argument: path, bootstrap, allowFewer } = values
  const kind = path === STANDARD ? 'stream' : await assertInput(path)
  const logger = await openLog(values.logLevel)
  await using node = await createNode({ bootstrap, capability: 'client', ...loggerOption(logger) })
  const begun = performance.now()
  await node.join({ signal })
  const skipped: string[] = []
  const options = { ...(await optionsOf(values, { output, onSkipped: (left) => skipped.push(left) })), signal }
  const source = kind === 'stream' ? process.stdin : kind === 'file' ? path : { directory: await realpath(path) }
  const { link, bytes, chunks, holders, stored, resumed } = await upload({ node, output }, source, options)
  const ms = Math.round(performance.now() - begun)
  output.line(link)
  output.object({ link, bytes, chunks, holders, stored, resumed, ms, ...(kind === 'directory' ? { skipped } : {}) })
  if (allowFewer)
    output.note(`--allow-fewer: counted as done with ${formatCount(holders, 'holder')} of the rarest chunk`)
  if (resumed > 0) output.note(`continued: ${formatCount(resumed, 'chunk')} had been uploaded before`)
  if (skipped.length > 0) output.note(`left out, as links or devices: ${skipped.join(', ')}`)
  output.note(
    `uploaded ${formatSize(bytes)} as ${formatCount(chunks, 'chunk')} to ${formatCount(holders, 'holder')} each in ${formatSeconds(ms)}`,
  )
  return EXIT.done
}

interface Told {
  readonly output: Output
  readonly onSkipped: (path: string) => void
}

const optionsOf = async (values: ValuesOf<'put'>, { output, onSkipped }: Told): Promise<PutOptions> => {
  const { argument: path, allowFewer, private: isPrivate, skipLinks, state } = values
  const options: PutOptions = { allowFewer, private: isPrivate, ...(skipLinks ? { onSkipped } : {}) }
  if (path === STANDARD) return options
  const directory = state ?? defaultStateDirectory()
  try {
    return { ...options, stateFile: await stateFileOf(directory, path, { private: isPrivate }) }
  } catch (error) {
    // Nobody asked for it: where a home cannot be written to, as in a container, there is only nothing to continue from.
    if (state !== undefined) throw error
    output.note(`should it be interrupted, it cannot be continued: ${SallyportError.from(error).message}`)
    return options
  }
}

const upload = async (
  { node, output }: { readonly node: Node; readonly output: Output },
  source: PutSource,
  options: PutOptions,
): Promise<UploadResult> => {
  const progress = output.progress('uploading')
  try {
    return await node.put(source, { ...options, onProgress: progress.update })
  } finally {
    progress.end()
  }
}
