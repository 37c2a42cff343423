// `testnet`: the main job on this machine, told in a few lines.
import { resolve } from 'node:path'
import { SallyportError } from '../../index.ts'
import { processesFor } from '../../testnet/network.ts'
import { runTestnet } from '../../testnet/testnet.ts'
import type { Stage } from '../../testnet/testnet.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { assertInputFile } from '../input-file.ts'
import { formatCount, formatSeconds, formatSize } from '../size.ts'

/** Runs the network; fails unless the download is identical to the upload. */
export const testnet: Run<'testnet'> = async ({ nodes, processes, upload, uploadSize }, { output, signal }) => {
  if (upload !== undefined) await assertInputFile(upload)
  const report = await runTestnet({
    nodes,
    processes: processes ?? processesFor(nodes),
    upload: upload === undefined ? { bytes: uploadSize } : { file: resolve(upload) },
    signal,
    onStage: (stage) => tell(stage, (text) => output.line(text)),
  })
  const { accepted, registered, reading, downloads } = report
  output.line(`accepted ${accepted}, registered ${registered}, reading ${reading}`)
  if (downloads.every(({ identical }) => identical)) {
    output.object(report)
    return EXIT.done
  }
  output.failure(new SallyportError('TESTNET_FAILED', 'the download differs from the upload'), report)
  return EXIT.failed
}

const tell = (stage: Stage, line: (text: string) => void): void => {
  switch (stage.kind) {
    case 'shared-address':
      return line('this system has no loopback address but 127.0.0.1: all nodes share it, and diversity is off')
    case 'formed':
      return line(`${stage.nodes} nodes formed in ${formatSeconds(stage.ms)}`)
    case 'uploaded': {
      const { bytes, chunks, holders, ms, link } = stage
      line(
        `uploaded ${formatSize(bytes)} as ${formatCount(chunks, 'chunk')} to ${formatCount(holders, 'holder')} each in ${formatSeconds(ms)}`,
      )
      return line(link)
    }
    case 'downloaded':
      return line(`downloaded by a new node in ${formatSeconds(stage.ms)}`)
    case 'compared':
      return line(`identical: ${stage.identical ? 'yes' : 'no'} (sha256 ${stage.sha256})`)
  }
}
