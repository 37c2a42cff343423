// How fast something goes and how long it still takes, from how far it was at times; and that in words, as many as there is room for.
import { formatClock, formatSize } from './size.ts'

/** The rate is that of the last so many milliseconds: what a transfer did at its beginning says little about its end. */
const WINDOW_MS = 15_000

/** Samples of the window kept. */
const SAMPLES_MAX = 64

/** What a meter reads. */
export interface Reading {
  readonly bytes: number
  /** Null where only the end will tell. */
  readonly of: number | null
  /** Null before there is anything to go by. */
  readonly bytesPerSecond: number | null
  /** Milliseconds, or null. */
  readonly leftMs: number | null
}

/** Takes how far a transfer is, and says how it goes. Times are of one clock, in milliseconds. */
export class ProgressMeter {
  /** The oldest first. Bounded by SAMPLES_MAX. */
  readonly #samples: { readonly at: number; readonly bytes: number }[]
  #bytes = 0
  #of: number | null = null

  constructor(now: number) {
    this.#samples = [{ at: now, bytes: 0 }]
  }

  /** So many bytes are done, of so many. */
  update(bytes: number, of: number | null, now: number): void {
    this.#bytes = bytes
    this.#of = of
    this.#samples.push({ at: now, bytes })
    // One sample from before the window stays, so that a slow transfer has a rate too.
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? now) < now - WINDOW_MS) this.#samples.shift()
    if (this.#samples.length > SAMPLES_MAX) this.#samples.splice(1, 1)
  }

  read(now: number): Reading {
    const [first] = this.#samples
    const ms = first === undefined ? 0 : now - first.at
    const done = first === undefined ? 0 : this.#bytes - first.bytes
    const bytesPerSecond = ms > 0 && done > 0 ? (done / ms) * 1e3 : null
    const [bytes, of] = [this.#bytes, this.#of]
    const leftMs = of === null || bytesPerSecond === null ? null : ((of - bytes) / bytesPerSecond) * 1e3
    return { bytes, of, bytesPerSecond, leftMs }
  }
}

const BAR_MAX = 30
const BAR_MIN = 8

/** One line of at most `columns - 1` characters: the share, a bar, sizes, the rate and the time left; what does not fit is left out. */
export const progressLine = (verb: string, reading: Reading, columns: number): string => {
  const room = Math.max(0, columns - 1)
  const share = reading.of === null || reading.of === 0 ? null : Math.min(1, reading.bytes / reading.of)
  const percent = share === null ? null : `${Math.floor(share * 100)}%`.padStart(4)
  const parts = [verb, percent, ...detailsOf(reading)].filter((part) => part !== null)
  while (parts.length > 1 && parts.join('  ').length > room) parts.pop()
  const barRoom = room - parts.join('  ').length - 2
  if (share !== null && percent !== null && parts.length > 2 && barRoom >= BAR_MIN + 2)
    parts.splice(1, 0, bar(share, Math.min(BAR_MAX, barRoom - 2)))
  return parts.join('  ').slice(0, room)
}

/** The same for a log: `45% (12.0 MB of 27.0 MB), 3.1 MB/s, 0:05 left`. */
export const progressSentence = (verb: string, reading: Reading): string => {
  const share = reading.of === null || reading.of === 0 ? '' : ` ${Math.floor((reading.bytes / reading.of) * 100)}%,`
  return `${verb}${share} ${detailsOf(reading).join(', ')}`
}

const detailsOf = ({ bytes, of, bytesPerSecond, leftMs }: Reading): string[] => {
  const details = [of === null ? formatSize(bytes) : `${formatSize(bytes)} of ${formatSize(of)}`]
  if (bytesPerSecond !== null) details.push(`${formatSize(Math.round(bytesPerSecond))}/s`)
  if (leftMs !== null) details.push(`${formatClock(leftMs)} left`)
  return details
}

const bar = (share: number, width: number): string => {
  const filled = Math.round(share * width)
  return `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`
}
