// The main job, end to end: form a network, upload a file, download it elsewhere, compare what is on the disk, and sum up.
import { createHash, randomFillSync } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { SallyportError } from '../index.ts'
import { Network } from './network.ts'
import type { NetworkSize } from './network.ts'
import type { Downloaded, Uploaded } from './requests.ts'
import type { Totals } from './totals.ts'

/** What to run. */
export interface TestnetOptions extends NetworkSize {
  /** The file to upload, or how many random bytes. */
  readonly upload: { readonly file: string } | { readonly bytes: number }
  readonly signal: AbortSignal
  /** Told of each stage as it is done. */
  readonly onStage: (stage: Stage) => void
}

/** A stage that was done, in this order; times in milliseconds. */
export type Stage =
  | { readonly kind: 'shared-address' }
  | { readonly kind: 'formed'; readonly nodes: number; readonly ms: number }
  | ({ readonly kind: 'uploaded' } & Uploaded)
  | ({ readonly kind: 'downloaded' } & Downloaded)
  | { readonly kind: 'compared'; readonly identical: boolean; readonly sha256: string }

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
}

/** Runs it all and resolves to the report; rejects with TESTNET_FAILED or CANCELLED, with nothing left behind either way. */
export const runTestnet = async (options: TestnetOptions): Promise<TestnetReport> => {
  const { signal } = options
  const interrupted = Promise.withResolvers<never>()
  interrupted.promise.catch(() => {})
  const interrupt = (): void => interrupted.reject(new SallyportError('CANCELLED', 'interrupted'))
  if (signal.aborted) interrupt()
  signal.addEventListener('abort', interrupt, { once: true })
  const network = await Network.start(options)
  try {
    return await Promise.race([job(network, options), network.died, interrupted.promise])
  } finally {
    signal.removeEventListener('abort', interrupt)
    await network.end()
  }
}

const job = async (network: Network, { nodes, upload, signal, onStage }: TestnetOptions): Promise<TestnetReport> => {
  if (!network.ownAddresses) onStage({ kind: 'shared-address' })
  const formedMs = await network.form(nodes, signal)
  onStage({ kind: 'formed', nodes, ms: formedMs })

  const original = 'file' in upload ? upload.file : await randomFile(join(network.root, 'original'), upload.bytes)
  const uploaded = await network.upload(original)
  onStage({ kind: 'uploaded', ...uploaded })

  const copy = join(network.root, 'copy')
  const downloaded = await network.download(uploaded.link, copy)
  onStage({ kind: 'downloaded', ...downloaded })

  const [sha256, copied] = await Promise.all([original, copy].map(sha256Of))
  const identical = sha256 === copied
  onStage({ kind: 'compared', identical, sha256: sha256 ?? '' })

  const { totals, rssBytes } = await network.totals()
  const { bytes, chunks, ms, link } = uploaded
  return {
    nodes,
    formedMs: Math.round(formedMs),
    uploads: [{ bytes, chunks, ms: Math.round(ms), link }],
    downloads: [{ bytes: downloaded.bytes, ms: Math.round(downloaded.ms), identical }],
    ...totals,
    rssBytes,
  }
}

const PIECE_BYTES = 1 << 20

const randomFile = async (path: string, bytes: number): Promise<string> => {
  await using file = await open(path, 'wx', 0o600)
  const piece = new Uint8Array(PIECE_BYTES)
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    await file.write(randomFillSync(piece), 0, Math.min(PIECE_BYTES, bytes - at))
  }
  return path
}

const sha256Of = async (path: string): Promise<string> => {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
