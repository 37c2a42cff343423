// `put`: a file, or what comes on stdin, into the network.
import { createNode } from '../../index.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { assertInputFile } from '../input-file.ts'
import { formatCount, formatSeconds, formatSize } from '../size.ts'
import { STANDARD } from '../standard-streams.ts'

/** Uploads with a throw-away identity and prints the link. */
export const put: Run<'put'> = async ({ argument: file, bootstrap, allowFewer }, { output, signal }) => {
  const source = file === STANDARD ? process.stdin : file
  if (source === file) await assertInputFile(file)
  await using node = await createNode({ bootstrap, capability: 'client' })
  const begun = performance.now()
  await node.join({ signal })
  const { link, bytes, chunks, holders, stored } = await node.put(source, { allowFewer, signal })
  const ms = Math.round(performance.now() - begun)
  output.line(link)
  output.object({ link, bytes, chunks, holders, stored, ms })
  if (allowFewer)
    output.note(`--allow-fewer: counted as done with ${formatCount(holders, 'holder')} of the rarest chunk`)
  output.note(
    `uploaded ${formatSize(bytes)} as ${formatCount(chunks, 'chunk')} to ${formatCount(holders, 'holder')} each in ${formatSeconds(ms)}`,
  )
  return EXIT.done
}
