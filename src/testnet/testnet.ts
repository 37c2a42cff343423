// The main job, end to end: form a network, upload a file, download it elsewhere, compare what is on the disk, where it is wanted go on
// under load, and sum up.
import { join } from 'node:path'
import { SallyportError } from '../index.ts'
import { aimsOf } from './aims.ts'
import type { Aim, RestFigures } from './aims.ts'
import { randomFile, sha256Of } from './content.ts'
import { runLoad } from './load.ts'
import { assertManifestPlace } from './manifest.ts'
import type { LoadOptions, LoadReport, LoadedFile } from './load.ts'
import { Network } from './network.ts'
import type { NetworkSize } from './network.ts'
import { prepareReport, writeReport } from './report.ts'
import { Sampling } from './sampling.ts'
import type { Sample } from './sampling.ts'
import type { Downloaded, Uploaded } from './requests.ts'
import type { Totals } from './totals.ts'
import type { NetworkView } from './view.ts'

/** What to run. */
export interface TestnetOptions extends NetworkSize {
  /** The file to upload, or how many random bytes. */
  readonly upload: { readonly file: string } | { readonly bytes: number }
  /** What follows; null: nothing. */
  readonly load: LoadOptions | null
  /** Measures the network at rest and judges the aims. */
  readonly check: boolean
  /** Where a report is written; nowhere by default. */
  readonly report?: string
  /** Is shown what goes on; nobody is by default. */
  readonly view?: NetworkView
  readonly signal: AbortSignal
  /** Told of each stage as it is done. */
  readonly onStage: (stage: Stage) => void
}

/** A stage that was done, in this order; times in milliseconds. */
export type Stage =
  | { readonly kind: 'shared-address' }
  | { readonly kind: 'formed'; readonly nodes: number; readonly ms: number }
  | ({ readonly kind: 'rested' } & RestFigures)
  | { readonly kind: 'manifest'; readonly path: string }
  | ({ readonly kind: 'uploaded' } & Uploaded)
  | ({ readonly kind: 'downloaded' } & Downloaded)
  | { readonly kind: 'compared'; readonly identical: boolean; readonly sha256: string }
  | ({ readonly kind: 'loaded'; readonly number: number } & LoadedFile)

/** What `testnet --json` prints. */
export interface TestnetReport extends Totals {
  readonly nodes: number
  readonly formedMs: number
  readonly uploads: readonly {
    readonly bytes: number
    readonly chunks: number
    readonly ms: number
    readonly link: string
  }[]
  readonly downloads: readonly { readonly bytes: number; readonly ms: number; readonly identical: boolean }[]
  readonly rssBytes: number
  readonly load?: LoadReport
  readonly rest?: RestFigures
  readonly aims?: readonly Aim[]
}

/** What went wrong with a network whose run came to its end, or null. */
export const shortcomingOf = ({ downloads, load }: TestnetReport): string | null => {
  if (!downloads.every(({ identical }) => identical)) return 'the download differs from the upload'
  if (load === undefined) return null
  const bad = load.files.filter(({ identical }) => !identical).length
  if (bad > 0) return `${bad} of ${load.files.length} files were not uploaded and downloaded under load`
  return load.lost > 0
    ? `${load.lost} of ${load.readBack} files that had been uploaded could not be read at the end`
    : null
}

/** Runs it all and resolves to the report; rejects with TESTNET_FAILED, CANCELLED or what a manifest or report cannot be written for, with nothing left behind either way. */
export const runTestnet = async (options: TestnetOptions): Promise<TestnetReport> => {
  const { signal, report, manifest } = options
  if (manifest !== undefined) await assertManifestPlace(manifest)
  if (report !== undefined) await prepareReport(report)
  const interrupted = Promise.withResolvers<never>()
  interrupted.promise.catch(() => {})
  const interrupt = (): void => interrupted.reject(new SallyportError('CANCELLED', 'interrupted'))
  if (signal.aborted) interrupt()
  signal.addEventListener('abort', interrupt, { once: true })
  const network = await Network.start(options)
  options.view?.begin(network)
  try {
    return await Promise.race([watched(network, options), network.died, interrupted.promise])
  } finally {
    signal.removeEventListener('abort', interrupt)
    await network.end()
  }
}

/** The job, looked at every so often where a report is wanted, and where somebody watches. */
const watched = async (network: Network, options: TestnetOptions): Promise<TestnetReport> => {
  const { report: directory, view, load, nodes } = options
  const over = new AbortController()
  const looks: Promise<void>[] = []
  const look = (everyMs: number, told: (sample: Sample) => void): void => {
    looks.push(new Sampling(() => network.sample(), told).run(everyMs, over.signal))
  }
  const samples: Sample[] = []
  if (directory !== undefined) look(sampleEveryMs(load), (sample) => samples.push(sample))
  if (view !== undefined) look(viewEveryMs(nodes), (sample) => view.sampled(sample))
  try {
    const report = await job(network, { ...options, onStage: shown(options) })
    over.abort()
    await Promise.all(looks)
    if (directory !== undefined) await writeReport(directory, { report, samples })
    return report
  } finally {
    over.abort()
  }
}

/** Whoever watches is told of each stage too. */
const shown =
  ({ view, onStage, check, load }: TestnetOptions): TestnetOptions['onStage'] =>
  (stage) => {
    view?.stage(stage, { check, load: load !== null })
    onStage(stage)
  }

/** Looking at a node takes the better part of a millisecond, mostly to ask the kernel: all together less than a tenth of a core. */
const viewEveryMs = (nodes: number): number => Math.max(1000, nodes * 10)

/** Some 360 samples of a load, at most one a second. */
const sampleEveryMs = (load: LoadOptions | null): number => Math.max(1000, (load?.forMs ?? 0) / 360)

const job = async (network: Network, options: TestnetOptions): Promise<TestnetReport> => {
  const { nodes, manifest, upload, load, check, signal, onStage } = options
  if (!network.ownAddresses) onStage({ kind: 'shared-address' })
  const formedMs = await network.form(signal)
  onStage({ kind: 'formed', nodes, ms: formedMs })
  const rest = check ? await network.rest(signal) : null
  if (rest !== null) onStage({ kind: 'rested', ...rest })
  await network.open()
  if (manifest !== undefined) onStage({ kind: 'manifest', path: manifest })

  const original = 'file' in upload ? upload.file : await randomFile(join(network.root, 'original'), upload.bytes)
  const uploaded = await network.upload(original)
  onStage({ kind: 'uploaded', ...uploaded })

  const copy = join(network.root, 'copy')
  const downloaded = await network.download(uploaded.link, copy)
  onStage({ kind: 'downloaded', ...downloaded })

  const [sha256, copied] = await Promise.all([original, copy].map(sha256Of))
  const identical = sha256 === copied
  onStage({ kind: 'compared', identical, sha256: sha256 ?? '' })

  const onFile = (file: LoadedFile, number: number): void => onStage({ kind: 'loaded', number, ...file })
  const loaded = load === null ? null : await runLoad(network, load, { signal, onFile })

  const { totals, rssBytes } = await network.totals()
  const { bytes, chunks, ms, link } = uploaded
  const times = { formedMs: Math.round(formedMs), uploadMs: Math.round(ms), downloadMs: Math.round(downloaded.ms) }
  return {
    nodes,
    formedMs: times.formedMs,
    uploads: [{ bytes, chunks, ms: times.uploadMs, link }],
    downloads: [{ bytes: downloaded.bytes, ms: times.downloadMs, identical }],
    ...totals,
    rssBytes,
    ...(loaded === null ? {} : { load: loaded }),
    ...(rest === null
      ? {}
      : { rest, aims: aimsOf({ ...totals, ...times, nodes, rest, bytes, identical, load: loaded }) }),
  }
}
