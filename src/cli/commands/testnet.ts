// `testnet`: the main job on this machine, told in a few lines.
import { resolve } from 'node:path'
import { openNetworkAdmin } from '../../admin/admin.ts'
import type { Admin } from '../../admin/admin.ts'
import { SallyportError } from '../../index.ts'
import { missedOf } from '../../testnet/aims.ts'
import { processesFor } from '../../testnet/network.ts'
import type { LoadOptions, LoadReport, LoadedFile } from '../../testnet/load.ts'
import { runTestnet, shortcomingOf } from '../../testnet/testnet.ts'
import type { Stage } from '../../testnet/testnet.ts'
import { NetworkView } from '../../testnet/view.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { assertInputFile } from '../input-file.ts'
import type { ValuesOf } from '../options.ts'
import { formatCount, formatSeconds, formatSize } from '../size.ts'
import type { Output } from '../output.ts'
import { adminOptions } from './admin-options.ts'

/** How often a file is uploaded under load, and of what size, when nobody says. */
const EVERY_MS = 20_000
const EVERY_BYTES = 5_000_000

/** Runs the network; fails unless every upload succeeds and every download is identical. */
export const testnet: Run<'testnet'> = async (values, { output, signal }) => {
  const { nodes, processes, upload, uploadSize, joinRate, slow, silent, manifest } = values
  if (upload !== undefined) await assertInputFile(upload)
  const view = new NetworkView(nodes)
  await using admin = await openWindow(values, view, output)
  const report = await runTestnet({
    nodes,
    processes: processes ?? processesFor(nodes),
    upload: upload === undefined ? { bytes: uploadSize } : { file: resolve(upload) },
    load: loadOf(values),
    check: values.check,
    ...(values.report === undefined ? {} : { report: resolve(values.report) }),
    slow: slow ?? 0,
    silent: silent ?? 0,
    ...(joinRate === undefined ? {} : { joinRate }),
    ...(manifest === undefined ? {} : { manifest: resolve(manifest) }),
    ...(admin === null ? {} : { view }),
    signal,
    onStage: (stage) => {
      if (stage.kind === 'formed') admin?.joined()
      tell(stage, (text) => output.line(text))
    },
  })
  const { accepted, registered, reading, load } = report
  if (load !== undefined) output.line(loadLine(load))
  output.line(`accepted ${accepted}, registered ${registered}, reading ${reading}`)
  for (const { name, aim, measured, met } of report.aims ?? []) {
    output.line(`${met === null ? ' -- ' : met ? ' ok ' : 'MISS'} ${name}: ${measured} (${aim})`)
  }
  const shortcoming = shortcomingOf(report) ?? missedOf(report.aims ?? [])
  if (shortcoming === null) {
    output.object(report)
    return EXIT.done
  }
  output.failure(new SallyportError('TESTNET_FAILED', shortcoming), report)
  return EXIT.failed
}

/** Where it was asked for, a window into the network; where it is is told at once, with --json on stderr. */
const openWindow = async (values: ValuesOf<'testnet'>, view: NetworkView, output: Output): Promise<Admin | null> => {
  const asked = await adminOptions(values, process.env)
  if (asked === null) return null
  const admin = await openNetworkAdmin(view, asked, { lost: (reason) => output.note(reason) })
  const text = `the network can be seen at ${admin.url}`
  if (output.json) output.note(text)
  else output.line(text)
  return admin
}

const loadOf = ({ for: forMs, every, everySize, churn }: ValuesOf<'testnet'>): LoadOptions | null =>
  forMs === undefined ? null : { forMs, everyMs: every ?? EVERY_MS, bytes: everySize ?? EVERY_BYTES, churn: churn ?? 0 }

const loadLine = ({ files, departures, readBack, lost }: LoadReport): string => {
  const done = files.filter(({ identical }) => identical).length
  return (
    `under load: ${done} of ${formatCount(files.length, 'file')} up and down, ${formatCount(departures, 'departure')}; ` +
    `at the end ${readBack - lost} of ${readBack} were still there`
  )
}

const tell = (stage: Stage, line: (text: string) => void): void => {
  switch (stage.kind) {
    case 'shared-address':
      return line('this system has no loopback address but 127.0.0.1: all nodes share it, and diversity is off')
    case 'formed':
      return line(`${stage.nodes} nodes formed in ${formatSeconds(stage.ms)}`)
    case 'rested':
      return line(
        `at rest: ${stage.handshakes} handshakes, ${formatSize(stage.rssBytes)}, ${stage.cores.toFixed(2)} cores`,
      )
    case 'manifest':
      return line(`elsewhere: put, get, start and flood take @${stage.path} for the address of a node`)
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
    case 'loaded':
      return line(`${formatSeconds(stage.atMs)}: ${fileLine(stage)}`)
  }
}

const fileLine = ({ bytes, uploadMs, downloadMs, identical, failed }: LoadedFile): string => {
  if (failed !== null) return `${formatSize(bytes)} ${uploadMs === null ? 'up' : 'down'}: failed with ${failed}`
  const times = `up in ${formatSeconds(uploadMs ?? 0)}, down in ${formatSeconds(downloadMs ?? 0)}`
  return `${formatSize(bytes)} ${times}${identical ? '' : ', and not the same'}`
}
