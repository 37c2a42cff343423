// A network under load: for so long, every so often a new file is uploaded, downloaded elsewhere and compared, while nodes leave and come
// back. At the end every file whose upload was acknowledged is downloaded once more.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { SallyportError } from '../index.ts'
import type { ErrorCode } from '../index.ts'
import { AWAY_MS, Churn } from './churn.ts'
import { randomFile, sha256Of } from './content.ts'
import type { Network } from './network.ts'

/** What kind of load, for how long. */
export interface LoadOptions {
  readonly forMs: number
  readonly everyMs: number
  readonly bytes: number
  /** Percent of the nodes that leave in a minute. */
  readonly churn: number
}

/** One file of the load; times in milliseconds, null for what did not come to be. */
export interface LoadedFile {
  /** Since the load began. */
  readonly atMs: number
  readonly bytes: number
  readonly uploadMs: number | null
  readonly downloadMs: number | null
  readonly identical: boolean
  /** The code of what went wrong. */
  readonly failed: ErrorCode | null
}

/** What became of the load. */
export interface LoadReport {
  readonly files: readonly LoadedFile[]
  /** Nodes that left, each back after a while. */
  readonly departures: number
  /** Uploads that had to wait for the one before. */
  readonly late: number
  /** Files that were downloaded once more at the end, and those of them that could not be, or were not what was uploaded. */
  readonly readBack: number
  readonly lost: number
}

interface Acknowledged {
  readonly link: string
  readonly sha256: string
}

/** Downloads at the end that run beside each other. */
const READ_AT_ONCE = 4

/** Puts a network under load and resolves to what became of it; rejects when a node does not leave or come back, or when interrupted. */
export const runLoad = async (
  network: Network,
  options: LoadOptions,
  events: { readonly signal: AbortSignal; readonly onFile: (file: LoadedFile, number: number) => void },
): Promise<LoadReport> => {
  const over = new AbortController()
  const signal = AbortSignal.any([events.signal, over.signal])
  const churning = churn(network, options.churn, { over: signal, interrupted: events.signal })
  // Whoever waits for the uploads must hear of it at once.
  const failing = churning.then(() => new Promise<never>(() => {}))
  failing.catch(() => {})
  try {
    const uploading = new Uploads(network, options, events)
    const { files, acknowledged, late } = await Promise.race([uploading.run(), failing])
    over.abort()
    const departures = await churning
    const lost = await readBack(network, acknowledged, events.signal)
    return { files, departures, late, readBack: acknowledged.length, lost }
  } finally {
    over.abort()
  }
}

/** Lets nodes leave and come back until it is over; then all come back, and it resolves to how many have left. */
const churn = async (
  network: Network,
  percent: number,
  { over, interrupted }: { readonly over: AbortSignal; readonly interrupted: AbortSignal },
): Promise<number> => {
  if (percent === 0 || network.leavable.length === 0) return 0
  const departures = new Churn(network.leavable, percent)
  /** Bounded by the time away over the time between departures. */
  const away = new Set<Promise<void>>()
  let left = 0
  while (await passes(departures.everyMs, over)) {
    const departure = departures.next()
    if (departure === null) break
    await network.leave(departure)
    left++
    const back = passes(AWAY_MS, over).then(async () => {
      if (!interrupted.aborted) await network.comeBack(departure.index)
    })
    away.add(back)
    back.then(
      () => away.delete(back),
      () => {},
    )
  }
  await Promise.all(away)
  return left
}

/** Waits; false when the signal came first. */
const passes = (ms: number, signal: AbortSignal): Promise<boolean> =>
  setTimeout(ms, true, { signal }).catch(() => false)

class Uploads {
  readonly #network: Network
  readonly #options: LoadOptions
  readonly #signal: AbortSignal
  readonly #onFile: (file: LoadedFile, number: number) => void
  readonly #files: LoadedFile[] = []
  readonly #acknowledged: Acknowledged[] = []

  constructor(
    network: Network,
    options: LoadOptions,
    events: { readonly signal: AbortSignal; readonly onFile: (file: LoadedFile, number: number) => void },
  ) {
    this.#network = network
    this.#options = options
    this.#signal = events.signal
    this.#onFile = events.onFile
  }

  async run(): Promise<{ files: LoadedFile[]; acknowledged: Acknowledged[]; late: number }> {
    const { forMs, everyMs } = this.#options
    const begun = performance.now()
    let late = 0
    for (let number = 0; number * everyMs < forMs; number++) {
      const waitMs = begun + number * everyMs - performance.now()
      if (waitMs < 0 && number > 0) late++
      else await setTimeout(Math.max(0, waitMs), undefined, { signal: this.#signal })
      if (performance.now() - begun >= forMs && number > 0) break
      const file = await this.#one(number, Math.round(performance.now() - begun))
      this.#files.push(file)
      this.#onFile(file, number)
    }
    const leftMs = begun + forMs - performance.now()
    if (leftMs > 0) await setTimeout(leftMs, undefined, { signal: this.#signal })
    return { files: this.#files, acknowledged: this.#acknowledged, late }
  }

  /** Uploads in one process and downloads in the next, and so on through all of them. */
  async #one(number: number, atMs: number): Promise<LoadedFile> {
    const { bytes } = this.#options
    const original = join(this.#network.root, `load-${number}`)
    const copy = `${original}-copy`
    let uploadMs: number | null = null
    let downloadMs: number | null = null
    try {
      await randomFile(original, bytes)
      const sha256 = await sha256Of(original)
      const uploaded = await this.#network.upload(original, number)
      uploadMs = Math.round(uploaded.ms)
      this.#acknowledged.push({ link: uploaded.link, sha256 })
      const downloaded = await this.#network.download(uploaded.link, copy, number + 1)
      downloadMs = Math.round(downloaded.ms)
      const identical = (await sha256Of(copy)) === sha256
      return { atMs, bytes, uploadMs, downloadMs, identical, failed: null }
    } catch (error) {
      return { atMs, bytes, uploadMs, downloadMs, identical: false, failed: SallyportError.from(error).code }
    } finally {
      await Promise.all([original, copy].map((path) => rm(path, { force: true })))
    }
  }
}

/** How many of the files could not be downloaded, or were not what was uploaded. */
const readBack = async (network: Network, files: readonly Acknowledged[], signal: AbortSignal): Promise<number> => {
  let lost = 0
  const waiting = files.entries()
  const lane = async (process: number): Promise<void> => {
    for (const [number, { link, sha256 }] of waiting) {
      if (signal.aborted) return
      const out = join(network.root, `again-${number}`)
      const isThere = await network.download(link, out, process).then(
        async () => (await sha256Of(out)) === sha256,
        () => false,
      )
      if (!isThere) lost++
      await rm(out, { force: true })
    }
  }
  await Promise.all(Array.from({ length: READ_AT_ONCE }, (_, process) => lane(process)))
  return lost
}
